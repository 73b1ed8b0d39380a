// Companies: what the processes know together about companies that are sent
// nothing but probes.

package riverstore

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trackdrive-go/trackdrive/internal/companyrest"
	"github.com/trackdrive-go/trackdrive/outbox"
)

const (
	companyAge     = time.Second            // how old a process's knowledge of companies may be before somebody reads the table
	companyMaxAge  = 5 * time.Second        // how old it may be before everybody waits for that
	companyTimeout = 10 * time.Second       // for storing what a delivery found out about a company
	clockLeeway    = 100 * time.Millisecond // a machine may count the time until a probe a little faster than the database
)

// restingCompanies shares the companies that are paused or rest. The table has a row
// for each of them, and is read as a whole, seldom: a delivery to a company that is
// fine neither reads nor writes it. The Worker decides, and this stores what it
// decided, unless another process was first: then the Worker is told of that.
type restingCompanies struct {
	store  *Store
	worker *outbox.Worker

	reading sync.Mutex // held during whatever reads or writes the table

	mu      sync.Mutex
	known   map[string]knownCompany // the rows that the Worker agrees with
	tryAt   time.Time               // when the table was last to be read
	knownAt time.Time               // when it was last read; zero if it never was
}

// knownCompany is a row as the Worker knows it.
type knownCompany struct {
	version int64
	state   companyrest.State
}

func newRestingCompanies(s *Store, w *outbox.Worker) *restingCompanies {
	companyrest.Share(w)
	return &restingCompanies{store: s, worker: w, known: map[string]knownCompany{}}
}

// refresh reads the table if that was some time ago. Others need not wait for that,
// unless it was long ago, or never.
func (r *restingCompanies) refresh(ctx context.Context) error {
	if !r.isReadTime(time.Now()) {
		return nil
	}
	r.reading.Lock()
	defer r.reading.Unlock()
	if r.age() < companyAge { // another one has read it meanwhile
		return nil
	}
	return r.read(ctx)
}

func (r *restingCompanies) isReadTime(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.tryAt) >= companyAge {
		r.tryAt = now
		return true
	}
	return now.Sub(r.knownAt) >= companyMaxAge
}

// age returns how old what is known is.
func (r *restingCompanies) age() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Since(r.knownAt)
}

// read makes the Worker and the table agree. The caller holds reading.
func (r *restingCompanies) read(ctx context.Context) error {
	if err := r.removeResumed(ctx); err != nil {
		return err
	}
	rows := map[string]knownCompany{}
	err := r.store.query(ctx, func(all pgx.Rows) error {
		now := time.Now()
		at := func(left *time.Duration) (t time.Time) {
			if left != nil {
				t = now.Add(*left)
			}
			return t
		}
		var subdomain string
		var row knownCompany
		var until, additive, blind, probed *time.Duration
		s := &row.state
		_, err := pgx.ForEachRow(all, []any{&subdomain, &row.version, &s.Failures, &s.Paused, &s.Doubts, &until, &additive, &blind, &probed}, func() error {
			s.Until, s.AdditiveFrom, s.BlindFrom, s.ProbedUntil = at(until), at(additive), at(blind), at(probed)
			rows[subdomain] = row
			return nil
		})
		return err
	}, r.store.sql.companies)
	if err != nil {
		return wrapError(err)
	}
	for subdomain, row := range rows {
		if known, isKnown := r.knows(subdomain); isKnown && known.version == row.version {
			continue
		}
		r.agree(subdomain, row)
	}
	for subdomain := range r.all() {
		if _, isStored := rows[subdomain]; !isStored { // another process sends it items again
			r.forget(subdomain)
			companyrest.Set(r.worker, subdomain, nil)
		}
	}
	r.mu.Lock()
	r.knownAt = time.Now()
	r.mu.Unlock()
	return r.storeChanges(ctx)
}

// removeResumed removes the companies that [outbox.Worker.Resume] was called for,
// whatever another process has stored meanwhile. The caller holds reading.
func (r *restingCompanies) removeResumed(ctx context.Context) error {
	return companyrest.Resumed(r.worker, func(subdomain string) error {
		r.forget(subdomain)
		_, err := r.store.exec(ctx, r.store.sql.resumeCompany, subdomain)
		return wrapError(err)
	})
}

// storeChanges stores what could not be stored when it changed.
func (r *restingCompanies) storeChanges(ctx context.Context) error {
	resting := companyrest.All(r.worker)
	for subdomain := range r.all() {
		if _, rests := resting[subdomain]; !rests {
			resting[subdomain] = companyrest.State{}
		}
	}
	for subdomain := range resting {
		if _, err := r.storeChange(ctx, subdomain, false); err != nil {
			return err
		}
	}
	return nil
}

