package callscope_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/trackdrive-go/trackdrive/internal/callscope"
)

func TestAScopeIsFoundInItsContext(t *testing.T) {
	t.Parallel()
	type callersKey struct{}
	type otherKey struct{}
	caller := context.WithValue(t.Context(), callersKey{}, "the caller's")
	require.Nil(t, callscope.Of(caller))

	call := &callscope.Context{Context: caller}
	below, cancel := context.WithCancel(context.WithValue(call, otherKey{}, "value"))
	defer cancel()
	require.Same(t, &call.Scope, callscope.Of(call))
	require.Same(t, &call.Scope, callscope.Of(below))
	require.Equal(t, "the caller's", below.Value(callersKey{}))

	inner := &callscope.Context{Context: call}
	require.Same(t, &inner.Scope, callscope.Of(inner), "a call within an observer of another call has its own")
}

func TestEachOwnerKeepsItsOwnValue(t *testing.T) {
	t.Parallel()
	var s callscope.Scope
	first, second := new(int), new(int)
	require.Nil(t, s.Value(first))
	s.Keep(first, 1)
	s.Keep(second, 2)
	s.Keep(first, 3)
	require.Equal(t, 3, s.Value(first))
	require.Equal(t, 2, s.Value(second))
}
