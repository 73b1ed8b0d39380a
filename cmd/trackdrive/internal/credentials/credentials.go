// Package credentials finds out who calls TrackDrive: the credentials come from a file
// that nobody else can read, or from the environment, and never from a flag, which
// every user of the machine can see.
package credentials

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

// The names in the environment.
const (
	FileVariable           = "TRACKDRIVE_CREDENTIALS_FILE"
	PublicKeyVariable      = "TRACKDRIVE_PUBLIC_KEY"
	PrivateKeyVariable     = "TRACKDRIVE_PRIVATE_KEY"
	BasicTokenVariable     = "TRACKDRIVE_BASIC_TOKEN"
	DeveloperTokenVariable = "TRACKDRIVE_DEVELOPER_TOKEN"
	AuthTokenVariable      = "TRACKDRIVE_AUTH_TOKEN"
	LeadTokenVariable      = "TRACKDRIVE_LEAD_TOKEN"
	OfferTokenVariable     = "TRACKDRIVE_OFFER_TOKEN"
)

// Help is the paragraph about credentials in the help of a command.
const Help = `Credentials come from a file of mode 0600 (--credentials FILE, or its path in
TRACKDRIVE_CREDENTIALS_FILE), or from the environment, and never from a flag:
  TRACKDRIVE_PUBLIC_KEY and TRACKDRIVE_PRIVATE_KEY   a company access token
  TRACKDRIVE_BASIC_TOKEN                             the same, ready-made
  TRACKDRIVE_DEVELOPER_TOKEN                         a developer access token
  TRACKDRIVE_AUTH_TOKEN                              the legacy auth_token
A file has the credentials of several companies, and the tokens of offers:
  companies:
    acme: {public_key: PUBLIC, private_key: PRIVATE}
    globex: {developer_token: TOKEN}
  tokens:
    acme/lead_token: TOKEN
or one line, for the company that is called: PUBLIC:PRIVATE, "Basic ...", "Token ...".`

// Set are the credentials of one run.
type Set struct {
	Called    trackdrive.Authenticator            // for the company that is called; nil if there are none
	Companies map[string]trackdrive.Authenticator // for each company; nil if they are not given by company
	Tokens    map[string]string                   // lead tokens and offer tokens by name: acme/lead_token
}

// Load reads the credentials from the file; without a path, from the file or the
// values that the environment names. It hides all of them from the output.
func Load(t *term.Terminal, path string) (*Set, error) {
	set := &Set{Tokens: map[string]string{}}
	for name, variable := range map[string]string{"lead_token": LeadTokenVariable, "offer_token": OfferTokenVariable} {
		if token := t.Env(variable); token != "" {
			set.Tokens[name] = token
			t.Hide(token)
		}
	}
	given, err := givenInEnvironment(t, path)
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = t.Env(FileVariable)
	}
	switch {
	case path != "":
		return set, set.readFile(t, path)
	case given != nil:
		set.Called, err = given(t)
		if err != nil {
			return nil, term.Usagef("%v", err)
		}
	}
	return set, nil
}

// Token returns the token of a company that is sent as a parameter, such as
// lead_token, or "" if the company has no such token.
func (s *Set) Token(company, name string) string {
	if token := s.Tokens[company+"/"+name]; token != "" {
		return token
	}
	return s.Tokens[name]
}

// givenInEnvironment returns how to make the credentials that the environment has; nil
// if it has none, or if the path of a file comes first.
func givenInEnvironment(t *term.Terminal, path string) (func(*term.Terminal) (trackdrive.Authenticator, error), error) {
	if path != "" {
		return nil, nil
	}
	var names []string
	var makers []func(*term.Terminal) (trackdrive.Authenticator, error)
	add := func(name string, maker func(*term.Terminal) (trackdrive.Authenticator, error)) {
		names, makers = append(names, name), append(makers, maker)
	}
	if t.Env(FileVariable) != "" {
		add(FileVariable, nil)
	}
	if t.Env(PublicKeyVariable) != "" || t.Env(PrivateKeyVariable) != "" {
		add(PublicKeyVariable, fromKeys)
	}
	for _, single := range []struct {
		name string
		make func(string) trackdrive.Authenticator
	}{
		{BasicTokenVariable, trackdrive.BasicToken},
		{DeveloperTokenVariable, trackdrive.DeveloperToken},
		{AuthTokenVariable, trackdrive.AuthToken},
	} {
		if t.Env(single.name) != "" {
			add(single.name, func(t *term.Terminal) (trackdrive.Authenticator, error) {
				hideToken(t, t.Env(single.name))
				return single.make(t.Env(single.name)), nil
			})
		}
	}
	switch len(names) {
	case 0:
		return nil, nil
	case 1:
		return makers[0], nil
	default:
		return nil, term.Usagef("the environment has several credentials: %s", strings.Join(names, ", ")).
			Try("unset all but one, or name the one to use with --credentials FILE")
	}
}

