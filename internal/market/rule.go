package market

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Verdict is what a reply to a post says about the lead.
type Verdict int

// The verdicts.
const (
	Unclear  Verdict = iota // it says yes and no, or neither: the lead may be sold
	PlainYes                // sold
	PlainNo                 // not sold
)

// String returns "unclear", "plain yes" or "plain no".
func (v Verdict) String() string { return [...]string{"unclear", "plain yes", "plain no"}[v] }

// OfPost judges the body of a 2xx reply to a post. It is the rule of yes and no
// for posts, written a second time: the library must not be its own judge.
func OfPost(body []byte) Verdict {
	s, readable := readSigns(body)
	if !readable {
		return Unclear
	}
	no := s.refuses()
	yes := s.success == successTrue || isAccepting(s.word) || !no && s.isRecorded()
	if s.isUnknown() {
		yes = false // what nobody knows takes back every yes but a number to dial
	}
	yes = yes || s.hasNumber()
	switch {
	case yes && !no:
		return PlainYes
	case no && !yes:
		return PlainNo
	default:
		return Unclear
	}
}

// RefusesPing reports whether a reply to a ping that may sell is a plain no,
// the only one that frees the lead: a refusal without any sign of a sale or a
// bid. A yes beside the no holds the lead, and so does anything that is neither.
func RefusesPing(status int, body []byte) bool {
	s, readable := readSigns(body)
	switch {
	case s.hasNumber(), s.isRecorded(), s.hasBids():
		return false
	case 400 <= status && status <= 499:
		return true
	case status < 200, status > 299, !readable:
		return false
	case s.success == successTrue, isAccepting(s.word):
		return false
	default:
		return s.success == successFalse || isRefusing(s.word) || 400 <= s.code && s.code <= 499
	}
}

// replySigns are what a reply says, apart from what it means.
type replySigns struct {
	members map[string]any
	success successForm
	word    string // the status, where it is a word, in lower case
	code    int    // the status, where it is a number
}

// successForm is how the member success is written.
type successForm int

const (
	successMissing successForm = iota // or null
	successTrue
	successFalse
	successUnknown // in no form that anybody knows
)

func readSigns(body []byte) (s replySigns, readable bool) {
	if json.Unmarshal(body, &s.members) != nil || s.members == nil {
		return replySigns{}, false
	}
	s.success = formOf(s.members["success"])
	switch status := s.members["status"].(type) {
	case float64:
		s.code = int(status)
	case string:
		if code, err := strconv.Atoi(status); err == nil {
			s.code = code
		} else {
			s.word = strings.ToLower(status)
		}
	}
	return s, true
}

func formOf(success any) successForm {
	text := ""
	switch v := success.(type) {
	case nil:
		return successMissing
	case bool:
		text = strconv.FormatBool(v)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		text = strings.ToLower(v)
	}
	switch text {
	case "true", "yes", "on", "1":
		return successTrue
	case "false", "no", "off", "0":
		return successFalse
	default:
		return successUnknown
	}
}

// refuses reports whether anything says no.
func (s replySigns) refuses() bool {
	return s.success == successFalse || s.code >= http.StatusBadRequest || isRefusing(s.word) ||
		isReason(s.members["errors"]) || isReason(s.members["error"])
}

// isUnknown reports whether the reply says something that nobody knows.
func (s replySigns) isUnknown() bool {
	return s.success == successUnknown || s.word != "" && !isAccepting(s.word) && !isRefusing(s.word)
}

// hasNumber reports whether the reply gives something to dial.
func (s replySigns) hasNumber() bool {
	return s.gives("forwarding_number", "forwarding_number_sip_address")
}

// isRecorded reports whether the reply shows signs of a sale that, beside a no,
// may be an echo of the request or a record of the refused lead.
func (s replySigns) isRecorded() bool { return s.gives("trackdrive_number", "lead_id", "buyer_name") }

// hasBids reports whether the reply names a buyer, or something to post to.
func (s replySigns) hasBids() bool {
	members, _ := s.members["try_all_buyers"].(map[string]any)
	tryAll := replySigns{members: members}
	return s.gives("try_all_buyers_ping_id", "ping_id") || s.listsBuyers() || tryAll.gives("ping_id") || tryAll.listsBuyers()
}

func (s replySigns) listsBuyers() bool {
	list, _ := s.members["buyers"].([]any)
	return slices.ContainsFunc(list, func(v any) bool { _, isObject := v.(map[string]any); return isObject })
}

// gives reports whether one of the members is a number, or a text that is not
// empty.
func (s replySigns) gives(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		switch v := s.members[name].(type) {
		case string:
			return v != ""
		case float64:
			return true
		default:
			return false
		}
	})
}

func isAccepting(word string) bool { return word == "success" || word == "accepted" }

func isRefusing(word string) bool {
	switch word {
	case "rejected", "refused", "declined", "denied", "failed", "failure", "error", "invalid", "duplicate",
		"unavailable", "closed", "expired", "blocked", "suppressed", "timeout":
		return true
	default:
		return strings.HasPrefix(word, "no_") || strings.HasPrefix(word, "caller_number_")
	}
}

// isReason reports whether errors, or error, hold anything. Empty values, and
// lists and objects of only those, do not.
func isReason(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		return strings.TrimSpace(v) != ""
	case []any:
		return slices.ContainsFunc(v, isReason)
	case map[string]any:
		for _, inner := range v {
			if isReason(inner) {
				return true
			}
		}
	}
	return false
}