// note stores what a delivery changed, and ends the probe if it was one.
func (r *restingCompanies) note(ctx context.Context, subdomain string, wasProbe bool) {
	if _, isKnown := r.knows(subdomain); !isKnown {
		if _, rests := companyrest.Get(r.worker, subdomain); !rests {
			return
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), companyTimeout)
	defer cancel()
	r.reading.Lock()
	defer r.reading.Unlock()
	err := r.removeResumed(ctx)
	isStored := false
	if err == nil {
		isStored, err = r.storeChange(ctx, subdomain, wasProbe)
	}
	if err == nil && !isStored {
		err = r.read(ctx)
	}
	if err != nil { // the next refresh stores it
		r.store.options.Logger.WarnContext(ctx, "riverstore: cannot share the state of a company", "company", subdomain, "error", err)
	}
}

// storeChange stores what the Worker knows of a company, if that has changed. It
// reports false if another process changed the row first. The caller holds reading.
func (r *restingCompanies) storeChange(ctx context.Context, subdomain string, endsProbe bool) (isStored bool, err error) {
	state, rests := companyrest.Get(r.worker, subdomain)
	known, isKnown := r.knows(subdomain)
	switch {
	case !rests && !isKnown, rests && isKnown && state == known.state && !endsProbe:
		return true, nil
	case !rests:
		r.forget(subdomain)
		_, err = r.store.exec(ctx, r.store.sql.removeCompany, subdomain, known.version)
		return err == nil, wrapError(err)
	}
	left := func(at time.Time) *time.Duration {
		if at.IsZero() {
			return nil
		}
		return new(time.Until(at))
	}
	args := []any{subdomain, state.Failures, state.Paused, state.Doubts, left(state.Until), left(state.AdditiveFrom), left(state.BlindFrom)}
	sql := r.store.sql.addCompany
	if isKnown {
		sql, args = r.store.sql.changeCompany, append(args, known.version, endsProbe)
	}
	version, err := r.version(ctx, sql, args...)
	if err == nil && version > 0 {
		r.keep(subdomain, knownCompany{version, state})
	}
	return version > 0, err
}

// probe reports whether this process may probe a company that is known to rest. The
// others wait for the result.
func (r *restingCompanies) probe(ctx context.Context, subdomain string, lease time.Duration) (bool, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	known, isKnown := r.knows(subdomain)
	if !isKnown { // it was opened just now
		return true, nil
	}
	version, err := r.version(ctx, r.store.sql.probeCompany, subdomain, known.version, lease, clockLeeway)
	if err != nil {
		return false, err
	}
	if version == 0 {
		return false, r.read(ctx)
	}
	r.keep(subdomain, knownCompany{version, known.state})
	return true, nil
}

// version runs a statement that returns the new version of a row; 0 if it changed
// none.
func (r *restingCompanies) version(ctx context.Context, sql string, args ...any) (version int64, err error) {
	err = r.store.query(ctx, func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&version}, func() error { return nil })
		return err
	}, sql, args...)
	return version, wrapError(err)
}

// agree tells the Worker of a row.
func (r *restingCompanies) agree(subdomain string, row knownCompany) {
	companyrest.Set(r.worker, subdomain, &row.state)
	r.keep(subdomain, row)
}

func (r *restingCompanies) knows(subdomain string) (known knownCompany, isKnown bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, isKnown = r.known[subdomain]
	return known, isKnown
}

func (r *restingCompanies) keep(subdomain string, row knownCompany) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[subdomain] = row
}

func (r *restingCompanies) forget(subdomain string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, subdomain)
}

// all returns the subdomains that are known.
func (r *restingCompanies) all() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	subdomains := make(map[string]bool, len(r.known))
	for subdomain := range r.known {
		subdomains[subdomain] = true
	}
	return subdomains
}

// keepFresh refreshes until ctx ends, so that a process without work hears of a
// company, too, and another one of a Resume.
func (r *restingCompanies) keepFresh(ctx context.Context) {
	ticker := time.NewTicker(companyAge)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := r.refresh(ctx); err != nil && ctx.Err() == nil {
			r.store.options.Logger.WarnContext(ctx, "riverstore: cannot read the companies that rest", "error", err)
		}
	}
}

// storeQuestion travels in a context to the store of a Worker, which may be wrapped.
type storeQuestion struct{ answer *Store }

type storeQuestionName struct{}

// isStoreOf reports whether a Worker's items are in this store.
func (s *Store) isStoreOf(w *outbox.Worker) bool {
	var question storeQuestion
	_, err := w.Counts(context.WithValue(context.Background(), storeQuestionName{}, &question))
	return err == nil && question.answer == s
}

// answers answers a question for the store.
func (s *Store) answers(ctx context.Context) bool {
	question, isAsked := ctx.Value(storeQuestionName{}).(*storeQuestion)
	if isAsked {
		question.answer = s
	}
	return isAsked
}
