// The command: trackdrive fake.

package fakeserver

import (
	"context"
	_ "embed" // for the sample
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

//go:embed sample.yaml
var sampleText string

// Sample returns a commented configuration with every setting.
func Sample() string { return sampleText }

// commandFlags are the flags of the command.
type commandFlags struct {
	config, listen      string
	health              string
	hosts, buyers       []string
	endpoint            string
	check               bool
	printConfig, sample bool
	asJSON, log         bool
}

// Command returns the command "fake". Its errors that implement interface{ Usage() bool }
// are usage errors, with exit status 2; any other error has exit status 1. What is wrong
// with a flag is said by the root command, as for all commands.
func Command() *cobra.Command {
	var f commandFlags
	cmd := &cobra.Command{
		Use:   "fake [--config FILE]",
		Short: "Serve a fake TrackDrive over HTTP",
		Long: `Serve a fake TrackDrive over HTTP, for tests in any language and for staging.

Without a configuration, the company acme has the endpoint "sell" with two buyers.
The fake prints a line for each address that it listens on, and serves until it
is interrupted. GET /_ lists the paths with which a test inspects what happened,
plans faults, and starts again.

Exit status:
  0  it was stopped by a signal, or the configuration is valid
  1  it cannot serve, such as if an address is in use, or --health found no fake
  2  wrong usage, or an invalid configuration; nothing was served`,
		Example: `  trackdrive fake --endpoint my_endpoint --buyer "Buyer A=25.00" --buyer "Buyer B=31.50"
  trackdrive fake --print-sample >fake.yaml
  trackdrive fake --config fake.yaml --print-config >effective.yaml
  trackdrive fake --config fake.yaml --log 2>fake.log`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unexpected argument %q; give the configuration as --config %s", display.Line(args[0]), term.ShellWord(display.Line(args[0])))}
			}
			return nil
		},
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "", "read the configuration from this `FILE` in YAML; - is standard input")
	flags.StringVar(&f.listen, "listen", "", "listen on this `ADDRESS` instead of the configured one; port 0 chooses a free port (default "+defaultListen+")")
	flags.StringArrayVar(&f.hosts, "host", nil, "without --config: answer as a company at this `HOST`, such as acme.localhost; may be given more than once")
	flags.StringVar(&f.endpoint, "endpoint", "", "without --config: the vanity `URI` of the endpoint (default sell)")
	flags.StringArrayVar(&f.buyers, "buyer", nil, "without --config: a buyer as `NAME=BID`, such as \"Buyer A=25.00\"; may be given more than once")
	flags.BoolVar(&f.check, "check", false, "check the configuration, and do not serve")
	flags.BoolVar(&f.printConfig, "print-config", false, "print the configuration with its defaults and without credentials, and do not serve")
	flags.BoolVar(&f.sample, "print-sample", false, "print a commented configuration with every setting, and do not serve")
	flags.StringVar(&f.health, "health", "", "wait up to ten seconds until the fake at this `URL` is ready, and do not serve")
	flags.BoolVar(&f.asJSON, "json", false, "print the addresses as JSON, one per line")
	flags.BoolVar(&f.log, "log", false, "print a line for each request to standard error")
	return cmd
}

func (f *commandFlags) run(cmd *cobra.Command) error {
	out := cmd.OutOrStdout()
	if f.check && f.printConfig || f.check && f.sample || f.printConfig && f.sample {
		return usageError{errors.New("--check, --print-config and --print-sample cannot be combined; give one of them")}
	}
	if f.health != "" {
		return f.waitFor(cmd.Context(), out)
	}
	if f.sample {
		_, err := io.WriteString(out, sampleText)
		return err
	}
	config, err := f.load(cmd)
	if err != nil {
		return err
	}
	switch {
	case f.printConfig:
		text, err := config.YAML()
		if err != nil {
			return err
		}
		_, err = out.Write(text)
		return err
	case f.check:
		return f.report(out, config)
	}
	return f.serve(cmd, config)
}

// How long --health waits, and how often it asks.
const (
	healthWait     = 10 * time.Second
	healthInterval = 50 * time.Millisecond
)

// waitFor waits until a fake is ready: for scripts that start one in the background,
// and for containers that have no other program.
func (f *commandFlags) waitFor(ctx context.Context, out io.Writer) error {
	base, err := url.Parse(f.health)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Hostname() == "" {
		return usageError{fmt.Errorf("--health %q is not a URL; give one such as http://%s", display.Line(f.health), defaultListen)}
	}
	ctx, cancel := context.WithTimeout(ctx, healthWait)
	defer cancel()
	for {
		err := askHealth(ctx, base.JoinPath("/_health").String())
		if err == nil {
			_, err = fmt.Fprintln(out, "ready")
			return err
		}
		if pauseFor(ctx, healthInterval); ctx.Err() != nil {
			return fmt.Errorf("no fake is ready at %s: %s", display.Line(f.health), display.Line(causeOf(err)))
		}
	}
}

func askHealth(ctx context.Context, target string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return err
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = reply.Body.Close() }() // only its status matters
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", reply.StatusCode)
	}
	return nil
}

