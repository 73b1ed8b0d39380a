// Reasons: why a call was refused, as one of a few words.

package trackdrive

import (
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/replydoc"
)

// Reason is why a call was refused: one of a few words, suitable as a metric's label.
// TrackDrive does not document a list of reasons, so a Reason is derived from the reply's
// status word, its texts and the HTTP status, and may be a guess. It never decides
// whether a call was accepted.
type Reason string

// The reasons.
const (
	ReasonNone         Reason = ""             // the call was not refused, or no reason was given
	ReasonNoBuyer      Reason = "no_buyer"     // no buyer wants the call, or the buyer is no longer available
	ReasonCapped       Reason = "capped"       // a cap is reached
	ReasonDuplicate    Reason = "duplicate"    // the caller or the lead is already known
	ReasonSuppressed   Reason = "suppressed"   // the caller is blocked
	ReasonClosed       Reason = "closed"       // the buyer, the offer or the campaign is closed, paused or out of hours
	ReasonExpired      Reason = "expired"      // the ping id, or the offer, is no longer valid
	ReasonInvalid      Reason = "invalid"      // the request is wrong
	ReasonUnauthorized Reason = "unauthorized" // the credentials are missing, unknown or lack a permission
	ReasonRateLimited  Reason = "rate_limited" // too many requests
	ReasonOther        Reason = "other"        // any other refusal
)

// Reason returns why the call was refused. It reads Status and Errors as
// [PingResponse.Reason] does; if they give no reason, the kind of the error decides. 401,
// 403 and 429 take precedence over texts that only call a field invalid. A call that got
// no answer, because of a timeout, the network or a cancelled context, has [ReasonNone].
func (e *Error) Reason() Reason {
	if e == nil {
		return ReasonNone
	}
	reason := reasonOfWords(e.Status, e.Errors)
	if reason != ReasonNone && reason != ReasonInvalid {
		return reason
	}
	for _, kind := range strictReasons {
		if errors.Is(e, kind.err) {
			return kind.reason
		}
	}
	if reason == ReasonInvalid {
		return reason
	}
	switch {
	case e.StatusCode == http.StatusRequestTimeout, e.StatusCode == http.StatusTooEarly:
		return ReasonOther
	case errors.Is(e, ErrBadRequest):
		return ReasonInvalid
	}
	for _, kind := range []error{ErrNotFound, ErrServer, ErrRejected, ErrUnreadable, ErrRedirect} {
		if errors.Is(e, kind) {
			return ReasonOther
		}
	}
	return ReasonNone
}

// strictReasons are the kinds of errors that say by themselves why a call was refused.
var strictReasons = []struct {
	err    error
	reason Reason
}{
	{ErrInvalidArgument, ReasonInvalid}, {ErrLeftoverToken, ReasonInvalid}, {ErrNoCredentials, ReasonUnauthorized}, {ErrExpired, ReasonExpired},
	{ErrUnauthorized, ReasonUnauthorized}, {ErrForbidden, ReasonUnauthorized}, {ErrRateLimited, ReasonRateLimited},
}

