package stores

import (
	"github.com/spf13/cobra"
	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

func Commands(t *term.Terminal) []*cobra.Command { return nil }
