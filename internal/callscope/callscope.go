// Package callscope gives each call of a Client a scope in which its observers can keep
// values. Concurrent calls may share a context, so a context alone does not tell an
// observer which attempts belong to which call.
package callscope

import (
	"context"
	"net/url"
)

// Scope belongs to one call. Only the goroutine of the call may use it.
type Scope struct {
	URL *url.URL // of the last attempt, as it was sent: redact it before it is shown

	values []ownedValue
}

type ownedValue struct{ owner, value any }

// Value returns the value that an owner, such as an observer, has kept in the scope; nil
// if there is none.
func (s *Scope) Value(owner any) any {
	for i := range s.values {
		if s.values[i].owner == owner {
			return s.values[i].value
		}
	}
	return nil
}

// Keep keeps a value for an owner, and replaces an earlier one. The owner must be
// comparable.
func (s *Scope) Keep(owner, value any) {
	for i := range s.values {
		if s.values[i].owner == owner {
			s.values[i].value = value
			return
		}
	}
	s.values = append(s.values, ownedValue{owner, value})
}

// Context is the caller's context together with the scope of the call.
type Context struct {
	context.Context
	Scope
}

type scopeKey struct{}

// Value returns the scope, or what the caller's context has.
func (c *Context) Value(key any) any {
	if _, ok := key.(scopeKey); ok {
		return &c.Scope
	}
	return c.Context.Value(key)
}

// Of returns the scope of the call that a context belongs to; nil if there is none.
func Of(ctx context.Context) *Scope {
	s, _ := ctx.Value(scopeKey{}).(*Scope)
	return s
}
