// The SQL statements, and how they are planned.
//
// PostgreSQL also plans for tables that it has never analysed, or analysed when they
// were empty, and prepared statements keep a plan while the table grows. So each
// transaction turns off the ways to run a statement that read more than is asked for:
// what is left is to look it up in an index, in the order of the index.

package pgsales

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// How a transaction begins, and what it is for. It sets its level, whatever the
// connection's default is: a statement has to see what others stored while the one
// before waited for a lock.
const (
	beginSQL  = `BEGIN ISOLATION LEVEL READ COMMITTED`
	commitSQL = `COMMIT`

	indexesOnly = `set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
		set_config('enable_sort', 'off', true), set_config('jit', 'off', true)`
	toRead       = `SELECT true, concat(` + indexesOnly + `)`
	toWriteSoon  = `SELECT true, concat(` + indexesOnly + `, set_config('synchronous_commit', 'off', true))`
	toWrite      = `SELECT ` + durabilityIsOn + `, concat(` + indexesOnly + `, ` + commitOnDisk + `)`
	toWritePages = `SELECT ` + fsyncIsOn + `, concat(` + indexesOnly + `, ` + commitOnDisk + `)`

	fsyncIsOn      = `current_setting('fsync') = 'on'`
	durabilityIsOn = fsyncIsOn + ` AND current_setting('full_page_writes') = 'on'`
	commitOnDisk   = `set_config('synchronous_commit', coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on'), true)`
)

// The conditions on a lead l. The clock is read once for each statement, in a table
// expression, since PostgreSQL looks nothing up in an index by a function that changes.
const (
	withClock = `WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS at) `
	isLive    = `(l.token <> '' AND l.lease_until > (SELECT at FROM clock)) IS TRUE`
	// lapsedState is the state of a lead whose state is posting.
	lapsedState = `CASE WHEN ` + isLive + ` THEN 'posting' ELSE l.lapsed END`
	canBePurged = `IN ('open', 'sold', 'unsold')`
	leadColumns = `l.version, l.token, l.lease_until, l.caller_key, l.created_at, l.updated_at, l.sale`
)

// othersOf selects columns of the other leads of a caller that were updated after a
// time. Leads that are posting have no settled_at. The second before makes up for the
// microseconds between the two times of a row.
func othersOf(columns, lead, caller, after string) string {
	of := func(settled string) string {
		return `SELECT ` + columns + ` FROM {leads} l WHERE l.caller_key = ` + caller + ` AND ` + settled +
			` AND l.updated_at > ` + after + ` AND l.lead_id <> ` + lead
	}
	return of(`l.settled_at > `+after+` - interval '1 second'`) + ` UNION ALL ` + of(`l.settled_at IS NULL`)
}

type sqlStatements struct {
	look, lookAround, lockCaller, insert, update, note, list, has, counts, purge, purgeLapsed, probe string
}

