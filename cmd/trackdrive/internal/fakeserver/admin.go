// The admin API, under /_: it shows what happened and plans faults.

package fakeserver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/suggest"
	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// adminCall is what an admin request is answered from.
type adminCall struct {
	server *Server
	state  *fakeState
	query  url.Values
	body   []byte
	ctx    context.Context
}

// adminRoute is a method and a path of the admin API.
type adminRoute struct {
	method, path string
	does         string
	params       []string // of the query
	answer       func(c *adminCall) (any, error)
}

// adminRoutes is set in init, because the index lists it.
var adminRoutes []adminRoute

func init() {
	page := []string{"company", "after", "limit", "generation"}
	adminRoutes = []adminRoute{
		{"GET", "/_", "lists these paths", nil, (*adminCall).index},
		{"GET", "/_health", "says that the fake is ready, with its totals", nil, (*adminCall).health},
		{"GET", "/_ledger", "lists the sales: ?company=acme&after=0&limit=100&generation=1", page, (*adminCall).ledger},
		{"GET", "/_requests", "lists the requests received, without credentials: ?company=acme&operation=post&after=0&limit=100&generation=1", append(page, "operation"), (*adminCall).requests},
		{"GET", "/_leads", "lists the leads: ?company=acme", []string{"company"}, (*adminCall).leads},
		{"GET", "/_calls", "lists the calls in their current state: ?company=acme", []string{"company"}, (*adminCall).calls},
		{"GET", "/_updates", "lists the changes made to calls: ?company=acme&uuid=...", []string{"company", "uuid"}, (*adminCall).updates},
		{"GET", "/_sent", "lists what the fake sent", nil, (*adminCall).sent},
		{"GET", "/_endpoints", "lists the endpoints and their buyers in their current state: ?company=acme", []string{"company"}, (*adminCall).endpoints},
		{"POST", "/_endpoints", `changes a buyer: {"company":"acme","endpoint":"sell","buyer":"101","bid":"30.00"}`, nil, (*adminCall).changeEndpoint},
		{"GET", "/_faults", "lists the planned faults", nil, (*adminCall).faults},
		{"POST", "/_faults", `plans a fault: {"operation":"post","fault":"drop","after_acting":true,"times":1}`, nil, (*adminCall).planFault},
		{"DELETE", "/_faults", "removes all faults", nil, (*adminCall).heal},
		{"POST", "/_deliver", "sends the pending forward posts and events", nil, (*adminCall).deliver},
		{"POST", "/_ping_buyer", `asks a buyer for a bid: {"buyer":"buyer_a","params":{"caller_id":"+15555550142"}}`, nil, (*adminCall).pingBuyer},
		{"POST", "/_advance", `moves the fake's clock forward: {"by":"90s"}`, nil, (*adminCall).advance},
		{"POST", "/_reset", "forgets everything and starts again as configured", nil, (*adminCall).reset},
	}
}

// adminError is an answer that reports an error.
type adminError struct {
	status int
	errors []string
}

// Error returns what is wrong, in one line.
func (e *adminError) Error() string { return strings.Join(e.errors, "; ") }

func refuseWith(status int, format string, args ...any) error {
	return &adminError{status, []string{fmt.Sprintf(format, args...)}}
}

// adminHandler answers admin requests, but not those of a browser's page of another
// site: CrossOriginProtection refuses such changes, and the host's check a page whose
// own name was made to resolve to this machine.
func (s *Server) adminHandler() http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Get("Sec-Fetch-Site")
		switch {
		case protection.Check(r) != nil || site == "cross-site" || site == "same-site":
			s.answerAdmin(w, nil, refuseWith(http.StatusForbidden, "requests from pages of other sites are refused"))
		case !knownHost(r.Host, s.hosts):
			s.answerAdmin(w, nil, refuseWith(http.StatusMisdirectedRequest, "the host %q is unknown; use an IP address, localhost, or a host of a company", display.Line(r.Host)))
		default:
			v, err := s.serveAdmin(w, r)
			s.answerAdmin(w, v, err)
		}
	})
}

