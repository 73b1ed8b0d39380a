package fakeserver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/fakeserver"
)

const oneCompany = "companies: {acme: {endpoints: {sell: {buyers: [{name: Buyer A, bid: 25.00}]}}}}\n"

func ExampleParse() {
	_, err := fakeserver.Parse("fake.yaml", []byte("companies:\n  acme:\n    endpoint: {}\n"))
	fmt.Println(err)
	// Output: fake.yaml:3:5: companies.acme.endpoint: is unknown; did you mean "endpoints"?
}

func ExampleLoad() {
	_, err := fakeserver.Load("nowhere.yaml")
	fmt.Println(err)
	// Output: the configuration nowhere.yaml cannot be read: no such file or directory
}

func ExampleDefault() {
	text, err := fakeserver.Default().YAML()
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Count(string(text), "bid:"), "buyers")
	// Output: 2 buyers
}

func ExampleConfig_YAML() {
	c, err := fakeserver.Parse("fake.yaml", []byte("companies: {acme: {access: [{auth_token: made-up}]}}"))
	if err != nil {
		panic(err)
	}
	text, err := c.YAML()
	if err != nil {
		panic(err)
	}
	fmt.Print(string(text[strings.Index(string(text), "companies"):]))
	// Output:
	// companies:
	//   acme:
	//     access:
	//       - auth_token: "[redacted]"
}

func ExampleConfig_Format() {
	c, err := fakeserver.Parse("fake.yaml", []byte("companies: {acme: {access: [{auth_token: made-up}]}}"))
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Contains(fmt.Sprintf("%v %+v %#v %s", c, c, c, c), "made-up"))
	// Output: false
}

func ExampleServer_Format() {
	server, err := fakeserver.New(fakeserver.Default())
	if err != nil {
		panic(err)
	}
	fmt.Printf("%+v", server)
	// Output: a fake TrackDrive
}

func ExampleSample() {
	_, err := fakeserver.Parse("sample.yaml", []byte(fakeserver.Sample()))
	fmt.Println(err)
	// Output: <nil>
}

func ExampleIsUsage() {
	_, err := fakeserver.Parse("fake.yaml", []byte("a: b"))
	fmt.Println(fakeserver.IsUsage(err), fakeserver.IsUsage(os.ErrNotExist))
	// Output: true false
}

func ExampleConfigError_Error() {
	err := &fakeserver.ConfigError{Mistakes: []fakeserver.Mistake{{File: "fake.yaml", Line: 1, Column: 1, Path: "a", Message: "is unknown"}}}
	fmt.Println(err.Error())
	// Output: fake.yaml:1:1: a: is unknown
}

func ExampleConfigError_Usage() {
	fmt.Println((&fakeserver.ConfigError{}).Usage())
	// Output: true
}

func ExampleMistake_String() {
	fmt.Println(fakeserver.Mistake{Line: 3, Column: 7, Path: "by", Message: "is missing"})
	// Output: line 3, column 7: by: is missing
}

func ExampleNew() {
	server, err := fakeserver.New(fakeserver.Default())
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	server.Handler().ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/api/v1/inbound_webhooks/full/sell", strings.NewReader("caller_id=5555550142")))
	fmt.Println(w.Body)
	// Output: {"success":true,"status":"accepted","forwarding_number":"+15555550100","forwarding_number_status":"accepted"}
}

func ExampleServer_Handler() {
	c, err := fakeserver.Parse("fake.yaml", []byte(oneCompany))
	if err != nil {
		panic(err)
	}
	server, err := fakeserver.New(c)
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	server.Handler().ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "http://globex.trackdrive.com/api/v1/calls", http.NoBody))
	fmt.Print(w.Code, " ", strings.Contains(w.Body.String(), `this fake has no company \"globex\"; it has acme`))
	// Output: 404 true
}

func ExampleWithLog() {
	log := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	server, err := fakeserver.New(fakeserver.Default(), fakeserver.WithLog(log, true))
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	server.Handler().ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/api/v1/calls", http.NoBody))
	// Output: acme GET /api/v1/calls: 401
}

func ExampleServer_Serve() {
	dir, err := os.MkdirTemp("", "fake")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "fake.yaml")
	if err := os.WriteFile(path, []byte("listen: 127.0.0.1:0\n"+oneCompany), 0o600); err != nil {
		panic(err)
	}
	c, err := fakeserver.Load(path)
	if err != nil {
		panic(err)
	}
	server, err := fakeserver.New(c)
	if err != nil {
		panic(err)
	}
	addresses, err := server.Listen()
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- server.Serve(ctx) }()
	reply, err := http.Get(addresses[0].URL + "/_health")
	if err != nil {
		panic(err)
	}
	reply.Body.Close()
	stop()
	fmt.Println(reply.StatusCode, <-done)
	// Output: 200 <nil>
}

func ExampleServer_Listen() {
	c, err := fakeserver.Parse("fake.yaml", []byte("listen: 127.0.0.1:0\ncompanies: {acme: {listen: '127.0.0.1:0'}}"))
	if err != nil {
		panic(err)
	}
	server, err := fakeserver.New(c)
	if err != nil {
		panic(err)
	}
	addresses, err := server.Listen()
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := server.Serve(ctx); err != nil {
		panic(err)
	}
	fmt.Println(addresses[0].Hosts, addresses[1].Company)
	// Output: [acme.localhost] acme
}

func ExampleCommand() {
	cmd := fakeserver.Command()
	cmd.SetArgs([]string{"--buyer", "Buyer A=25.00", "--check"})
	cmd.SetOut(os.Stdout)
	if err := cmd.Execute(); err != nil {
		panic(err)
	}
	// Output: ok: companies: 1, endpoints: 1, buyers: 1, faults: 0
}
