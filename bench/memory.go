package main

import (
	"fmt"
	"runtime"
)

// watchMemory pings a million times, or a tenth of that if it has to be quick,
// and sees whether the heap grows after the first fifth.
func watchMemory(b *benchRun) {
	const buyers, steps = 20, 5
	each, job := 200_000, "A million pings"
	if b.quick {
		each = 20_000
	}
	entry := pingWithLibrary(instantReply(pingReply(buyers))).entry(buyers)
	goroutines := runtime.NumGoroutine()
	var first, last float64
	for step := range steps {
		entry.run(each)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		last = float64(m.HeapAlloc >> 10)
		if step == 0 {
			first = last
		}
	}
	b.table.add(tableRow{
		job: job, peer: countedHeap, figure: last - first,
		ours: fmt.Sprintf("%.0f", last), theirs: fmt.Sprintf("%.0f at first", first),
	})
	b.table.add(tableRow{job: job, peer: countedGoroutines, figure: float64(runtime.NumGoroutine() - goroutines)})
}
