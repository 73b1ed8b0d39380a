package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// serveForEver answers pings; the host's port tells nothing, the endpoint's
// path is the same for all, and a header tells how many buyers.
func serveForEver() {
	replies := map[string][]byte{}
	for _, n := range []int{2, 20, 200} {
		replies["/"+strconv.Itoa(n)] = pingReply(n)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(ln.Addr())
	check(http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		prefix, _, _ := strings.Cut(r.URL.Path[1:], "/")
		body := replies["/"+prefix]
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})))
}

// startServer starts the server in a process of its own.
func startServer() (url string, stop func()) {
	self, err := os.Executable()
	check(err)
	cmd := exec.Command(self, "-serve")
	out, err := cmd.StdoutPipe()
	check(err)
	check(cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	check(err)
	return "http://" + strings.TrimSpace(line), func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
}

func loopback(out *tabwriter.Writer, quick bool) {
	url, stop := startServer()
	defer stop()
	samples, span := 3000, 2*time.Second
	if quick {
		samples, span = 400, 300*time.Millisecond
	}
	goals := map[int][2]string{2: {"≤1.35", "≤0.95"}, 20: {"≤1.40", "≤0.75"}, 200: {"≤1.90", "≤0.45"}}
	for _, buyers := range []int{2, 20, 200} {
		at := url + "/" + strconv.Itoa(buyers)
		tuned := trackdrive.NewTransport(nil)
		list := []pinger{ours(at, tuned), floor(at, tuned), withRetries(at, tuned), withResty(at, tuned), byHand(at, tuned)}
		medians := latencies(list, samples)
		for i, p := range list[1:] {
			goal := ""
			if i < 2 {
				goal = goals[buyers][i]
			}
			fmt.Fprintf(out, "Ping, loopback, %d buyers, p50\t%s\t%s\t\t%s\t\t%.2f\t%s\n", buyers, p.name, medians[0], medians[i+1], float64(medians[0])/float64(medians[i+1]), goal)
		}
		_ = out.Flush()
	}
	for _, workers := range []int{64, 512} {
		at := url + "/20"
		tuned, dials := counted()
		list := []struct {
			name, goal string
			pinger
		}{
			{"", "", ours(at, tuned)},
			{"retryablehttp, its transport", map[int]string{64: "≥2.0", 512: "≥2.0"}[workers], withRetries(at, http.DefaultTransport.(*http.Transport).Clone())},
			{"retryablehttp, our transport", map[int]string{64: "≥1.6", 512: "≥1.6"}[workers], withRetries(at, trackdrive.NewTransport(nil))},
			{"resty, its transport", "", withResty(at, http.DefaultTransport.(*http.Transport).Clone())},
			{"resty, our transport", "", withResty(at, trackdrive.NewTransport(nil))},
		}
		rates := make([][]float64, len(list))
		for range 3 {
			for i, p := range list {
				rates[i] = append(rates[i], rate(p.pinger, workers, span))
			}
		}
		before := dials.Load()
		rate(list[0].pinger, workers, span)
		for i := range rates {
			slices.Sort(rates[i])
		}
		for i, p := range list[1:] {
			own, theirs := rates[0][1], rates[i+1][1]
			fmt.Fprintf(out, "%d workers, requests/s\t%s\t%.0f\t\t%.0f\t\t%.2f\t%s\n", workers, p.name, own, theirs, own/theirs, p.goal)
		}
		fmt.Fprintf(out, "%d workers, dials in steady state\t\t%d\t\t\t\t\t0\n", workers, dials.Load()-before)
		_ = out.Flush()
	}
}

// counted is our transport, and how often it dialled.
func counted() (http.RoundTripper, *atomic.Int64) {
	dials := new(atomic.Int64)
	base := http.DefaultTransport.(*http.Transport).Clone()
	dial := base.DialContext
	base.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx, network, addr)
	}
	return trackdrive.NewTransport(base), dials
}

// latencies returns each pinger's median, sampled in turn.
func latencies(list []pinger, samples int) []time.Duration {
	times := make([][]time.Duration, len(list))
	for i := range samples {
		for j, p := range list {
			start := time.Now()
			_, err := p.ping()
			check(err)
			if i > samples/10 { // the first ones dial
				times[j] = append(times[j], time.Since(start))
			}
		}
	}
	medians := make([]time.Duration, len(list))
	for i := range times {
		slices.Sort(times[i])
		medians[i] = times[i][len(times[i])/2]
	}
	return medians
}

// rate returns requests per second of so many workers.
func rate(p pinger, workers int, span time.Duration) float64 {
	var done atomic.Int64
	var wg sync.WaitGroup
	end := time.Now().Add(span)
	start := time.Now()
	for range workers {
		wg.Go(func() {
			for time.Now().Before(end) {
				_, err := p.ping()
				check(err)
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}

// size builds a program with and without the library.
func size(out *tabwriter.Writer) {
	dir, err := os.MkdirTemp("", "size")
	check(err)
	defer func() { _ = os.RemoveAll(dir) }()
	built := func(name, source string) int64 {
		file := filepath.Join(dir, name)
		check(os.MkdirAll(filepath.Join("sizes", name), 0o755))
		defer func() { _ = os.RemoveAll("sizes") }()
		check(os.WriteFile(filepath.Join("sizes", name, "main.go"), []byte(source), 0o600))
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, "./sizes/"+name)
		cmd.Stderr = os.Stderr
		check(cmd.Run())
		info, err := os.Stat(file)
		check(err)
		return info.Size()
	}
	bare := built("bare", `package main

import (
	"encoding/json"
	"net/http"
	"os"
)

func main() {
	resp, err := http.Post("https://acme.trackdrive.com/", "application/json", os.Stdin)
	if err != nil {
		panic(err)
	}
	var out map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&out)
	_ = json.NewEncoder(os.Stdout).Encode(out)
}
`)
	own := built("own", `package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/trackdrive-go/trackdrive"
)

func main() {
	c, err := trackdrive.NewClient("acme")
	if err != nil {
		panic(err)
	}
	p, err := c.Ping(context.Background(), "sell", &trackdrive.PingRequest{})
	if err != nil {
		panic(err)
	}
	_ = json.NewEncoder(os.Stdout).Encode(p.Buyers)
}
`)
	fmt.Fprintf(out, "import, KiB\tnet/http + encoding/json\t%d\t\t%d\t\t+%d\t≤+600\n", own>>10, bare>>10, (own-bare)>>10)
}
