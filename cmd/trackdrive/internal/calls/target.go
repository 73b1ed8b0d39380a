package calls

import (
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trackdrive-go/trackdrive/cmd/trackdrive/internal/term"
)

// callTarget returns the company and the endpoint. A new user may paste the address from
// TrackDrive's posting instructions.
func callTarget(cmd *cobra.Command, args []string) (company, endpoint string, err error) {
	if isAddress(args[0]) {
		return "", "", term.Usagef("%s takes a company and an endpoint, and not an address", cmd.CommandPath()).
			Try("in place of the address: " + partsOfAddress(args[0]))
	}
	if err := checkCompany(args[0]); err != nil {
		return "", "", err
	}
	if len(args) < 2 {
		return "", "", term.Usagef("%s needs ENDPOINT, the last part of the address in TrackDrive's posting instructions", cmd.CommandPath()).
			Try("for example: " + term.ShellCommand(cmd.CommandPath(), args[0], "check_for_available_buyers", "--caller-id", "+15555550142"))
	}
	if strings.TrimSpace(args[1]) == "" {
		return "", "", term.Usagef("ENDPOINT is empty; give the last part of the address in TrackDrive's posting instructions, such as check_for_available_buyers")
	}
	return args[0], args[1], nil
}

// checkCompany refuses an empty company, such as a variable that a script has not set: a
// client without a company would call TrackDrive's own host, or the base URL.
func checkCompany(company string) error {
	if strings.TrimSpace(company) == "" {
		return term.Usagef("COMPANY is empty; give the subdomain, such as acme")
	}
	return nil
}

// isAddress reports whether a text is an address, or the host of one, and no company.
func isAddress(text string) bool {
	_, isHost := companyOfHost(text)
	return isHost || strings.Contains(text, "/")
}

// companyOfHost returns the company whose host this is at TrackDrive.
func companyOfHost(host string) (company string, isKnown bool) {
	for _, domain := range []string{".trackdrive.com", ".trackdrive.net"} {
		if company, isKnown := strings.CutSuffix(strings.ToLower(host), domain); isKnown && company != "" {
			return company, true
		}
	}
	return "", false
}

// partsOfAddress returns the arguments that stand for an address.
func partsOfAddress(address string) string {
	hasScheme := strings.Contains(address, "://")
	if !hasScheme {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "COMPANY ENDPOINT"
	}
	company, endpoint := "COMPANY", "ENDPOINT"
	segments := strings.Split(strings.Trim(u.Path, "/"), "/")
	for i, segment := range segments[1:] {
		if slices.Contains([]string{"ping", "post", "full"}, segments[i]) && segment != "" {
			endpoint = segment
			break
		}
	}
	words := []string{endpoint}
	if known, isKnown := companyOfHost(u.Hostname()); isKnown {
		company = known
	} else if hasScheme {
		words = append(words, "--base-url", u.Scheme+"://"+u.Host)
	}
	return term.ShellCommand(term.ShellWord(company), words...)
}
