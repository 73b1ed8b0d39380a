package credentials

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

// BaseURLVariable is the name of the base URL in the environment.
const BaseURLVariable = "TRACKDRIVE_BASE_URL"

// Connection are the flags of a command that calls TrackDrive.
type Connection struct {
	BaseURL string
	File    string
	Timeout time.Duration

	set *Set // once it is loaded: a pipe can be read only once
}

// Credentials returns the credentials.
func (c *Connection) Credentials(t *term.Terminal) (*Set, error) {
	if c.set == nil {
		set, err := Load(t, c.File)
		if err != nil {
			return nil, err
		}
		c.set = set
	}
	return c.set, nil
}

// AddFlags adds the flags to a command.
func (c *Connection) AddFlags(cmd *cobra.Command, t *term.Terminal) {
	flags := cmd.Flags()
	flags.StringVar(&c.BaseURL, "base-url", "", "`URL` to call instead of https://COMPANY.trackdrive.com; also "+BaseURLVariable)
	flags.StringVar(&c.File, "credentials", "", "`FILE` with the credentials, mode 0600; also "+FileVariable)
	flags.DurationVar(&c.Timeout, "timeout", 10*time.Second, "time limit of a call with its retries: a `DURATION`")
	_ = cmd.RegisterFlagCompletionFunc("base-url", cobra.NoFileCompletions) // fails only for a flag that is missing
}

// Client makes the client of a company with the credentials; "" is no company's.
func (c *Connection) Client(t *term.Terminal, company string, options ...trackdrive.Option) (*trackdrive.Client, *Set, error) {
	set, err := c.Credentials(t)
	if err != nil {
		return nil, nil, err
	}
	own, err := c.Options(t, company)
	if err != nil {
		return nil, nil, err
	}
	client, err := trackdrive.NewClient(company, append(options, own...)...)
	if err != nil {
		return nil, nil, term.Usagef("%s", PlainText(err))
	}
	return client, set, nil
}

// Options returns the options of such a client.
func (c *Connection) Options(t *term.Terminal, company string) ([]trackdrive.Option, error) {
	set, err := c.Credentials(t)
	if err != nil {
		return nil, err
	}
	options := []trackdrive.Option{trackdrive.WithUserAgent("trackdrive-command")}
	if base := c.Base(t); base != "" {
		options = append(options, trackdrive.WithBaseURL(base))
	}
	switch {
	case set.Companies != nil:
		options = append(options, trackdrive.WithAuth(trackdrive.PerSubdomain(set.Companies)))
	case set.Called != nil && company != "":
		options = append(options, trackdrive.WithAuth(set.Called))
	}
	if c.Timeout <= 0 {
		return nil, term.Usagef("--timeout must be longer than 0").Try("give a time such as 10s")
	}
	return append(options, trackdrive.WithTimeout(c.Timeout)), nil
}

// Base returns the base URL, or "" if none is given.
func (c *Connection) Base(t *term.Terminal) string {
	if c.BaseURL != "" {
		return c.BaseURL
	}
	return t.Env(BaseURLVariable)
}

// Recorder is a transport that sends nothing, and remembers what would be sent.
type Recorder struct {
	Request *http.Request // nil if nothing would be sent
	Body    string
}

var errNotSent = errors.New("a dry run sends nothing")

// RoundTrip remembers a request.
func (r *Recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		_ = request.Body.Close() // it is read
		if err != nil {
			return nil, err
		}
		r.Body = string(body)
	}
	r.Request = request.Clone(context.WithoutCancel(request.Context()))
	return nil, errNotSent
}

// Options let a client send nothing, and remember its first attempt here.
func (r *Recorder) Options() []trackdrive.Option {
	return []trackdrive.Option{trackdrive.WithTransport(r), trackdrive.WithMaxAttempts(1)}
}