func fromKeys(t *term.Terminal) (trackdrive.Authenticator, error) {
	public, private := t.Env(PublicKeyVariable), t.Env(PrivateKeyVariable)
	hideToken(t, public, private)
	switch {
	case public == "":
		return nil, fmt.Errorf("%s is set and %s is not", PrivateKeyVariable, PublicKeyVariable)
	case private == "":
		return nil, fmt.Errorf("%s is set and %s is not", PublicKeyVariable, PrivateKeyVariable)
	}
	return trackdrive.BasicAuth(public, private), nil
}

// hideToken hides credentials, and what follows the scheme word in them.
func hideToken(t *term.Terminal, secrets ...string) {
	for _, secret := range secrets {
		t.Hide(secret)
		if _, token, found := strings.Cut(secret, " "); found {
			t.Hide(strings.TrimSpace(token))
		}
		t.Hide(strings.Split(secret, ":")...)
		t.Hide(keysIn(secret)...)
	}
}

// keysIn returns the keys in a ready-made token: "Basic BASE64", or the base64 alone.
func keysIn(token string) []string {
	encoded := strings.TrimRight(token[strings.LastIndexByte(token, ' ')+1:], "=")
	decoded, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(encoded))
	if err != nil {
		return nil
	}
	return strings.Split(string(decoded), ":")
}

func (s *Set) readFile(t *term.Terminal, path string) error {
	data, err := ReadPrivate(t, path)
	if err != nil {
		return err
	}
	return s.parse(t, path, data)
}

// maxPrivate is how long a file with secrets may be, in bytes.
const maxPrivate = 1 << 20

// ReadPrivate reads a file with secrets. One that others can read is refused.
func ReadPrivate(t *term.Terminal, path string) ([]byte, error) {
	return term.Await(t.Done, func() ([]byte, error) { return readPrivate(path) })
}

func readPrivate(path string) ([]byte, error) {
	file, err := term.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return nil, term.Failed(term.FileError(path, err))
	}
	// Windows has no such bits, and a pipe from a process of one's own has a mode that
	// nobody has chosen.
	if mode := info.Mode(); runtime.GOOS != "windows" && mode.IsRegular() && mode.Perm()&0o077 != 0 {
		return nil, term.Failed(fmt.Errorf("%s can be read by others (mode %04o), so its secrets may be known", path, mode.Perm()),
			"type: "+term.ShellCommand("chmod 600", path))
	}
	data, err := io.ReadAll(io.LimitReader(file, maxPrivate+1))
	data = term.WithoutMark(data)
	switch {
	case err != nil:
		return nil, term.Failed(term.FileError(path, err))
	case len(data) > maxPrivate:
		return nil, term.Failed(fmt.Errorf("%s is longer than 1 MiB, which is too long for credentials", path))
	case strings.TrimSpace(string(data)) == "":
		return nil, term.Failed(fmt.Errorf("%s is empty", path))
	}
	return data, nil
}

// CompanyNames lists the companies that a file of credentials names, for completion.
func CompanyNames(t *term.Terminal, path string) []string {
	if path == "" {
		path = t.Env(FileVariable)
	}
	set := &Set{Tokens: map[string]string{}}
	if path == "" || set.readFile(t, path) != nil {
		return nil
	}
	var names []string
	for name := range set.Companies {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// PrivateLine reads a file with secrets that has one line.
func PrivateLine(t *term.Terminal, path string) (string, error) {
	data, err := ReadPrivate(t, path)
	if err != nil {
		return "", err
	}
	line := strings.TrimSpace(string(data))
	t.Hide(line)
	if strings.ContainsAny(line, "\r\n") {
		return "", term.Failed(errors.New(path + " has several lines; give one"))
	}
	return line, nil
}
