// Redaction: which parts of a reply are kept, and which are replaced by a mark.

package bidlog

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/display"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/jsonvalue"
	"github.com/trackdrive-go/trackdrive/internal/redact"
)

// The limits on what is kept. A phone number has at least display.FewestDigits digits,
// so a shorter number is not one. Ids have more digits: they are kept unless they contain
// the ten digits of a number with its area code.
const (
	maxIDDigits   = 9
	maxDigits     = 9   // of a decimal, those of its fraction included
	maxIDLength   = 128 // in bytes
	maxWordLength = 40
	maxNameLength = 48
	maxReplyDepth = jsonscan.MaxDepth - 12 // a line nests its reply deeper
)

// textRule says which texts of a member are kept. The empty text, booleans and short
// decimals are kept under every rule except numberText and secretText.
type textRule uint8

const (
	openText   textRule = iota // nothing is known about the member
	wordText                   // a status: a few words
	idText                     // an id
	keptText                   // Config.Keep has the member
	numberText                 // a phone number
	secretText                 // a credential
)

// memberRule is the rule for a member's value, and whether its name may be shown.
type memberRule struct {
	text    textRule
	showsIt bool
}

// The last words of the names of statuses and of ids, and words in the names of phone
// numbers.
var (
	statusEndings = wordSet("accepted category class code codes currency decision disposition kind matched method mode outcome reason result sold state status statuses success tier type valid vertical")
	idEndings     = wordSet("id ids uuid uuids guid guids")
	numberWords   = wordSet("ani caller callerid cell dialled did dids dnis e164 fax mobile msisdn number numbers phone sip tel telephone")
)

func wordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// replyRedactor redacts replies. It is safe for concurrent use.
type replyRedactor struct {
	keep    map[string]bool // in lower case
	secrets *sync.Pool      // of *redact.Secrets; nil if there are none

	mu    sync.Mutex
	rules atomic.Pointer[map[string]memberRule] // by name; a new name makes a new map
}

// maxRules bounds the names whose rule is remembered: few replies have others.
const maxRules = 1024

func newRedactor(keep, secrets []string) *replyRedactor {
	r := &replyRedactor{keep: make(map[string]bool)}
	r.rules.Store(new(map[string]memberRule))
	for _, name := range keep {
		r.keep[ascii.Lower(name)] = true
	}
	if len(secrets) > 0 {
		var all redact.Secrets
		all.Add(secrets...)
		r.secrets = &sync.Pool{New: func() any {
			copied := all.Clone()
			return &copied
		}}
	}
	return r
}

// pingSecrets are what a reply may repeat of its request, and a log does not keep.
type pingSecrets struct {
	numbers [2]string      // the digits of the phone numbers in the ping
	sent    redact.Secrets // the credentials that were sent
}

// hasSecret reports whether a text holds one of Config.Secrets.
func (r *replyRedactor) hasSecret(text []byte) bool {
	if r.secrets == nil {
		return false
	}
	secrets := r.secrets.Get().(*redact.Secrets)
	defer r.secrets.Put(secrets)
	return secrets.Found(string(text))
}

// rule returns the rule for a member.
func (r *replyRedactor) rule(name []byte) memberRule {
	if rule, isKnown := (*r.rules.Load())[string(name)]; isKnown {
		return rule
	}
	rule := memberRule{r.textRule(string(name)), isShownName(name) && !r.hasSecret(name)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := *r.rules.Load(); len(known) < maxRules && len(name) <= maxNameLength {
		grown := make(map[string]memberRule, len(known)+1)
		maps.Copy(grown, known)
		grown[string(name)] = rule
		r.rules.Store(&grown)
	}
	return rule
}

func (r *replyRedactor) textRule(name string) textRule {
	if redact.IsCredentialName(name) {
		return secretText
	}
	if r.keep[ascii.Lower(name)] {
		return keptText
	}
	words := nameWords(name)
	if len(words) == 0 {
		return openText
	}
	last := words[len(words)-1]
	if statusEndings[last] {
		return wordText
	}
	for _, word := range words {
		if numberWords[word] || strings.Contains(word, "phone") {
			return numberText
		}
	}
	if idEndings[last] {
		return idText
	}
	return openText
}

// nameWords splits a name at whatever is neither a letter nor a digit, and before upper
// case: CallerId is caller and id.
func nameWords(name string) []string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		isUpper := 'A' <= c && c <= 'Z'
		switch {
		case !ascii.IsLetter(c) && !ascii.IsDigit(c):
			c = ' '
		case isUpper && i > 0 && (name[i-1] < 'A' || name[i-1] > 'Z'):
			b.WriteByte(' ')
		}
		b.WriteByte(c)
	}
	return strings.Fields(ascii.Lower(b.String()))
}

// isShownName reports whether a member's name is kept: it is that of a field, and not a
// text or a phone number.
func isShownName(name []byte) bool {
	digits := 0
	for _, c := range name {
		switch {
		case ascii.IsDigit(c):
			digits++
		case !ascii.IsLetter(c) && !ascii.IsOneOf("_-.$@#: ", c):
			return false
		}
	}
	return len(name) <= maxNameLength && digits < display.FewestDigits
}

