package trackdrive_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// messageMakers are the functions that make an error from a text.
var messageMakers = map[string]bool{
	"invalidArgument": true, "mistake": true, "New": true, "Errorf": true, "fail": true, "forgotten": true, "bad": true, "narrowError": true, "aboutAll": true, "fault": true, "faultAt": true, "scalarFault": true, "flaw": true,
}

// translated are phrases that no native speaker would write in a message.
var translated = regexp.MustCompile(`\bis no [a-zA-Z]|\bwas said\b|\bnil for\b|\bis none\b|there twice|superfluous|does not belong|for want of|stands no\b|for nothing|\btold\b|in front of|in the place of|but for\b`)

// With -v it lists every message of the package: go test -v -run TestMessages .
func TestMessagesReadWell(t *testing.T) {
	t.Parallel()
	var files []string
	for _, pattern := range []string{"*.go", "internal/criteria/*.go", "internal/template/*.go"} {
		matched, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, matched, pattern)
		files = append(files, matched...)
	}
	messages := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			text, at := messageOf(n)
			if text == "" {
				return true
			}
			messages++
			t.Logf("%s: %s", fset.Position(at), text)
			if translated.MatchString(text) {
				t.Errorf("%s: %q reads like a translation", fset.Position(at), text)
			}
			return true
		})
	}
	require.Greater(t, messages, 150)
}

// messageOf returns the text of the message that a node makes, its parts joined by
// colons; "" if it makes none.
func messageOf(n ast.Node) (text string, at token.Pos) {
	var parts []ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		if !messageMakers[nameOf(n.Fun)] {
			return "", 0
		}
		parts, at = n.Args, n.Pos()
	case *ast.CompositeLit:
		if kind := nameOf(n.Type); kind != "FieldError" && kind != "Mistake" && kind != "Flaw" {
			return "", 0
		}
		parts, at = n.Elts, n.Pos()
	default:
		return "", 0
	}
	var texts []string
	for _, part := range parts {
		if pair, is := part.(*ast.KeyValueExpr); is {
			part = pair.Value
		}
		ast.Inspect(part, func(n ast.Node) bool {
			if literal, is := n.(*ast.BasicLit); is && literal.Kind == token.STRING {
				if plain, err := strconv.Unquote(literal.Value); err == nil {
					texts = append(texts, plain)
				}
			}
			return true
		})
	}
	return strings.Join(texts, ": "), at
}

func nameOf(fun ast.Expr) string {
	switch f := fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	default:
		return ""
	}
}
