package trackdrive

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAListOfEverNewCursorsEnds(t *testing.T) {
	t.Parallel()
	list := newCallList(nil)
	var err error
	for err == nil {
		page := &callsReply{elements: 1, list: strconv.Itoa(list.pages), pagePosition: pagePosition{currentPage: -1, cursor: strconv.Itoa(list.pages)}}
		require.NoError(t, list.take(page))
		err = list.advance(page)
	}
	require.ErrorIs(t, err, ErrUnreadable)
	require.ErrorContains(t, err, "narrow the query")
	require.Equal(t, maxPages, list.pages)
}
