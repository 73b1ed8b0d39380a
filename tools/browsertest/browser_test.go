// Package browsertest walks through the console in headless Chromium, as a person does,
// and lets axe-core look at every page.
package browsertest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

var (
	chromium    = flag.String("chromium", "", "the `path` of Chromium")
	axeFile     = flag.String("axe", "", "the `path` of axe.min.js")
	example     = flag.String("console", "", "the `path` of examples/console, built")
	screenshots = flag.String("screenshots", "", "a `folder` for pictures of every page; \"\": none are taken")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *chromium == "" || *axeFile == "" || *example == "" {
		fmt.Fprintln(os.Stderr, "give -chromium, -axe and -console, or run .ci/run browser")
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// startConsole starts the example, and returns its address.
func startConsole(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(*example, append([]string{"-listen", "127.0.0.1:0"}, args...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the example prints its address")
	return strings.TrimSuffix(lines.Text(), "/")
}

// browser is a tab of Chromium that looks at the console.
type browser struct {
	t    *testing.T
	ctx  context.Context
	base string
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	return openBrowserAt(t, startConsole(t))
}

// openBrowserAt opens a browser with more flags at an address.
func openBrowserAt(t *testing.T, base string, flags ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	flags = append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(*chromium), chromedp.Headless, chromedp.NoFirstRun, chromedp.DisableGPU, chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true),
	}, flags...)
	allocated, stop := chromedp.NewExecAllocator(context.Background(), flags...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(allocated)
	t.Cleanup(closeTab)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute) // a test fails rather than hangs, on a slow machine, too
	t.Cleanup(cancel)
	b := &browser{t, ctx, base}
	b.do(chromedp.EmulateViewport(1440, 1000))
	return b
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// evaluated returns what a script comes to; a promise is awaited.
func evaluated[T any](b *browser, script string) T {
	b.t.Helper()
	result, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err)
	return result
}

// open opens a page.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base+path), chromedp.WaitReady(chromedp.CSS("main")))
}

// submit presses a button, and waits for the next page.
func (b *browser) submit(button string) {
	b.t.Helper()
	require.NoError(b.t, b.loaded(chromedp.Click(chromedp.CSS(button))))
}

// loaded runs an action that leads to another page.
func (b *browser) loaded(step chromedp.Action[chromedp.Void]) error {
	if _, err := chromedp.RunResponse(b.ctx, step); err != nil {
		return err
	}
	return chromedp.Do(b.ctx, chromedp.WaitReady(chromedp.CSS("main")))
}

// text returns what a person reads in an element.
func (b *browser) text(selector string) string {
	b.t.Helper()
	text := evaluated[string](b, fmt.Sprintf("[...document.querySelectorAll(%s)].map(e => e.innerText || e.value || '').join('\\n')", quoted(selector)))
	return strings.Join(strings.Fields(text), " ")
}

func (b *browser) sees(selector, want string) {
	b.t.Helper()
	require.Contains(b.t, b.text(selector), want)
}

func (b *browser) set(selector, value string) {
	b.t.Helper()
	b.do(chromedp.SetValue(chromedp.CSS(selector), value))
}

// value returns the value of a field.
func (b *browser) value(selector string) string {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Value(chromedp.CSS(selector)))
	require.NoError(b.t, err)
	return value
}

func quoted(text string) string {
	data, _ := json.Marshal(text) // a string always can
	return string(data)
}

func TestABrokenWebhookIsMendedAndRun(t *testing.T) {
	b := openBrowser(t)
	b.open("/")
	require.NoError(t, b.loaded(chromedp.Click(`//a[text()="Broken"]`)))
	b.submit(`section[aria-labelledby=h-json] button[value=check]`)
	b.sees("h2#h-mistakes", "3 mistakes")
	b.sees("#line-4 .mistake", "4:3 metod is unknown")
	b.sees("#line-6 .mistake", "timeout")
	b.sees("#line-11 .mistake", "did you mean \"Greater Than\"?")

	text := b.value("#json")
	text = strings.NewReplacer("metod", "method", "4 seconds", "4s", "Greater Then", "Greater Than").Replace(text)
	b.set("#json", text)
	b.do(chromedp.SendKeys(chromedp.CSS("#json"), " "))
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool](`document.querySelector("#live").textContent.includes("is valid")`))
	require.NoError(t, err)
	b.submit(`section[aria-labelledby=h-json] button[value=check]`)
	require.Empty(t, b.text("h2#h-mistakes"))

	b.set(`input[name="value:caller_id"]`, "+15555550142")
	b.submit("button[value=preview]")
	b.sees("section[aria-labelledby=h-preview] mark", "+15555550142")
	b.submit("button[value=run]")
	b.sees("section[aria-labelledby=h-run]", "accepted 200 in")
	b.sees("section[aria-labelledby=h-run] .reply .accepted", `"bid_price": 25.50`)

	b.set("#json", strings.Replace(b.value("#json"), "20.00", "99.00", 1))
	b.submit("button[value=run]")
	b.sees("section[aria-labelledby=h-run] .verdict", "rejected")
	b.sees("section[aria-labelledby=h-run] .tree", "buyers.0.bid_price greater than 99.00 got 25.50")

	b.set("#dialect", "ringba")
	b.submit("button[value=convert]")
	b.sees("#converted", "[caller_id]")
}