func newStatements(schema string) sqlStatements {
	fill := strings.NewReplacer(
		"{leads}", pgx.Identifier{schema, leadTable}.Sanitize(),
		"{counts}", pgx.Identifier{schema, countTable}.Sanitize(),
	).Replace
	// $1 to $9 are the lead, $10 the version that it is based on, and $11 to $13 the
	// caller, the time and the versions of the other leads that it is based on.
	const settledAt = `CASE WHEN $3::text <> 'posting' THEN `
	isUnchanged := `($11::text IS NULL OR ARRAY(SELECT o.version FROM (` + othersOf("l.version", "$1", "$11", "$12::timestamptz") + `) o ORDER BY 1) = $13::bigint[])`
	look := withClock + `SELECT (SELECT at FROM clock), true, ` + leadColumns + ` FROM (SELECT) lead LEFT JOIN {leads} l ON l.lead_id = $1`
	return sqlStatements{
		look:       fill(look),
		lookAround: fill(look + ` UNION ALL SELECT (SELECT at FROM clock), false, l.* FROM (` + othersOf(leadColumns, "$1", "$2", "((SELECT at FROM clock) - $3::interval)") + `) l`),
		lockCaller: `SELECT pg_advisory_xact_lock($1::int, hashtext($2))`,
		// A row with the new version was stored by this statement, whose answer was lost.
		insert: fill(withClock + `INSERT INTO {leads} AS l (lead_id, version, state, lapsed, settled_at, token, lease_until, caller_key, call_uuid, created_at, updated_at, sale)
			SELECT $1, $2::bigint, $3, $4, ` + settledAt + `clock.at END, $5, $6::timestamptz, $7, $8, clock.at, clock.at, $9::text::json
			FROM clock WHERE $10::bigint IS NULL AND ` + isUnchanged + `
			ON CONFLICT (lead_id) DO UPDATE SET version = l.version WHERE l.version = excluded.version
			RETURNING l.created_at, l.updated_at`),
		update: fill(withClock + `UPDATE {leads} l SET version = $2::bigint, state = $3, lapsed = $4, settled_at = ` + settledAt + `clock.at END,
			token = $5, lease_until = $6::timestamptz, caller_key = $7, call_uuid = $8, updated_at = clock.at, sale = $9::text::json,
			noted = CASE WHEN l.token = $5 THEN l.noted ELSE 0 END
			FROM clock WHERE l.lead_id = $1 AND l.version IN ($10::bigint, $2::bigint) AND ` + isUnchanged + `
			RETURNING l.created_at, l.updated_at`),
		// The clock is read when the row is locked, and not before.
		note: fill(`UPDATE {leads} l SET version = $2::bigint, state = $3, lapsed = $4, settled_at = ` + settledAt + `clock_timestamp() END,
			lease_until = clock_timestamp() + $6::interval, call_uuid = $7, updated_at = clock_timestamp(), sale = $8::text::json, noted = $9::bigint
			WHERE l.lead_id = $1 AND l.token = $5 AND (l.lease_until > clock_timestamp() AND l.noted < $9::bigint OR l.version = $2::bigint)`),
		list: fill(withClock + `, first AS MATERIALIZED (
				SELECT CASE WHEN $2 = '' THEN '-infinity' ELSE (SELECT l.created_at FROM {leads} l WHERE l.lead_id = $2) END AS at
			) SELECT (SELECT at FROM clock), l.version, l.token, l.lease_until, l.caller_key, l.created_at, l.updated_at, l.sale FROM (
				(` + pageOf(`l.state = $1 AND $1 <> 'posting'`) + `) UNION ALL (` + pageOf(`l.state = 'posting' AND `+lapsedState+` = $1`) + `)
			) l ORDER BY l.created_at, l.lead_id LIMIT $3`),
		has: fill(`SELECT EXISTS (SELECT FROM {leads} WHERE lead_id = $1)`),
		counts: fill(withClock + `SELECT state, sum(leads)::bigint, NULL::timestamptz FROM {counts} GROUP BY state
			UNION ALL SELECT p.state, count(*), NULL FROM (SELECT ` + lapsedState + ` AS state FROM {leads} l WHERE l.state = 'posting') p GROUP BY p.state
			UNION ALL SELECT 'unknown', 0, least(
				(SELECT l.created_at FROM {leads} l WHERE l.state = 'unknown' ORDER BY l.created_at, l.lead_id LIMIT 1),
				(SELECT l.created_at FROM {leads} l WHERE l.state = 'posting' AND ` + lapsedState + ` = 'unknown' ORDER BY l.created_at, l.lead_id LIMIT 1))`),
		purge:       fill(purgeOf(`l.state ` + canBePurged + ` AND l.settled_at < ((SELECT at FROM clock) - $1::interval) `)),
		purgeLapsed: fill(purgeOf(`l.state = 'posting' AND ` + lapsedState + ` ` + canBePurged)),
		// This writes nothing, but needs every privilege that writing needs.
		probe: fill(`WITH added AS (
				INSERT INTO {leads} (lead_id, version, state, lapsed, token, created_at, updated_at, sale) SELECT '', 0, '', '', '', now(), now(), '{}'::json WHERE false
			), changed AS (UPDATE {leads} SET version = version WHERE false
			), removed AS (DELETE FROM {leads} WHERE false
			), counted AS (INSERT INTO {counts} (state, shard, leads) SELECT '', 0, 0 WHERE false
			), recounted AS (UPDATE {counts} SET leads = leads WHERE false
			) SELECT`),
	}
}

// pageOf selects the leads of a page of a list, in order.
func pageOf(condition string) string {
	return `SELECT ` + leadColumns + `, l.lead_id FROM {leads} l WHERE ` + condition + `
		AND (l.created_at, l.lead_id) > ((SELECT at FROM first), $2) ORDER BY l.created_at, l.lead_id LIMIT $3`
}

// purgeOf removes leads that have not been updated since $1, $2 at most.
func purgeOf(condition string) string {
	return withClock + `DELETE FROM {leads} WHERE lead_id = ANY (ARRAY(
		SELECT l.lead_id FROM {leads} l WHERE ` + condition + ` AND l.updated_at < ((SELECT at FROM clock) - $1::interval)
		LIMIT $2 FOR UPDATE SKIP LOCKED))`
}
