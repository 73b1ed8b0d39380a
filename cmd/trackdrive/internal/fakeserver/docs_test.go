package fakeserver

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/trackdrivetest"
)

// pageBlock is a block of code on the page.
type pageBlock struct{ kind, text string }

func blocksOfPage(t *testing.T) (page string, blocks []pageBlock) {
	t.Helper()
	data, err := os.ReadFile("../../../../docs/fake.md")
	require.NoError(t, err)
	for i, part := range strings.Split(string(data), "\n```") {
		if i%2 == 1 {
			kind, text, _ := strings.Cut(part, "\n")
			blocks = append(blocks, pageBlock{kind, text + "\n"})
		}
	}
	return string(data), blocks
}

func fileOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// TestThePageIsWhatHappens runs each session of docs/fake.md, and compares what is
// printed. Each server of a session starts on a free port, which is shown as that of
// the page.
func TestThePageIsWhatHappens(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("FAKE_AUTH_TOKEN", "made-up")
	t.Setenv("FORWARD_SECRET", "made-up")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "private-key.txt"), []byte("made-up\n"), 0o600))
	var s pageSession
	examples := "../../../../examples/fake/"
	checked := map[string]int{}
	_, blocks := blocksOfPage(t)
	for _, b := range blocks {
		checked[b.kind]++
		switch b.kind {
		case "yaml", "yaml fake.yaml", "yaml broken":
			name := "fake.yaml"
			if b.kind == "yaml broken" {
				name = "broken.yaml"
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(b.text), 0o600))
			if _, err := Load(filepath.Join(dir, name)); b.kind != "yaml broken" {
				require.NoError(t, err)
			}
			if b.kind == "yaml fake.yaml" {
				require.Equal(t, b.text, fileOf(t, examples+"fake.yaml"))
			}
		case "console":
			s.run(t, dir, b.text)
		case "yaml actions":
			var job map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(b.text), &job))
			require.FileExists(t, examples+"test.sh")
		default: // the part of a file, such as "sh test.sh"
			_, name, found := strings.Cut(b.kind, " ")
			require.True(t, found, b.kind)
			require.Contains(t, fileOf(t, examples+name), b.text)
		}
	}
	s.stopAll(t)
	require.Equal(t, 6, checked["console"])
}

// pageSession runs what the page shows after "$ ".
type pageSession struct {
	urls  map[string]string // the real URL by that of the page
	stops []func()
}

var pageTime = regexp.MustCompile(`"time": "[^"]*"`)

func (s *pageSession) run(t *testing.T, dir, text string) {
	t.Helper()
	for _, step := range strings.Split("\n"+text, "\n$ ")[1:] {
		command, want, _ := strings.Cut(step, "\n")
		words := shellWords(command)
		var got string
		switch words[0] {
		case "curl":
			got = s.curl(t, words[1:])
		case "trackdrive":
			got = s.trackdrive(t, dir, words[2:], strings.Count(strings.TrimSpace(want), "\n")+1)
		default:
			t.Fatalf("unknown command %q", command)
		}
		got = pageTime.ReplaceAllString(strings.TrimSpace(got), `"time": "2026-01-31T15:04:05Z"`)
		require.Equal(t, strings.TrimSpace(want), got, command)
	}
}

// shellWords splits a command; only single quotes quote.
func shellWords(command string) []string {
	var words []string
	for i, part := range strings.Split(command, "'") {
		if i%2 == 0 {
			words = append(words, strings.Fields(part)...)
		} else {
			words = append(words, part)
		}
	}
	return words
}

func (s *pageSession) curl(t *testing.T, words []string) string {
	t.Helper()
	var target string
	var body []string
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "-s":
		case "-d":
			i++
			body = append(body, words[i])
		default:
			require.NotContains(t, words[i][:1], "-", "the test knows no such option")
			target = words[i]
		}
	}
	u, err := url.Parse(target)
	require.NoError(t, err)
	host := u.Host
	u.Host = strings.TrimPrefix(s.urls["http://127.0.0.1:"+u.Port()], "http://")
	require.NotEmpty(t, u.Host, "nothing listens at %s", target)
	method := http.MethodGet
	if len(body) > 0 {
		method = http.MethodPost
	}
	r, err := try(method, u.String(), strings.Join(body, "&"), "Host: "+host, "Content-Type: application/x-www-form-urlencoded")
	if err != nil {
		require.ErrorContains(t, err, "EOF")
		return "curl: (52) Empty reply from server"
	}
	return r.text
}

