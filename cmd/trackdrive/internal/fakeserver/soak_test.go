package fakeserver

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var soak = flag.Duration("soak", 2*time.Second, "how long the soak test runs")

// soakConfig remembers little, so that its limits are reached many times.
const soakConfig = `
listen: 127.0.0.1:0
limits: {requests: 1000, sales: 5000, entries: 2000}
companies:
  acme: {endpoints: {sell: {buyers: [{name: Buyer A, bid: 25.50}, {name: Buyer B, bid: 20.00}]}}}
faults:
  - {chance: 0.01, fault: drop}
  - {chance: 0.01, fault: drop, after_acting: true}
  - {chance: 0.01, fault: bad_gateway}
  - {chance: 0.01, fault: bad_gateway, after_acting: true}
  - {chance: 0.01, fault: html}
  - {chance: 0.01, fault: html, after_acting: true}
  - {chance: 0.01, fault: empty}
  - {chance: 0.01, fault: truncated}
  - {chance: 0.01, fault: cut_off}
  - {chance: 0.01, fault: too_many_requests}
  - {chance: 0.01, fault: status, status: 503}
  - {chance: 0.01, fault: refusal}
  - {chance: 0.01, fault: slow, delay: 5ms}
`

// verdict is what a client knows about a post.
type verdict int

const (
	verdictSold verdict = iota + 1
	verdictRejected
	verdictUnknown
)

// TestTheLedgerIsWhatTheClientsSaw sells over 64 connections to the command as a
// process, whose faults strike at random, and compares its ledger, read as it grows,
// with what the clients know. Its memory must not grow.
func TestTheLedgerIsWhatTheClientsSaw(t *testing.T) {
	const connections = 64
	cmd, url := startCommand(t, soakConfig)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}, Timeout: 30 * time.Second}
	length := *soak
	if testing.Short() {
		length = min(length, 500*time.Millisecond)
	}
	var (
		mu    sync.Mutex
		known = map[string]verdict{} // by ping id
		wg    sync.WaitGroup
		end   = time.Now().Add(length)
	)
	for i := range connections {
		wg.Go(func() {
			mine := map[string]verdict{}
			for n := 0; time.Now().Before(end); n++ {
				if id, v := sellOnce(client, url, fmt.Sprintf("+1555%03d%04d", i, n%10_000)); id != "" {
					mine[id] = v
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for id, v := range mine {
				known[id] = v
			}
		})
	}
	ledger := followLedger(t, url)
	memory := watchMemory(t, cmd.Process.Pid, length)
	wg.Wait()
	sold := ledger()
	kibs := memory()

	counts := map[verdict]int{}
	for id, v := range known {
		counts[v]++
		switch v {
		case verdictSold:
			require.Equal(t, 1, sold[id], "%s: the client was told that it is sold", id)
		case verdictRejected:
			require.Zero(t, sold[id], "%s: the client was told that it is not sold", id)
		}
	}
	unknownSold := 0
	for id, n := range sold {
		require.Equal(t, 1, n, "%s is sold twice", id)
		require.NotZero(t, known[id], "%s is sold, and nobody posted it", id)
		if known[id] == verdictUnknown {
			unknownSold++
		}
	}
	totals := ask(t, "GET", url+"/_health", "").object(t)["totals"].(map[string]any)
	require.EqualValues(t, len(sold), totals["sales"])
	require.Equal(t, counts[verdictSold]+unknownSold, len(sold))
	t.Logf("%v, %d connections: %d requests, %d sales; posts: %d sold, %d rejected, %d unknown, of which %d were sold; 0 sold twice; resident memory in KiB by tenths of the time: %v",
		length, connections, int(totals["requests"].(float64)), len(sold), counts[verdictSold], counts[verdictRejected], counts[verdictUnknown], unknownSold, kibs)
	if length >= 10*time.Second && len(kibs) >= 10 { // the limits were reached long ago
		require.Less(t, kibs[len(kibs)-1], kibs[len(kibs)/2]*5/4+16<<10, "the memory grows: %v", kibs)
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}

// startCommand starts the command with a configuration, and returns its URL.
func startCommand(t *testing.T, text string) (*exec.Cmd, string) {
	t.Helper()
	path := t.TempDir() + "/fake.yaml"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	cmd := commandWith(t, "--config", path, "--json")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadBytes('\n')
	require.NoError(t, err)
	var address struct{ URL string }
	require.NoError(t, json.Unmarshal(line, &address))
	return cmd, address.URL
}

// sellOnce pings and posts, and returns the ping id that was posted.
func sellOnce(client *http.Client, url, caller string) (pingID string, v verdict) {
	var ping struct {
		Buyers []struct {
			PingID string `json:"ping_id"`
		}
	}
	if status := postJSON(client, url+"/api/v1/inbound_webhooks/ping/sell", `{"caller_id":"`+caller+`"}`, &ping); status != http.StatusOK || len(ping.Buyers) == 0 {
		return "", 0
	}
	var post struct{ Success *bool }
	pingID = ping.Buyers[0].PingID
	status := postJSON(client, url+"/api/v1/inbound_webhooks/post/sell", `{"caller_id":"`+caller+`","ping_id":"`+pingID+`"}`, &post)
	switch {
	case post.Success == nil: // no answer, or one that says nothing
		return pingID, verdictUnknown
	case status == http.StatusOK && *post.Success:
		return pingID, verdictSold
	}
	return pingID, verdictRejected
}

// postJSON returns status 0, and reads nothing, if the answer is not complete JSON.
func postJSON(client *http.Client, url, body string, into any) (status int) {
	res, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	if json.NewDecoder(res.Body).Decode(into) != nil {
		return 0
	}
	return res.StatusCode
}

// followLedger reads the ledger as it grows. The function that it returns reads the
// rest, and returns how often each ping id was sold.
func followLedger(t *testing.T, url string) (finish func() map[string]int) {
	sold, after, stop, done := map[string]int{}, 0, make(chan struct{}), make(chan struct{})
	read := func() {
		r, err := try("GET", url+"/_ledger?after="+strconv.Itoa(after), "")
		if err != nil {
			return // the fake's faults do not strike here, but a busy machine may
		}
		var page struct {
			Sales []struct {
				PingID string `json:"ping_id"`
				N      int
			}
			Dropped, Next int
		}
		if err := json.Unmarshal([]byte(r.text), &page); err != nil || page.Dropped > 0 {
			t.Errorf("the ledger after %d: %v, %d dropped unread", after, err, page.Dropped)
			return
		}
		for _, s := range page.Sales {
			if after++; s.N != after {
				t.Errorf("the ledger has sale %d after %d", s.N, after-1)
			}
			sold[s.PingID]++
		}
	}
	go func() {
		defer close(done)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				read()
			}
		}
	}()
	return func() map[string]int {
		close(stop)
		<-done
		read()
		return sold
	}
}

// watchMemory notes a process' resident memory ten times. It notes nothing where there
// is no /proc.
func watchMemory(t *testing.T, pid int, length time.Duration) (finish func() []int) {
	t.Helper()
	var kibs []int
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(length / 11)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				if kib := residentKiB(pid); kib > 0 {
					kibs = append(kibs, kib)
				}
			}
		}
	}()
	return func() []int {
		close(stop)
		<-done
		return kibs
	}
}

func residentKiB(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	kib, _ := strconv.Atoi(strings.Fields(rest)[0])
	return kib
}
