package api

import (
	"encoding/base64"
	"fmt"
	"unicode/utf8"

	"github.com/azward/azward"
)

// Cursors say nothing to whoever holds them: the place in the list is encoded,
// so that nobody builds one, and what is in it may change.

const cursorMark = "1 " // of the form below

func formCursor(place string) string {
	if place == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(cursorMark + place))
}

// openCursor gives the place, "" for the beginning.
func openCursor(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	place := string(raw)
	if err != nil || len(place) <= len(cursorMark) || place[:len(cursorMark)] != cursorMark || !utf8.ValidString(place) {
		return "", &azward.Error{
			Kind: azward.KindUsage, Op: "read cursor", Subject: fmt.Sprintf("%.80q", text), Cause: "it is none that this API gave",
			Remedy: "start from the first page, and go on with its next",
		}
	}
	return place[len(cursorMark):], nil
}
