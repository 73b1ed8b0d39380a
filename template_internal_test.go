package trackdrive

// templateDialects are those that a template recognises unless InDialect says
// otherwise.
var templateDialects = []Dialect{DialectTrackDrive, DialectRingba, DialectCallGrid, DialectHandlebars, DialectViciDial}

// Bounds of templates, as the documentation of ParseTemplate and Expand has them.
const (
	maxTemplate = 64 << 10
	maxValue    = 8 << 10
)

func (d Dialect) opening() string {
	opening, _ := d.engine.Delimiters()
	return opening
}

func (d Dialect) closing() string {
	_, closing := d.engine.Delimiters()
	return closing
}

func (d Dialect) token(name string) string { return d.opening() + name + d.closing() }
