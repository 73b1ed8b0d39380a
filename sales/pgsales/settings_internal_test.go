package pgsales

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServersThatAreRefused(t *testing.T) {
	t.Parallel()
	fine := serverSettings{version: 14_00_00, readOnly: "off", fsync: "on", fullPageWrite: "on"}
	for name, test := range map[string]struct {
		change func(*serverSettings, *Options)
		want   error
	}{
		"the oldest":               {func(*serverSettings, *Options) {}, nil},
		"a newer one":              {func(v *serverSettings, _ *Options) { v.version = 18_00_01 }, nil},
		"an older one":             {func(v *serverSettings, _ *Options) { v.version = 13_00_22 }, ErrOldServer},
		"an old one, unsafe":       {func(v *serverSettings, o *Options) { v.version, o.Unsafe = 9_06_24, true }, ErrOldServer},
		"a standby":                {func(v *serverSettings, _ *Options) { v.isStandby = true }, ErrReadOnly},
		"a standby, unsafe":        {func(v *serverSettings, o *Options) { v.isStandby, o.Unsafe = true, true }, ErrReadOnly},
		"read-only":                {func(v *serverSettings, _ *Options) { v.readOnly = "on" }, ErrReadOnly},
		"no fsync":                 {func(v *serverSettings, _ *Options) { v.fsync = "off" }, ErrNotDurable},
		"no fsync, unsafe":         {func(v *serverSettings, o *Options) { v.fsync, o.Unsafe = "off", true }, nil},
		"no fsync, atomic pages":   {func(v *serverSettings, o *Options) { v.fsync, o.AtomicPages = "off", true }, ErrNotDurable},
		"half pages":               {func(v *serverSettings, _ *Options) { v.fullPageWrite = "off" }, ErrNotDurable},
		"half pages, unsafe":       {func(v *serverSettings, o *Options) { v.fullPageWrite, o.Unsafe = "off", true }, nil},
		"half pages, atomic pages": {func(v *serverSettings, o *Options) { v.fullPageWrite, o.AtomicPages = "off", true }, nil},
	} {
		v, o := fine, Options{}
		test.change(&v, &o)
		require.ErrorIs(t, v.check(&o), test.want, name)
	}
}
