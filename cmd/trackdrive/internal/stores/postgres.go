package stores

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/credentials"
)

// plainFailure returns the failure of a store in words of the command, on one line.
func plainFailure(err error) error {
	var away *pgconn.ConnectError
	if errors.As(err, &away) {
		return credentials.PlainError(awayText(away), err)
	}
	text := withoutProgram(err.Error())
	for _, prefix := range []string{"riverstore: ", "pgsales: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return credentials.PlainError(text, err)
}

// awayText says why a PostgreSQL takes no connection: "the PostgreSQL at 127.0.0.1:5432
// does not answer: connection refused".
func awayText(away *pgconn.ConnectError) string {
	hosts := []string{hostText(away.Config.Host, away.Config.Port)}
	for _, other := range away.Config.Fallbacks {
		hosts = append(hosts, hostText(other.Host, other.Port))
	}
	doing := "does not answer"
	var answered *pgconn.PgError
	if errors.As(away, &answered) {
		doing = "refuses the connection"
	}
	return "the PostgreSQL at " + strings.Join(distinctTexts(hosts), ", ") + " " + doing + ": " + strings.Join(distinctTexts(causesOf(away)), "; ")
}

func hostText(host string, port uint16) string {
	if strings.HasPrefix(host, "/") { // the folder of a socket
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// causesOf returns the texts of the errors at the bottom of an error. A PostgreSQL is
// tried at several addresses, with and without TLS.
func causesOf(err error) []string {
	var answered *pgconn.PgError
	var lookup *net.DNSError
	switch inner := err.(type) {
	case interface{ Unwrap() []error }:
		var causes []string
		for _, one := range inner.Unwrap() {
			causes = append(causes, causesOf(one)...)
		}
		return causes
	case interface{ Unwrap() error }:
		if !errors.As(err, &lookup) || lookup != err {
			if cause := inner.Unwrap(); cause != nil {
				return causesOf(cause)
			}
		}
	}
	switch {
	case errors.As(err, &answered):
		return []string{answered.Message}
	case errors.As(err, &lookup):
		return []string{lookup.Err}
	case err == context.DeadlineExceeded:
		return []string{"the time is up"}
	case err == context.Canceled:
		return []string{"interrupted"}
	}
	return []string{err.Error()}
}

func distinctTexts(list []string) []string {
	var distinct []string
	for _, text := range list {
		if !slices.Contains(distinct, text) {
			distinct = append(distinct, text)
		}
	}
	return distinct
}