func TestAStoredWebhookIsAskedAboutAndSentOnce(t *testing.T) {
	b := openBrowser(t)
	b.open("/webhook?name=Bids+for+health")
	require.NotContains(t, b.text("body"), "made-up-key")
	b.set(`input[name="value:tag:CallerId"]`, "+15555550142")
	b.submit("button[value=run]")
	b.sees("section.ask", "Send it?")
	b.submit("button[value=confirm]")
	b.sees("section[aria-labelledby=h-run] .tree", "any of")
	require.Empty(t, b.text("section.ask"))
}

// Over plain HTTP, a browser that reaches the console by name sends no Sec-Fetch-Site.
func TestAConsoleOnPlainHTTPByName(t *testing.T) {
	base := startConsole(t, "-host", "admin.corp.test")
	port := base[strings.LastIndexByte(base, ':'):]
	b := openBrowserAt(t, "http://admin.corp.test"+port, chromedp.Flag("host-resolver-rules", "MAP admin.corp.test 127.0.0.1"))
	b.open("/item?id=sale-4713")
	b.sees(".viewer", "Ada")
	b.do(chromedp.Click(`//summary[text()="Retry"]`), chromedp.SendKeys(chromedp.CSS("#note-retry"), "provided"))
	b.submit("button[value=retry]")
	b.sees("[role=status]", "Done. The item is now waiting.")
	b.open("/webhook?name=Bids+for+health")
	b.submit("button[value=check]")
	b.sees(".notice", "The configuration is valid.")
}

// Enter in a field presses the first button of its form, which sends nothing.
func TestEnterInAFieldSendsNothing(t *testing.T) {
	b := openBrowser(t)
	for _, field := range []string{"#f-timeout", "#f-url", `input[name="value:zip"]`} {
		b.open("/webhook?name=Bids+for+health")
		b.set(`input[name="value:tag:CallerId"]`, "+15555550142")
		b.submit("button[value=run]")
		b.sees("section.ask", "Send it?")
		b.do(chromedp.Focus(chromedp.CSS(field)))
		b.enter()
		b.sees("section[aria-labelledby=h-preview]", "inbound_webhooks/ping/health")
		require.Empty(t, b.text("section[aria-labelledby=h-run]"), field)
	}
}

// The line below the JSON says nothing that it does not know.
func TestTheLiveLineWithoutAConnection(t *testing.T) {
	b := openBrowser(t)
	b.open("/webhook?name=Conversions")
	b.sees("#live", "The configuration is valid.")
	evaluated[chromedp.Void](b, `window.fetch = () => Promise.reject(new TypeError("offline")); ({})`)
	b.do(chromedp.SendKeys(chromedp.CSS("#json"), "x"))
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool](`document.querySelector("#live").textContent.includes("could not be checked")`))
	require.NoError(t, err)
}

func TestTheTimelineIsAPictureAndATable(t *testing.T) {
	b := openBrowser(t)
	b.open("/auctions")
	b.sees("tbody", "lead-1001")
	require.NoError(t, b.loaded(chromedp.Click(`//a[text()="lead-1001"]`)))
	b.sees("h1", "lead-1001")
	b.sees("section[aria-labelledby=h-bids] thead", "Rank Bid Buyer Source Post")
	b.sees("section[aria-labelledby=h-bids] tbody", "sold") // to whom depends on how busy the machine is
	b.sees("section[aria-labelledby=h-table]", "post to")
	require.Equal(t, 9, evaluated[int](b, `document.querySelectorAll("svg rect[class^=bar-]").length`), "eight pings and a post")
	require.Positive(t, evaluated[float64](b, `document.querySelector("use").getBBox().width`), "the grid is drawn in each lane")
}

func TestTheNumbersAreThoseOfTheAuctions(t *testing.T) {
	b := openBrowser(t)
	b.open("/numbers")
	b.sees(".totals", "Auctions 3 finished")
	b.sees(".totals", "Unknown 1 settle them")
	b.sees("section[aria-labelledby=h-sources]", "solar")
	require.Positive(t, evaluated[int](b, `document.querySelectorAll("svg.chart rect").length`))
}

