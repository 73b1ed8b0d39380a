// Program command pings the fake of the installed command, with the same command.
//
// needs:
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	fake := exec.Command("trackdrive", "fake", "--listen", "127.0.0.1:0", "--endpoint", "sell", "--buyer", "Buyer A=25.50", "--json")
	fake.Stderr = os.Stderr
	out, err := fake.StdoutPipe()
	if err != nil {
		return err
	}
	if err := fake.Start(); err != nil {
		return err
	}
	defer func() {
		_ = fake.Process.Kill()
		_ = fake.Wait()
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return errors.New("the fake prints no address")
	}
	var started struct{ URL string }
	if err := json.Unmarshal(lines.Bytes(), &started); err != nil {
		return err
	}
	ping := exec.Command("trackdrive", "ping", "acme", "sell", "--caller-id", "+15555550142", "--base-url", started.URL, "--json")
	ping.Stderr = os.Stderr
	reply, err := ping.Output()
	if err != nil {
		return err
	}
	var result struct{ Answer struct{ Accepted bool } }
	if err := json.Unmarshal(reply, &result); err != nil {
		return err
	}
	if !result.Answer.Accepted {
		return fmt.Errorf("the ping was not accepted: %s", reply)
	}
	return nil
}
