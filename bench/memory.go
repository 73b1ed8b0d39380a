package main

import (
	"fmt"
	"runtime"
	"text/tabwriter"
)

// memory pings a million times and prints what stays.
func memory(out *tabwriter.Writer) {
	p := ours("", instant(pingReply(20)))
	const steps, each = 5, 200_000
	for step := range steps {
		for range each {
			_, err := p.ping()
			check(err)
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintf(out, "after %d pings\theap %d KiB\t%d objects\t%d goroutines\n", (step+1)*each, m.HeapAlloc>>10, m.HeapObjects, runtime.NumGoroutine())
	}
}
