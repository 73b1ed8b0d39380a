// The list: the leads to sell, from a CSV file.

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// listedLead is a row of the list.
type listedLead struct {
	ID     string // the lead's own, for ever: the desk knows the lead by it
	Caller string // the phone number
	Zip    string // may be empty
}

// listColumns are the columns that a list must have, in any order and among others.
var listColumns = []string{"id", "caller", "zip"}

// maxMistakes is how many mistakes in a list are shown.
const maxMistakes = 10

func readListFile(path string) ([]listedLead, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	list, err := readList(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// readList reads a list whose first row names the columns. The error names every row
// that is wrong by its line: a list with mistakes is not sold in part.
func readList(r io.Reader) ([]listedLead, error) {
	rows := csv.NewReader(r)
	rows.TrimLeadingSpace = true
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1 must name the columns, such as %s: %w", strings.Join(listColumns, ","), err)
	}
	at, err := columnPlaces(header)
	if err != nil {
		return nil, err
	}
	var list []listedLead
	var mistakes []string
	lineOf := map[string]int{} // of each id and each caller
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, csv.ErrFieldCount) {
			return nil, err // it has the line
		}
		line, _ := rows.FieldPos(0)
		if err != nil {
			mistakes = append(mistakes, fmt.Sprintf("line %d: has %d fields instead of %d", line, len(row), len(header)))
			continue
		}
		read := listedLead{ID: row[at[0]], Caller: row[at[1]], Zip: row[at[2]]}
		for _, mistake := range append(read.mistakes(), read.repeats(lineOf, line)...) {
			mistakes = append(mistakes, fmt.Sprintf("line %d: %s", line, mistake))
		}
		list = append(list, read)
	}
	switch {
	case len(mistakes) > maxMistakes:
		rest := len(mistakes) - maxMistakes
		return nil, fmt.Errorf("%s\nand %d more", strings.Join(mistakes[:maxMistakes], "\n"), rest)
	case len(mistakes) > 0:
		return nil, errors.New(strings.Join(mistakes, "\n"))
	case len(list) == 0:
		return nil, errors.New("there is no lead below the line with the columns")
	}
	return list, nil
}

// columnPlaces returns where the columns are.
func columnPlaces(header []string) ([]int, error) {
	header[0] = strings.TrimPrefix(header[0], "\uFEFF") // spreadsheets write it
	for i := range header {
		header[i] = strings.ToLower(strings.TrimSpace(header[i]))
	}
	var places []int
	for _, name := range listColumns {
		place := slices.Index(header, name)
		if place < 0 {
			return nil, fmt.Errorf("line 1: there is no column %q; name the columns, such as %s", name, strings.Join(listColumns, ","))
		}
		places = append(places, place)
	}
	return places, nil
}

// mistakes says what is wrong with a row by itself.
func (l listedLead) mistakes() (found []string) {
	if strings.TrimSpace(l.ID) == "" {
		found = append(found, "id: is empty")
	}
	if digits := digitsOf(l.Caller); len(digits) < 10 || len(digits) > 15 {
		found = append(found, fmt.Sprintf("caller: %q is not a phone number; write it like +12125550142", l.Caller))
	}
	if l.Zip != "" && (len(l.Zip) != 5 || len(digitsOf(l.Zip)) != 5) {
		found = append(found, fmt.Sprintf("zip: %q is not a zip code of 5 digits; leave it empty if it is not known", l.Zip))
	}
	return found
}

// repeats says which line already has the row's id or caller. Two rows would be two
// leads, and one person would be sold twice.
func (l listedLead) repeats(lineOf map[string]int, line int) (found []string) {
	for _, key := range []struct{ name, text, value string }{
		{"id", l.ID, "id " + l.ID},
		{"caller", l.Caller, "caller " + callerKey(l.Caller)},
	} {
		if first, isKnown := lineOf[key.value]; isKnown {
			found = append(found, fmt.Sprintf("%s: %q is given on line %d as well", key.name, key.text, first))
			continue
		}
		if key.text != "" {
			lineOf[key.value] = line
		}
	}
	return found
}

// callerKey returns what is the same however a number of North America is written.
func callerKey(number string) string {
	digits := digitsOf(number)
	if len(digits) == 11 {
		return strings.TrimPrefix(digits, "1")
	}
	return digits
}

func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// The made-up list has fictional numbers, 555-0100 to 555-0199, in this many area
// codes from this one.
const (
	firstAreaCode = 412
	areaCodes     = 99
	maxMadeUp     = 100 * areaCodes
)

// madeUpList returns the same leads every time.
func madeUpList(n int) []listedLead {
	list := make([]listedLead, n)
	for i := range list {
		list[i] = listedLead{
			ID:     fmt.Sprintf("lead-%04d", i+1),
			Caller: fmt.Sprintf("+1%d55501%02d", firstAreaCode+i/100, i%100),
			Zip:    fmt.Sprintf("%05d", (i+1)*61_803%100_000),
		}
	}
	return list
}

func writeList(path string, list []listedLead) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	rows := csv.NewWriter(file)
	_ = rows.Write(listColumns) // Flush keeps the error
	for _, l := range list {
		_ = rows.Write([]string{l.ID, l.Caller, l.Zip})
	}
	rows.Flush()
	return errors.Join(rows.Error(), file.Close())
}
