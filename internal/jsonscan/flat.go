// Objects of the plainest form, which nearly all of TrackDrive's buyers have.

package jsonscan

// FlatMember is a member of an object that ReadFlat has read.
type FlatMember struct {
	NameStart, NameEnd int   // data[NameStart:NameEnd] is the name, which has no escapes
	Same               bool  // the member that was read into this place before has this name, too
	Value              Value // neither an object nor an array, and without escapes
}

// ReadFlat reads the next value if it is an object without white space and nesting,
// whose names and strings are ASCII without escapes. It stores the members in list
// and returns how many there are. For anything else, valid or not, and for more
// members than the list has room for, it returns false: clear the list and Enter it.
//
// The list may hold the members of another object of the same data. Most lists have
// objects with the same names in the same order, and these are read faster.
func (s *Scanner) ReadFlat(list []FlatMember) (n int, ok bool) {
	if s.Kind() != Object || s.depth == MaxDepth {
		return 0, false
	}
	data, i := s.data, s.pos+1
	if s.at(i) == '}' {
		s.pos, s.unread = i+1, false
		return 0, true
	}
	for n = range list {
		if i, ok = list[n].readFlat(data, i); !ok {
			return 0, false
		}
		if data[i] == '}' {
			s.pos, s.unread = i+1, false
			return n + 1, true
		}
		i++
	}
	return 0, false
}

// flatMembersEnd steps over the members from i on that ReadFlat could read. It
// returns the end of the last one, or i if there is none.
func flatMembersEnd(data []byte, i int) (end int) {
	end = i
	for {
		var m FlatMember
		next, ok := m.readFlat(data, i)
		if !ok {
			return end
		}
		if end = next; data[end] == '}' {
			return end
		}
		i = end + 1
	}
}

// readFlat reads the member that starts at i, and returns the place of the comma or
// the brace that follows it.
func (m *FlatMember) readFlat(data []byte, i int) (end int, ok bool) {
	if i, ok = m.readName(data, i); !ok {
		return 0, false
	}
	end, ok = m.Value.readFlat(data, i)
	return end, ok && end < len(data) && (data[end] == ',' || data[end] == '}')
}

// readName reads the name that starts at i, and its colon. Data does not end there.
func (m *FlatMember) readName(data []byte, i int) (next int, ok bool) {
	if m.NameEnd > 0 {
		before := data[m.NameStart-1 : m.NameEnd+2]
		next = i + len(before)
		if next < len(data) && string(data[i:next]) == string(before) {
			m.NameStart, m.NameEnd, m.Same = i+1, next-2, true
			return next, true
		}
	}
	if i >= len(data) || data[i] != '"' {
		return 0, false
	}
	end := skipPlain(data, i+1)
	next = end + len(`":`)
	if next >= len(data) || data[end] != '"' || data[end+1] != ':' {
		return 0, false
	}
	m.NameStart, m.NameEnd, m.Same = i+1, end, false
	return next, true
}

// readFlat reads the value that starts at i, where data does not end. It returns
// false for an object, an array and all that needs a closer look.
func (v *Value) readFlat(data []byte, i int) (end int, ok bool) {
	*v = Value{Kind: kindByFirstByte[data[i]], Start: i}
	switch v.Kind {
	case String:
		v.Start = i + 1
		v.End = skipPlain(data, i+1)
		return v.End + 1, v.End < len(data) && data[v.End] == '"'
	case Number:
		v.End, ok = flatNumberEnd(data, i)
	case Null:
		v.End, ok = i+4, i+4 <= len(data) && string(data[i:i+4]) == "null"
	case True:
		v.End, ok = i+4, i+4 <= len(data) && string(data[i:i+4]) == "true"
	case False:
		v.End, ok = i+5, i+5 <= len(data) && string(data[i:i+5]) == "false"
	}
	return v.End, ok
}

// flatNumberEnd returns the end of a number without an exponent.
func flatNumberEnd(data []byte, i int) (end int, ok bool) {
	if data[i] == '-' {
		i++
	}
	end = digitsEnd(data, i)
	if end == i || data[i] == '0' && end > i+1 {
		return 0, false
	}
	if end < len(data) && data[end] == '.' {
		i = end + 1
		end = digitsEnd(data, i)
		return end, end > i
	}
	return end, true
}
