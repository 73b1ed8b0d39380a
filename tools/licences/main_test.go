package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const shortMIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this
software and associated documentation files (the "Software"), to deal in the Software
without restriction, including without limitation the rights to use, copy, modify, merge,
publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons
to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR
PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE
FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
DEALINGS IN THE SOFTWARE.
`

const shortZero = `Permission to use, copy, modify, and/or distribute this software for any purpose with or
without fee is hereby granted.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO
THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT
SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR
ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION
OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE
USE OR PERFORMANCE OF THIS SOFTWARE.
`

func TestLicences(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ file, text, want, wrong string }{
		"MIT":             {"LICENSE", shortMIT, "MIT", ""},
		"another name":    {"License.txt", shortMIT, "MIT", ""},
		"not on the list": {"COPYING", shortZero, "", "its licence is 0BSD, which is not one of"},
		"somebody's own":  {"LICENSE", "You may look at this, and no more.\n", "", "is not known: 0% of the text"},
		"none":            {"README", shortMIT, "", "has no licence file"},
		"MIT in an essay": {"LICENSE", shortMIT + string(bytes.Repeat([]byte("And you must also do many other things. "), 200)), "", "is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, test.file), []byte(test.text), 0o644))
			licence, err := licenceIn(dir)
			if test.wrong != "" {
				require.ErrorContains(t, err, test.wrong)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, licence)
		})
	}
}

func TestTheRootLinksFewModules(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, runLicences([]string{filepath.Join("..", "..")}, &out))
	require.Contains(t, out.String(), "| github.com/google/go-querystring | BSD-3-Clause | trackdrive |\n")
	require.NotContains(t, out.String(), "trackdrive-go/")
	require.NotContains(t, out.String(), "bbolt")
}
