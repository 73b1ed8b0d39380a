package calls

import (
	"strings"
	"unicode"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

// repeatedFlags decide where a request goes and what is in it. What sells to a buyer of a
// ping needs them as the ping had them.
var repeatedFlags = []string{"base-url", "credentials", "timeout", "traffic-source-id", "encoding", "tracking", "fields", "trackdrive-number"}

// sellCommand returns the command that sells to a buyer; "" if nobody could paste it,
// because something in it does not print.
func (f *marketFlags) sellCommand(company, endpoint string, buyer trackdrive.Buyer) string {
	words := []string{company, endpoint}
	for _, name := range repeatedFlags {
		flag := f.set.Lookup(name)
		switch value := flag.Value.String(); {
		case value == flag.DefValue, value == "-": // the standard input was read already
		case name == "trackdrive-number":
			words = append(words, "--"+name, f.pastedNumber(value))
		default:
			words = append(words, "--"+name, value)
		}
	}
	words = append(words, "--ping-id", string(buyer.PingID))
	if buyer.ID != "" {
		words = append(words, "--buyer-id", string(buyer.ID))
	}
	words = append(words, "--caller-id", f.pastedNumber(f.callerID))
	if !isPrintable(words...) {
		return ""
	}
	return term.ShellCommand("trackdrive post", words...)
}

// pastedNumber returns a number in full, or a word to be replaced by it.
func (f *marketFlags) pastedNumber(number string) string {
	if number == "" || !f.terminal.ShowNumbers {
		return "NUMBER"
	}
	return number
}

func isPrintable(words ...string) bool {
	return !strings.ContainsFunc(strings.Join(words, ""), func(r rune) bool { return !unicode.IsPrint(r) })
}
