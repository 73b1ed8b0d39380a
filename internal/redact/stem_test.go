package redact

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every word that makes a credential of a name has a stem, so that the first look
// misses none.
func TestCredentialWordsHaveStems(t *testing.T) {
	t.Parallel()
	words := slices.Concat(credentialWords, credentialParts, credentialEndings, []string{"tokens", "pass"})
	for _, word := range words {
		require.True(t, hasCredentialStem(word), word)
		require.True(t, hasCredentialStem("x-"+strings.ToUpper(word)+"_1"), word)
	}
	require.True(t, hasCredentialStem("\u212aey"), "letters that fold to ASCII")
}

func FuzzCredentialName(f *testing.F) {
	for _, name := range []string{"lead_token", "X-Api-Key", "zip", "\u212aey", "aPIkEY", "data[auth_token]", "keyboard", "monKey"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		words, humps := splitWords(name, false), splitWords(name, true)
		isName := isCredential(words) || len(humps) > len(words) && isCredential(humps)
		require.Equal(t, isName, IsCredentialName(name), "%q", name)
	})
}

func TestNamesAreLookedAtWithoutAllocating(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() { IsCredentialName("traffic_source_id") }))
}
