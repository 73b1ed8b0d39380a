// The configuration: its settings, and how they are read and checked.

package fakeserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/urlpart"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// Config is a checked configuration: [Load], [Parse] and [Default] return one,
// and [New] serves it.
type Config struct {
	listen    string
	deliver   deliveryTime
	sendTo    []string
	limits    trackdrivetest.Limits
	companies []companyConfig
	faults    []faultPlan
	secrets   []string // never shown
}

// deliveryTime is when the fake sends pending requests.
type deliveryTime string

const (
	deliverAtOnce    deliveryTime = "at_once"
	deliverOnRequest deliveryTime = "on_request"
)

// companyConfig is an account of the fake.
type companyConfig struct {
	name          string
	hosts         []string
	listen        string
	access        []trackdrivetest.Access
	suppressed    []string
	endpoints     []trackdrivetest.Endpoint
	offers        []trackdrivetest.Offer
	calls         []trackdrivetest.Call
	forwardPosts  []hookConfig
	subscriptions []hookConfig
	postbacks     []hookConfig
	pingBuyers    []hookConfig
}

// defaultListen is where the fake listens if nothing else is configured.
const defaultListen = "127.0.0.1:8080"

// newConfig returns a configuration without companies, with its defaults.
func newConfig() *Config {
	return &Config{
		listen:  defaultListen,
		deliver: deliverAtOnce,
		limits:  trackdrivetest.Limits{Requests: 10_000, RequestBytes: 32 << 20, Sales: 100_000, Entries: 20_000},
	}
}

// Load reads a configuration from a file in YAML, or from standard input if the path
// is "-". Files that it names are relative to its own folder. The error is a
// [*ConfigError] with all mistakes if the file could be read.
func Load(path string) (*Config, error) { return loadConfig(path, os.Stdin) }

func loadConfig(path string, stdin io.Reader) (*Config, error) {
	if path == "-" {
		data, err := io.ReadAll(io.LimitReader(stdin, maxDocument+1))
		if err != nil {
			return nil, fmt.Errorf("the configuration on standard input cannot be read: %w", err)
		}
		return parseConfig("standard input", ".", data)
	}
	data, err := readLimited(path, maxDocument+1)
	if err != nil {
		return nil, usageError{fmt.Errorf("the configuration %s cannot be read: %w", path, reasonOf(err))}
	}
	return parseConfig(path, filepath.Dir(path), data)
}

// Parse reads a configuration in YAML. The name is that of the file, for messages. The
// error is a [*ConfigError] with all mistakes.
func Parse(name string, data []byte) (*Config, error) { return parseConfig(name, ".", data) }

// readLimited reads at most limit bytes of a file.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, limit))
}