// replyRedaction is the redaction of one reply.
type replyRedaction struct {
	*replyRedactor
	jsonscan.Scanner
	hidden  *pingSecrets
	reply   []byte
	depth   int
	tooDeep bool
	text    [maxIDLength]byte
}

// phoneDigits returns the digits by which a number is recognised elsewhere: the last
// ten of them. It returns "" for a text that is no phone number.
func phoneDigits(number string) string {
	var digits []byte
	for i := range len(number) {
		if ascii.IsDigit(number[i]) {
			digits = append(digits, number[i])
		}
	}
	switch n := len(digits); {
	case n < display.FewestDigits:
		return ""
	case n > maxIDDigits+1:
		digits = digits[n-maxIDDigits-1:]
	}
	return string(digits)
}

// Why a reply is not in its line.
const (
	leftOutNotJSON = "not_json"
	leftOutTooLong = "too_long"
	leftOutTooDeep = "too_deep"
)

// appendReply appends a reply, in one line and redacted. If it cannot, it returns dst
// as it was, and why.
func (r *replyRedactor) appendReply(dst, reply []byte, hidden *pingSecrets) (redacted []byte, leftOut string) {
	walk := replyRedaction{replyRedactor: r, reply: reply, hidden: hidden}
	walk.Reset(reply)
	length := len(dst)
	dst = walk.value(dst, openText)
	switch {
	case walk.tooDeep:
		return dst[:length], leftOutTooDeep
	case !walk.Complete():
		return dst[:length], leftOutNotJSON
	default:
		return dst, ""
	}
}

// value appends the next value. The rule is that of the member that it is in.
func (r *replyRedaction) value(dst []byte, rule textRule) []byte {
	switch kind := r.Kind(); kind {
	case jsonscan.Object, jsonscan.Array:
		return r.container(dst, kind == jsonscan.Object, rule)
	case jsonscan.String:
		return r.string(dst, rule)
	case jsonscan.Number:
		v := r.Read()
		if literal := r.reply[v.Start:v.End]; r.keepsNumber(literal, rule) {
			return append(dst, literal...)
		}
		return jsonscan.AppendQuoted(dst, Mark)
	default:
		v := r.Read()
		return append(dst, r.reply[v.Start:v.End]...)
	}
}

func (r *replyRedaction) container(dst []byte, isObject bool, rule textRule) []byte {
	if r.depth++; r.depth > maxReplyDepth {
		r.tooDeep = true
		r.Read()
		return dst
	}
	defer func() { r.depth-- }()
	first, last := byte('['), byte(']')
	if isObject {
		first, last = '{', '}'
	}
	dst = append(dst, first)
	r.Enter()
	for count := 0; r.Next(); count++ {
		if count > 0 {
			dst = append(dst, ',')
		}
		inner := rule
		if isObject {
			dst, inner = r.member(dst, rule)
		}
		dst = r.value(dst, inner)
	}
	return append(dst, last)
}

// member appends a member's name, and returns the rule for its value.
func (r *replyRedaction) member(dst []byte, outer textRule) ([]byte, textRule) {
	name := r.Name()
	rule := r.rule(name)
	if rule.showsIt && !r.hidden.sent.Holds(name) {
		dst = append(dst, '"')
		dst = append(dst, name...) // which has nothing to escape
		dst = append(dst, '"', ':')
	} else {
		dst = append(jsonscan.AppendQuoted(dst, Mark), ':')
	}
	if outer == secretText {
		return dst, secretText
	}
	return dst, rule.text
}

func (r *replyRedaction) string(dst []byte, rule textRule) []byte {
	v := r.Read()
	text := r.reply[v.Start:v.End]
	if v.Escaped {
		if len(text) > 6*maxIDLength { // longer than all that is kept
			return jsonscan.AppendQuoted(dst, Mark)
		}
		text = jsonscan.AppendUnescaped(r.text[:0], text)
	}
	if !r.keepsText(text, rule) {
		return jsonscan.AppendQuoted(dst, Mark)
	}
	return jsonscan.AppendQuoted(dst, string(text))
}

// isSecret reports whether a text holds one of Config.Secrets, or what was sent.
func (r *replyRedaction) isSecret(text []byte) bool {
	return r.hidden.sent.Holds(text) || r.hasSecret(text)
}

// keepsNumber reports whether a number is kept.
func (r *replyRedaction) keepsNumber(literal []byte, rule textRule) bool {
	switch {
	case rule == secretText, r.isSecret(literal):
		return false
	case rule == idText || rule == keptText:
		return r.isPlainID(literal)
	default:
		return isShortDecimal(literal)
	}
}

// keepsText reports whether a text is kept.
func (r *replyRedaction) keepsText(text []byte, rule textRule) bool {
	if len(text) == 0 {
		return true
	}
	if rule >= numberText || len(text) > maxIDLength || r.isSecret(text) {
		return false
	}
	if _, isBool := jsonvalue.Bool(jsonscan.String, text); isBool {
		return true
	}
	switch rule {
	case wordText:
		return isStatus(text) || isMoneyText(text)
	case idText:
		return r.isPlainID(text)
	case keptText:
		return isPrintable(text) && r.hasNoNumber(text)
	default:
		return isMoneyText(text)
	}
}

