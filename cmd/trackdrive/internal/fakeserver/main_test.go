package fakeserver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asCommand makes the test's own binary the command.
const asCommand = "FAKESERVER_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) == "" {
		os.Exit(m.Run())
	}
	cmd := Command()
	cmd.SetArgs(os.Args[1:])
	err := cmd.ExecuteContext(context.Background())
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, err)
	if IsUsage(err) {
		os.Exit(2)
	}
	os.Exit(1)
}

// commandWith returns the command as a process.
func commandWith(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// running is a server under test.
type running struct {
	*Server
	addresses []Address
	url       string
	logged    *lockedText
	stop      func() error // stops it, and returns what Serve returned
}

// lockedText collects log lines.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, format+"\n", args...)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve starts a server on a free port, with what the YAML configures beside it.
func serve(t testing.TB, text string) *running {
	t.Helper()
	c, err := Parse("fake.yaml", []byte("listen: 127.0.0.1:0\n"+text))
	require.NoError(t, err)
	run := &running{logged: new(lockedText)}
	run.Server, err = New(c, WithLog(run.logged.printf, true))
	require.NoError(t, err)
	run.addresses, err = run.Listen()
	require.NoError(t, err)
	run.url = run.addresses[0].URL
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run.Serve(ctx) }()
	run.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = run.stop() })
	return run
}

// reply is what a server answered.
type reply struct {
	status int
	header http.Header
	text   string
}

// object returns the body, which must be a JSON object.
func (r reply) object(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.text), &v), r.text)
	return v
}

func (r reply) list(t testing.TB, name string) []any {
	t.Helper()
	list, ok := r.object(t)[name].([]any)
	require.True(t, ok, r.text)
	return list
}

var testClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128}, Timeout: 30 * time.Second}

// ask sends a request with headers given as "Name: value".
func ask(t testing.TB, method, url, body string, headers ...string) reply {
	t.Helper()
	r, err := try(method, url, body, headers...)
	require.NoError(t, err)
	return r
}

func try(method, url, body string, headers ...string) (reply, error) {
	r, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if r.Header.Set(name, value); name == "Host" {
			r.Host = value
		}
	}
	res, err := testClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(text)}, err
}

const oneEndpoint = "companies: {acme: {endpoints: {sell: {buyers: [{name: Buyer A, bid: 25.00}, {name: Buyer B, bid: 31.50}]}}}}\n"

// sell pings and posts to a buyer, and returns the answer of the post.
func sell(t testing.TB, url, caller string, headers ...string) reply {
	t.Helper()
	ping := ask(t, "POST", url+"/api/v1/inbound_webhooks/ping/sell", `{"caller_id":"`+caller+`"}`, headers...)
	require.Equal(t, http.StatusOK, ping.status, ping.text)
	buyer := ping.list(t, "buyers")[0].(map[string]any)
	return ask(t, "POST", url+"/api/v1/inbound_webhooks/post/sell", fmt.Sprintf(`{"caller_id":%q,"ping_id":%q}`, caller, buyer["ping_id"]), headers...)
}

