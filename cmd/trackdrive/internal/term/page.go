package term

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"github.com/trackdrive-go/trackdrive/internal/display"
)

// Page is a result as text.
type Page struct {
	b      strings.Builder
	styles *pageStyles // nil without a terminal
}

// pageStyles are how a terminal shows what stands out.
type pageStyles struct{ heading, good, bad, doubtful lipgloss.Style }

func (t *Terminal) newPage() *Page {
	if !t.IsStyled {
		return &Page{}
	}
	renderer := lipgloss.NewRenderer(io.Discard) // asks the terminal nothing
	renderer.SetColorProfile(termenv.ANSI)
	return &Page{styles: &pageStyles{
		heading:  renderer.NewStyle().Bold(true),
		good:     renderer.NewStyle().Foreground(lipgloss.Color("2")),
		bad:      renderer.NewStyle().Foreground(lipgloss.Color("1")),
		doubtful: renderer.NewStyle().Foreground(lipgloss.Color("3")),
	}}
}

// String returns the page.
func (p *Page) String() string { return p.b.String() }

// Line adds a line. Whatever in it does not print is escaped.
func (p *Page) Line(format string, args ...any) {
	p.b.WriteString(printableLine(fmt.Sprintf(format, args...)) + "\n")
}

// Block adds a text of several lines.
func (p *Page) Block(text string) {
	for line := range strings.Lines(text) {
		p.Line("%s", strings.TrimRight(line, "\r\n"))
	}
}

// Gap adds an empty line.
func (p *Page) Gap() { p.b.WriteString("\n") }

// A Tone is how a word stands out.
type Tone int

// The tones.
const (
	Plain Tone = iota
	Good
	Bad
	Doubtful
)

// Toned adds a line in a tone.
func (p *Page) Toned(tone Tone, format string, args ...any) {
	p.b.WriteString(p.inTone(tone, printableLine(fmt.Sprintf(format, args...))) + "\n")
}

func (p *Page) inTone(tone Tone, text string) string {
	if p.styles == nil {
		return text
	}
	switch tone {
	case Good:
		return p.styles.good.Render(text)
	case Bad:
		return p.styles.bad.Render(text)
	case Doubtful:
		return p.styles.doubtful.Render(text)
	default:
		return text
	}
}

// printableLine escapes what does not print: texts of servers go to terminals.
func printableLine(line string) string {
	if !strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return line
	}
	var b strings.Builder
	for _, r := range line {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(display.Line(string(r)))
		}
	}
	return b.String()
}

// A Column is a column of a table: its heading, and how its cells are aligned.
type Column struct {
	Name  string
	Right bool // to the right, as money and counts are
}

// Table adds a table. A column without a text in any row is left out.
func (p *Page) Table(columns []Column, rows [][]string) {
	widths := make([]int, len(columns))
	lines := make([][]string, len(rows))
	for i, row := range rows {
		lines[i] = make([]string, len(columns))
		for j, cell := range row {
			lines[i][j] = display.Line(cell)
			widths[j] = max(widths[j], lipgloss.Width(lines[i][j]))
		}
	}
	headings := make([]string, len(columns))
	for j, column := range columns {
		headings[j] = column.Name
		if widths[j] > 0 {
			widths[j] = max(widths[j], lipgloss.Width(column.Name))
		}
	}
	heading := tableLine(columns, widths, headings)
	if p.styles != nil {
		heading = p.styles.heading.Render(heading)
	}
	p.b.WriteString(heading + "\n")
	for _, line := range lines {
		p.b.WriteString(tableLine(columns, widths, line) + "\n")
	}
}

// tableLine aligns the cells of a line; columns without a width are left out.
func tableLine(columns []Column, widths []int, cells []string) string {
	var b strings.Builder
	for j, cell := range cells {
		if widths[j] == 0 {
			continue
		}
		blanks := strings.Repeat(" ", widths[j]-lipgloss.Width(cell))
		if b.Len() > 0 {
			b.WriteString("  ")
		}
		if columns[j].Right {
			b.WriteString(blanks + cell)
		} else {
			b.WriteString(cell + blanks)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// A Pair is a name with its value.
type Pair struct{ Name, Value string }

// Pairs adds names with their values, one line each. A pair without a value is left
// out.
func (p *Page) Pairs(pairs ...Pair) {
	width := 0
	for _, pair := range pairs {
		if pair.Value != "" {
			width = max(width, len(pair.Name))
		}
	}
	for _, pair := range pairs {
		if pair.Value != "" {
			fmt.Fprintf(&p.b, "%-*s  %s\n", width, pair.Name, display.Line(pair.Value))
		}
	}
}