// reasonWords are the words that give a reason, in lower case and without apostrophes;
// "*" is any one word. If words of several reasons are in a text, the reason that
// comes first here wins: it is the more specific one.
var reasonWords = []struct {
	reason Reason
	words  string
}{
	{ReasonDuplicate, "duplicate, duplicates, duplicated, dupe, dupes, already taken, already been taken, already exists, already exist, already sold, " +
		"already been sold, already posted, already submitted, already received, already paid, already converted, seen before, repeat caller"},
	{ReasonSuppressed, "suppressed, suppression, blocked, blocklist, blocklisted, blacklist, blacklisted, banned, do not call, dnc, opted out, litigator, spam"},
	{ReasonRateLimited, "rate limit, rate limits, rate limited, rate limiting, ratelimit, ratelimited, too many requests, throttle, throttled, throttling, slow down"},
	{ReasonCapped, "cap, caps, capped, capacity, no capacity, concurrency, concurrent, quota, over max, limit reached, limit exceeded, limit hit, " +
		"limit is reached, limit was reached, limit has been reached, limit already reached, limit is exceeded, limit was exceeded, limit has been exceeded, " +
		"limit was hit, limit has been hit, limits reached, limits exceeded, limits have been reached, " +
		"reached * limit, reached * * limit, calls reached, max reached, maximum reached, is full, are full"},
	{ReasonUnauthorized, "unauthorized, unauthorised, not authorized, not authorised, not authenticated, access denied, forbidden, permission, permissions, " +
		"no permission, without permission, invalid token, invalid key, invalid api key, invalid credentials, bad credentials, token expired, token has expired"},
	{ReasonExpired, "expired, no longer valid, has passed, too late"},
	{ReasonClosed, "closed, paused, inactive, disabled, deactivated, suspended, not open, not active, not accepting, not currently open, not currently active, not currently accepting, " +
		"no longer open, no longer active, no longer accepting, turned off, " +
		"out of hours, outside hours, after hours, off hours, business hours, office hours, operating hours"},
	{ReasonNoBuyer, "no buyer, no buyers, no * buyer, no * buyers, no * * buyer, no * * buyers, nobody, no match, no matches, unmatched, none found, none available, " +
		"no target, no targets, no agent, no agents, no demand, unavailable, not available, not currently available, no longer available, buyer not found"},
	{ReasonInvalid, "invalid, required, mandatory, missing, malformed, not valid, bad request"},
}

// fieldFaults are words that say that the field before them is wrong, whatever it is
// called: "duplicate_check is invalid".
const fieldFaults = "is invalid, are invalid, is not valid, is not a valid, isnt valid, is required, are required, is missing, is needed, cant be blank, cannot be blank, " +
	"cant be empty, cannot be empty, is not included in the list, is not a number, is too short, is too long, must be, must have, must match, must not"

// negatingWords take back the word after them, also if fillerWords are between them:
// "not a duplicate".
var (
	negatingWords = wordSet("no, not, never, without, isnt, arent, wasnt, werent, hasnt, havent, cant, cannot, dont, doesnt")
	fillerWords   = wordSet("a, an, any, the, be, been, is, yet, being, ever, currently, known")
)

// limitVerbs say what became of a cap. After a word that negates, they take it back: "the
// cap has not been reached".
var limitVerbs = wordSet("reached, exceeded, hit, met, full")

func wordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.SplitSeq(words, ", ") {
		set[word] = true
	}
	return set
}

// reasonRank says how specific a reason is: the lower, the more.
type reasonRank int

const (
	codeRank    reasonRank = -1 // of a platform's code, which is no guess
	fieldFault             = reasonRank(100)
	invalidRank            = reasonRank(50) // weaker than all other words
)

// reasonPhrase is what follows the first word of a phrase.
type reasonPhrase struct {
	rest   []string
	reason Reason
	rank   reasonRank
}

// reasonPhrases holds the phrases by their first words.
var reasonPhrases = makeReasonPhrases()

func makeReasonPhrases() map[string][]reasonPhrase {
	phrases := make(map[string][]reasonPhrase)
	add := func(text string, reason Reason, rank reasonRank) {
		words := strings.Fields(text)
		phrases[words[0]] = append(phrases[words[0]], reasonPhrase{words[1:], reason, rank})
	}
	for i, row := range reasonWords {
		rank := reasonRank(i)
		if row.reason == ReasonInvalid {
			rank = invalidRank
		}
		for text := range strings.SplitSeq(row.words, ", ") {
			add(text, row.reason, rank)
		}
	}
	for text := range strings.SplitSeq(fieldFaults, ", ") {
		add(text, ReasonInvalid, fieldFault)
	}
	for code, reason := range ringbaReasons {
		add("code "+code, reason, codeRank)
	}
	return phrases
}

// foundReason is the most specific reason so far.
type foundReason struct {
	reason Reason
	rank   reasonRank
}

func (f *foundReason) add(other foundReason) {
	if other.reason != ReasonNone && (f.reason == ReasonNone || other.rank < f.rank) {
		*f = other
	}
}