func TestItStartsFastAndStopsOnASignal(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd := commandWith(t, "--listen", "127.0.0.1:0")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		var problems bytes.Buffer
		cmd.Stderr = &problems
		start := time.Now()
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		require.Regexp(t, `^acme\.localhost: listening on http://127\.0\.0\.1:\d+\n$`, line)
		url := strings.Fields(line)[3]
		require.Equal(t, http.StatusOK, ask(t, "GET", url+"/_health", "").status)
		took := time.Since(start)
		t.Logf("from the start of the process to the first answer of /_health: %v", took.Round(time.Millisecond))
		require.Less(t, took, 5*time.Second) // 100 ms are measured on an idle machine
		require.NoError(t, cmd.Process.Signal(sig))
		require.NoError(t, cmd.Wait(), "status 0")
		require.Empty(t, problems.String())
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		require.NoError(t, os.WriteFile(dir+"/"+name, []byte(text), 0o600))
		return dir + "/" + name
	}
	good, bad := write("good.yaml", oneEndpoint), write("bad.yaml", "companies: {acme: {endpoint: {}}}")
	for name, tt := range map[string]struct {
		args   []string
		status int
		want   string // the beginning of what is printed to the one stream, or the other
	}{
		"check":               {[]string{"--config", good, "--check"}, 0, "ok: companies: 1, endpoints: 1, buyers: 2, faults: 0\n"},
		"check as JSON":       {[]string{"--config", good, "--check", "--json"}, 0, `{"ok":true,"companies":1,"endpoints":1,"buyers":2,"faults":0}` + "\n"},
		"check without file":  {[]string{"--check"}, 0, "ok: companies: 1, endpoints: 1, buyers: 2, faults: 0\n"},
		"check flags":         {[]string{"--check", "--host", "acme.localhost", "--host", "globex.test", "--buyer", "A=1", "--buyer", "B"}, 0, "ok: companies: 2, endpoints: 2, buyers: 4, faults: 0\n"},
		"sample":              {[]string{"--print-sample"}, 0, Sample()},
		"print":               {[]string{"--print-config", "--listen", "[::1]:0"}, 0, "listen: \"[::1]:0\"\ndeliver: at_once\n"},
		"broken":              {[]string{"--config", bad}, 2, bad + `:1:20: companies.acme.endpoint: is unknown; did you mean "endpoints"?` + "\n"},
		"no file":             {[]string{"--config", dir + "/none"}, 2, "the configuration " + dir + "/none cannot be read: no such file or directory\n"},
		"argument":            {[]string{"fake.yaml"}, 2, `unexpected argument "fake.yaml"; give the configuration as --config fake.yaml` + "\n"},
		"address":             {[]string{"--listen", "8080"}, 2, `--listen "8080" has no port; give an address such as 127.0.0.1:8080` + "\n"},
		"address as URL":      {[]string{"--listen", "http://127.0.0.1:80"}, 2, `--listen "http://127.0.0.1:80" is a URL; give an address such as 127.0.0.1:8080` + "\n"},
		"file and flags":      {[]string{"--config", good, "--buyer", "A=1"}, 2, "--host, --endpoint and --buyer do not go with --config; write them into the file\n"},
		"buyer":               {[]string{"--buyer", "A=free"}, 2, `--buyer "A=free" is not a name and a bid; give one such as "Buyer A=25.00"` + "\n"},
		"buyer without name":  {[]string{"--buyer", "=25.00"}, 2, `--buyer "=25.00" is not a name and a bid; give one such as "Buyer A=25.00"` + "\n"},
		"host":                {[]string{"--host", "http://acme.localhost"}, 2, `--host "http://acme.localhost" is a URL; give a host such as acme.test` + "\n"},
		"host twice":          {[]string{"--host", "acme.localhost", "--host", "acme.test"}, 2, `--host "acme.test" is a second host of the company acme`},
		"endpoint":            {[]string{"--endpoint", "a/b"}, 2, `--endpoint "a/b" has a slash; give only the last part of the endpoint's URL, such as sell` + "\n"},
		"check and print":     {[]string{"--check", "--print-sample"}, 2, "--check, --print-config and --print-sample cannot be combined; give one of them\n"},
		"address that is not": {[]string{"--listen", "192.0.2.1:1"}, 1, "cannot listen: listen tcp 192.0.2.1:1: bind: "},
	} {
		var out, problems bytes.Buffer
		cmd := commandWith(t, tt.args...)
		cmd.Stdout, cmd.Stderr = &out, &problems
		err := cmd.Run()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			require.Equal(t, tt.status, exit.ExitCode(), name)
		} else {
			require.NoError(t, err)
			require.Zero(t, tt.status, name)
		}
		shown, other := &out, &problems
		if tt.status != 0 {
			shown, other = &problems, &out
		}
		require.Equal(t, tt.want, shown.String()[:min(len(tt.want), shown.Len())], "%s: %s", name, shown)
		require.Empty(t, other.String(), name)
	}
}

func TestItWaitsForAFake(t *testing.T) {
	t.Parallel()
	srv := serve(t, oneEndpoint)
	for _, tt := range []struct {
		url    string
		status int
		want   string
	}{
		{srv.url, 0, "ready\n"},
		{srv.url + "/", 0, "ready\n"},
		{"127.0.0.1:8080", 2, `--health "127.0.0.1:8080" is not a URL; give one such as http://127.0.0.1:8080` + "\n"},
	} {
		cmd := commandWith(t, "--health", tt.url)
		shown, _ := cmd.CombinedOutput()
		require.Equal(t, tt.want, string(shown))
		require.Equal(t, tt.status, cmd.ProcessState.ExitCode())
	}
	f := commandFlags{health: "http://127.0.0.1:1"}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, f.waitFor(ctx, io.Discard), "no fake is ready at http://127.0.0.1:1: ")
}

func TestTheConfigurationMayComeFromStandardInput(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		oneEndpoint:                           "ok: companies: 1, endpoints: 1, buyers: 2, faults: 0\n",
		"acme: {}":                            "standard input:1:1: acme: is unknown; the names here are listen, deliver, send_to, limits, companies, faults\nstandard input:1:1: companies: is missing; give at least one, such as companies: {acme: {}}\n",
		strings.Repeat("# all day\n", 10<<20): "standard input: is larger than 256 KiB, which is the limit for a configuration\n",
	} {
		cmd := commandWith(t, "--config", "-", "--check")
		cmd.Stdin = strings.NewReader(text)
		shown, _ := cmd.CombinedOutput()
		require.Equal(t, want, string(shown))
	}
}

func TestAClosedPipeEndsIt(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	cmd := commandWith(t, "--listen", "127.0.0.1:0")
	cmd.Stdout = w
	err = cmd.Run()
	require.NoError(t, w.Close())
	require.Error(t, err)
	require.NotEqual(t, 0, cmd.ProcessState.ExitCode())
}
