// Bubbles of testing/synctest, in which no server may listen.

package trackdrivetest

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"time"
)

const bubbleAdvice = "trackdrivetest: NewServer cannot work in a synctest bubble: its listener waits for the network, so the bubble's time stands still; " +
	"use trackdrivetest.New with Fake.Transport (trackdrive.WithTransport), or with Fake.Register for httpmock"

// inBubble reports whether the test, or the calling goroutine, is in a synctest
// bubble.
func inBubble(t TB) bool {
	timed, hasDeadline := t.(interface{ Deadline() (time.Time, bool) })
	if hasDeadline && refusesDeadline(timed.Deadline) {
		return true
	}
	// t may hide its deadline, or be a test outside the bubble. The runtime names
	// the bubble in the first line of the goroutine's stack.
	var stack [256]byte
	header, _, _ := bytes.Cut(stack[:runtime.Stack(stack[:], false)], []byte("\n"))
	return bytes.Contains(header, []byte("synctest bubble"))
}

// refusesDeadline reports whether a test's Deadline panics, as it does in a
// bubble.
func refusesDeadline(deadline func() (time.Time, bool)) (refuses bool) {
	defer func() {
		reason := recover()
		if refuses = reason != nil; refuses && !strings.Contains(fmt.Sprint(reason), "synctest") {
			panic(reason)
		}
	}()
	deadline()
	return false
}
