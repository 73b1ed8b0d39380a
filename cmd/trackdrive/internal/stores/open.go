package stores

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/credentials"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
	"github.com/trackdrive-go/trackdrive/outbox"
	"github.com/trackdrive-go/trackdrive/outbox/boltstore"
	"github.com/trackdrive-go/trackdrive/outbox/riverstore"
	"github.com/trackdrive-go/trackdrive/sales"
	"github.com/trackdrive-go/trackdrive/sales/boltsales"
	"github.com/trackdrive-go/trackdrive/sales/pgsales"
)

// The names in the environment.
const (
	outboxVariable   = "TRACKDRIVE_OUTBOX"
	salesVariable    = "TRACKDRIVE_SALES"
	postgresVariable = "TRACKDRIVE_POSTGRES_URL"
)

const storeHelp = `The store is a file of package boltstore or boltsales, whose service is stopped, or a
PostgreSQL, whose service may run: --store FILE, --store postgres://USER@HOST/DATABASE,
or what TRACKDRIVE_OUTBOX and TRACKDRIVE_SALES say. A URL with a password comes from
TRACKDRIVE_POSTGRES_URL, or from a file of mode 0600 (--postgres-url-file FILE).`

// storeFlags say which store is meant.
type storeFlags struct {
	terminal *term.Terminal
	store    string
	urlFile  string
	schema   string
	variable string // its name in the environment
}

func newStoreFlags(cmd *cobra.Command, t *term.Terminal, variable string) *storeFlags {
	f := &storeFlags{terminal: t, variable: variable}
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.store, "store", "", "`FILE`, or URL of a PostgreSQL without a password; also "+variable)
	flags.StringVar(&f.urlFile, "postgres-url-file", "", "`FILE` with the URL of a PostgreSQL, mode 0600")
	flags.StringVar(&f.schema, "schema", "", "the `SCHEMA` of the tables in PostgreSQL")
	return f
}

// storeLocation is where a store is: in a file, or in a PostgreSQL.
type storeLocation struct{ file, postgres string }

func (l storeLocation) String() string {
	if l.file != "" {
		return l.file
	}
	return "the PostgreSQL"
}

func (f *storeFlags) locate() (storeLocation, error) {
	switch {
	case f.store != "" && f.urlFile != "":
		return storeLocation{}, term.Usagef("give --store or --postgres-url-file, and not both")
	case f.store != "":
		if isPostgres(f.store) {
			f.terminal.Hide(passwordOf(f.store))
			if hasPassword(f.store) {
				return storeLocation{}, term.Usagef("--store has a password in it: whoever may list processes would see it").
					Try("put the URL into " + postgresVariable + ", or into a file of mode 0600 and give --postgres-url-file FILE")
			}
			return storeLocation{postgres: f.store}, nil
		}
		return storeLocation{file: f.store}, nil
	case f.urlFile != "":
		line, err := credentials.PrivateLine(f.terminal, f.urlFile)
		if err != nil {
			return storeLocation{}, err
		}
		if !isPostgres(line) {
			return storeLocation{}, term.Failed(fmt.Errorf("%s must hold a URL that begins with postgres://", f.urlFile))
		}
		f.terminal.Hide(passwordOf(line))
		return storeLocation{postgres: line}, nil
	}
	for _, variable := range []string{f.variable, postgresVariable} {
		text := f.terminal.Env(variable)
		switch {
		case text == "":
		case isPostgres(text):
			f.terminal.Hide(passwordOf(text))
			return storeLocation{postgres: text}, nil
		case variable == postgresVariable:
			return storeLocation{}, term.Usagef("%s must be a URL that begins with postgres://", variable)
		default:
			return storeLocation{file: text}, nil
		}
	}
	return storeLocation{}, term.Usagef("no store is given").Try("give --store FILE, or set " + f.variable + " or " + postgresVariable)
}

func isPostgres(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://") || strings.Contains(text, "password=")
}

// hasPassword reports whether a URL has a password. One that cannot be read may have.
func hasPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return true
	}
	_, inUser := u.User.Password()
	query := u.Query()
	return inUser || query.Has("password") || query.Has("sslpassword") || u.Scheme == ""
}

func passwordOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	if password, has := u.User.Password(); has {
		return password
	}
	return u.Query().Get("password")
}

// connectTimeout is how long a PostgreSQL has to take a connection, unless its URL says
// something else.
const connectTimeout = 5 * time.Second

// openTimeout is how long a PostgreSQL has to answer at first.
const openTimeout = 20 * time.Second

func connectPool(ctx context.Context, address string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, term.Usagef("the URL of the PostgreSQL cannot be read: %s", strings.TrimPrefix(err.Error(), "cannot parse `"+address+"`: "))
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	return pgxpool.NewWithConfig(ctx, config)
}

// checkFile refuses what a store would make a new file of.
func checkFile(path, what string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return term.Failed(term.FileError(path, err))
	case info.IsDir():
		return term.Failed(fmt.Errorf("%s is a folder", path))
	case info.Size() == 0:
		return term.Failed(fmt.Errorf("%s is empty; it is not %s", path, what))
	}
	return nil
}