func (s *Server) answerAdmin(w http.ResponseWriter, v any, err error) {
	if err == nil {
		writeJSON(w, http.StatusOK, v)
		return
	}
	refused, ok := err.(*adminError)
	if !ok {
		refused = &adminError{http.StatusInternalServerError, []string{err.Error()}}
	}
	for i, text := range refused.errors {
		refused.errors[i] = s.redaction.Replace(text)
	}
	writeJSON(w, refused.status, map[string]any{"errors": refused.errors})
}

func (s *Server) serveAdmin(w http.ResponseWriter, r *http.Request) (any, error) {
	route, err := findAdminRoute(w, r.Method, r.URL.Path)
	if err != nil {
		return nil, err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuseWith(http.StatusBadRequest, "the query cannot be read: %s", display.Line(err.Error()))
	}
	for name := range query {
		if !slices.Contains(route.params, name) {
			return nil, refuseWith(http.StatusBadRequest, "the parameter %q %s", display.Line(name), unknownParam(name, route.params))
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDocument))
	if err != nil {
		return nil, refuseWith(http.StatusRequestEntityTooLarge, "the body is larger than %d KiB, or was cut", maxDocument>>10)
	}
	return route.answer(&adminCall{s, s.current.Load(), query, body, r.Context()})
}

func unknownParam(name string, known []string) string {
	if len(known) == 0 {
		return "is unknown; this path takes none"
	}
	return unknownName(name, known)
}

func findAdminRoute(w http.ResponseWriter, method, path string) (adminRoute, error) {
	var methods, paths []string
	for _, route := range adminRoutes {
		if route.path != strings.TrimSuffix(path, "/") {
			paths = append(paths, route.path)
			continue
		}
		if route.method == method || route.method == http.MethodGet && method == http.MethodHead {
			return route, nil
		}
		methods = append(methods, route.method)
	}
	if len(methods) > 0 {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		return adminRoute{}, refuseWith(http.StatusMethodNotAllowed, "%s takes %s, and not %s", path, orList(methods), display.Line(method))
	}
	message := suggest.DidYouMean(suggest.Nearest(path, paths))
	if message == "" {
		message = "is unknown; GET /_ lists the paths"
	}
	return adminRoute{}, refuseWith(http.StatusNotFound, "%s %s", display.Line(path), message)
}

// read reads the body, a JSON object with these fields; check sees it after them.
func (c *adminCall) read(fields []docField, check func(r *docReader, n *docNode)) error {
	r := &docReader{isBody: true}
	n, m := parseJSON(c.body)
	if m != nil {
		return &adminError{http.StatusBadRequest, []string{m.String()}}
	}
	r.object(n, "", fields)
	if n.kind == mapNode && check != nil {
		check(r, n)
	}
	sortMistakes(r.mistakes)
	if len(r.mistakes) == 0 {
		return nil
	}
	refused := &adminError{status: http.StatusBadRequest}
	for _, m := range r.mistakes {
		refused.errors = append(refused.errors, m.String())
	}
	return refused
}

// company returns the named company; nil means all.
func (c *adminCall) company(name string) (*trackdrivetest.Company, error) {
	if name == "" {
		return nil, nil
	}
	if company := c.state.companies[name]; company != nil {
		return company, nil
	}
	var names []string
	for _, co := range c.server.config.companies {
		names = append(names, co.name)
	}
	return nil, refuseWith(http.StatusBadRequest, "this fake has no company %q; it has %s", display.Line(name), strings.Join(names, ", "))
}

// companies returns the companies that the query selects.
func (c *adminCall) companies() ([]*trackdrivetest.Company, error) {
	one, err := c.company(c.query.Get("company"))
	if err != nil {
		return nil, err
	}
	if one != nil {
		return []*trackdrivetest.Company{one}, nil
	}
	var all []*trackdrivetest.Company
	for _, co := range c.server.config.companies {
		all = append(all, c.state.companies[co.name])
	}
	return all, nil
}

