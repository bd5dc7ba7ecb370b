package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/azward/azward"
)

// tagOf is the entity tag of something that was last changed at a time.
func tagOf(name string, changed time.Time) string {
	const tagBytes = 12
	sum := sha256.Sum256([]byte(name + "\x00" + changed.UTC().Format(time.RFC3339Nano)))
	return `"` + hex.EncodeToString(sum[:tagBytes]) + `"`
}

// IfMatch is the header of a change.
type IfMatch struct {
	IfMatch string `header:"If-Match" doc:"The ETag of what is to be changed, as it was read; required."`
}

// check lets a change pass that is about what is there now.
func (m IfMatch) check(op, subject, tag string) error {
	if m.IfMatch == "" {
		return &azward.Error{
			Kind: azward.KindUnguarded, Op: op, Subject: subject, Cause: "the request does not say which version it changes",
			Remedy: "read it, and send its ETag as If-Match",
		}
	}
	if !matches(m.IfMatch, tag) {
		return &azward.Error{
			Kind: azward.KindStale, Op: op, Subject: subject, Cause: "it was changed since it was read",
			Remedy: "look at it as it is now, and make the change again",
		}
	}
	return nil
}

// stale is the error of a change that somebody else was faster with.
func stale(op, subject string, err error) error {
	if azward.KindOf(err) != azward.KindConflict {
		return err
	}
	return &azward.Error{
		Kind: azward.KindStale, Op: op, Subject: subject, Cause: "it was changed meanwhile",
		Remedy: "look at it as it is now, and make the change again", Err: err,
	}
}

// matches compares with a list of entity tags. Weak ones match none: a change
// has to be about the very version.
//
// Source: https://www.rfc-editor.org/rfc/rfc9110#name-if-match
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || one == tag {
			return true
		}
	}
	return false
}

// IfNoneMatch is the header of a read that has an answer already.
type IfNoneMatch struct {
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag of the answer that the caller has: the same gives 304."`
}

// fresh gives the error that becomes 304, where the caller's answer still holds.
func (m IfNoneMatch) fresh(tag string) error {
	if m.IfNoneMatch == "" || !matches(strings.ReplaceAll(m.IfNoneMatch, "W/", ""), tag) {
		return nil
	}
	return &ProblemError{Status: http.StatusNotModified, headers: http.Header{"Etag": {tag}}}
}

// tagged is an answer with its entity tag.
type tagged[T any] struct {
	ETag string `header:"ETag"`
	Body T
}
