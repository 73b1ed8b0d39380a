package fakeserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// brokenConfigs reads testdata/broken.txt.
func brokenConfigs(t testing.TB) (names []string, texts, wants map[string]string) {
	t.Helper()
	data, err := os.ReadFile("testdata/broken.txt")
	require.NoError(t, err)
	texts, wants = map[string]string{}, map[string]string{}
	for _, part := range strings.Split("\n"+string(data), "\n== ")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		text, want, found := strings.Cut("\n"+rest, "\n--\n")
		require.True(t, found, name)
		require.NotContains(t, names, name)
		names = append(names, name)
		texts[name], wants[name] = strings.TrimPrefix(text, "\n")+"\n", strings.TrimSpace(want)
	}
	return names, texts, wants
}

func TestBrokenConfigurations(t *testing.T) {
	t.Parallel()
	names, texts, wants := brokenConfigs(t)
	require.Greater(t, len(names), 30)
	for _, name := range names {
		_, err := Parse("fake.yaml", []byte(texts[name]))
		if want := wants[name]; err == nil || want != err.Error() {
			t.Errorf("%s: got\n%v\nwant\n%s", name, err, want)
			continue
		}
		require.True(t, IsUsage(err), name)
		require.NotContains(t, err.Error(), "made-up")
		var all *ConfigError
		require.True(t, errors.As(err, &all))
		require.Len(t, all.Mistakes, len(strings.Split(wants[name], "\n")), name)
	}
}

func TestConfigurationsThatAreNoText(t *testing.T) {
	t.Parallel()
	manyKeys := new(strings.Builder)
	for i := range 7000 {
		fmt.Fprintf(manyKeys, "k%d: v\n", i)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"not UTF-8":           {"companies:\n  acme: \"\xff\"\n", "fake.yaml:2:10: is not UTF-8 (byte 0xff); save the file as UTF-8"},
		"UTF-16":              {"\xff\xfec\x00", "fake.yaml:1:1: is not UTF-8 (byte 0xff); save the file as UTF-8"},
		"a NUL":               {"companies:\n  ac\x00me: {}\n", "fake.yaml:2:5: has a control character ('\\x00'), which is not allowed in YAML"},
		"an escape":           {"a: \x1b[31m", "fake.yaml:1:4: has a control character ('\\x1b'), which is not allowed in YAML"},
		"lines of a Mac":      {"companies:\r  acme: {}\r", "fake.yaml:1:11: has a carriage return that ends no line; end lines with LF or CR LF"},
		"100 MiB":             {strings.Repeat("# all day\n", 10<<20), "fake.yaml: is larger than 256 KiB, which is the limit for a configuration"},
		"too many tokens":     {manyKeys.String(), "fake.yaml: has more than 20000 names, values and signs, which is the limit for a configuration"},
		"deep lists":          {strings.Repeat("[", 250_000), "fake.yaml: has more than 20000 names, values and signs, which is the limit for a configuration"},
		"deep mappings":       {strings.Repeat("{a: ", 6000), "fake.yaml:1:129: is nested deeper than 32 levels"},
		"deep dashes":         {strings.Repeat("- ", 10_000) + "a", "fake.yaml:1:65: is nested deeper than 32 levels"},
		"deep indentation":    {strings.Repeat(" ", 300) + "a: b", "fake.yaml:1:301: is nested deeper than 32 levels"},
		"a bomb":              {"a: &a [x,x]\nb: &b [*a,*a]\n", "fake.yaml:1:4: &: anchors, aliases and merge keys are not supported; write the value out"},
		"a long unknown name": {strings.Repeat("x", 5000) + ": 1\ncompanies: {acme: {}}", "fake.yaml:1:1: " + strings.Repeat("x", 256) + "…: is unknown; the names here are listen, deliver, send_to, limits, companies, faults"},
	} {
		_, err := Parse("fake.yaml", []byte(tt.text))
		require.EqualError(t, err, tt.want, name)
		require.True(t, IsUsage(err), name)
	}
}

func TestASampleHasEverySetting(t *testing.T) {
	t.Parallel()
	c, err := Parse("sample.yaml", []byte(Sample()))
	require.NoError(t, err)
	for _, fields := range [][]docField{
		c.fields(), c.companies[0].fields(), accessFields(&c.companies[0].access[0]), endpointFields(&c.companies[0].endpoints[0]),
		buyerFields(&c.companies[0].endpoints[0].Buyers[0]), offerFields(&c.companies[0].offers[0]), callFields(&c.companies[0].calls[0]),
		c.companies[0].forwardPosts[0].forwardFields(), c.companies[0].subscriptions[0].subscriptionFields(),
		c.companies[0].postbacks[0].postbackFields(), c.faults[0].fields(),
	} {
		for _, f := range fields {
			require.Regexp(t, `(?m)[ #{-]`+f.name+`:|^`+f.name+`:`, Sample())
		}
	}
	for _, names := range [][]string{namesOf(shapeChoices), namesOf(errorForms), namesOf(duplicateChoices), namesOf(eventChoices), namesOf(sendFaults)} {
		for _, name := range names {
			require.Contains(t, Sample(), name)
		}
	}
	for _, kind := range faultKinds {
		require.Contains(t, Sample(), kind.name)
	}
}