// reasonOfWords returns the reason that the status word gives, or else the texts.
// Names of fields count only if no text says why, and only as a whole.
func reasonOfWords(status string, list []FieldError) Reason {
	if f := reasonOfText(status); f.reason != ReasonNone {
		return f.reason
	}
	var byText, byField foundReason
	for _, e := range list {
		byText.add(reasonOfText(withoutCondition(e.Message)))
	}
	if byText.reason != ReasonNone {
		return byText.reason
	}
	for _, e := range list {
		byField.add(reasonOfName(e.Field))
	}
	return byField.reason
}

// withoutCondition returns a text or, of what criteria found, only what they got: their
// own words, and what they wanted, are no reason.
func withoutCondition(message string) string {
	if strings.HasSuffix(message, gotUnreadable) || strings.HasSuffix(message, gotNothing) {
		return ""
	}
	if _, got, isFinding := strings.Cut(message, gotValue); isFinding {
		return got
	}
	return message
}

// wordList is the words of a text: in lower case, and without apostrophes.
type wordList struct {
	letters [maxErrorText]byte
	words   [maxErrorText/2 + 1]wordPlace
	n       int
}

type wordPlace struct {
	start, end uint16
	begins     bool // a sentence, or a part of one
}

// readWords reads the start of a text, as much as is kept of a reply's reasons.
func readWords[T string | []byte](w *wordList, text T) {
	w.n = 0
	end, inWord, begins := 0, false, true
	text = text[:min(len(text), maxErrorText)]
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(string(text[i:min(len(text), i+utf8.UTFMax)]))
		}
		i += size
		switch {
		case r == '\'', r == '’', r == '`':
		case r == utf8.RuneError:
			inWord = false
		case r >= utf8.RuneSelf && unicode.IsLetter(r), 'a' <= r|0x20 && r|0x20 <= 'z', '0' <= r && r <= '9':
			if !inWord {
				w.words[w.n] = wordPlace{uint16(end), uint16(end), begins}
				w.n++
				inWord, begins = true, false
			}
			if 'A' <= r && r <= 'Z' {
				r |= 0x20
			}
			end += utf8.EncodeRune(w.letters[end:end+size], r)
			w.words[w.n-1].end = uint16(end)
		default:
			inWord = false
			begins = begins || strings.ContainsRune(",;:.!?()\r\n", r)
		}
	}
}

func (w *wordList) at(i int) []byte { return w.letters[w.words[i].start:w.words[i].end] }

// matches reports whether the words from i on are the rest of a phrase. Only a code
// may be in another part of the sentence: "(Code: 1006)".
func (w *wordList) matches(i int, p *reasonPhrase) bool {
	if i+len(p.rest) > w.n {
		return false
	}
	for k, word := range p.rest {
		if w.words[i+k].begins && p.rank != codeRank || word != "*" && string(w.at(i+k)) != word {
			return false
		}
	}
	return true
}

// isNegated reports whether the word is taken back by one before it.
func (w *wordList) isNegated(i int) bool {
	for ; i > 0 && !w.words[i].begins; i-- {
		if negatingWords[string(w.at(i-1))] {
			return true
		}
		if !fillerWords[string(w.at(i-1))] {
			return false
		}
	}
	return false
}

// isNotReached reports whether the cap that a phrase before word i is about is not reached,
// as the rest of the part of the sentence says.
func (w *wordList) isNotReached(i int) bool {
	if limitVerbs[string(w.at(i-1))] {
		return false
	}
	isNegated := false
	for ; i < w.n && !w.words[i].begins; i++ {
		switch word := w.at(i); {
		case limitVerbs[string(word)]:
			return isNegated
		case negatingWords[string(word)]:
			isNegated = true
		case isNegated && !fillerWords[string(word)]:
			return false
		}
	}
	return false
}

