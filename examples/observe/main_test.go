package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestEveryAttemptIsASpan(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for want, times := range map[string]int{
		`span "HTTP POST" http.response.status_code=429`:           1,
		`span "HTTP POST" http.response.status_code=200`:           2,
		`span "sell" buyer=Buyer A payout=25.50, 3 attempts noted`: 1,
		"level=WARN": 1, "level=DEBUG": 2, "sold: dial +1555555": 1,
	} {
		if strings.Count(text, want) != times {
			t.Errorf("%q is not there %d times:\n%s", want, times, text)
		}
	}
}
