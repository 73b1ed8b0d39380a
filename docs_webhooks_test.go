package trackdrive_test

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive"
)

func webhooksPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("docs/webhooks.md")
	require.NoError(t, err)
	return string(page)
}

// blocksOf returns the blocks of code in a page that begin with these words.
func blocksOf(page, info string) []string {
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+info+"\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// rowsOf returns the cells of the table with this header, without their backquotes.
func rowsOf(t *testing.T, page, header string) [][]string {
	t.Helper()
	_, table, found := strings.Cut(page, "\n"+header+"\n")
	require.True(t, found, header)
	var rows [][]string
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(cells[i], " "), " "), "`"), "`")
		}
		rows = append(rows, cells)
	}
	return rows
}

func TestTheWebhooksPageHasValidConfigurations(t *testing.T) {
	t.Parallel()
	page := webhooksPage(t)
	blocks := blocksOf(page, "json webhook")
	require.Len(t, blocks, 2)
	for _, block := range blocks {
		var cfg trackdrive.WebhookConfig
		require.NoError(t, cfg.UnmarshalJSON([]byte(block)))
		_, err := trackdrive.NewWebhook(cfg)
		require.NoError(t, err)
	}
	for _, block := range blocksOf(page, "json criteria") {
		_, err := trackdrive.ParseCriteria([]byte(block))
		require.NoError(t, err)
	}
}

func TestTheWebhooksPageHasEveryKey(t *testing.T) {
	t.Parallel()
	page := webhooksPage(t)
	keys := rowsOf(t, page, "| key | JSON | default | meaning |")
	require.Len(t, keys, reflect.TypeFor[trackdrive.WebhookConfig]().NumField())
	for _, row := range keys {
		err := new(trackdrive.WebhookConfig).UnmarshalJSON([]byte(`{"` + row[0] + `": null}`))
		if err != nil {
			require.NotContains(t, err.Error(), "is not a key")
		}
	}
	rules := rowsOf(t, page, "| key | meaning |")
	require.Len(t, rules, reflect.TypeFor[trackdrive.TokenRule]().NumField())
	for i, row := range rules {
		tags := make([]string, 0, len(rules))
		for f := range reflect.TypeFor[trackdrive.TokenRule]().Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			tags = append(tags, name)
		}
		require.Contains(t, tags, row[0], i)
	}
}

func TestTheWebhooksPageHasEveryDialect(t *testing.T) {
	t.Parallel()
	rows := rowsOf(t, webhooksPage(t), "| dialect | a token | its name |")
	require.Len(t, rows, 7)
	for _, row := range rows {
		var d trackdrive.Dialect
		require.NoError(t, d.UnmarshalText([]byte(row[0])))
		parsed, err := trackdrive.ParseTemplate(trackdrive.FormatText, row[1], trackdrive.InDialect(d))
		require.NoError(t, err)
		require.Equal(t, []string{row[2]}, parsed.Tokens(), row[0])
	}
}

func TestTheWebhooksPageShowsWhatFormsWrite(t *testing.T) {
	t.Parallel()
	rows := rowsOf(t, webhooksPage(t), "| form | a value | is written |")
	require.Len(t, rows, 10)
	for _, row := range rows {
		w, err := trackdrive.NewWebhook(trackdrive.WebhookConfig{
			URL: "https://api.example.com/", Body: "v=[v]", ContentType: "application/x-www-form-urlencoded",
			Tokens: map[string]trackdrive.TokenRule{"v": {As: trackdrive.TokenForm(row[0])}},
		})
		require.NoError(t, err)
		request, err := w.Preview(trackdrive.Values{"v": row[1]})
		require.NoError(t, err, row[0])
		values := strings.TrimPrefix(request.Body, "v=")
		values = strings.NewReplacer("%2B", "+", "%40", "@", "%3A", ":").Replace(values)
		require.Equal(t, row[2], values, row[0])
	}
}

func TestTheWebhooksPageShowsEveryCondition(t *testing.T) {
	t.Parallel()
	rows := rowsOf(t, webhooksPage(t), "| condition | identifier | value | example | accepts | rejects |")
	require.Len(t, rows, reflect.TypeFor[trackdrive.FieldRef]().NumMethod())
	for _, row := range rows {
		label, identifier, example, accepted, rejected := row[0], row[1], row[3], row[4], row[5]
		require.Contains(t, example, `"condition":"`+label+`"`)
		for _, spelled := range []string{label, identifier, strings.ToUpper(label)} {
			rule := strings.Replace(example, `"`+label+`"`, `"`+spelled+`"`, 1)
			criteria, err := trackdrive.ParseCriteria([]byte(`{"criteria":[` + rule + `]}`))
			require.NoError(t, err, rule)
			require.Equal(t, trackdrive.VerdictAccepted, criteria.Evaluate([]byte(accepted)), "%s on %s", rule, accepted)
			require.Equal(t, trackdrive.VerdictRejected, criteria.Evaluate([]byte(rejected)), "%s on %s", rule, rejected)
		}
	}
}