// reasonOfText returns the most specific reason in a text. What stands before the
// fault of a field, in one part of a sentence, is the field's name.
func reasonOfText[T string | []byte](text T) (best foundReason) {
	if len(text) == 0 {
		return best
	}
	var w wordList
	readWords(&w, text)
	var inPart foundReason
	for i := range w.n {
		if w.words[i].begins {
			best.add(inPart)
			inPart = foundReason{}
		}
		phrases := reasonPhrases[string(w.at(i))]
		for k := range phrases {
			p := &phrases[k]
			if !w.matches(i+1, p) || w.isNegated(i) || p.reason == ReasonCapped && w.isNotReached(i+1+len(p.rest)) {
				continue
			}
			if p.rank == fieldFault {
				inPart = foundReason{ReasonInvalid, invalidRank}
			} else {
				inPart.add(foundReason{p.reason, p.rank})
			}
		}
	}
	best.add(inPart)
	return best
}

// reasonOfName returns the reason that a field's name is: "duplicate", "rate_limit".
func reasonOfName(name string) foundReason {
	if name == "" || len(name) > maxErrorText {
		return foundReason{}
	}
	var w wordList
	readWords(&w, name)
	if w.n == 0 || strings.Contains(name, ".") {
		return foundReason{}
	}
	phrases := reasonPhrases[string(w.at(0))]
	for k := range phrases {
		if p := &phrases[k]; len(p.rest) == w.n-1 && w.matches(1, p) {
			return foundReason{p.reason, min(p.rank, invalidRank)}
		}
	}
	return foundReason{}
}

// reasonOfBody returns the reason in a reply that may be of any platform; ReasonNone
// if it is not known.
func reasonOfBody(body []byte) Reason {
	switch {
	case len(body) == 0:
		return ReasonNone
	case jsonscan.Valid(body) == nil:
		return reasonOfDocument(body)
	case replydoc.IsMarkup(body):
		document, _ := replydoc.XML(body, "")
		return reasonOfDocument(document)
	default:
		return reasonOfText(body).reason
	}
}

// reasonMembers are the names, in lower case and without underscores, under which
// platforms say why they refuse.
var reasonMembers = wordSet("status, result, outcome, error, errors, message, msg, reason, reasons, rejectreason, rejectionreason, unmatchedreason, " +
	"responsetype, responsedetails, responsedetail, text")

// reasonOfDocument looks for a reason in the usual places of a reply, as JSON.
func reasonOfDocument(document []byte) Reason {
	if len(document) == 0 {
		return ReasonNone
	}
	d := documentReasons{data: document}
	d.s.Reset(document)
	d.walk(0, false)
	return d.best.reason
}

type documentReasons struct {
	s    jsonscan.Scanner
	data []byte
	text []byte // without its escapes
	best foundReason
}

// maxReasonDepth is how deep the reasons of a reply may be nested:
// response.errors.error.0.
const maxReasonDepth = 5

// walk reads the next value. Its texts are reasons if inReasons is true.
func (d *documentReasons) walk(depth int, inReasons bool) {
	kind := d.s.Kind()
	if depth >= maxReasonDepth || kind != jsonscan.Object && kind != jsonscan.Array {
		if v := d.s.Read(); inReasons && v.Kind == jsonscan.String {
			d.best.add(reasonOfText(d.textOf(v)))
		}
		return
	}
	for d.s.Enter(); d.s.Next(); {
		var name memberName
		if kind == jsonscan.Object {
			name.fold(d.s.Name())
		}
		if string(name.text()) == "code" && d.s.Kind() == jsonscan.Number {
			v := d.s.Read()
			d.best.add(foundReason{callGridReasons[string(d.data[v.Start:v.End])], codeRank})
			continue
		}
		d.walk(depth+1, inReasons || reasonMembers[string(name.text())])
	}
}

// textOf returns a text, until the next one is read.
func (d *documentReasons) textOf(v jsonscan.Value) []byte {
	text := d.data[v.Start:v.End]
	if !v.Escaped {
		return text
	}
	d.text = jsonscan.AppendUnescaped(d.text[:0], text)
	return d.text
}

// memberName is a member's name in lower case and without underscores, if it is short.
type memberName struct {
	letters [20]byte
	n       int
}

func (m *memberName) text() []byte { return m.letters[:m.n] }

func (m *memberName) fold(name []byte) {
	for _, c := range name {
		switch {
		case c == '_':
		case m.n == len(m.letters):
			m.n = 0
			return
		default:
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			m.letters[m.n] = c
			m.n++
		}
	}
}
