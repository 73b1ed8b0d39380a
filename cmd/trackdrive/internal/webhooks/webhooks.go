// Package webhooks has the commands that check, try and explain stored webhooks and
// acceptance criteria.
package webhooks

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/wire"
	"github.com/trackdrive-go/trackdrive/internal/redact"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
)

// Commands returns the commands.
func Commands(t *term.Terminal) []*cobra.Command {
	webhook := &cobra.Command{
		Use:   "webhook",
		Short: "Check, preview, run and convert a stored webhook",
		Long: `Webhook works on a stored configuration: a JSON file as docs/webhooks.md describes it, or
the standard input, if the name of the file is -.`,
	}
	webhook.AddCommand(newLint(t), newPreview(t), newRun(t), newExplain(t), newConvert(t))
	criteria := &cobra.Command{
		Use:   "criteria",
		Short: "Check acceptance criteria, explain and back-test them",
		Long: `Criteria works on acceptance criteria: a JSON file with the "acceptance" of a webhook, or
the standard input, if the name of the file is -.`,
	}
	criteria.AddCommand(newCriteriaLint(t), newCriteriaExplain(t), newBacktest(t))
	return []*cobra.Command{webhook, criteria}
}

// placedMistake is a mistake in a document, with its place.
type placedMistake struct {
	Line    int    `json:"line,omitempty"`   // from 1; 0 if it is not known
	Column  int    `json:"column,omitempty"` // from 1
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

func (m placedMistake) position() string { return strconv.Itoa(m.Line) + ":" + strconv.Itoa(m.Column) }

// in returns the mistake as a line: "webhook.json:3:14: body: is missing".
func (m placedMistake) in(file string) string {
	place := term.DisplayName(file)
	if m.Line > 0 {
		place += ":" + m.position()
	}
	if m.Field != "" {
		place += ": " + m.Field
	}
	return place + ": " + m.Message
}

// mistakesOf lists the mistakes of a document that was parsed.
func mistakesOf(err error) []placedMistake {
	var parse *trackdrive.ParseError
	if !errors.As(err, &parse) {
		return []placedMistake{{Message: err.Error()}}
	}
	list := make([]placedMistake, 0, len(parse.Mistakes))
	for i, mistake := range parse.Mistakes {
		m := placedMistake{Field: mistake.Field, Message: mistake.Message}
		m.Line, m.Column = parse.Position(i)
		if m.Field == m.position() {
			m.Field = ""
		}
		list = append(list, m)
	}
	return list
}

// mistakesError is the error for a document that has mistakes.
func mistakesError(file string, mistakes []placedMistake, advice ...string) error {
	lines := make([]string, len(mistakes))
	for i, m := range mistakes {
		lines[i] = m.in(file)
	}
	return term.Failed(errors.New(strings.Join(lines, "\n")), advice...)
}

// otherKind says that a document is of the other kind: criteria, where a webhook's
// configuration is wanted, or the other way round. It is nil for any other document.
func otherKind(data []byte, isWebhook bool) []string {
	var keys struct {
		URL      *json.RawMessage `json:"url"`
		Criteria *json.RawMessage `json:"criteria"`
	}
	switch err := json.Unmarshal(data, &keys); {
	case err != nil:
		return nil
	case isWebhook && keys.URL == nil && keys.Criteria != nil:
		return []string{"these are criteria, and not a webhook: see trackdrive criteria"}
	case !isWebhook && keys.URL != nil && keys.Criteria == nil:
		return []string{"this is a webhook, and not criteria alone: see trackdrive webhook"}
	default:
		return nil
	}
}

// readWebhook reads a stored configuration.
func readWebhook(t *term.Terminal, file string) (*trackdrive.Webhook, *trackdrive.WebhookConfig, error) {
	data, err := t.ReadInput(file, "a webhook's configuration", term.LimitSettings)
	if err != nil {
		return nil, nil, err
	}
	webhook, err := trackdrive.ParseWebhook(data)
	if err != nil {
		return nil, nil, mistakesError(file, mistakesOf(err), otherKind(data, true)...)
	}
	config := new(trackdrive.WebhookConfig)
	if err := config.UnmarshalJSON(data); err != nil {
		return nil, nil, mistakesError(file, mistakesOf(err))
	}
	hideValues(t, config.Values)
	return webhook, config, nil
}

// hideValues keeps the values of credentials out of the output.
func hideValues(t *term.Terminal, values trackdrive.Values) {
	for name, value := range values {
		if redact.IsCredentialName(name) {
			t.Hide(value)
		}
	}
}

// lintReport is the JSON form of what lint found.
type lintReport struct {
	File       string          `json:"file"`
	OK         bool            `json:"ok"`
	Mistakes   []placedMistake `json:"mistakes"`
	Weaknesses []string        `json:"weaknesses"`
}

// printLint prints what was found in a file, and returns the error for the status.
func printLint(t *term.Terminal, file string, mistakes []placedMistake, weaknesses []string, advice ...string) error {
	report := lintReport{
		File: term.DisplayName(file), OK: len(mistakes)+len(weaknesses) == 0,
		Mistakes: append([]placedMistake{}, mistakes...), Weaknesses: append([]string{}, weaknesses...),
	}
	err := t.Print(report, func(p *term.Page) {
		for _, m := range mistakes {
			p.Line("%s", m.in(file))
		}
		for _, weakness := range weaknesses {
			p.Line("%s: weakness: %s", report.File, weakness)
		}
		switch {
		case report.OK:
			p.Toned(term.Good, "%s: no mistakes, no weaknesses", report.File)
		default:
			for _, line := range advice {
				p.Line("%s", line)
			}
			p.Toned(term.Bad, "%s, %s", countOf(len(mistakes), "mistake", "mistakes"), countOf(len(weaknesses), "weakness", "weaknesses"))
		}
	})
	if err == nil && !report.OK {
		err = term.Ended(term.StatusFailed)
	}
	return err
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func newLint(t *term.Terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "lint FILE",
		Short: "List mistakes and weaknesses, with their places",
		Long: `Lint lists every mistake in a stored webhook, each with its line and column, and the
weaknesses: what is allowed, and may still lose money. It sends nothing.

` + term.Statuses{Done: "no mistakes and no weaknesses", Failed: "there are some, or the file cannot be read"}.Text(),
		Example: `  trackdrive webhook lint webhook.json
  trackdrive webhook lint - < webhook.json`,
		Args: term.ExactArgs("trackdrive webhook lint webhook.json", "FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := t.ReadInput(args[0], "a webhook's configuration", term.LimitSettings)
			if err != nil {
				return err
			}
			webhook, err := trackdrive.ParseWebhook(data)
			if err != nil {
				return printLint(t, args[0], mistakesOf(err), nil, otherKind(data, true)...)
			}
			return printLint(t, args[0], nil, webhook.Weaknesses())
		},
	}
}

// valueFlags are the flags for the values of tokens.
type valueFlags struct {
	texts []string
	file  string
}

func (f *valueFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.texts, "value", nil, "value of a token, as `NAME=VALUE`; may be given more than once")
	flags.StringVar(&f.file, "values", "", "JSON `FILE` with an object of values, such as credentials; - is the standard input")
	_ = cmd.RegisterFlagCompletionFunc("value", func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return tokenNames(args), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
}

// tokenNames completes the names of a webhook's tokens.
func tokenNames(args []string) []string {
	if len(args) == 0 || args[0] == "-" {
		return nil
	}
	webhook, _, err := readWebhook(&term.Terminal{}, args[0])
	if err != nil {
		return nil
	}
	var names []string
	for _, name := range webhook.Tokens() {
		names = append(names, name+"=")
	}
	return names
}

// values returns the values that are given.
func (f *valueFlags) values(t *term.Terminal) (trackdrive.Values, error) {
	values := trackdrive.Values{}
	if f.file != "" {
		if err := t.ReadObject(f.file, "an object of values", `one JSON object whose values are texts, such as {"zip": "90210"}`, &values); err != nil {
			return nil, err
		}
		hideValues(t, values)
	}
	for _, text := range f.texts {
		name, value, isPair := strings.Cut(text, "=")
		_, isTwice := values[name]
		switch {
		case !isPair || name == "":
			return nil, term.Usagef("--value takes NAME=VALUE").Try("for example: --value tag:CallerId=+15555550142")
		case redact.IsCredentialName(name):
			return nil, term.Usagef("--value %s: whoever may list processes would see the value", name).
				Try("put it into a JSON file of mode 0600, and give --values FILE")
		case isTwice:
			return nil, term.Usagef("the value of %s is given twice", name)
		}
		values[name] = value
	}
	return values, nil
}

// checkNames refuses a value on the command line that no token takes: it is a slip, and
// the token's default would be sent in its place.
func (f *valueFlags) checkNames(webhook *trackdrive.Webhook, config *trackdrive.WebhookConfig) error {
	known := webhook.Tokens()
	for name := range config.Values {
		known = append(known, name)
	}
	for name, rule := range config.Tokens {
		known = append(known, name, rule.From)
	}
	slices.Sort(known)
	known = slices.DeleteFunc(slices.Compact(known), func(name string) bool { return name == "" })
	for _, text := range f.texts {
		name, _, _ := strings.Cut(text, "=")
		if slices.ContainsFunc(known, func(token string) bool { return strings.EqualFold(token, name) }) {
			continue
		}
		err := term.Usagef("the webhook has no token %q", name)
		if meant := suggest.Nearest(name, known); meant != "" {
			return err.Try("did you mean " + meant + "?")
		}
		if len(known) == 0 {
			return err.Try("it has no tokens at all")
		}
		return err.Try("its tokens: " + strings.Join(known, ", "))
	}
	return nil
}

// preview fills in the values, and lists all that are missing.
func (f *valueFlags) preview(webhook *trackdrive.Webhook, config *trackdrive.WebhookConfig, values trackdrive.Values) (*trackdrive.WebhookRequest, error) {
	if err := f.checkNames(webhook, config); err != nil {
		return nil, err
	}
	request, err := webhook.Preview(values)
	if err == nil {
		return request, nil
	}
	var lines, missing []string
	for _, m := range mistakesOf(err) {
		lines = append(lines, strings.TrimPrefix(m.Field+": "+m.Message, ": "))
		if _, isGiven := values[m.Field]; !isGiven && m.Field != "" {
			missing = append(missing, term.ShellCommand("--value", m.Field+"=..."))
		}
	}
	var advice []string
	if missing != nil {
		advice = append(advice, "give "+strings.Join(missing, " "))
	}
	return nil, term.Failed(errors.New("the request cannot be filled in: "+strings.Join(lines, "; ")), advice...)
}

func newPreview(t *term.Terminal) *cobra.Command {
	var flags valueFlags
	var isCurl bool
	cmd := &cobra.Command{
		Use:   "preview FILE",
		Short: "Print the request that would be sent",
		Long: `Preview fills in the values of the tokens, and prints the request that run would send.
It sends nothing. Credentials are shown by their name, <lead_token>.

With --curl it prints a command to paste into a shell. That has phone numbers in full,
so it needs --show-numbers.

` + term.Statuses{Done: "printed", Failed: "the configuration or a value is wrong, or a value is missing"}.Text(),
		Example: `  trackdrive webhook preview webhook.json --value tag:CallerId=+15555550142
  trackdrive webhook preview webhook.json --values values.json --curl --show-numbers`,
		Args: term.ExactArgs("trackdrive webhook preview webhook.json --value tag:CallerId=+15555550142", "FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if isCurl && !t.ShowNumbers {
				return term.Usagef("--curl needs --show-numbers: a command with numbers left out would send the wrong thing")
			}
			webhook, config, err := readWebhook(t, args[0])
			if err != nil {
				return err
			}
			values, err := flags.values(t)
			if err != nil {
				return err
			}
			request, err := flags.preview(webhook, config, values)
			if err != nil {
				return err
			}
			shown := wire.Shown(t, *request)
			if isCurl {
				return t.Print(map[string]string{"curl": request.Curl()}, func(p *term.Page) { p.Block(request.Curl()) })
			}
			return t.Print(map[string]*wire.Request{"request": shown}, shown.WriteTo)
		},
	}
	flags.addTo(cmd)
	cmd.Flags().BoolVar(&isCurl, "curl", false, "print a curl command")
	return cmd
}

