// Conflicts: whether two items with the same id are the same update.

package outbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/internal/decimal"
)

// conflictingFields returns the fields in which a new item differs from the
// stored one. Amounts compare by value. Fields are shown by name; only the values
// of amounts and flags are shown, and nothing else that the caller filled in.
func conflictingFields(stored, enqueued *Item) []string {
	var list []string
	for _, field := range []struct{ name, stored, enqueued string }{
		{"operation", stored.Operation, enqueued.Operation},
		{"subdomain", stored.Subdomain, enqueued.Subdomain},
		{"call uuid", stored.CallUUID, enqueued.CallUUID},
	} {
		if field.stored != field.enqueued {
			list = append(list, field.name)
		}
	}
	switch {
	case string(stored.Body) == string(enqueued.Body):
		return list
	case stored.Operation != enqueued.Operation: // what they have in common means nothing
		return append(list, "body")
	}
	return append(list, conflictingBodies(stored, enqueued)...)
}

// conflictingBodies returns the fields in which the bodies of two items of one
// operation differ.
func conflictingBodies(stored, enqueued *Item) []string {
	if stored.Operation == OpUpdateCall {
		before, err := decodeUpdate(stored.Body)
		after, alsoErr := decodeUpdate(enqueued.Body)
		if err != nil || alsoErr != nil { // stored before today's rules
			return []string{"body"}
		}
		return conflictsOfUpdates(before, after)
	}
	before, err := decodeFields(stored.Body)
	after, alsoErr := decodeFields(enqueued.Body)
	if err != nil || alsoErr != nil {
		return []string{"body"}
	}
	var list []string
	for _, nested := range []string{"values", "data"} { // named one by one
		list = appendConflicts(list, nested, membersOf(before, nested), membersOf(after, nested))
	}
	return appendConflicts(list, "", before, after)
}

// membersOf takes an object out of fields, and returns it.
func membersOf(fields trackdrive.Fields, name string) map[string]any {
	members, isObject := fields[name].(map[string]any)
	if isObject {
		delete(fields, name)
	}
	return members
}

func conflictsOfUpdates(stored, enqueued *trackdrive.UpdateCall) []string {
	var list []string
	for _, field := range []struct {
		name             string
		stored, enqueued *bool
	}{
		{"buyer_converted", stored.BuyerConverted, enqueued.BuyerConverted},
		{"offer_converted", stored.OfferConverted, enqueued.OfferConverted},
	} {
		if a, b := shownFlag(field.stored), shownFlag(field.enqueued); a != b {
			list = append(list, shownConflict(field.name, a, b))
		}
	}
	for _, field := range []struct {
		name             string
		stored, enqueued trackdrive.Amount
	}{
		{"revenue", stored.Revenue, enqueued.Revenue},
		{"payout", stored.Payout, enqueued.Payout},
		{"add_revenue", stored.AddRevenue, enqueued.AddRevenue},
		{"add_payout", stored.AddPayout, enqueued.AddPayout},
	} {
		if !field.stored.Equal(field.enqueued) {
			list = append(list, shownConflict(field.name, shownAmount(field.stored), shownAmount(field.enqueued)))
		}
	}
	list = appendConflicts(list, "post_call_tokens", stored.PostCallTokens, enqueued.PostCallTokens)
	return appendConflicts(list, "", stored.Fields, enqueued.Fields)
}

func shownConflict(name, stored, enqueued string) string {
	return fmt.Sprintf("%s was %s and is %s now", name, stored, enqueued)
}

const notSet = "not set"

func shownFlag(flag *bool) string {
	if flag == nil {
		return notSet
	}
	return strconv.FormatBool(*flag)
}

func shownAmount(a trackdrive.Amount) string {
	if !a.IsSet() {
		return notSet
	}
	return a.String()
}

// appendConflicts names the fields that differ. It shows no values: they are
// personal data.
func appendConflicts(list []string, within string, stored, enqueued map[string]any) []string {
	names := slices.Collect(maps.Keys(stored))
	for name := range enqueued {
		if _, known := stored[name]; !known {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		a, inStored := stored[name]
		b, inEnqueued := enqueued[name]
		if inStored != inEnqueued || !isSameValue(a, b) {
			list = append(list, strconv.Quote(placeOf(within, name)))
		}
	}
	return list
}

// isSameValue compares two decoded JSON values. Numbers and strings that are
// amounts compare by value: 25.5, "25.50" and "$25.5" are the same.
func isSameValue(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && maps.EqualFunc(x, y, isSameValue)
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, isSameValue)
	}
	if a == b {
		return true
	}
	x, isAmount := amountOf(a)
	y, alsoAmount := amountOf(b)
	return isAmount && alsoAmount && decimal.Compare(x, y) == 0
}

// amountOf reads a number, or a string that could be an amount. A string with a
// leading zero is not an amount: the ZIP code "01234" differs from "1234".
func amountOf(value any) (decimal.Number[string], bool) {
	switch v := value.(type) {
	case json.Number:
		n, form := decimal.Parse(v.String())
		return n, form == decimal.Exact
	case string:
		text := strings.TrimPrefix(v, "$")
		whole := strings.TrimPrefix(text, "-")
		if len(whole) > 1 && whole[0] == '0' && whole[1] != '.' {
			return decimal.Number[string]{}, false
		}
		n, form := decimal.ParsePlain(text)
		return n, form == decimal.Exact
	}
	return decimal.Number[string]{}, false
}
