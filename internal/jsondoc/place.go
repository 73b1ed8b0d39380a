package jsondoc

import "github.com/trackdrive-go/trackdrive/internal/jsonscan"

// Located is a value and where it is in a document.
type Located struct {
	Member
	NameAt int // the offset of its name; for an element, of the value
	At     int // the offset of the value
}

// Document returns a valid document as the value that it is.
func Document(data []byte) Located {
	var s jsonscan.Scanner
	s.Reset(data)
	return Located{At: s.Offset(), NameAt: s.Offset(), Member: readMember(&s, data, "", false)}
}

// Members reads the value if it is an object.
func (l Located) Members() (members []Located, ok bool) {
	return l.inside(jsonscan.Object)
}

// Elements reads the value if it is an array.
func (l Located) Elements() (elements []Located, ok bool) {
	return l.inside(jsonscan.Array)
}

func (l Located) inside(kind jsonscan.Kind) (list []Located, ok bool) {
	if l.Kind != kind {
		return nil, false
	}
	var s jsonscan.Scanner
	s.Reset(l.JSON)
	known := make(map[string]bool)
	for s.Enter(); s.Next(); {
		inner := Located{At: l.At + s.Offset(), NameAt: l.At + s.Offset()}
		name := ""
		if kind == jsonscan.Object {
			name = string(s.Name())
			inner.NameAt = l.At + s.NameOffset()
		}
		inner.Member = readMember(&s, l.JSON, name, kind == jsonscan.Object && known[name])
		known[name] = true
		list = append(list, inner)
	}
	return list, true
}