// What is printed can be read again, and says the same.
func TestTheEffectiveConfigurationIsAConfiguration(t *testing.T) {
	t.Parallel()
	for _, text := range []string{Sample(), "companies: {acme: }", "companies: {acme: {endpoints: {sell: {buyers: [{bid: 00.50}]}}}}\nfaults: [{fault: drop, chance: 0.25}, {fault: empty, times: always}]"} {
		c, err := Parse("a.yaml", []byte(text))
		require.NoError(t, err)
		printed, err := c.YAML()
		require.NoError(t, err)
		require.NotContains(t, string(printed), "made-up")
		again, err := Parse("b.yaml", printed)
		if text == Sample() { // its credentials are hidden, so that some of them are alike
			printed = bytes.Replace(printed, []byte("[redacted]"), []byte("other"), 1)
			again, err = Parse("b.yaml", printed)
		}
		require.NoError(t, err, string(printed))
		printedAgain, err := again.YAML()
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(string(printed), `"other"`, `"[redacted]"`), string(printedAgain))
	}
	c, err := Parse("a.yaml", []byte("companies: {acme: {endpoints: {sell: {buyers: [{bid: 00.50}]}}}}"))
	require.NoError(t, err)
	require.Equal(t, "00.50", c.companies[0].endpoints[0].Buyers[0].Bid)
}

func TestCredentialsComeFromFilesAndTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte("made-up-in-a-file\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fake.yaml"), []byte("companies:\n  acme:\n    access:\n      - auth_token: {file: token}\n      - developer_token: {env: FAKE_TOKEN}\n"), 0o600))
	t.Setenv("FAKE_TOKEN", "made-up-in-the-environment")
	c, err := Load(filepath.Join(dir, "fake.yaml"))
	require.NoError(t, err)
	require.Equal(t, "made-up-in-a-file", c.companies[0].access[0].AuthToken)
	require.Equal(t, "made-up-in-the-environment", c.companies[0].access[1].DeveloperToken)
	require.Len(t, c.secrets, 2)
}

func TestAFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := Load("nowhere/fake.yaml")
	require.EqualError(t, err, "the configuration nowhere/fake.yaml cannot be read: no such file or directory")
	require.True(t, IsUsage(err))
	_, err = Load(t.TempDir())
	require.ErrorContains(t, err, "is a directory")
	require.True(t, IsUsage(err))
}

// FuzzParse checks that no document makes the reader fail in any other way than with
// mistakes at places in the document, and that what it takes can be served.
func FuzzParse(f *testing.F) {
	names, texts, _ := brokenConfigs(f)
	for _, name := range names {
		f.Add([]byte(texts[name]))
	}
	f.Add([]byte(Sample()))
	f.Add([]byte("companies: {acme: {}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("fake.yaml", data)
		if err != nil {
			var all *ConfigError
			require.True(t, errors.As(err, &all), "%v", err)
			lines := bytes.Count(data, []byte("\n")) + 1
			for _, m := range all.Mistakes {
				require.NotEmpty(t, m.Message)
				require.LessOrEqual(t, m.Line, lines)
				require.NotContains(t, m.String(), "\n")
			}
			return
		}
		_, err = New(c)
		require.NoError(t, err)
		printed, err := c.YAML()
		require.NoError(t, err)
		require.NotEmpty(t, printed)
	})
}

// FuzzBody checks that the body of a request is read exactly if it is JSON that is not
// nested too deeply, and that mistakes are at places in it.
func FuzzBody(f *testing.F) {
	for _, text := range []string{`{"a":[1,2.5,"x",true,null,{}]}`, " {\n \"a\" : \"\\ud83d\\ude00\" } ", `{"a":1,"a":2}`, `[`, `{"a"}`, `1 2`, "\xff", `"x`, strings.Repeat("[", 40), `{"a":,}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, m := parseJSON(data)
		if depth := bytes.Count(data, []byte("[")) + bytes.Count(data, []byte("{")); depth <= maxDepth && len(data) <= maxDocument {
			require.Equal(t, json.Valid(data) && utf8.Valid(data), m == nil, "%v", m)
		}
		if m != nil {
			require.Nil(t, n)
			require.LessOrEqual(t, m.Line, bytes.Count(data, []byte("\n"))+1)
			require.NotContains(t, m.String(), "\n")
		}
	})
}