func TestTheWebhooksPageShowsWhatPresetsSend(t *testing.T) {
	t.Parallel()
	values := trackdrive.Values{
		"tag:CallerId": "+15555550142", "tag:InboundNumber:Number": "+15555550142", "Call:InboundCallID": "RGB7A",
		"trackdrive_subdomain": "acme", "trackdrive_call_uuid": "4f6ab8c2", "Call:ConversionPayout": "25.50",
		"ringba_webhook_token": "made-up-hook", "ringba_call_uuid": "RGB7A", "revenue": "25.50",
	}
	var shown []string
	for _, cfg := range []trackdrive.WebhookConfig{
		trackdrive.CallGridBid("acme", "health", "11", "+15555550120"),
		trackdrive.RingbaPixel("acme", "made-up-lead-token", "11"),
		trackdrive.CallPostback(),
		trackdrive.CallPostbackURL(),
		trackdrive.RingbaConversion(),
	} {
		w, err := trackdrive.NewWebhook(cfg)
		require.NoError(t, err)
		r, err := w.Preview(values)
		require.NoError(t, err)
		shown = append(shown, strings.TrimSpace(r.Method+" "+r.URL+"\n"+r.Body)+"\n")
	}
	require.Equal(t, shown, blocksOf(webhooksPage(t), "http"))
}

func TestTheWebhooksPageShowsDecisionsAndWeaknesses(t *testing.T) {
	t.Parallel()
	texts := blocksOf(webhooksPage(t), "text")
	criteria := trackdrive.All(trackdrive.Field("buyers.0.offer_conversion_payout").GreaterThan("20.00"))
	require.Equal(t, texts[0], criteria.Explain([]byte(`{"buyers":[{"offer_conversion_payout":"15.00"}]}`)).String()+"\n")
	weak := trackdrive.All(trackdrive.Field("error").IsEmpty())
	require.Equal(t, texts[1], strings.Join(weak.Weaknesses([]byte(`{"success":true,"error":""}`)), "\n")+"\n")
}

func TestTheWebhooksPageHasValidTriggers(t *testing.T) {
	t.Parallel()
	page := webhooksPage(t)
	blocks := blocksOf(page, "json trigger")
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		_, err := trackdrive.ParseTrigger([]byte(block))
		require.NoError(t, err, block)
	}
	trigger, err := trackdrive.ParseTrigger([]byte(blocks[0]))
	require.NoError(t, err)
	d := trigger.Match("connected", trackdrive.Values{"connection - target - id": "TA7", "tag:Call:Length": "30"})
	require.Contains(t, blocksOf(page, "text"), d.String()+"\n")

	keys := rowsOf(t, page, "| trigger key | JSON | default | meaning |")
	require.Len(t, keys, reflect.TypeFor[trackdrive.TriggerConfig]().NumField())
	for _, row := range keys {
		require.NoError(t, new(trackdrive.TriggerConfig).UnmarshalJSON([]byte(`{"`+row[0]+`": null}`)))
	}
}

func TestTheWebhooksPageShowsWhatPresetsOfTriggersSend(t *testing.T) {
	t.Parallel()
	values := trackdrive.Values{
		"ringba_webhook_token": "made-up-hook", "ringba_call_uuid": "RGB7A", "revenue": "25.50",
		"retreaver_call_uuid": "ret-1", "retreaver_call_key": "made-up-key",
	}
	var shown []string
	for _, cfg := range []trackdrive.TriggerConfig{trackdrive.RingbaPostbackTrigger(), trackdrive.RetreaverPostbackTrigger()} {
		for _, hook := range cfg.Webhooks {
			w, err := trackdrive.NewWebhook(hook)
			require.NoError(t, err)
			r, err := w.Preview(values)
			require.NoError(t, err)
			shown = append(shown, r.Method+" "+r.URL+"\n")
		}
	}
	require.Equal(t, shown, blocksOf(webhooksPage(t), "http trigger"))
}

// TestTheWebhooksPagesCodeCompiles looks for each line of the page's Go code in
// the functions below.
func TestTheWebhooksPagesCodeCompiles(t *testing.T) {
	t.Parallel()
	requireCompiled(t, webhooksPage(t), "docs_webhooks_test.go", "docs_mistakes_test.go")
}

// requireCompiled looks for each line of a page's Go code in files.
func requireCompiled(t *testing.T, page string, files ...string) {
	t.Helper()
	var compiled []string
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(source)) {
			compiled = append(compiled, strings.TrimSpace(line))
		}
	}
	for _, block := range blocksOf(page, "go") {
		for line := range strings.Lines(block) {
			if line = strings.TrimSpace(line); line != "" {
				require.True(t, slices.Contains(compiled, line), "not compiled: %s", line)
			}
		}
	}
}

var _ = []any{pageWebhook, pageWeaknesses, pageTrigger}

func pageWebhook(client *trackdrive.Client, stored []byte) error {
	webhook, err := trackdrive.ParseWebhook(stored)
	if err != nil {
		return err // every mistake, each with its line and column
	}
	request, err := webhook.Preview(trackdrive.Values{"tag:CallerId": "+15555550142"}) // sends nothing
	fmt.Println(request, err)
	result, err := client.RunWebhook(ctx, webhook, trackdrive.Values{"tag:CallerId": "+15555550142"})
	fmt.Println(result.Accepted, result.Decision)
	return err
}

func pageWeaknesses() {
	criteria := trackdrive.All(trackdrive.Field("error").IsEmpty())
	for _, weakness := range criteria.Weaknesses([]byte(`{"success":true,"error":""}`)) {
		fmt.Println(weakness)
	}
}

func pageTrigger(client *trackdrive.Client, stored []byte, values trackdrive.Values) error {
	trigger, err := trackdrive.ParseTrigger(stored)
	if err != nil {
		return err // every mistake, each with its place: "webhooks[0].body 3:14"
	}
	fmt.Println(trigger.Match("connected", values)) // sends nothing
	results, err := client.Fire(ctx, trigger, "finalized", values)
	for _, result := range results {
		fmt.Println(result.Accepted, result.Decision)
	}
	return err
}
