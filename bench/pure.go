package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/shopspring/decimal"
	"github.com/tidwall/gjson"
	"github.com/valyala/fasttemplate"

	"github.com/trackdrive-go/trackdrive"
)

// check stops the program: a contestant that fails measures nothing.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

func amounts() []contest {
	const a, b = "25.50", "1024.125"
	return []contest{{"ParseAmount and Cmp", "shopspring ≤0.25", []contestant{
		{"trackdrive", func(n int) {
			for range n {
				x, err := trackdrive.ParseAmount(a)
				check(err)
				y, err := trackdrive.ParseAmount(b)
				check(err)
				if x.Cmp(y) >= 0 {
					panic("order")
				}
			}
		}},
		{"shopspring/decimal", func(n int) {
			for range n {
				x, err := decimal.NewFromString(a)
				check(err)
				y, err := decimal.NewFromString(b)
				check(err)
				if x.Cmp(y) >= 0 {
					panic("order")
				}
			}
		}},
	}}}
}

// pingReply is a reply to a ping with so many buyers.
func pingReply(buyers int) []byte {
	var b strings.Builder
	b.WriteString(`{"success":true,"status":"accepted","try_all_buyers_ping_id":"ta-6f1c0d2e","ping_ids_expiry_in_seconds":120,"buyers":[`)
	for i := range buyers {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"ping_id":"bp-%04d","name":"Buyer %d","offer_conversion_payout":"32.50","current_conversion_duration":90,"concurrency_cap_limit":5,"concurrency_cap_available":3,"offer_conversion_duplicate_timeframe":"30 days"}`, 100+i, i, i)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

func evaluations() []contest {
	var list []contest
	for _, buyers := range []int{2, 20, 200} {
		for which, index := range map[string]int{"first": 0, "last": buyers - 1} {
			body := pingReply(buyers)
			path := fmt.Sprintf("buyers.%d.offer_conversion_payout", index)
			criteria := trackdrive.All(trackdrive.Field(path).GreaterThan("20.00"))
			check(criteria.Err())
			program, err := expr.Compile(fmt.Sprintf(`float(buyers[%d].offer_conversion_payout) > 20.0`, index))
			check(err)
			list = append(list, contest{fmt.Sprintf("Evaluate, %d buyers, %s", buyers, which), "gjson ≤0.90", []contestant{
				{"trackdrive", func(n int) {
					for range n {
						if criteria.Evaluate(body) != trackdrive.VerdictAccepted {
							panic("verdict")
						}
					}
				}},
				{"gjson with Valid", func(n int) {
					for range n {
						if !gjson.ValidBytes(body) || gjson.GetBytes(body, path).Float() <= 20 {
							panic("verdict")
						}
					}
				}},
				{"expr on a decoded map (goal ≤0.10)", func(n int) {
					for range n {
						var reply map[string]any
						check(json.Unmarshal(body, &reply))
						accepted, err := expr.Run(program, reply)
						check(err)
						if accepted != true {
							panic("verdict")
						}
					}
				}},
			}})
		}
	}
	return list
}

func expansions() []contest {
	var list []contest
	for _, tokens := range []int{3, 10, 50} {
		list = append(list, expansion(trackdrive.FormatJSON, tokens), expansion(trackdrive.FormatURL, tokens))
	}
	return list
}

func expansion(format trackdrive.Format, tokens int) contest {
	values := make(map[string]string)
	anys := make(map[string]any)
	var pairs, members []string
	for i := range tokens {
		name := fmt.Sprintf("field_%d", i)
		values[name] = []string{"+15555550142", "Pat", "90210", "https://example.com/a?b=c", "2026-01-15 10:30:00"}[i%5]
		anys[name] = values[name]
		pairs = append(pairs, "["+name+"]", values[name])
		if format == trackdrive.FormatJSON {
			members = append(members, fmt.Sprintf(`"%s":"[%s]"`, name, name))
		} else {
			members = append(members, fmt.Sprintf("%s=[%s]", name, name))
		}
	}
	text, path, goal := "{"+strings.Join(members, ",")+"}", "AppendExpand, JSON", "fasttemplate ≤1.10"
	if format == trackdrive.FormatURL {
		text, path, goal = "https://acme.trackdrive.com/api/v1/leads?"+strings.Join(members, "&"), "AppendExpand, URL", "fasttemplate ≤2.00"
	}
	template, err := trackdrive.ParseTemplate(format, text)
	check(err)
	fast := fasttemplate.New(text, "[", "]")
	replacer := strings.NewReplacer(pairs...)
	lookup := func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	return contest{fmt.Sprintf("%s, %d tokens", path, tokens), goal, []contestant{
		{"trackdrive", func(n int) {
			dst := make([]byte, 0, 16<<10)
			for range n {
				_, err := template.AppendExpand(dst, lookup)
				check(err)
			}
		}},
		{"fasttemplate, unescaped", func(n int) {
			w := &fixedBuffer{make([]byte, 0, 16<<10)}
			for range n {
				w.b = w.b[:0]
				_, err := fast.ExecuteFunc(w, func(w io.Writer, name string) (int, error) {
					return io.WriteString(w, values[name])
				})
				check(err)
			}
		}},
		{"strings.NewReplacer, unescaped", func(n int) {
			w := &fixedBuffer{make([]byte, 0, 16<<10)}
			for range n {
				w.b = w.b[:0]
				_, err := replacer.WriteString(w, text)
				check(err)
			}
		}},
	}}
}

type fixedBuffer struct{ b []byte }

func (w *fixedBuffer) Write(p []byte) (int, error)       { w.b = append(w.b, p...); return len(p), nil }
func (w *fixedBuffer) WriteString(s string) (int, error) { w.b = append(w.b, s...); return len(s), nil }