// count reads a parameter that is a whole number.
func (c *adminCall) count(name string, fallback int) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, refuseWith(http.StatusBadRequest, "the parameter %s is %q; give a whole number, 0 or more", name, display.Line(text))
	}
	return n, nil
}

// window reads after and limit. Without a limit, everything is listed.
func (c *adminCall) window() (after, limit int, err error) {
	if after, err = c.count("after", 0); err == nil {
		limit, err = c.count("limit", int(^uint(0)>>1))
	}
	return after, limit, err
}

func (c *adminCall) index() (any, error) {
	var paths yaml.MapSlice
	for _, route := range adminRoutes {
		paths = append(paths, yaml.MapItem{Key: route.method + " " + route.path, Value: route.does})
	}
	return jsonObject{{"fake", "TrackDrive"}, {"paths", plainJSON(paths)}}, nil
}

func (c *adminCall) health() (any, error) {
	var names []string
	for _, co := range c.server.config.companies {
		names = append(names, co.name)
	}
	return jsonObject{
		{"status", "ok"},
		{"companies", names},
		{"uptime_seconds", int(time.Since(c.server.started) / time.Second)},
		{"generation", c.state.generation},
		{"totals", totalsJSON(c.state.fake.Totals())},
	}, nil
}

func (c *adminCall) ledger() (any, error) {
	after, limit, err := c.window()
	if err != nil {
		return nil, err
	}
	if _, err := c.company(c.query.Get("company")); err != nil {
		return nil, err
	}
	totals := c.state.fake.Totals()
	sales, now := c.state.fake.SalesAfter(after)
	first, total := now-len(sales)+1, totals.Sales
	if err := c.checkReader(after, now); err != nil {
		return nil, err
	}
	sales = sales[:max(0, len(sales)-(now-total))] // without those that were made in between
	list, next := []any{}, min(max(first-1, after), total)
	for i, sale := range sales {
		if len(list) >= limit {
			break
		}
		next = first + i
		if name := c.query.Get("company"); name == "" || name == sale.Company {
			list = append(list, saleJSON(first+i, sale))
		}
	}
	return jsonObject{
		{"sales", list},
		{"total", total},
		{"revenue", totals.Revenue},
		{"dropped", droppedAfter(after, first, total)},
		{"next", next},
		{"generation", c.state.generation},
	}, nil
}

// checkReader refuses a reader that has seen entries from before a reset: it would miss
// new ones without noticing.
func (c *adminCall) checkReader(after, total int) error {
	generation, err := c.count("generation", int(c.state.generation))
	switch {
	case err != nil:
		return err
	case generation != int(c.state.generation):
		return refuseWith(http.StatusConflict, "this is generation %d, not %d, because the fake was reset; read again with after=0", c.state.generation, generation)
	case after > total:
		return refuseWith(http.StatusConflict, "after is %d, but the total is %d, perhaps because the fake was reset; read again with after=0", after, total)
	}
	return nil
}

// droppedAfter returns how many of the entries after the first seen ones, up to total,
// are gone.
func droppedAfter(seen, first, total int) int {
	return max(0, min(first-1, total)-seen)
}

func (c *adminCall) requests() (any, error) {
	after, limit, err := c.window()
	if err != nil {
		return nil, err
	}
	if _, err := c.company(c.query.Get("company")); err != nil {
		return nil, err
	}
	operation := c.query.Get("operation")
	if names := namesOf(operationNames); operation != "" && !slices.Contains(names, operation) {
		return nil, refuseWith(http.StatusBadRequest, "the operation %q %s", display.Line(operation), unknownName(operation, names))
	}
	requests, total := c.state.fake.RequestsAfter(after)
	first := total - len(requests) + 1
	if err := c.checkReader(after, total); err != nil {
		return nil, err
	}
	list, next := []any{}, max(first-1, after)
	for i, r := range requests {
		if len(list) >= limit {
			break
		}
		next = first + i
		if name := c.query.Get("company"); (name == "" || name == r.Company) && (operation == "" || operation == string(r.Operation)) {
			list = append(list, c.server.requestJSON(first+i, r))
		}
	}
	return jsonObject{
		{"requests", list},
		{"total", total},
		{"dropped", droppedAfter(after, first, total)},
		{"next", next},
		{"generation", c.state.generation},
	}, nil
}

