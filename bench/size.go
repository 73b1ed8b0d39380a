package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// compareSizes builds programs without and with the library.
func compareSizes(b *benchRun) {
	ours := builtSize("library", libraryProgram)
	for _, peer := range []struct{ name, program string }{
		{peerGivenPackages, givenProgram}, {peerBarePackages, bareProgram},
	} {
		theirs := builtSize("peer", peer.program)
		b.table.add(tableRow{
			job: "Import, KiB", peer: peer.name, figure: float64((ours - theirs) >> 10),
			ours: fmt.Sprint(ours >> 10), theirs: fmt.Sprint(theirs >> 10),
		})
	}
}

// builtSize returns how many bytes a program has when it is built for release.
// Its source lies in this module while it is built, for the sake of go.mod.
func builtSize(name, source string) int64 {
	dir, err := os.MkdirTemp("", "size")
	must(err)
	defer func() { _ = os.RemoveAll(dir) }()
	folder := filepath.Join("sizes", name)
	must(os.MkdirAll(folder, 0o755))
	defer func() { _ = os.RemoveAll("sizes") }()
	must(os.WriteFile(filepath.Join(folder, "main.go"), []byte(source), 0o600))
	file := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, "./"+folder)
	cmd.Stderr = os.Stderr
	must(cmd.Run())
	info, err := os.Stat(file)
	must(err)
	return info.Size()
}

const libraryProgram = `package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/trackdrive-go/trackdrive"
)

func main() {
	c, err := trackdrive.NewClient("acme")
	if err != nil {
		panic(err)
	}
	p, err := c.Ping(context.Background(), "sell", &trackdrive.PingRequest{})
	if err != nil {
		panic(err)
	}
	_ = json.NewEncoder(os.Stdout).Encode(p.Buyers)
}
`

// givenProgram uses the packages that a program of this kind has anyway, or that
// the library is meant to be built on.
const givenProgram = `package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"

	"github.com/google/go-querystring/query"
	"github.com/hashicorp/go-retryablehttp"
)

type lead struct {
	CallerID string ` + "`url:\"caller_id\"`" + `
}

func main() {
	values, err := query.Values(lead{"+15555550142"})
	if err != nil {
		panic(err)
	}
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{}
	client.Logger = slog.Default()
	req, err := retryablehttp.NewRequestWithContext(context.Background(), http.MethodPost, "https://acme.trackdrive.com/?"+values.Encode(), os.Stdin)
	if err != nil {
		panic(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		panic(err)
	}
	var out map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&out)
	_ = json.NewEncoder(os.Stdout).Encode(out)
}
`

const bareProgram = `package main

import (
	"encoding/json"
	"net/http"
	"os"
)

func main() {
	resp, err := http.Post("https://acme.trackdrive.com/", "application/json", os.Stdin)
	if err != nil {
		panic(err)
	}
	var out map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&out)
	_ = json.NewEncoder(os.Stdout).Encode(out)
}
`
