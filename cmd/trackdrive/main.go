// Command trackdrive calls TrackDrive's marketplace, checks and runs webhooks, and
// looks after outboxes and sales, from a terminal or a script:
//
//	go install github.com/trackdrive-go/trackdrive/cmd/trackdrive@latest
//	trackdrive help
//
// Its exit status is 0 if it did what was asked, 2 if it was called in a wrong way,
// 3 if nobody knows whether something was done, such as whether a lead was sold, and 1
// for everything else that was not done. docs/command.md has recipes.
package main

import (
	"os"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/program"
)

func main() { os.Exit(program.Main()) }
