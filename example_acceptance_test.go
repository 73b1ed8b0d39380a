package trackdrive_test

import (
	"encoding/json"
	"fmt"

	"github.com/trackdrive-go/trackdrive"
)

// bid is a reply to a ping, for the examples.
var bid = []byte(`{"success":true,"status":"accepted","buyers":[{"buyer_id":"buyer-a","offer_conversion_payout":25.50,"tier":null},{"buyer_id":"buyer-b"}],"note":""}`)

func ExampleAll() {
	criteria := trackdrive.All(
		trackdrive.Field("buyers.0.offer_conversion_payout").GreaterThan("20.00"),
		trackdrive.Field("buyers.0.buyer_id").NotEquals(nil),
	)
	fmt.Println(criteria.Evaluate(bid), criteria.Evaluate([]byte(`{"buyers":[]}`)), criteria.Evaluate([]byte(`<html>`)))
	// Output:
	// accepted rejected undetermined
}

func ExampleAny() {
	criteria := trackdrive.Any(trackdrive.Field("status").Equals("accepted"), trackdrive.Field("status").Equals("success"))
	fmt.Println(criteria.Evaluate(bid))
	// Output:
	// accepted
}

func ExampleNot() {
	criteria := trackdrive.All(trackdrive.Not(trackdrive.Field("buyers.0.tier").Equals("3")))
	fmt.Println(criteria.Evaluate(bid)) // null is not "not equal" to a value
	// Output:
	// rejected
}

func ExampleMustCriteria() {
	criteria := trackdrive.MustCriteria(trackdrive.Field("buyers.0.offer_conversion_payout").AtLeast("25.50"))
	fmt.Println(criteria.Evaluate(bid))
	// Output:
	// accepted
}

