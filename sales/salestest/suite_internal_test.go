package salestest

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheSampleHasEverything fails if a sale or a try gets a member that the suite does
// not store.
func TestTheSampleHasEverything(t *testing.T) {
	t.Parallel()
	for _, sample := range []any{sampleSale("a"), sampleTry()} {
		v := reflect.ValueOf(sample)
		for field, value := range v.Fields() {
			if field.Name != "CreatedAt" && field.Name != "UpdatedAt" { // the store's own
				require.False(t, value.IsZero(), "%s.%s", v.Type(), field.Name)
			}
		}
	}
}

func TestCasesHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, c := range suiteCases {
		require.False(t, names[c.name], c.name)
		names[c.name] = true
	}
}
