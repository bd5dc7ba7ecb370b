package web

import (
	"regexp"
	"strings"
)

// remedyPart is words, or a command that can be run as it stands, or an
// address to open.
type remedyPart struct{ Text, Command string }

// commands finds what can be copied in a remedy: what stands between backquotes,
// in parentheses, and what begins with a program's name at the start, after a
// colon or after "or" or "then". It ends where the sentence goes on.
var commands = regexp.MustCompile("`([^`]+)`" +
	`| \(((?:az|kubectl) [^()]+)\)` +
	`|(?:^|: |, (?:or |and |then )*)((?:az|azward|kubectl|docker|helm|crane) [^ ].*?|https?://[^ ]+?)(?:$|; |, |\.$)`)

// remedyParts takes a remedy apart, so that a command has a button that copies
// it and a sentence has none.
func remedyParts(remedy any) []remedyPart {
	text := clean(remedy)
	var list []remedyPart
	words := func(text string) {
		if len(list) > 0 { // a command stands before it, in a box of its own
			text = strings.TrimLeft(text, ",; ")
		}
		if text = strings.TrimSpace(text); text != "" {
			list = append(list, remedyPart{Text: text + " "})
		}
	}
	for text != "" {
		at := commands.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		from, to, end := at[2], at[3], at[1]
		if from < 0 {
			from, to = at[4], at[5]
		}
		if from < 0 { // the words before it belong to the sentence
			from, to, end = at[6], at[7], at[7]
			words(text[:from])
		} else {
			words(text[:at[0]])
		}
		list = append(list, remedyPart{Command: text[from:to]})
		text = text[end:]
	}
	words(text)
	return list
}

// scopeWord is a scope in words where it is the whole tenant.
func scopeWord(scope any) string {
	if text := clean(scope); text != "/" {
		return text
	}
	return "the whole tenant"
}