func ExampleParseCriteria() {
	criteria, err := trackdrive.ParseCriteria([]byte(`{"match":"all","criteria":[{"field":"buyers.0.offer_conversion_payout","condition":"Greater Than","value":"20.00"}]}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(criteria.Evaluate(bid))
	_, err = trackdrive.ParseCriteria([]byte(`{"match":"some","criteria":[{"field":"a..b","condition":"Bigger"}]}`))
	fmt.Println(err)
	// Output:
	// accepted
	// trackdrive: invalid argument: match: must be "all", "any" or "none"; criteria[0].condition: is unknown; criteria[0].field: empty name at position 3
}

func ExampleCriteria_Evaluate() {
	criteria := trackdrive.All(trackdrive.Field("buyers.0.offer_conversion_payout").GreaterThan(0))
	if criteria.Evaluate(bid) == trackdrive.VerdictAccepted {
		fmt.Println("take the call")
	}
	// Output:
	// take the call
}

func ExampleCriteria_Explain() {
	criteria := trackdrive.All(
		trackdrive.Field("buyers.0.offer_conversion_payout").GreaterThan("30.00"),
		trackdrive.Field("buyers.1.offer_conversion_payout").GreaterThan("30.00"),
	)
	fmt.Println(criteria.Explain(bid))
	// Output:
	// rejected: buyers.0.offer_conversion_payout greater than 30.00: got 25.50
	// rejected: buyers.1.offer_conversion_payout greater than 30.00: got nothing
}

func ExampleDecision_String() {
	decision := trackdrive.All(trackdrive.Field("status").Equals("success")).Explain(bid)
	fmt.Println(decision.String())

	// With groups, the first line is the verdict.
	decision = trackdrive.All(
		trackdrive.Field("status").Equals("accepted"),
		trackdrive.Any(
			trackdrive.Field("buyers.0.offer_conversion_payout").AtLeast("30.00"),
			trackdrive.Field("buyers.0.buyer_id").Equals("buyer-a"),
		),
	).Explain(bid)
	fmt.Println(decision.String())
	// Output:
	// rejected: status equals success: got "accepted"
	// accepted
	// holds: status equals accepted: got "accepted"
	// holds: any of
	//   does not hold: buyers.0.offer_conversion_payout greater than or equal 30.00: got 25.50
	//   holds: buyers.0.buyer_id equals buyer-a: got "buyer-a"
}

func ExampleCriteria_AcceptsBuyer() {
	ping, err := trackdrive.ParsePingResponse(bid)
	if err != nil {
		panic(err)
	}
	enough := trackdrive.All(trackdrive.Field("offer_conversion_payout").AtLeast("20.00"))
	best, ok := ping.Best(enough.AcceptsBuyer)
	fmt.Println(best.ID, ok)
	// Output:
	// buyer-a true
}

func ExampleCriteria_Err() {
	criteria := trackdrive.All(trackdrive.Field("a..b").GreaterThan("lots"))
	fmt.Println(criteria.Err())
	fmt.Println(criteria.Evaluate(bid))
	// Output:
	// trackdrive: invalid argument: criteria[0].field: empty name at position 3; criteria[0].value: is not a number
	// undetermined
}

func ExampleCriteria_MarshalJSON() {
	data, err := json.Marshal(trackdrive.All(trackdrive.Field("status").In("success", "accepted")))
	fmt.Println(string(data), err)
	// Output:
	// {"match":"all","criteria":[{"field":"status","condition":"In","value":["success","accepted"]}]} <nil>
}

func ExampleCriteria_UnmarshalJSON() {
	var settings struct {
		Acceptance trackdrive.Criteria `json:"acceptance"`
	}
	err := json.Unmarshal([]byte(`{"acceptance":{"criteria":[{"field":"buyers","condition":"not_empty"}]}}`), &settings)
	fmt.Println(settings.Acceptance.Evaluate(bid), err)
	// Output:
	// accepted <nil>
}

func ExampleCriteria_Weaknesses() {
	criteria := trackdrive.All(trackdrive.Field("buyers").Exists())
	for _, weakness := range criteria.Weaknesses(bid) {
		fmt.Println(weakness)
	}
	// Output:
	// accepts when buyers is null
	// accepts when buyers is empty
	// accepts when buyers is text
	// accepts when buyers is a boolean
	// accepts when buyers is an object
}

// judged prints the decision of a single condition on the reply.
func judged(c trackdrive.Condition) { fmt.Println(trackdrive.All(c).Explain(bid)) }

func ExampleField() {
	judged(trackdrive.Field("buyers.*.buyer_id").Equals("buyer-b")) // any element
	judged(trackdrive.Field("buyers.#").AtLeast(2))                 // the number of elements
	// Output:
	// accepted: buyers.*.buyer_id equals buyer-b: got "buyer-b"
	// accepted: buyers.# greater than or equal 2: got 2
}

func ExampleFieldRef_GreaterThan() {
	judged(trackdrive.Field("buyers.0.offer_conversion_payout").GreaterThan("25.50"))
	// Output:
	// rejected: buyers.0.offer_conversion_payout greater than 25.50: got 25.50
}

func ExampleFieldRef_AtLeast() {
	judged(trackdrive.Field("buyers.0.offer_conversion_payout").AtLeast("25.5"))
	// Output:
	// accepted: buyers.0.offer_conversion_payout greater than or equal 25.5: got 25.50
}

func ExampleFieldRef_LessThan() {
	judged(trackdrive.Field("buyers.0.offer_conversion_payout").LessThan(100))
	// Output:
	// accepted: buyers.0.offer_conversion_payout less than 100: got 25.50
}

func ExampleFieldRef_AtMost() {
	judged(trackdrive.Field("buyers.0.offer_conversion_payout").AtMost(25))
	// Output:
	// rejected: buyers.0.offer_conversion_payout less than or equal 25: got 25.50
}

func ExampleFieldRef_Between() {
	judged(trackdrive.Field("buyers.0.offer_conversion_payout").Between(20, "25.50"))
	// Output:
	// accepted: buyers.0.offer_conversion_payout between [20,"25.50"]: got 25.50
}

func ExampleFieldRef_Equals() {
	judged(trackdrive.Field("buyers.0.offer_conversion_payout").Equals("25.500"))
	// Output:
	// accepted: buyers.0.offer_conversion_payout equals 25.500: got 25.50
}

func ExampleFieldRef_NotEquals() {
	judged(trackdrive.Field("buyers.0.buyer_id").NotEquals(nil))
	judged(trackdrive.Field("buyers.7.buyer_id").NotEquals("buyer-a")) // a missing value is not "not equal" to a value
	// Output:
	// accepted: buyers.0.buyer_id not equals null: got "buyer-a"
	// rejected: buyers.7.buyer_id not equals buyer-a: got nothing
}

func ExampleFieldRef_In() {
	judged(trackdrive.Field("status").In("success", "accepted"))
	// Output:
	// accepted: status in ["success","accepted"]: got "accepted"
}

func ExampleFieldRef_NotIn() {
	judged(trackdrive.Field("status").NotIn("rejected", "pending"))
	// Output:
	// accepted: status not in ["rejected","pending"]: got "accepted"
}

func ExampleFieldRef_Contains() {
	judged(trackdrive.Field("status").Contains("accept"))
	// Output:
	// accepted: status contains accept: got "accepted"
}

func ExampleFieldRef_NotContains() {
	judged(trackdrive.Field("status").NotContains("suppressed"))
	// Output:
	// accepted: status not contains suppressed: got "accepted"
}

func ExampleFieldRef_StartsWith() {
	judged(trackdrive.Field("buyers.0.buyer_id").StartsWith("buyer-"))
	// Output:
	// accepted: buyers.0.buyer_id starts with buyer-: got "buyer-a"
}

func ExampleFieldRef_EndsWith() {
	judged(trackdrive.Field("buyers.0.buyer_id").EndsWith("-a"))
	// Output:
	// accepted: buyers.0.buyer_id ends with -a: got "buyer-a"
}

func ExampleFieldRef_Matches() {
	judged(trackdrive.Field("buyers.0.buyer_id").Matches(`^buyer-[ab]$`))
	// Output:
	// accepted: buyers.0.buyer_id matches ^buyer-[ab]$: got "buyer-a"
}

func ExampleFieldRef_Exists() {
	judged(trackdrive.Field("buyers.0.tier").Exists()) // null exists
	// Output:
	// accepted: buyers.0.tier exists: got null
}

func ExampleFieldRef_Missing() {
	judged(trackdrive.Field("errors").Missing())
	// Output:
	// accepted: errors missing: got nothing
}

func ExampleFieldRef_IsNull() {
	judged(trackdrive.Field("buyers.0.tier").IsNull())
	// Output:
	// accepted: buyers.0.tier is null: got null
}

func ExampleFieldRef_NotNull() {
	judged(trackdrive.Field("buyers.0.tier").NotNull())
	// Output:
	// rejected: buyers.0.tier not null: got null
}

func ExampleFieldRef_IsEmpty() {
	judged(trackdrive.Field("note").IsEmpty())
	// Output:
	// accepted: note is empty: got ""
}

func ExampleFieldRef_NotEmpty() {
	judged(trackdrive.Field("buyers").NotEmpty())
	// Output:
	// accepted: buyers not empty: got [{"buyer_id":"buyer-a","offer_conversion_payout":25.50,"tier":null},{"buyer_id":"buyer-b"}]
}

func ExampleFieldRef_IsTrue() {
	judged(trackdrive.Field("success").IsTrue())
	// Output:
	// accepted: success is true: got true
}

func ExampleFieldRef_IsFalse() {
	judged(trackdrive.Field("success").IsFalse())
	// Output:
	// rejected: success is false: got true
}

// value looks up a field of the reply.
func value(path string) trackdrive.Value {
	meta := trackdrive.Meta{Raw: bid}
	return meta.Field(path)
}

func ExampleValue_String() {
	fmt.Println(value("status"), value("buyers.0.offer_conversion_payout"), value("buyers.1"))
	// Output:
	// accepted 25.50 {"buyer_id":"buyer-b"}
}

func ExampleValue_Exists() {
	fmt.Println(value("buyers.0.tier").Exists(), value("buyers.1.tier").Exists())
	// Output:
	// true false
}

func ExampleValue_IsNull() {
	fmt.Println(value("buyers.0.tier").IsNull(), value("buyers.1.tier").IsNull())
	// Output:
	// true false
}

func ExampleValue_Amount() {
	fmt.Println(value("buyers.0.offer_conversion_payout").Amount())
	// Output:
	// 25.50 true
}

func ExampleValue_Bool() {
	fmt.Println(value("success").Bool())
	fmt.Println(value("status").Bool())
	// Output:
	// true true
	// false false
}