// trackdrive runs the command. What serves goes on, in place of what served before.
func (s *pageSession) trackdrive(t *testing.T, dir string, args []string, lines int) string {
	t.Helper()
	config := ""
	for i, arg := range args {
		if arg == "--config" {
			config = fileOf(t, filepath.Join(dir, args[i+1]))
		}
	}
	if args[len(args)-1] == "--check" {
		cmd := commandWith(t, args...)
		cmd.Dir = dir
		shown, _ := cmd.CombinedOutput()
		return string(shown)
	}
	s.stopAll(t)
	// Port 0 in place of those of the page.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "free.yaml"), []byte(strings.ReplaceAll(config, "127.0.0.1:8081", "127.0.0.1:0")), 0o600))
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "fake.yaml", "free.yaml")
	}
	cmd := commandWith(t, append(args, "--listen", "127.0.0.1:0")...)
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	s.stops = append(s.stops, func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.NoError(t, cmd.Wait())
	})
	s.urls = map[string]string{}
	var shown strings.Builder
	reader := bufio.NewReader(out)
	for i := range lines {
		line, err := reader.ReadString('\n')
		require.NoError(t, err)
		real := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)
		onPage := fmt.Sprintf("http://127.0.0.1:%d", 8080+i)
		s.urls[onPage] = real
		shown.WriteString(strings.ReplaceAll(line, real, onPage))
	}
	return shown.String()
}

func (s *pageSession) stopAll(t *testing.T) {
	t.Helper()
	for _, stop := range s.stops {
		stop()
	}
	s.stops = nil
}

// The page lists what there is: each flag, setting, path, fault, operation and token.
func TestThePageIsComplete(t *testing.T) {
	t.Parallel()
	page, _ := blocksOfPage(t)
	Command().LocalFlags().VisitAll(func(f *pflag.Flag) {
		requireOnPage(t, page, "`--"+f.Name)
	})
	var (
		c  Config
		co companyConfig
		e  trackdrivetest.Endpoint
		b  trackdrivetest.Buyer
		o  trackdrivetest.Offer
		ca trackdrivetest.Call
	)
	for _, fields := range [][]docField{c.fields(), co.fields(), endpointFields(&e), buyerFields(&b), offerFields(&o), callFields(&ca), new(faultPlan).fields(), new(hookConfig).subscriptionFields(), new(hookConfig).postbackFields()} {
		for _, f := range fields {
			require.True(t, regexp.MustCompile("`"+f.name+"[`:]").MatchString(page), "the setting %s is not on the page", f.name)
		}
	}
	for _, route := range adminRoutes {
		requireOnPage(t, page, "`"+route.method+" "+route.path+"`")
		for _, name := range route.params {
			requireOnPage(t, page, "`?"+name+"=`")
		}
	}
	for _, kind := range faultKinds {
		requireOnPage(t, page, "| `"+kind.name+"` |")
	}
	for _, names := range [][]string{namesOf(operationNames), namesOf(shapeChoices), namesOf(errorForms), namesOf(duplicateChoices), namesOf(eventChoices), namesOf(sendFaults)} {
		for _, name := range names {
			requireOnPage(t, page, "`"+name+"`")
		}
	}
	for _, token := range postbackTokens {
		requireOnPage(t, page, "`["+token+"]`")
	}
	defaults := newConfig().limits
	requireOnPage(t, page, fmt.Sprintf("`requests` (%d), `request_bytes` (%d), `sales` (%d), `entries` (%d)", defaults.Requests, defaults.RequestBytes, defaults.Sales, defaults.Entries))
}

func requireOnPage(t *testing.T, page, text string) {
	t.Helper()
	require.True(t, strings.Contains(page, text), "%s is not on the page", text)
}

// The image and the composition start the command with flags that it has.
func TestTheImageStartsTheCommand(t *testing.T) {
	t.Parallel()
	dir := "../../../../examples/fake/"
	var compose struct {
		Services map[string]struct {
			Build struct {
				Context, Dockerfile string
			}
			Command     []string
			Volumes     []string
			Healthcheck struct{ Test []string }
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(fileOf(t, dir+"compose.yaml")), &compose))
	fake := compose.Services["trackdrive"]
	require.FileExists(t, filepath.Join(dir, fake.Build.Context, fake.Build.Dockerfile))
	_, entry, found := strings.Cut(fileOf(t, dir+"Dockerfile"), "ENTRYPOINT ")
	require.True(t, found)
	var entrypoint []string
	require.NoError(t, yaml.Unmarshal([]byte(entry), &entrypoint))
	for _, args := range [][]string{append(entrypoint, fake.Command...), fake.Healthcheck.Test[1:]} {
		require.Equal(t, []string{"/trackdrive", "fake"}, args[:2])
		require.NoError(t, Command().ParseFlags(args[2:]))
	}
	mounted, _, _ := strings.Cut(fake.Volumes[0], ":")
	_, err := Load(filepath.Join(dir, mounted))
	require.NoError(t, err)
}

// The help names each flag once, and shows what can be typed.
func TestTheHelp(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cmd := Command()
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"--help"})
	require.NoError(t, cmd.Execute())
	require.Contains(t, out.String(), "Exit status:\n  0  it was stopped")
	require.Contains(t, out.String(), "trackdrive fake --print-sample >fake.yaml")
}
