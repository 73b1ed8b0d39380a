package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/trackdrive-go/trackdrive"
)

// serveForEver answers pings. The first segment of a path tells how many buyers
// the reply has.
func serveForEver() {
	replies := map[string][]byte{}
	for _, n := range []int{2, 20, 200} {
		replies[strconv.Itoa(n)] = pingReply(n)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	fmt.Println(ln.Addr())
	must(http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		buyers, _, _ := strings.Cut(r.URL.Path[1:], "/")
		body := replies[buyers]
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})))
}

// server returns the URL of a server with so many buyers. It is a process of its
// own, started when a part first asks.
func (b *benchRun) server(buyers int) string {
	if b.stopServer == nil {
		self, err := os.Executable()
		must(err)
		cmd := exec.Command(self, "-serve")
		out, err := cmd.StdoutPipe()
		must(err)
		must(cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		must(err)
		b.serverURL = "http://" + strings.TrimSpace(line)
		b.stopServer = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	}
	return b.serverURL + "/" + strconv.Itoa(buyers)
}

// compareLatencies pings on loopback, one ping at a time.
func compareLatencies(b *benchRun) {
	samples := 3000
	if b.quick {
		samples = 400
	}
	for _, buyers := range []int{2, 20, 200} {
		at := pingTarget{url: b.server(buyers), transport: trackdrive.NewTransport(nil)}
		list := []leadPinger{
			pingWithLibrary(at), pingWithRetryable(at), onlyMoveBytes(at), pingWithFasthttp(at.url),
			pingByHand(peerStdlib, at, stdlibCodec), pingWithResty(at),
		}
		medians := sampleLatencies(list, samples)
		for i, p := range list[1:] {
			b.table.add(tableRow{
				job: fmt.Sprintf("Ping, loopback, p50, %d buyers", buyers), peer: p.name,
				ours: shownTime(medians[0]), theirs: shownTime(medians[i+1]), figure: medians[0] / medians[i+1],
			})
		}
	}
}

// sampleLatencies returns each pinger's median in nanoseconds, sampled in turn.
func sampleLatencies(list []leadPinger, samples int) []float64 {
	times := make([][]float64, len(list))
	for i := range samples {
		for j, p := range list {
			start := time.Now()
			_, err := p.ping()
			must(err)
			if i > samples/10 { // the first ones dial
				times[j] = append(times[j], float64(time.Since(start)))
			}
		}
	}
	medians := make([]float64, len(list))
	for i := range times {
		medians[i] = medianOf(times[i])
	}
	return medians
}