func namesOf[T any](choices []namedChoice[T]) []string {
	names := make([]string, len(choices))
	for i, c := range choices {
		names[i] = c.name
	}
	return names
}

// listOf answers with a list for each company.
func listOf[T any](c *adminCall, name string, total int, of func(*trackdrivetest.Company) []T, show func(company string, v T) any) (any, error) {
	companies, err := c.companies()
	if err != nil {
		return nil, err
	}
	list, remembered := []any{}, 0
	for _, company := range companies {
		for _, v := range of(company) {
			list = append(list, show(company.Subdomain(), v))
			remembered++
		}
	}
	answer := jsonObject{{name, list}}
	if c.query.Get("company") == "" && c.query.Get("uuid") == "" {
		answer = append(answer, jsonMember{"total", total}, jsonMember{"dropped", max(0, total-remembered)})
	}
	return answer, nil
}

func (c *adminCall) leads() (any, error) {
	return listOf(c, "leads", c.state.fake.Totals().Leads, (*trackdrivetest.Company).Leads, c.server.leadJSON)
}

func (c *adminCall) calls() (any, error) {
	return listOf(c, "calls", c.state.fake.Totals().Calls, (*trackdrivetest.Company).Calls, c.server.callJSON)
}

func (c *adminCall) updates() (any, error) {
	return listOf(c, "updates", c.state.fake.Totals().Updates, func(company *trackdrivetest.Company) []trackdrivetest.Update {
		return company.Updates(c.query.Get("uuid"))
	}, c.server.updateJSON)
}

func (c *adminCall) sent() (any, error) {
	totals := c.state.fake.Totals()
	list := []any{}
	for _, s := range c.state.fake.Sent() {
		list = append(list, c.server.sentJSON(s))
	}
	return jsonObject{
		{"sent", list}, {"total", totals.Sent}, {"dropped", max(0, totals.Sent-len(list))},
		{"waiting", totals.Waiting}, {"discarded", totals.Discarded},
	}, nil
}

func (c *adminCall) endpoints() (any, error) {
	companies, err := c.companies()
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, company := range companies {
		for _, co := range c.server.config.companies {
			for _, e := range co.endpoints {
				if co.name == company.Subdomain() {
					list = append(list, endpointJSON(company, e.VanityURI))
				}
			}
		}
	}
	return jsonObject{{"endpoints", list}}, nil
}

func endpointJSON(company *trackdrivetest.Company, vanityURI string) any {
	e, _ := company.Endpoint(vanityURI)
	head := yaml.MapSlice{{Key: "company", Value: company.Subdomain()}, {Key: "endpoint", Value: vanityURI}}
	return plainJSON(append(head, shownFields(endpointFields(&e))...))
}