func TestWhatIsStuckIsSettled(t *testing.T) {
	b := openBrowser(t)
	b.open("/sales")
	require.NoError(t, b.loaded(chromedp.Click(`//a[text()="lead-2002"]`)))
	b.do(chromedp.Click(`//summary[text()="Settle: ask TrackDrive"]`), chromedp.SendKeys(chromedp.CSS("#note-settle"), "looked in the morning"))
	b.submit("button[value=settle]")
	b.sees("[role=status]", "Done. The lead is now sold.")

	b.open("/outbox?state=parked")
	require.NoError(t, b.loaded(chromedp.Click(`//a[text()="sale-4713"]`)))
	b.do(chromedp.Click(`//summary[text()="Retry"]`), chromedp.SendKeys(chromedp.CSS("#note-retry"), "the permission is there now"))
	b.submit("button[value=retry]")
	b.sees("[role=status]", "Done. The item is now waiting.")
}

// TestByKeyboardAlone mends, previews, runs and converts, looks at a timeline, and settles,
// without a mouse.
func TestByKeyboardAlone(t *testing.T) {
	b := openBrowser(t)
	b.open("/webhook?name=Broken")
	b.tabTo("button[value=check]")
	b.enter()
	b.sees("#line-4 .mistake", "4:3 metod is unknown")
	b.tabTo("ol.code") // the mistakes can be scrolled
	b.typeJSON("20.00")
	b.tabTo("button[value=check]")
	b.enter()
	b.sees(".notice", "The configuration is valid.")
	b.tabTo(`input[name="value:caller_id"]`)
	b.do(chromedp.KeyEvent("+15555550142"))
	b.enter() // in a field: it previews
	b.sees("section[aria-labelledby=h-preview] mark", "+15555550142")
	b.tabTo("button[value=run]")
	b.enter()
	b.sees("section[aria-labelledby=h-run] .verdict", "accepted")
	b.typeJSON("99.00")
	b.tabTo("button[value=run]")
	b.enter()
	b.sees("section[aria-labelledby=h-run] .verdict", "rejected")
	b.sees("section[aria-labelledby=h-run] .tree", "got 25.50")
	b.tabTo("#dialect")
	b.do(chromedp.KeyEvent("ringba"))
	b.tabTo("button[value=convert]")
	b.enter()
	b.tabTo("#converted")
	b.sees("#converted", "[caller_id]")

	b.open("/auctions")
	b.tabTo(`a[href="auction?id=1"]`)
	b.enter()
	b.sees("h1", "lead-1001")
	b.tabTo(".scroll")
	b.sees(".scroll", "Rank Bid Buyer Source Post")

	b.open("/sale?id=lead-2002")
	b.act("settle", "Done. The lead is now sold.")
	b.open("/item?id=sale-4713")
	b.act("retry", "Done. The item is now waiting.")
}

// typeJSON replaces the configuration, by the keyboard.
func (b *browser) typeJSON(least string) {
	b.t.Helper()
	b.tabTo("#json")
	b.do(chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl))) // Ctrl+A: all of it is replaced
	b.do(chromedp.KeyEvent(`{"url": "https://acme.trackdrive.com/api/v1/inbound_webhooks/ping/health", "body": "{\"caller_id\": \"[caller_id]\"}", "repeat": "safe",` +
		` "acceptance": {"criteria": [{"field": "buyers.0.bid_price", "condition": "Greater Than", "value": "` + least + `"}]}}`))
}

// act opens an action, writes its note and presses its button, by the keyboard.
func (b *browser) act(do, want string) {
	b.t.Helper()
	b.tabTo("details.do summary")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.tabTo("#note-" + do)
	b.do(chromedp.KeyEvent("looked it up"))
	b.tabTo("button[value=" + do + "]")
	b.enter()
	b.sees("[role=status]", want)
}

// tabTo presses Tab until an element has the focus, and returns how often.
func (b *browser) tabTo(selector string) int {
	b.t.Helper()
	const most = 60
	for presses := range most {
		b.do(chromedp.KeyEvent(kb.Tab))
		if evaluated[bool](b, fmt.Sprintf("document.activeElement.matches(%s)", quoted(selector))) {
			return presses + 1
		}
	}
	b.t.Fatalf("the keyboard does not reach %s", selector)
	return most
}

// enter presses Enter on a button, and waits for the next page.
func (b *browser) enter() {
	b.t.Helper()
	require.NoError(b.t, b.loaded(chromedp.KeyEvent(kb.Enter)))
}