func newConvert(t *term.Terminal) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "Write the configuration in the tokens of another platform",
		Long: `Convert prints the whole configuration in another dialect of tokens, as JSON, to hand over
to a partner. It holds no credential: their tokens stay, and need a value.

` + term.Statuses{Done: "printed", Failed: "the configuration is wrong, or the dialect cannot express it"}.Text(),
		Example: `  trackdrive webhook convert webhook.json --to ringba
  trackdrive webhook convert webhook.json --to '<% %>'`,
		Args: term.ExactArgs("trackdrive webhook convert webhook.json --to ringba", "FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if name == "" {
				return term.Usagef("--to is missing; give %s, or two delimiters with a blank between", strings.Join(dialectNames, ", "))
			}
			var dialect trackdrive.Dialect
			if err := dialect.UnmarshalText([]byte(name)); err != nil {
				return term.Usagef("--to takes %s, or two delimiters with a blank between, and not %q", strings.Join(dialectNames, ", "), name)
			}
			webhook, _, err := readWebhook(t, args[0])
			if err != nil {
				return err
			}
			config, err := webhook.Convert(dialect)
			if err != nil {
				return mistakesError(args[0], mistakesOf(err))
			}
			stored, err := json.MarshalIndent(config, "", "  ")
			if err != nil {
				return err
			}
			return t.PrintRaw(plainHTML.Replace(string(stored)) + "\n")
		},
	}
	cmd.Flags().StringVar(&name, "to", "", "`DIALECT`: "+strings.Join(dialectNames, ", ")+", or two delimiters")
	_ = cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions(dialectNames, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

var dialectNames = []string{"trackdrive", "ringba", "callgrid", "handlebars", "vicidial", "braces", "angle"}

// plainHTML undoes the escapes of package json for HTML, which a person cannot read.
var plainHTML = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&")
