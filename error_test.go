package azward_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
)

// allKinds are the kinds there are, in order.
func allKinds() []azward.Kind {
	var all []azward.Kind
	for k := azward.KindFailed; k.String() != ""; k++ {
		all = append(all, k)
	}
	return all
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		err  azward.Error
		want string
	}{
		{"whole", azward.Error{Op: "list registries", Subject: "/subscriptions/1", Cause: "the Reader role is missing", Remedy: "az …"}, "list registries /subscriptions/1: the Reader role is missing"},
		{"no_subject", azward.Error{Op: "scan", Cause: "it was interrupted"}, "scan: it was interrupted"},
		{"no_op", azward.Error{Subject: "prod", Cause: "it is gone"}, "prod: it is gone"},
		{"cause_alone", azward.Error{Cause: "it is gone"}, "it is gone"},
		{"underlying_alone", azward.Error{Err: io.ErrUnexpectedEOF}, "unexpected EOF"},
		{"underlying_is_for_logs", azward.Error{Op: "scan", Cause: "the file ends early", Err: io.ErrUnexpectedEOF}, "scan: the file ends early"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.err.Error(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	role := &azward.Error{Kind: azward.KindRole, Op: "read", Cause: "denied", Err: io.EOF}
	for _, tc := range []struct {
		name string
		err  error
		want azward.Kind
	}{
		{"itself", role, azward.KindRole},
		{"wrapped", fmt.Errorf("read tenant: %w", role), azward.KindRole},
		{"joined", errors.Join(io.EOF, role), azward.KindRole},
		{"outermost_counts", &azward.Error{Kind: azward.KindUsage, Err: role}, azward.KindUsage},
		{"none", io.EOF, azward.KindFailed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := azward.KindOf(tc.err); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	if !errors.Is(role, io.EOF) {
		t.Error("the underlying error is not found")
	}
}

// TestExitCodesStay: scripts depend on them.
func TestExitCodesStay(t *testing.T) {
	t.Parallel()
	want := map[string]int{
		"failed": 1, "usage": 2, "notFound": 1, "conflict": 1, "signIn": 10, "role": 11, "throttled": 1,
		"unavailable": 1, "badInput": 1, "interrupted": 130, "failOn": 3, "undecided": 4,
		"stale": 1, "unguarded": 1, "tooLarge": 1, "mediaType": 1, "method": 1,
	}
	got := map[string]int{}
	for _, k := range allKinds() {
		got[k.String()] = k.ExitCode()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exit codes (-want +got):\n%s", diff)
	}
}

var catalogueRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\d+) \\| (\\d+) \\|")

// TestErrorCatalogue holds docs/errors.md against the table in error.go.
func TestErrorCatalogue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, k := range allKinds() {
		want = append(want, fmt.Sprintf("%s exit %d, HTTP %d", k, k.ExitCode(), k.HTTPStatus()))
	}
	for _, row := range catalogueRow.FindAllStringSubmatch(string(page), -1) {
		got = append(got, fmt.Sprintf("%s exit %s, HTTP %s", row[1], row[2], row[3]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/errors.md (-error.go +page):\n%s", diff)
	}
}