// changeEndpoint changes a buyer of an endpoint. Only the settings in the body change.
func (c *adminCall) changeEndpoint() (any, error) {
	var company, endpoint, buyer string
	var to trackdrivetest.Buyer
	changes := slices.DeleteFunc(buyerFields(&to), func(f docField) bool { return f.name == "id" })
	fields := append([]docField{textField("company", &company), textField("endpoint", &endpoint), textField("buyer", &buyer)}, changes...)
	var sent *docNode
	err := c.read(fields, func(r *docReader, n *docNode) {
		sent = n
		for _, name := range []string{"endpoint", "buyer"} {
			if n.member(name) == nil {
				r.mistake(n.docPlace, name, "is missing")
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if company == "" {
		company = c.server.config.companies[0].name
	}
	co, err := c.company(company)
	if err != nil {
		return nil, err
	}
	before, found := co.Endpoint(endpoint)
	if !found {
		return nil, refuseWith(http.StatusNotFound, "%s has no endpoint %q", company, display.Line(endpoint))
	}
	i := slices.IndexFunc(before.Buyers, func(b trackdrivetest.Buyer) bool { return string(b.ID) == buyer })
	if i < 0 {
		return nil, refuseWith(http.StatusNotFound, "the endpoint %s of %s has no buyer with the id %q", endpoint, company, display.Line(buyer))
	}
	co.ChangeEndpoint(endpoint, func(e *trackdrivetest.Endpoint) {
		r := &docReader{isBody: true}
		target := buyerFields(&e.Buyers[i])
		for _, m := range sent.members {
			for _, f := range target {
				if f.name == m.name && f.name != "id" {
					f.read(r, m.value, f.name)
				}
			}
		}
	})
	return endpointJSON(co, endpoint), nil
}

func (c *adminCall) faults() (any, error) {
	c.state.faultsMu.Lock()
	defer c.state.faultsMu.Unlock()
	list := []any{}
	for _, p := range c.state.faults {
		all := shownFields(p.fields())
		if p.sending == "" {
			all = append(all, yaml.MapItem{Key: "struck", Value: int(p.struck.Load())})
		}
		list = append(list, plainJSON(all))
	}
	return jsonObject{{"faults", list}}, nil
}

// maxFaults is how many faults may be planned at once: each request is compared with
// them.
const maxFaults = 100

func (c *adminCall) planFault() (any, error) {
	var p faultPlan
	err := c.read(p.fields(), func(r *docReader, n *docNode) {
		p.check(r, n, "")
		p.checkNames(r, n, "", c.server.config.companies)
	})
	if err != nil {
		return nil, err
	}
	c.state.faultsMu.Lock()
	planned := len(c.state.faults)
	c.state.faultsMu.Unlock()
	if planned >= maxFaults {
		return nil, refuseWith(http.StatusConflict, "%d faults are planned already; DELETE /_faults ends them", planned)
	}
	c.state.plan(p)
	return c.faults()
}

func (c *adminCall) heal() (any, error) {
	c.state.heal()
	return c.faults()
}

func (c *adminCall) deliver() (any, error) {
	before := c.state.fake.Totals().Sent
	err := c.server.deliver(c.ctx)
	answer := jsonObject{{"sent", c.state.fake.Totals().Sent - before}}
	if err != nil {
		return nil, refuseWith(http.StatusBadGateway, "%s", err.Error())
	}
	return answer, nil
}

func (c *adminCall) pingBuyer() (any, error) {
	var company, buyer, uuid string
	var params map[string]string
	err := c.read([]docField{textField("company", &company), textField("buyer", &buyer), textField("call_uuid", &uuid), hashField("params", &params)}, func(r *docReader, n *docNode) {
		if n.member("buyer") == nil {
			r.mistake(n.docPlace, "buyer", "is missing")
		}
	})
	if err != nil {
		return nil, err
	}
	if company == "" {
		company = c.server.config.companies[0].name
	}
	co, err := c.company(company)
	if err != nil {
		return nil, err
	}
	for _, configured := range c.server.config.companies {
		for _, h := range configured.pingBuyers {
			if configured.name == company && h.name == buyer {
				bid, err := co.PingBuyer(c.ctx, c.server.sender.hookOf(h), uuid, params)
				if err != nil {
					return nil, refuseWith(http.StatusBadGateway, "%s", err.Error())
				}
				return bidJSON(bid), nil
			}
		}
	}
	return nil, refuseWith(http.StatusNotFound, "%s has no ping buyer %q", company, display.Line(buyer))
}

func (c *adminCall) advance() (any, error) {
	var by time.Duration
	err := c.read([]docField{durationField("by", &by, time.Millisecond, maxDuration)}, func(r *docReader, n *docNode) {
		if n.member("by") == nil {
			r.mistake(n.docPlace, "by", `is missing; give a time such as "90s"`)
		}
	})
	if err != nil {
		return nil, err
	}
	c.state.fake.Advance(by)
	return jsonObject{{"advanced", by.String()}}, nil
}

func (c *adminCall) reset() (any, error) {
	return jsonObject{{"status", "ok"}, {"generation", c.server.reset()}}, nil
}