func parseConfig(name, dir string, data []byte) (*Config, error) {
	r := &docReader{file: name, dir: dir, lookupEnv: os.LookupEnv}
	root, m := parseYAML(term.WithoutMark(data))
	if m != nil {
		m.File = name
		return nil, &ConfigError{[]Mistake{*m}}
	}
	c := newConfig()
	r.object(root, "", c.fields())
	if root.kind == mapNode {
		c.check(r, root)
	}
	c.secrets = r.secrets
	if err := r.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Default returns the configuration that is used without a file: the company acme with
// one endpoint, sell, and two buyers.
func Default() *Config {
	c, err := Parse("default", []byte("companies: {acme: {endpoints: {sell: {buyers: [{name: Buyer A, bid: 25.00}, {name: Buyer B, bid: 31.50}]}}}}"))
	if err != nil {
		panic(err) // it is the same each time
	}
	return c
}

func (c *Config) fields() []docField {
	l := &c.limits
	return []docField{
		{"listen", readListen(&c.listen), showText(&c.listen)},
		choiceField("deliver", &c.deliver, []namedChoice[deliveryTime]{{string(deliverAtOnce), deliverAtOnce}, {string(deliverOnRequest), deliverOnRequest}}),
		textsField("send_to", &c.sendTo, hostProblem),
		nestedField("limits", []docField{
			countField("requests", &l.Requests, 1, 10_000_000),
			countField("request_bytes", &l.RequestBytes, 1<<10, 1<<40),
			countField("sales", &l.Sales, 1, 100_000_000),
			countField("entries", &l.Entries, 1, 10_000_000),
		}),
		namedField("companies", &c.companies, func(c *companyConfig) *string { return &c.name }, companyProblem, (*companyConfig).fields, (*companyConfig).check),
		listField("faults", &c.faults, (*faultPlan).fields, (*faultPlan).check),
	}
}

func (c *companyConfig) fields() []docField {
	return []docField{
		textsField("hosts", &c.hosts, hostProblem),
		{"listen", readListen(&c.listen), showText(&c.listen)},
		listField("access", &c.access, accessFields, checkAccess),
		textsField("suppressed", &c.suppressed, numberProblem),
		namedField("endpoints", &c.endpoints, func(e *trackdrivetest.Endpoint) *string { return &e.VanityURI }, vanityProblem, endpointFields, checkEndpoint),
		listField("offers", &c.offers, offerFields, checkOffer),
		listField("calls", &c.calls, callFields, nil),
		listField("forward_posts", &c.forwardPosts, (*hookConfig).forwardFields, (*hookConfig).check),
		listField("subscriptions", &c.subscriptions, (*hookConfig).subscriptionFields, (*hookConfig).checkSubscription),
		listField("postbacks", &c.postbacks, (*hookConfig).postbackFields, (*hookConfig).checkPostback),
		namedField("ping_buyers", &c.pingBuyers, func(h *hookConfig) *string { return &h.name }, nameProblem, (*hookConfig).forwardFields, (*hookConfig).check),
	}
}

var permissionChoices = []namedChoice[trackdrivetest.Permission]{
	{string(trackdrivetest.PermitAPI), trackdrivetest.PermitAPI},
	{string(trackdrivetest.PermitBuyerConverted), trackdrivetest.PermitBuyerConverted},
	{string(trackdrivetest.PermitBuyerRevenue), trackdrivetest.PermitBuyerRevenue},
	{string(trackdrivetest.PermitTSConverted), trackdrivetest.PermitTSConverted},
	{string(trackdrivetest.PermitTSPayout), trackdrivetest.PermitTSPayout},
	{string(trackdrivetest.PermitContactFields), trackdrivetest.PermitContactFields},
}

func accessFields(a *trackdrivetest.Access) []docField {
	return []docField{
		secretField("public_key", &a.PublicKey),
		secretField("private_key", &a.PrivateKey),
		secretField("developer_token", &a.DeveloperToken),
		secretField("auth_token", &a.AuthToken),
		{"lacks", func(r *docReader, n *docNode, path string) {
			if !r.is(n, path, listNode) {
				return
			}
			for i, item := range n.items {
				if p, ok := readChoice(r, item, fmt.Sprintf("%s[%d]", path, i), permissionChoices); ok {
					a.Lacks = append(a.Lacks, p)
				}
			}
		}, func() any {
			if len(a.Lacks) == 0 {
				return nil
			}
			return slices.Clone(a.Lacks)
		}},
	}
}

func checkAccess(_ *trackdrivetest.Access, r *docReader, n *docNode, path string) {
	given := func(name string) bool { return n.member(name) != nil }
	switch {
	case given("public_key") != given("private_key"):
		r.mistake(n.docPlace, path, "public_key and private_key must be given together")
	case !given("public_key") && !given("developer_token") && !given("auth_token"):
		r.mistake(n.docPlace, path, "has no credentials; give public_key and private_key, developer_token or auth_token")
	}
}

var shapeChoices = []namedChoice[trackdrivetest.Shape]{
	{"current", trackdrivetest.ShapeCurrent}, {"guide", trackdrivetest.ShapeGuide}, {"nested", trackdrivetest.ShapeNested},
	{"production", trackdrivetest.ShapeProduction}, {"callgrid", trackdrivetest.ShapeCallGrid}, {"in_try_all", trackdrivetest.ShapeInTryAll},
}

var errorForms = []namedChoice[trackdrivetest.ErrorForm]{
	{"by_field", trackdrivetest.ErrorsByField}, {"by_field_text", trackdrivetest.ErrorsByFieldText}, {"list", trackdrivetest.ErrorsList},
	{"mixed", trackdrivetest.ErrorsMixed}, {"nested", trackdrivetest.ErrorsNested}, {"text", trackdrivetest.ErrorsText},
}

func endpointFields(e *trackdrivetest.Endpoint) []docField {
	return []docField{
		listField("buyers", &e.Buyers, buyerFields, nil),
		choiceField("shape", &e.Shape, shapeChoices),
		boolField("static", &e.Static),
		boolField("require_ping_id", &e.RequirePingID),
		boolField("no_full", &e.NoFull),
		durationField("expiry", &e.Expiry, time.Second, maxDuration),
		textField("sip_host", &e.SIPHost),
		boolField("require_auth", &e.RequireAuth),
		boolField("require_traffic_source", &e.RequireTrafficSource),
		textsField("required_on_ping", &e.RequiredOnPing, nil),
		textsField("required_on_post", &e.RequiredOnPost, nil),
		boolField("caller_id_optional", &e.CallerIDOptional),
		choiceField("error_form", &e.ErrorForm, errorForms),
		countField("rate_limit", &e.RateLimit, 1, 1_000_000),
		durationField("retry_after", &e.RetryAfter, time.Second, 24*time.Hour),
	}
}

func buyerFields(b *trackdrivetest.Buyer) []docField {
	return []docField{
		textField("id", &b.ID),
		textField("name", &b.Name),
		amountField("bid", &b.Bid),
		durationField("min_call", &b.MinCall, time.Second, 24*time.Hour),
		textField("tier", &b.Tier),
		textField("number", &b.Number),
		textField("offer_id", &b.OfferID),
		textField("duplicate_window", &b.DuplicateWindow),
		countField("cap", &b.Cap, 1, 1_000_000),
		boolField("unavailable", &b.Unavailable),
		boolField("declines", &b.Declines),
	}
}

// checkEndpoint gives each buyer its id, and refuses two with the same.
func checkEndpoint(e *trackdrivetest.Endpoint, r *docReader, n *docNode, path string) {
	buyers := n.member("buyers")
	first := map[trackdrive.ID]int{}
	for i := range e.Buyers {
		b := &e.Buyers[i]
		if b.ID == "" {
			b.ID = trackdrive.ID(strconv.Itoa(101 + i))
		}
		if j, isTwice := first[b.ID]; isTwice {
			r.mistake(buyers.items[i].docPlace, fmt.Sprintf("%s.buyers[%d]", path, i), "has the same id %s as buyers[%d]; give it another id", display.Line(string(b.ID)), j)
			continue
		}
		first[b.ID] = i
	}
}

var duplicateChoices = []namedChoice[trackdrivetest.Duplicates]{
	{"allowed", trackdrivetest.DuplicatesAllowed}, {"rejected", trackdrivetest.DuplicatesRejected}, {"updated", trackdrivetest.DuplicatesUpdated},
}

func offerFields(o *trackdrivetest.Offer) []docField {
	return []docField{
		secretField("lead_token", &o.LeadToken),
		secretField("offer_token", &o.OfferToken),
		textField("id", &o.ID),
		textField("schedule_id", &o.ScheduleID),
		choiceField("duplicates", &o.Duplicates, duplicateChoices),
		textsField("required", &o.Required, nil),
		boolField("require_auth", &o.RequireAuth),
		choiceField("error_form", &o.ErrorForm, errorForms),
	}
}

func checkOffer(_ *trackdrivetest.Offer, r *docReader, n *docNode, path string) {
	if n.member("lead_token") == nil && n.member("offer_token") == nil {
		r.mistake(n.docPlace, path, "has no token; give lead_token, for leads, or offer_token, for updates by caller id")
	}
}

func callFields(call *trackdrivetest.Call) []docField {
	return []docField{
		textField("uuid", &call.UUID),
		textField("id", &call.ID),
		textField("caller_number", &call.CallerNumber),
		textField("number_called", &call.NumberCalled),
		textField("buyer_id", &call.BuyerID),
		textField("buyer_name", &call.BuyerName),
		textField("traffic_source_id", &call.TrafficSourceID),
		secretField("offer_token", &call.OfferToken),
		textField("status", &call.Status),
		durationField("duration", &call.Duration, time.Second, 24*time.Hour),
		timeField("created_at", &call.CreatedAt),
		boolField("buyer_converted", &call.BuyerConverted),
		boolField("offer_converted", &call.OfferConverted),
		amountField("revenue", &call.Revenue),
		amountField("payout", &call.Payout),
		hashField("tokens", &call.Tokens),
	}
}

// check refuses settings of a company that cannot be combined.
func (c *companyConfig) check(r *docReader, n *docNode, path string) {
	taken := map[string]string{}
	claim := func(list string, i int, what, value string) {
		if value == "" {
			return
		}
		at := fmt.Sprintf("%s[%d]", list, i)
		if other, isTwice := taken[what+" "+value]; isTwice {
			r.mistake(n.member(list).items[i].docPlace, joinPath(path, at), "has the same %s as %s", what, other)
			return
		}
		taken[what+" "+value] = at
	}
	for i, o := range c.offers {
		claim("offers", i, "lead_token", o.LeadToken)
	}
	for i, call := range c.calls {
		claim("calls", i, "uuid or id", call.UUID)
		claim("calls", i, "uuid or id", string(call.ID))
	}
}

// check refuses settings of a configuration that cannot be combined.
func (c *Config) check(r *docReader, root *docNode) {
	companies := root.member("companies")
	if companies == nil || companies.kind == mapNode && len(companies.members) == 0 {
		r.mistake(root.docPlace, "companies", "is missing; give at least one, such as companies: {acme: {}}")
		return
	}
	if companies.kind != mapNode {
		return
	}
	addresses := map[string]string{c.listen: "listen"}
	hosts := map[string]string{}
	for i, co := range c.companies {
		n, path := companies.members[i].value, "companies."+display.Line(co.name)
		if co.listen != "" && !strings.HasSuffix(co.listen, ":0") {
			if other, isTwice := addresses[co.listen]; isTwice {
				r.mistake(n.member("listen").docPlace, path+".listen", "%s is also the address of %s; give another address", co.listen, other)
			}
			addresses[co.listen] = path + ".listen"
		}
		for _, host := range co.allHosts() {
			if other, isTwice := hosts[host]; isTwice && other != co.name {
				r.mistake(n.docPlace, path+".hosts", "%s is also a host of %s", host, other)
			}
			hosts[host] = co.name
		}
		c.checkHooks(r, n, path, co)
	}
	for i, p := range c.faults {
		p.checkNames(r, root.member("faults").items[i], fmt.Sprintf("faults[%d]", i), c.companies)
	}
}

// allHosts returns the host names at which a company answers.
func (c *companyConfig) allHosts() []string {
	hosts := []string{c.name, c.name + ".localhost", c.name + ".trackdrive.com", c.name + ".trackdrive.net"}
	for _, h := range c.hosts {
		hosts = append(hosts, strings.ToLower(h))
	}
	return hosts
}

// readListen reads an address to listen on.
func readListen(p *string) func(r *docReader, n *docNode, path string) {
	return func(r *docReader, n *docNode, path string) {
		text, ok := r.text(n, path)
		if !ok {
			return
		}
		if problem := addressProblem(text); problem != "" {
			r.mistake(n.docPlace, path, "%q %s", display.Line(text), problem)
			return
		}
		*p = text
	}
}

func addressProblem(address string) string {
	host, port, err := net.SplitHostPort(address)
	number, portErr := strconv.Atoi(port)
	switch {
	case strings.Contains(address, "://"):
		return "is a URL; give an address such as " + defaultListen
	case err != nil:
		return "has no port; give an address such as " + defaultListen
	case portErr != nil || number < 0 || number > 65535:
		return "has no port from 0 to 65535; give an address such as " + defaultListen
	case host != "" && net.ParseIP(host) == nil && !urlpart.IsHost(host):
		return "has no host; give an address such as " + defaultListen
	}
	return ""
}

func hostProblem(host string) string {
	switch {
	case strings.Contains(host, "://") || strings.Contains(host, "/"):
		return "is a URL; give a host such as acme.test"
	case net.ParseIP(host) != nil:
		return ""
	case strings.Contains(host, ":"):
		return "has a port; give only the host"
	case urlpart.IsHost(host):
		return ""
	}
	return "is not a host name; give one such as acme.test"
}

func companyProblem(name string) string {
	if strings.Contains(name, ".") {
		return "is a host; give the subdomain, such as acme, and other names under hosts"
	}
	if !urlpart.IsSubdomain(name) || strings.ToLower(name) != name {
		return "is not a subdomain; give one label in lower case, such as acme"
	}
	return ""
}

func vanityProblem(name string) string {
	if strings.Contains(name, "/") {
		return "has a slash; give only the last part of the endpoint's URL, such as sell"
	}
	if !urlpart.IsVanityURI(name) {
		return "is not a vanity URI; give letters, digits, _ and -, such as sell"
	}
	return ""
}

func nameProblem(name string) string {
	if strings.TrimSpace(name) == "" {
		return "has no name; give one, such as buyer_a"
	}
	return ""
}

func numberProblem(number string) string {
	digits := 0
	for _, c := range number {
		if '0' <= c && c <= '9' {
			digits++
		}
	}
	if digits < 10 {
		return "is not a phone number; give one such as +15555550142"
	}
	return ""
}

// YAML returns the configuration with its defaults filled in, and without credentials.
func (c *Config) YAML() ([]byte, error) {
	return yaml.MarshalWithOptions(shownFields(c.fields()), yaml.IndentSequence(true))
}

// Format prints the configuration as [Config.YAML] does, whatever the verb, so that no
// credential gets into a log.
func (c *Config) Format(f fmt.State, _ rune) {
	text, err := c.YAML()
	if err != nil {
		text = []byte("a configuration")
	}
	_, _ = f.Write(text) // what is printed into has nowhere to report
}

// usageError is an error in the flags or the configuration: exit status 2.
type usageError struct{ error }

// Unwrap returns the error itself.
func (e usageError) Unwrap() error { return e.error }

// Usage reports that the user has to change the flags or the configuration.
func (e usageError) Usage() bool { return true }

// IsUsage reports whether an error of this package is a mistake in the flags or the
// configuration.
func IsUsage(err error) bool {
	var u interface{ Usage() bool }
	return errors.As(err, &u) && u.Usage()
}
