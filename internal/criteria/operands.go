// Operands: the values that fields are compared with.

package criteria

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/decimal"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
	"github.com/trackdrive-go/trackdrive/internal/jsonvalue"
)

// Operand is a value that a field is compared with, as it was given.
type Operand struct {
	kind operandKind
	text string // the text, or the literal; for a faulty operand, what is wrong with it
}

type operandKind uint8

const (
	kindFaulty operandKind = iota
	kindText
	kindNumber
	kindBool
	kindNull
)

// FaultyOperand returns an operand that a group reports as a mistake, with this
// message.
func FaultyOperand(message string) Operand { return Operand{kindFaulty, message} }

// OperandOf returns the operand for a Go value: text, a [json.Number], any integer
// or float, a boolean, or nil for null. Anything else is a faulty operand.
func OperandOf(v any) Operand {
	switch v := v.(type) {
	case nil:
		return Operand{kindNull, "null"}
	case string:
		return textOperandOf(v)
	case bool:
		return Operand{kindBool, strconv.FormatBool(v)}
	case json.Number:
		return numberOperandOf(string(v))
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, uintptr, float32, float64:
		literal, err := json.Marshal(v)
		if err != nil {
			return Operand{kindFaulty, "is not a finite number"}
		}
		return Operand{kindNumber, string(literal)}
	default:
		return Operand{kindFaulty, "must be text, a number, a boolean or nil"}
	}
}

func textOperandOf(text string) Operand {
	if strings.ToValidUTF8(text, "") != text {
		return Operand{kindFaulty, "is not valid UTF-8"}
	}
	return Operand{kindText, text}
}

// operandOfMember returns the operand for a value of the JSON form.
func operandOfMember(m jsondoc.Member) Operand {
	switch m.Kind {
	case jsonscan.String:
		text, _ := m.Text()
		return Operand{kindText, text}
	case jsonscan.Number:
		return Operand{kindNumber, string(m.JSON)}
	case jsonscan.True, jsonscan.False:
		return Operand{kindBool, string(m.JSON)}
	case jsonscan.Null:
		return Operand{kindNull, "null"}
	default:
		return Operand{kindFaulty, "must be text, a number, a boolean or null"}
	}
}

func numberOperandOf(literal string) Operand {
	if !jsonscan.IsNumber(literal) {
		return Operand{kindFaulty, "is not a JSON number"}
	}
	return Operand{kindNumber, literal}
}

// appendJSON appends the operand as JSON.
func (o Operand) appendJSON(dst []byte) []byte {
	if o.kind == kindText {
		return jsonscan.AppendQuoted(dst, o.text)
	}
	return append(dst, o.text...)
}

// want shows the condition's operands to people.
func (c Condition) want() string {
	switch {
	case c.isList:
		return string(c.appendValue(nil))
	case len(c.operands) == 1:
		return c.operands[0].text
	default:
		return ""
	}
}

// appendValue appends the condition's operands as JSON.
func (c Condition) appendValue(dst []byte) []byte {
	if !c.isList {
		return c.operands[0].appendJSON(dst)
	}
	dst = append(dst, '[')
	for i, o := range c.operands {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = o.appendJSON(dst)
	}
	return append(dst, ']')
}

// readyOperand is an operand that is ready to be compared with values.
type readyOperand struct {
	isNull bool
	text   []byte
	form   decimal.Form
	number decimal.Number[string]
}

func (o Operand) ready() readyOperand {
	r := readyOperand{text: []byte(o.text)}
	switch o.kind {
	case kindNull:
		r.isNull = true
	case kindNumber:
		r.number, r.form = jsonvalue.Number(jsonscan.Number, o.text)
	case kindText:
		r.isNull = strings.EqualFold(o.text, "null")
		r.number, r.form = jsonvalue.Number(jsonscan.String, o.text)
	}
	return r
}
