// Pages: templates, files, and what all pages have in common.

package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"

	"github.com/trackdrive-go/trackdrive/internal/display"
)

//go:embed assets
var embeddedFiles embed.FS

// templateFuncs are the choices of the fields of a webhook, and how values are written.
var templateFuncs = template.FuncMap{
	"words":   inWords,
	"utc":     inUTC,
	"replies": func() []string { return []string{"json", "xml", "text", "form"} },
	"missing": func() []string { return []string{"fails", "blank", "stays"} },
	"repeats": func() []string { return []string{"never", "refused", "safe"} },
}

// pageTemplates has the layout in each page's set.
var pageTemplates = parsePages()

func parsePages() map[string]*template.Template {
	pages := make(map[string]*template.Template)
	for _, name := range []string{"home", "webhook", "auctions", "auction", "outbox", "item", "sales", "sale", "numbers", "error"} {
		pages[name] = template.Must(template.New(name).Funcs(templateFuncs).ParseFS(embeddedFiles, "assets/layout.html", "assets/"+name+".html"))
	}
	return pages
}

// assetTags are the ETags of what a page loads.
var assetTags = tagAssets()

func tagAssets() map[string]string {
	tags := make(map[string]string)
	for _, name := range []string{"style.css", "script.js"} {
		data, err := fs.ReadFile(embeddedFiles, "assets/"+name)
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(data)
		tags[name] = `"` + hex.EncodeToString(sum[:8]) + `"`
	}
	return tags
}

// pageFrame is what the layout shows around each page.
type pageFrame struct {
	Title  string
	Active string // the tab
	Tabs   []pageTab
	Viewer Viewer
	Body   any
}

type pageTab struct{ Name, Path, Title string }

func (p *consolePage) tabs() []pageTab {
	tabs := []pageTab{{"home", "./", "Overview"}, {"webhook", "webhook", "Webhooks"}}
	if p.config.Auctions != nil {
		tabs = append(tabs, pageTab{"auctions", "auctions", "Auctions"})
	}
	if p.config.Outbox != nil {
		tabs = append(tabs, pageTab{"outbox", "outbox", "Outbox"})
	}
	if p.config.Sales != nil {
		tabs = append(tabs, pageTab{"sales", "sales", "Sales"})
	}
	if p.config.Insight != nil {
		tabs = append(tabs, pageTab{"numbers", "numbers", "Numbers"})
	}
	return tabs
}

// tabOf returns the tab that a page belongs to.
func tabOf(page string) string {
	switch page {
	case "auction":
		return "auctions"
	case "item":
		return "outbox"
	case "sale":
		return "sales"
	}
	return page
}

// page registers a page that may fail.
func (p *consolePage) page(pattern string, serve func(http.ResponseWriter, *http.Request) error) {
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			p.fail(w, r, viewerOf(r), err)
		}
	})
}

// render writes a page. A template that fails does not leave half a page.
func (p *consolePage) render(w http.ResponseWriter, r *http.Request, status int, name, title string, body any) error {
	var b bytes.Buffer
	frame := pageFrame{Title: title, Active: tabOf(name), Tabs: p.tabs(), Viewer: viewerOf(r), Body: body}
	if err := pageTemplates[name].ExecuteTemplate(&b, "layout", frame); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes())
	}
	return nil
}

// errorBody is what the page of an error shows.
type errorBody struct {
	Status int
	Title  string
	Text   string
}

// fail answers with a page that says what went wrong.
func (p *consolePage) fail(w http.ResponseWriter, r *http.Request, viewer Viewer, err error) {
	status := statusOf(err)
	text := textOf(err, status)
	if status == http.StatusInternalServerError {
		p.tellOf(r, err)
	}
	var b bytes.Buffer
	frame := pageFrame{Title: http.StatusText(status), Viewer: viewer, Body: errorBody{status, http.StatusText(status), text}}
	if viewer != (Viewer{}) {
		frame.Tabs = p.tabs()
	}
	if err := pageTemplates["error"].ExecuteTemplate(&b, "layout", frame); err != nil {
		http.Error(w, text, status)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// afterError is the error of a page that cannot be shown, although something was done.
type afterError struct {
	done string // what was done
	err  error
}

func (e *afterError) Error() string { return e.done + " " + e.err.Error() }
func (e *afterError) Unwrap() error { return e.err }

// textOf returns what the page of an error says.
func textOf(err error, status int) string {
	var after *afterError
	switch isHidden := status == http.StatusInternalServerError; {
	case errors.As(err, &after) && isHidden:
		return after.done + " The page that follows cannot be shown."
	case errors.As(err, &after):
		return after.done + " The page that follows cannot be shown: " + after.err.Error() + "."
	case isHidden:
		return "The page cannot be shown: something that it needs has failed. Nothing was sent or changed."
	default:
		return err.Error()
	}
}

// tellOf tells the program of an error that a viewer does not see.
func (p *consolePage) tellOf(r *http.Request, err error) {
	if p.config.OnError != nil {
		p.config.OnError(r.Context(), hiddenError{err})
	}
}

// hiddenError is an error whose text has no phone numbers.
type hiddenError struct{ err error }

func (e hiddenError) Error() string { return display.HideNumbers(e.err.Error()) }
func (e hiddenError) Unwrap() error { return e.err }

func (p *consolePage) serveAsset(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.PathValue("asset"))
	tag, known := assetTags[name]
	if !known {
		p.fail(w, r, viewerOf(r), &statusError{http.StatusNotFound, "there is no such page"})
		return
	}
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "private, no-cache")
	switch path.Ext(name) {
	case ".css":
		h.Set("Content-Type", "text/css; charset=utf-8")
	case ".js":
		h.Set("Content-Type", "text/javascript; charset=utf-8")
	}
	data, err := fs.ReadFile(embeddedFiles, "assets/"+name)
	if err != nil {
		p.fail(w, r, viewerOf(r), err)
		return
	}
	http.ServeContent(w, r, name, p.started, bytes.NewReader(data))
}
