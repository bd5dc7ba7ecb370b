package bound_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/azward/azward/internal/bound"
)

func TestReadAll(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		input string
		limit int64
		large bool
	}{
		{"shorter", "abc", 4, false},
		{"exactly_the_limit", "abcd", 4, false},
		{"one_byte_over", "abcde", 4, true},
		{"empty_with_no_room", "", 0, false},
		{"something_with_no_room", "a", 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := bound.ReadAll(strings.NewReader(tc.input), tc.limit, "the body")
			if errors.Is(err, bound.ErrTooLarge) != tc.large {
				t.Fatalf("error %v, want too large: %t", err, tc.large)
			}
			if !tc.large && string(got) != tc.input {
				t.Errorf("got %q", got)
			}
			if tc.large && !strings.Contains(err.Error(), "the body") {
				t.Errorf("error does not name the input: %v", err)
			}
		})
	}
}
