package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindings(t *testing.T) {
	t.Parallel()
	const head = "// Package a is documented.\npackage a\n"
	tests := map[string]struct {
		source, tests            string
		undocumented, unexampled []string
	}{
		"package":   {source: "package a", undocumented: []string{"package a"}},
		"type":      {source: head + "type T int\n// U is.\ntype U int\ntype v int", undocumented: []string{"T"}},
		"constant":  {source: head + "const A = 1\nconst B = 2 // B is\nconst c = 3", undocumented: []string{"A"}},
		"group":     {source: head + "// What they are.\nconst (\n\tA = 1\n\tB = 2\n)", undocumented: nil},
		"variables": {source: head + "var (\n\tA int\n\t// B is.\n\tB int\n)", undocumented: []string{"A"}},
		"fields": {
			source:       head + "// T is.\ntype T struct {\n\tA, B int\n\tC int // C is\n\td int\n}",
			undocumented: []string{"T.A", "T.B"},
		},
		"methods of an interface": {
			source:       head + "// I is.\ntype I interface {\n\tA()\n\t// B does.\n\tB()\n\tc()\n}",
			undocumented: []string{"I.A"},
		},
		"functions and methods": {
			source:       head + "// T is.\ntype T int\nfunc (T) Do() {}\nfunc F() {}\nfunc g() {}",
			undocumented: []string{"F", "T.Do"}, unexampled: []string{"F", "T.Do"},
		},
		"examples, with suffixes": {
			source: head + "// T is.\ntype T int\n// Do does.\nfunc (T) Do() {}\n// F does.\nfunc F() {}",
			tests:  "package a\nfunc ExampleT_Do() {\n\t// Output:\n}\nfunc ExampleF_twice() {\n\tprintln()\n\t// Output: x\n}",
		},
		"names of an enumeration need none": {
			source:     head + "// T is.\ntype T int\n// A is.\nconst A T = 1\n// String gives.\nfunc (T) String() string { return \"\" }\n// Do does.\nfunc (T) Do() {}\n// U is.\ntype U int\n// String gives.\nfunc (U) String() string { return \"\" }",
			unexampled: []string{"T.Do", "U.String"},
		},
		"an example of another name": {
			source:     head + "// F does.\nfunc F() {}",
			tests:      "package a\nfunc ExampleFunc() {\n\t// Output:\n}",
			unexampled: []string{"F"},
		},
		"an example that does not run": {
			source:     head + "// F does.\nfunc F() {}",
			tests:      "package a\nfunc ExampleF() {}",
			unexampled: []string{"F"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte(tt.source), 0o600))
			if tt.tests != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "a_test.go"), []byte(tt.tests), 0o600))
			}
			r, err := checkDir(dir)
			require.NoError(t, err)
			require.Equal(t, tt.undocumented, r.undocumented)
			require.Equal(t, tt.unexampled, r.unexampled)
		})
	}
}