// everyPage has a path for each kind of page, in an interesting state.
var everyPage = []struct{ name, path string }{
	{"home", "/"}, {"webhook", "/webhook"}, {"stored", "/webhook?name=Bids+for+health"}, {"broken", "/webhook?name=Broken"}, {"auctions", "/auctions"}, {"auction", "/auction?id=1"},
	{"outbox", "/outbox"}, {"item", "/item?id=sale-4712"}, {"sales", "/sales"}, {"sale", "/sale?id=lead-2002"}, {"numbers", "/numbers"}, {"missing", "/sale?id=missing"},
}

// everyAnswer leads to the pages that answer a form.
var everyAnswer = []struct {
	name, path string
	press      func(*browser)
}{
	{"ask", "/webhook?name=Bids+for+health", func(b *browser) { b.fillAndSubmit("run") }},
	{"run", "/webhook?name=Bids+for+health", func(b *browser) {
		b.fillAndSubmit("run")
		b.submit("button[value=confirm]")
	}},
	{"preview", "/webhook?name=Bids+for+health", func(b *browser) { b.fillAndSubmit("preview") }},
	{"value-missing", "/webhook?name=Bids+for+health", func(b *browser) { b.submit("button[value=preview]") }},
	{"mistakes", "/webhook?name=Broken", func(b *browser) { b.submit("button[value=check]") }},
	{"judge", "/webhook?name=Bids+for+health", func(b *browser) {
		b.set("#sample", `{"success": true, "buyers": [{"bid_price": 12}]}`)
		b.submit("button[value=explain]")
	}},
	{"convert", "/webhook?name=Bids+for+health", func(b *browser) { b.submit("button[value=convert]") }},
	{"failed-run", "/webhook?name=Conversions", func(b *browser) {
		b.set(`input[name="value:call_uuid"]`, "missing")
		b.set(`input[name="value:payout"]`, "25.50")
		b.submit("button[value=run]")
	}},
	{"open-action", "/sale?id=lead-2002", func(b *browser) { b.do(chromedp.Click(`//summary[text()="Resolve: it is not sold"]`)) }},
	{"open-resume", "/outbox", func(b *browser) { b.do(chromedp.Click(`//summary[text()="Resume"]`)) }},
}

// fillAndSubmit gives the stored webhook its value, and presses a button.
func (b *browser) fillAndSubmit(button string) {
	b.t.Helper()
	b.set(`input[name="value:tag:CallerId"]`, "+15555550142")
	b.submit("button[value=" + button + "]")
}

// TestAxeFindsNothing looks at every page in light and dark, on a phone and on a desk.
func TestAxeFindsNothing(t *testing.T) {
	axe, err := os.ReadFile(*axeFile)
	require.NoError(t, err)
	for _, width := range []int64{360, 1440} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(fmt.Sprintf("%d %s", width, scheme), func(t *testing.T) {
				b := openBrowser(t)
				b.do(chromedp.EmulateViewport(width, 900))
				_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
				require.NoError(t, err)
				for _, p := range everyPage {
					b.open(p.path)
					b.check(string(axe), fmt.Sprintf("%s-%d-%s", p.name, width, scheme))
				}
				for _, p := range everyAnswer {
					b.open(p.path)
					p.press(b)
					b.check(string(axe), fmt.Sprintf("%s-%d-%s", p.name, width, scheme))
				}
			})
		}
	}
}

// TestRunIsNearTheTop wants no long way to the button for which people come.
func TestRunIsNearTheTop(t *testing.T) {
	b := openBrowser(t)
	b.do(chromedp.EmulateViewport(360, 800))
	b.open("/webhook?name=Bids+for+health")
	require.Less(t, evaluated[float64](b, `document.querySelector("button[value=run]").getBoundingClientRect().bottom`), 800.0, "it is on the first screen of a phone")
	presses := b.tabTo("button[value=run]")
	require.LessOrEqual(t, presses, 14)
}

// check lets axe look at the page, and takes a picture.
func (b *browser) check(axe, name string) {
	b.t.Helper()
	evaluated[chromedp.Void](b, axe+";({})")
	type violation struct {
		ID     string
		Impact string
		Nodes  []struct{ HTML string }
	}
	for _, v := range evaluated[[]violation](b, `axe.run().then(r => r.violations.map(v => ({ID: v.id, Impact: v.impact, Nodes: v.nodes.map(n => ({HTML: n.html}))})))`) {
		b.t.Errorf("%s: %s (%s): %v", name, v.ID, v.Impact, v.Nodes[0].HTML)
	}
	if evaluated[bool](b, `document.documentElement.scrollWidth > document.documentElement.clientWidth`) {
		b.t.Errorf("%s: the page scrolls to the side", name)
	}
	if *screenshots == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, errors.Join(os.MkdirAll(*screenshots, 0o755), os.WriteFile(filepath.Join(*screenshots, name+".png"), picture, 0o644)))
}