// load returns the configuration of the file, or that of the flags.
func (f *commandFlags) load(cmd *cobra.Command) (*Config, error) {
	var (
		config *Config
		err    error
	)
	if f.config != "" {
		if len(f.hosts)+len(f.buyers) > 0 || f.endpoint != "" {
			return nil, usageError{errors.New("--host, --endpoint and --buyer do not go with --config; write them into the file")}
		}
		config, err = term.Await(cmd.Context().Done(), func() (*Config, error) { return loadConfig(f.config, cmd.InOrStdin()) })
	} else {
		config, err = f.fromFlags()
	}
	if err != nil {
		return nil, err
	}
	if f.listen != "" {
		if problem := addressProblem(f.listen); problem != "" {
			return nil, usageError{fmt.Errorf("--listen %q %s", display.Line(f.listen), problem)}
		}
		config.listen = f.listen
	}
	return config, nil
}

// fromFlags returns the configuration given by flags, in which all companies are alike.
func (f *commandFlags) fromFlags() (*Config, error) {
	config := Default()
	base := config.companies[0]
	e := &base.endpoints[0]
	if f.endpoint != "" {
		if problem := vanityProblem(f.endpoint); problem != "" {
			return nil, usageError{fmt.Errorf("--endpoint %q %s", display.Line(f.endpoint), problem)}
		}
		e.VanityURI = f.endpoint
	}
	for i, text := range f.buyers {
		if i == 0 {
			e.Buyers = nil
		}
		b, err := buyerOf(text, i)
		if err != nil {
			return nil, err
		}
		e.Buyers = append(e.Buyers, b)
	}
	for i, host := range f.hosts {
		if i == 0 {
			config.companies = nil
		}
		name, _, _ := strings.Cut(strings.ToLower(host), ".")
		problem := hostProblem(host)
		if problem == "" {
			problem = companyProblem(name)
		}
		for _, other := range config.companies {
			if problem == "" && other.name == name {
				problem = "is a second host of the company " + name + "; use --config for that"
			}
		}
		if problem != "" {
			return nil, usageError{fmt.Errorf("--host %q %s", display.Line(host), problem)}
		}
		co := base
		co.name, co.hosts = name, []string{host}
		config.companies = append(config.companies, co)
	}
	return config, nil
}

// buyerOf reads a buyer of the flags: a name, and a bid after the last "=".
func buyerOf(text string, i int) (trackdrivetest.Buyer, error) {
	name, bid := text, ""
	if at := strings.LastIndexByte(text, '='); at >= 0 {
		name, bid = text[:at], text[at+1:]
	}
	r := &docReader{}
	b := trackdrivetest.Buyer{Name: name}
	if bid != "" {
		amountField("bid", &b.Bid).read(r, &docNode{kind: textNode, text: bid}, "")
	}
	if name == "" || len(r.mistakes) > 0 || strings.HasSuffix(text, "=") {
		return b, usageError{fmt.Errorf("--buyer %q is not a name and a bid; give one such as \"Buyer A=25.00\"", display.Line(text))}
	}
	e := trackdrivetest.Endpoint{Buyers: make([]trackdrivetest.Buyer, i+1)}
	e.Buyers[i] = b
	checkEndpoint(&e, r, &docNode{}, "")
	return e.Buyers[i], nil
}

// report prints a summary of a configuration.
func (f *commandFlags) report(out io.Writer, c *Config) error {
	endpoints, buyers := 0, 0
	for _, co := range c.companies {
		endpoints += len(co.endpoints)
		for _, e := range co.endpoints {
			buyers += len(e.Buyers)
		}
	}
	if f.asJSON {
		return json.NewEncoder(out).Encode(jsonObject{{"ok", true}, {"companies", len(c.companies)}, {"endpoints", endpoints}, {"buyers", buyers}, {"faults", len(c.faults)}})
	}
	_, err := fmt.Fprintf(out, "ok: companies: %d, endpoints: %d, buyers: %d, faults: %d\n", len(c.companies), endpoints, buyers, len(c.faults))
	return err
}

// serve answers until the command's context ends or a signal comes.
func (f *commandFlags) serve(cmd *cobra.Command, config *Config) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal kills the process
	defer stop()
	var mu sync.Mutex
	log := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...) // nobody may read it
	}
	server, err := New(config, WithLog(log, f.log))
	if err != nil {
		return err
	}
	addresses, err := server.Listen()
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if err := f.announce(cmd.OutOrStdout(), a); err != nil {
			server.closeAll()
			return fmt.Errorf("the address cannot be printed: %w", err)
		}
	}
	return server.Serve(ctx)
}

// announce prints an address, for people and for scripts: the URL is the last word.
func (f *commandFlags) announce(out io.Writer, a Address) error {
	if f.asJSON {
		var company any
		if a.Company != "" {
			company = a.Company
		}
		return json.NewEncoder(out).Encode(jsonObject{{"url", a.URL}, {"company", company}, {"hosts", append([]string{}, a.Hosts...)}})
	}
	who := a.Company
	if who == "" {
		who = strings.Join(a.Hosts, ", ")
	}
	_, err := fmt.Fprintf(out, "%s: listening on %s\n", who, a.URL)
	return err
}
