package stores

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/credentials"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/console"
	"github.com/trackdrive-go/trackdrive/outbox"
)

// consoleFlags are the flags of console.
type consoleFlags struct {
	terminal   *term.Terminal
	connection credentials.Connection
	company    string
	listen     string
	webhooks   []string
	outbox     storeFlags
	sales      storeFlags
	allowed    []string
}

// NewConsole returns the command that serves the console on this machine.
func NewConsole(t *term.Terminal) *cobra.Command {
	f := &consoleFlags{terminal: t, outbox: storeFlags{terminal: t, variable: outboxVariable}, sales: storeFlags{terminal: t, variable: salesVariable}}
	cmd := &cobra.Command{
		Use:   "console [WEBHOOK.json ...]",
		Short: "Look at webhooks, an outbox and sales in a browser",
		Long: `Console serves a page on this machine: stored webhooks are checked, previewed and run,
and what is stuck in an outbox or at a sales desk is looked at and settled. The files are
read again for each page, and never changed. Nothing is delivered while the page is open:
use trackdrive outbox drain, or start the service again. Each run and each change is
written to the standard error, with its time and its note; so is why a page failed.

Requests from other machines are refused. docs/console.md says what else is.

An outbox or sales may be a file whose service is stopped, or a PostgreSQL whose URL has
no password: --outbox STORE, --sales STORE, or what TRACKDRIVE_OUTBOX and TRACKDRIVE_SALES
say.

` + credentials.Help + "\n\n" + term.Statuses{
			Done:   "it was ended by an interrupt",
			Failed: "it could not be started",
		}.Text(),
		Example: `  trackdrive console bids.json conversions.json
  trackdrive console --outbox conversions.db --sales sales.db --company acme --credentials credentials.yaml`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.webhooks = args
			return f.run(cmd.Context())
		},
	}
	f.connection.AddFlags(cmd, t)
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8420", "the loopback `ADDRESS` to listen on; port 0 takes a free one")
	flags.StringVar(&f.company, "company", "", "`SUBDOMAIN` of the company that the credentials are for, if they are for one")
	flags.StringVar(&f.outbox.store, "outbox", "", "`STORE` with an outbox; also "+outboxVariable)
	flags.StringVar(&f.sales.store, "sales", "", "`STORE` with sales; also "+salesVariable)
	flags.StringArrayVar(&f.allowed, "allow-host", nil, "a `HOST` that may be reached although it is on this machine or in a private network; may be given more than once")
	return cmd
}

func (f *consoleFlags) run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal kills the process
	defer stop()
	listener, err := f.listenLocally(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	config, closeIt, err := f.config(ctx)
	defer closeIt()
	if err != nil {
		return err
	}
	page, err := console.New(config)
	if err != nil {
		return term.Usagef("%s", credentials.PlainText(err))
	}
	address := "http://" + listener.Addr().String() + "/"
	if err := f.terminal.Print(map[string]string{"url": address}, func(p *term.Page) { p.Line("%s", address) }); err != nil {
		return err
	}
	server := &http.Server{Handler: page, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	unwatch := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ending) // what takes longer is cut off
		_ = server.Close()
	})
	defer unwatch()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return term.Failed(err)
	}
	return nil
}

// listenLocally listens on an address of this machine: the page has no login.
func (f *consoleFlags) listenLocally(ctx context.Context) (net.Listener, error) {
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return nil, term.Usagef("--listen %q is not an address", f.listen).Try("give one such as 127.0.0.1:8420")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, term.Usagef("--listen %s would serve other machines, and the page has no login", f.listen).
			Try("listen on 127.0.0.1, or mount package console behind a login of your own: see docs/console.md")
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return nil, term.Failed(err, "give another address with --listen; port 0 takes a free one")
	}
	return listener, nil
}

// config opens the stores. closeIt closes those that were opened, also after an error.
func (f *consoleFlags) config(ctx context.Context) (config console.Config, closeIt func(), err error) {
	var closing []func()
	closeIt = func() {
		for _, closeStore := range closing {
			closeStore()
		}
	}
	set, err := f.connection.Credentials(f.terminal)
	if err != nil {
		return config, closeIt, err
	}
	options, err := f.connection.Options(f.terminal, f.company)
	if err != nil {
		return config, closeIt, err
	}
	config = console.Config{Webhooks: f.readWebhooks, Subdomain: f.company, Options: options, AllowHosts: f.allowed, OnAction: f.noteAction, OnError: f.noteFailure}
	if base, err := url.Parse(f.connection.Base(f.terminal)); err == nil && base.Hostname() != "" {
		config.AllowHosts = append(config.AllowHosts, base.Hostname()) // whoever named it means it
	}
	if set.Called != nil && f.company == "" {
		return config, closeIt, term.Usagef("the credentials are for one company, and nothing says which").Try("name it with --company, or give a file with the credentials of each company")
	}
	if f.isGiven(&f.outbox) {
		store, _, closeStore, err := f.outbox.openOutbox(ctx)
		if err != nil {
			return config, closeIt, err
		}
		closing = append(closing, closeStore)
		client, _, err := f.connection.Client(f.terminal, f.company)
		if err != nil {
			return config, closeIt, err
		}
		if config.Outbox, err = outbox.New(outbox.Config{Store: store, Client: client}); err != nil {
			return config, closeIt, err
		}
	}
	if f.isGiven(&f.sales) {
		desk, closeDesk, err := f.sales.openDesk(ctx, f.clientOf(set))
		if err != nil {
			return config, closeIt, err
		}
		closing = append(closing, closeDesk)
		config.Sales = desk
	}
	return config, closeIt, nil
}

// noteAction writes what was done to the standard error.
func (f *consoleFlags) noteAction(_ context.Context, a console.Action) {
	line := fmt.Sprintf("%s  %-8s %s", a.At.UTC().Format(time.RFC3339), a.Kind, a.ID)
	if a.Note != "" {
		line += ": " + a.Note
	}
	if a.Err != nil {
		line += ": failed: " + credentials.PlainText(a.Err)
	}
	f.noteLine(line)
}

// noteFailure writes why a page could not be shown to the standard error.
func (f *consoleFlags) noteFailure(_ context.Context, err error) {
	f.noteLine("the page failed: " + credentials.PlainText(err))
}

// noteLine writes a text on one line, with what does not print as blanks.
func (f *consoleFlags) noteLine(text string) {
	f.terminal.Note("%s", strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, f.terminal.Text(text)))
}

func (f *consoleFlags) isGiven(s *storeFlags) bool {
	return s.store != "" || f.terminal.Env(s.variable) != ""
}

// clientOf returns the clients that a desk asks about calls.
func (f *consoleFlags) clientOf(set *credentials.Set) func(string) *trackdrive.Client {
	return func(company string) *trackdrive.Client {
		if set.Called != nil && !strings.EqualFold(company, f.company) {
			return nil
		}
		client, _, err := f.connection.Client(f.terminal, company)
		if err != nil {
			return nil
		}
		return client
	}
}

// readWebhooks reads the files, as they are now.
func (f *consoleFlags) readWebhooks(context.Context) ([]console.StoredWebhook, error) {
	var list []console.StoredWebhook
	for i, name := range f.webhooks {
		data, err := f.terminal.ReadInput(name, "a webhook's configuration", term.LimitSettings)
		if err != nil {
			return nil, err
		}
		shown := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
		for _, other := range list {
			if other.Name == shown {
				shown = fmt.Sprintf("%s (%d)", shown, i+1)
			}
		}
		list = append(list, console.StoredWebhook{Name: shown, JSON: data})
	}
	return list, nil
}