func isPrintable(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// isStatus reports whether a text is at most three words, perhaps with a code of three
// digits.
func isStatus(text []byte) bool {
	digits, breaks := 0, 0
	for _, c := range text {
		switch {
		case ascii.IsLetter(c), c == '_', c == '-':
		case ascii.IsDigit(c):
			digits++
		case c == ' ':
			breaks++
		default:
			return false
		}
	}
	return len(text) <= maxWordLength && digits <= 3 && breaks <= 2
}

// isMoneyText reports whether a text is a decimal, perhaps with "$", or "null", which
// criteria take for null.
func isMoneyText(text []byte) bool {
	if text[0] == '$' {
		text = text[1:]
	}
	for _, c := range text {
		if !ascii.IsDigit(c) && c != '.' && c != '-' {
			return strings.EqualFold(string(text), "null")
		}
	}
	_, form := jsonvalue.Number(jsonscan.String, text)
	return form != 0 && isShortDecimal(text)
}

// isShortDecimal reports whether a number has too few digits for a phone number: at
// most six before its point, and nine in all.
func isShortDecimal(literal []byte) bool {
	whole, all, inFraction := 0, 0, false
	for _, c := range literal {
		switch {
		case ascii.IsDigit(c) && !inFraction:
			whole++
			all++
		case ascii.IsDigit(c):
			all++
		case c == '.':
			inFraction = true
		}
	}
	return whole < display.FewestDigits && all <= maxDigits
}

// isPlainID reports whether a text is an id, and not a phone number.
func (r *replyRedaction) isPlainID(text []byte) bool {
	if len(text) > maxIDLength {
		return false
	}
	for _, c := range text {
		if !ascii.IsWord(c) && !ascii.IsOneOf("-.:", c) {
			return false
		}
	}
	return r.hasNoNumber(text)
}

// hasNoNumber reports whether a text has no phone number in it: neither one of the ping
// nor anything of ten digits, unless these are part of a UUID or of a hash.
func (r *replyRedaction) hasNoNumber(text []byte) bool {
	var digits [maxIDLength]byte
	n, inRow, separators, longest := 0, 0, 0, 0
	for _, c := range text {
		switch {
		case ascii.IsDigit(c):
			digits[n] = c
			n++
			separators = 0
			if c != '0' || inRow > 0 { // no number begins with 0, but for the prefix of a call
				inRow++
			}
			longest = max(longest, inRow)
		case ascii.IsLetter(c), separators == 3:
			inRow, separators = 0, 0
		default:
			separators++
		}
	}
	for _, number := range r.hidden.numbers {
		if number != "" && strings.Contains(string(digits[:n]), number) {
			return false
		}
	}
	return longest <= maxIDDigits || isHash(text)
}

// isHash reports whether a text is a UUID, or at least 24 hexadecimal digits, with a
// letter among them, and perhaps up to four letters before.
func isHash(text []byte) bool {
	for i := 0; i < 4 && len(text) > 24 && len(text) != 36 && ascii.IsLetter(text[0]); i++ {
		text = text[1:]
	}
	isUUID, letters := len(text) == 36, 0
	for i, c := range text {
		switch isDash := isUUID && (i == 8 || i == 13 || i == 18 || i == 23); {
		case isDash != (c == '-'), !isDash && !ascii.IsHex(c):
			return false
		case ascii.IsLetter(c):
			letters++
		}
	}
	return letters > 0 && len(text) >= 24
}

// label returns a name that the program chose, or an endpoint, without phone numbers.
func (r *replyRedactor) label(text string) string {
	digits := 0
	for _, r := range text {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	if digits >= display.FewestDigits {
		text = display.HideNumbers(text)
	}
	if r.secrets != nil && r.hasSecret([]byte(text)) {
		return Mark
	}
	return display.Shorten(text, maxIDLength)
}

// id returns an id, or Mark if it may be a phone number.
func (r *replyRedactor) id(text string, hidden *pingSecrets) string {
	walk := replyRedaction{replyRedactor: r, hidden: hidden}
	if bytes := []byte(text); text != "" && (!walk.isPlainID(bytes) || walk.isSecret(bytes)) {
		return Mark
	}
	return text
}

// status returns a status, or Mark if it may be anything else.
func (r *replyRedactor) status(text string, hidden *pingSecrets) string {
	if bytes := []byte(text); text != "" && (!isStatus(bytes) || hidden.sent.Holds(bytes) || r.hasSecret(bytes)) {
		return Mark
	}
	return text
}

// amount returns a decimal, or Mark if it may be a phone number.
func (r *replyRedactor) amount(text string) string {
	if bytes := []byte(text); text != "" && (!isMoneyText(bytes) || r.hasSecret(bytes)) {
		return Mark
	}
	return text
}
