package program

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	xterm "golang.org/x/term"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

// Main runs the command of this process, and returns its exit status.
func Main() int {
	// The first interrupt cancels what goes on, which is then reported; the second
	// kills the process.
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	defer stop()
	// Otherwise a closed pipe would kill the process before it has said what it did.
	signal.Ignore(syscall.SIGPIPE)
	t := &term.Terminal{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv,
		IsAsking: isTerminal(os.Stdin) && isTerminal(os.Stderr),
		IsStyled: isTerminal(os.Stdout) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		IsClosed: isClosed(os.Stdout),
	}
	return Run(ctx, t, os.Args[1:])
}

func isTerminal(file *os.File) bool { return xterm.IsTerminal(int(file.Fd())) }

// isClosed reports whether an output was closed when the process began. Go has opened the
// null device in its place, for reading as well; a shell opens that for writing alone.
func isClosed(output *os.File) bool {
	opened, err := output.Stat()
	if err != nil {
		return false
	}
	null, err := os.Stat(os.DevNull)
	if err != nil || !os.SameFile(opened, null) {
		return false
	}
	_, err = output.Read(make([]byte, 1))
	return err == io.EOF
}
