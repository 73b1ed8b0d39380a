package main

import (
	"encoding/json"
	"fmt"

	"github.com/expr-lang/expr"
	"github.com/tidwall/gjson"

	"github.com/trackdrive-go/trackdrive"
)

// compareEvaluations asks for the payout of the first and of the last buyer.
func compareEvaluations(b *benchRun) {
	for _, buyers := range []int{2, 20, 200} {
		b.contest(fmt.Sprintf("Evaluate, %d buyers, first", buyers), evaluationEntries(buyers, 0))
		b.contest(fmt.Sprintf("Evaluate, %d buyers, last", buyers), evaluationEntries(buyers, buyers-1))
	}
}

func evaluationEntries(buyers, index int) []contestEntry {
	body := pingReply(buyers)
	path := fmt.Sprintf("buyers.%d.offer_conversion_payout", index)
	criteria := trackdrive.All(trackdrive.Field(path).GreaterThan("20.00"))
	must(criteria.Err())
	program, err := expr.Compile(fmt.Sprintf(`float(buyers[%d].offer_conversion_payout) > 20.0`, index))
	must(err)
	return []contestEntry{
		acceptingEntry("trackdrive", criteria, body),
		{peerGJSON, func(times int) {
			for range times {
				if !gjson.ValidBytes(body) || gjson.GetBytes(body, path).Float() <= 20 {
					panic("verdict")
				}
			}
		}},
		{peerExpr, func(times int) {
			for range times {
				var decoded map[string]any
				must(json.Unmarshal(body, &decoded))
				accepted, err := expr.Run(program, decoded)
				must(err)
				if accepted != true {
					panic("verdict")
				}
			}
		}},
	}
}

func acceptingEntry(name string, criteria *trackdrive.Criteria, body []byte) contestEntry {
	return contestEntry{name, func(times int) {
		for range times {
			if criteria.Evaluate(body) != trackdrive.VerdictAccepted {
				panic("verdict")
			}
		}
	}}
}

// growCriteria shows how criteria with * grow with the rules and with the
// elements that these look at.
func growCriteria(b *benchRun) {
	type shape struct{ rules, elements int }
	var shapes []shape
	var entries []contestEntry
	for _, elements := range []int{10, 100, 1000} {
		for _, rules := range []int{1, 10, 100} {
			shapes = append(shapes, shape{rules, elements})
			entries = append(entries, acceptingEntry("trackdrive", starCriteria(rules, elements), pingReply(elements)))
		}
	}
	results := b.compete(entries)
	for i, s := range shapes[1:] {
		b.table.addTimes(fmt.Sprintf("Evaluate with *, rules × elements: %d × %d", s.rules, s.elements), "1 × 10", results[i+1], results[0])
	}
}

// starCriteria has rules that differ, and that only the last element fulfils.
func starCriteria(rules, elements int) *trackdrive.Criteria {
	list := make([]trackdrive.Rule, rules)
	last := pingReplyBuyer(elements - 1)
	for i := range list {
		if i%2 == 0 {
			list[i] = trackdrive.Field("buyers.*.id").GreaterThan(fmt.Sprintf("%d.%03d", last.id-1, i))
		} else {
			list[i] = trackdrive.Field("buyers.*.ping_id").In(last.pingID, fmt.Sprintf("unused-%d", i))
		}
	}
	criteria := trackdrive.All(list...)
	must(criteria.Err())
	return criteria
}