// storeKind is a kind of store, and how it is opened.
type storeKind[T any] struct {
	what     string // what a file of this kind is: "an outbox"
	openFile func(path string) (store T, closeIt func() error, err error)
	openPool func(ctx context.Context, pool *pgxpool.Pool, schema string) (T, error)

	locked, damaged, notMigrated error // the kinds of errors that it returns
}

var outboxKind = storeKind[outbox.Store]{
	what: "an outbox",
	openFile: func(path string) (outbox.Store, func() error, error) {
		store, err := boltstore.Open(path, nil)
		if err != nil {
			return nil, nil, err
		}
		return store, store.Close, nil
	},
	openPool: func(ctx context.Context, pool *pgxpool.Pool, schema string) (outbox.Store, error) {
		return riverstore.Open(ctx, pool, &riverstore.Options{Schema: schema})
	},
	locked: boltstore.ErrLocked, damaged: boltstore.ErrDamaged, notMigrated: riverstore.ErrNotMigrated,
}

var salesKind = storeKind[sales.Store]{
	what: "a file of sales",
	openFile: func(path string) (sales.Store, func() error, error) {
		store, err := boltsales.Open(path, nil)
		if err != nil {
			return nil, nil, err
		}
		return store, store.Close, nil
	},
	openPool: func(ctx context.Context, pool *pgxpool.Pool, schema string) (sales.Store, error) {
		return pgsales.Open(ctx, pool, &pgsales.Options{Schema: schema})
	},
	locked: boltsales.ErrLocked, damaged: boltsales.ErrDamaged, notMigrated: pgsales.ErrNotMigrated,
}

// openOutbox opens the outbox.
func (f *storeFlags) openOutbox(ctx context.Context) (store outbox.Store, where storeLocation, closeIt func(), err error) {
	return openStore(ctx, f, outboxKind)
}

// openSales opens the store of sales.
func (f *storeFlags) openSales(ctx context.Context) (store sales.Store, where storeLocation, closeIt func(), err error) {
	return openStore(ctx, f, salesKind)
}

// openStore opens a store, and returns where it is. Nothing is created or changed.
func openStore[T any](ctx context.Context, f *storeFlags, kind storeKind[T]) (store T, where storeLocation, closeIt func(), err error) {
	var none T
	where, err = f.locate()
	if err != nil {
		return none, where, nil, err
	}
	if where.file != "" {
		if err := checkFile(where.file, kind.what); err != nil {
			return none, where, nil, err
		}
		store, closeFile, err := kind.openFile(where.file)
		if err != nil {
			return none, where, nil, fileError(where.file, kind.what, err, kind.locked, kind.damaged)
		}
		return store, where, func() { _ = closeFile() }, nil // every change is durable already
	}
	pool, err := connectPool(ctx, where.postgres)
	if err != nil {
		return none, where, nil, err
	}
	opening, stop := context.WithTimeout(ctx, openTimeout)
	defer stop()
	store, err = kind.openPool(opening, pool, f.schema)
	if err != nil {
		pool.Close()
		return none, where, nil, postgresError(err, kind.notMigrated)
	}
	return store, where, pool.Close, nil
}

// fileError says why a file cannot be opened as a store.
func fileError(path, what string, err, locked, damaged error) error {
	switch {
	case errors.Is(err, locked):
		return term.Failed(fmt.Errorf("%s is in use", path), "stop the service that has it open, or use that service's own admin")
	case errors.Is(err, damaged) && isOtherStore(path, damaged):
		return term.Failed(fmt.Errorf("%s is not %s", path, what), "it is the other kind of file: see trackdrive outbox and trackdrive sales")
	case errors.Is(err, damaged):
		return term.Failed(fmt.Errorf("%s is damaged, or is not %s", path, what), "nothing was changed; do not go on with an empty file in its place")
	default:
		return term.Failed(term.FileError(path, err))
	}
}

// isOtherStore reports whether a file that is not an outbox holds sales, or the other
// way round.
func isOtherStore(path string, damaged error) bool {
	if errors.Is(damaged, boltstore.ErrDamaged) {
		store, err := boltsales.Open(path, nil)
		return err == nil && store.Close() == nil
	}
	store, err := boltstore.Open(path, nil)
	return err == nil && store.Close() == nil
}

// postgresError says why a PostgreSQL cannot be used.
func postgresError(err, notMigrated error) error {
	if errors.Is(err, notMigrated) {
		return term.Failed(fmt.Errorf("the PostgreSQL has no such tables, or old ones: %w", err), "name their schema with --schema, or let the service that owns them make them")
	}
	return term.Failed(plainFailure(err), "nothing was changed")
}

// storeError is the error of a change after which nobody knows whether it is stored.
func storeError(err error, again string) error {
	return term.Unknown(fmt.Errorf("the store failed, and the change may be stored: %w", plainFailure(err)), again)
}
