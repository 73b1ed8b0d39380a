// Places: where in a stored JSON document mistakes are.

package trackdrive

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/trackdrive-go/trackdrive/internal/ascii"
	"github.com/trackdrive-go/trackdrive/internal/jsondoc"
	"github.com/trackdrive-go/trackdrive/internal/jsonscan"
)

// positionIn reads what String writes. Any other text gives the zero position.
func positionIn(text string) documentPosition {
	before, after, _ := strings.Cut(text, ":")
	line, lineErr := strconv.Atoi(before)
	column, columnErr := strconv.Atoi(after)
	if lineErr != nil || columnErr != nil {
		return documentPosition{}
	}
	return documentPosition{line, column}
}

// mistakeSpot is what the reader of a document knows about a mistake's place,
// besides its field.
type mistakeSpot struct {
	offset    int  // 0 if it follows from the field
	aboutName bool // the mistake is in the member's name, and not in its value
}

// placeFinder finds the mistakes of a document in one pass, by their fields.
type placeFinder struct {
	mistakes []FieldError
	lower    []string // their fields in lower case: names are compared without it
	names    []bool   // which mistakes are in a name
	reached  []int    // how much of their fields led to a value
	exact    []bool   // for which of them in the same case
	offsets  []int
}

// offsetsIn returns the offset of each mistake in a valid document: of the value
// at its field, of a character in it for a field such as "body 3:14", or of the
// innermost value around what is missing.
func offsetsIn(data []byte, mistakes []FieldError, spots []mistakeSpot) []int {
	document := jsondoc.Document(data)
	f := &placeFinder{
		mistakes: mistakes,
		lower:    make([]string, len(mistakes)),
		names:    make([]bool, len(mistakes)),
		reached:  make([]int, len(mistakes)),
		exact:    make([]bool, len(mistakes)),
		offsets:  make([]int, len(mistakes)),
	}
	var searched []int
	for i, m := range mistakes {
		f.lower[i], f.names[i], f.offsets[i] = ascii.Lower(m.Field), spots[i].aboutName, cmp.Or(spots[i].offset, document.At)
		if spots[i].offset == 0 {
			searched = append(searched, i)
		}
	}
	slices.SortFunc(searched, func(i, j int) int { return cmp.Compare(f.lower[i], f.lower[j]) })
	f.visit(document, 0, searched)
	return f.offsets
}

// visit looks below a value for the mistakes whose fields begin alike: done bytes
// of them lead to the value.
func (f *placeFinder) visit(value jsondoc.Located, done int, among []int) {
	if len(among) == 0 {
		return
	}
	if elements, isList := value.Elements(); isList {
		for i, element := range elements {
			f.step(element, "["+strconv.Itoa(i)+"]", done, among)
		}
		return
	}
	members, _ := value.Members()
	for _, m := range members {
		name := quoteName(m.Name)
		if done == 0 {
			f.step(m, name, done, among)
			continue
		}
		f.step(m, "."+name, done, among)
		f.step(m, " "+name, done, among) // a header
	}
}

// step goes to a value by the text that leads to it.
func (f *placeFinder) step(value jsondoc.Located, text string, done int, among []int) {
	among = f.withPrefix(among, done, ascii.Lower(text))
	end := done + len(text)
	var inside []int
	for _, i := range among {
		rest := f.mistakes[i].Field[end:]
		exact := f.mistakes[i].Field[done:end] == text
		switch {
		case rest != "" && !ascii.IsOneOf(" .[", rest[0]):
			continue
		case end < f.reached[i], end == f.reached[i] && f.exact[i] && !exact:
			continue
		case value.Repeated: // its value was not read
			if rest == "" && f.names[i] {
				f.offsets[i] = value.NameAt
			}
			continue
		case rest == "" && f.names[i]:
			f.offsets[i] = value.NameAt
		default:
			f.offsets[i] = value.At + offsetInText(value, rest)
		}
		f.reached[i], f.exact[i] = end, exact
		inside = append(inside, i)
	}
	f.visit(value, end, inside)
}

// withPrefix returns those of the sorted mistakes whose fields go on with a text.
func (f *placeFinder) withPrefix(among []int, done int, text string) []int {
	start, _ := slices.BinarySearchFunc(among, text, func(i int, text string) int { return cmp.Compare(f.lower[i][done:], text) })
	among = among[start:]
	end, _ := slices.BinarySearchFunc(among, text, func(i int, text string) int {
		if strings.HasPrefix(f.lower[i][done:], text) {
			return -1
		}
		return 1
	})
	return among[:end]
}

// offsetInText returns how far behind the start of a string a character is, by its
// place in the text: " 3:14". It is 0 for other values and places.
func offsetInText(value jsondoc.Located, place string) int {
	want := positionIn(strings.TrimPrefix(place, " "))
	if value.Kind != jsonscan.String || want == (documentPosition{}) {
		return 0
	}
	inner := value.JSON[1 : len(value.JSON)-1]
	at := documentPosition{1, 1}
	offset := len(`"`)
	for len(inner) > 0 && at != want {
		size := jsonscan.CharacterSize(inner)
		if jsonscan.EqualUnescaped(inner[:size], "\n") {
			at = documentPosition{at.line + 1, 1}
		} else {
			at.column++
		}
		inner, offset = inner[size:], offset+size
	}
	return offset
}

// positionsAt returns the positions of offsets in a document.
func positionsAt(data []byte, offsets []int) []documentPosition {
	order := make([]int, len(offsets))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(offsets[i], offsets[j]) })
	positions := make([]documentPosition, len(offsets))
	last, at := documentPosition{1, 1}, 0
	for _, i := range order {
		line, column := jsonscan.Position(data[at:], offsets[i]-at)
		if line > 1 {
			last.column = 1
		}
		last = documentPosition{last.line + line - 1, last.column + column - 1}
		positions[i], at = last, offsets[i]
	}
	return positions
}
