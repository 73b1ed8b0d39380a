// Records as the table stores them.

package pgsales

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/trackdrive-go/trackdrive/sales"
)

// leadRow is a row of the table: leadColumns. Everything is nil for a lead that is not known.
type leadRow struct {
	version              *int64
	token                *string
	leaseUntil           *time.Time
	callerKey            *string
	createdAt, updatedAt *time.Time
	sale                 []byte
}

// columns returns where to scan leadColumns to.
func (r *leadRow) columns() []any {
	return []any{&r.version, &r.token, &r.leaseUntil, &r.callerKey, &r.createdAt, &r.updatedAt, &r.sale}
}

// record returns the record, with the state that it has at a time.
func (r *leadRow) record(now time.Time) (sales.Record, error) {
	var record sales.Record
	if err := json.Unmarshal(r.sale, &record.Sale); err != nil {
		return sales.Record{}, errBrokenSale
	}
	record.Sale.CreatedAt, record.Sale.UpdatedAt = r.createdAt.UTC(), r.updatedAt.UTC()
	record.Lease.Token = *r.token
	if r.leaseUntil != nil {
		record.Lease.Until = r.leaseUntil.UTC()
	}
	if r.callerKey != nil {
		record.CallerKey = *r.callerKey
	}
	record.Sale.State = record.StateAt(now)
	return record, nil
}

// statesOf returns the state of a record as it is stored, and the state once its lease
// has ended.
func statesOf(r *sales.Record) (state, lapsed string) {
	free := sales.Record{Sale: r.Sale}
	return string(r.Sale.State), string(free.StateAt(time.Time{}))
}

// encodeSale returns a sale as JSON, without the times that have columns of their own.
func encodeSale(sale sales.Sale) (string, error) {
	sale.CreatedAt, sale.UpdatedAt = time.Time{}, time.Time{}
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(&sale); err != nil {
		return "", fmt.Errorf("pgsales: %w", err)
	}
	return data.String(), nil
}

// orNull returns a value, or NULL if it is zero.
func orNull[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}
