package term

import "strings"

// ShellWord returns a text as one word of a POSIX shell, in quotes if it needs them.
func ShellWord(text string) string {
	isSpecial := func(r rune) bool {
		return !strings.ContainsRune("/._-+:@=", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	if text == "" || text[0] == '=' || strings.ContainsFunc(text, isSpecial) {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}

// ShellCommand returns a command with arguments, for a person to paste into a shell. The
// arguments may come from anywhere.
func ShellCommand(command string, arguments ...string) string {
	var b strings.Builder
	b.WriteString(command)
	for _, argument := range arguments {
		b.WriteString(" " + ShellWord(argument))
	}
	return b.String()
}
