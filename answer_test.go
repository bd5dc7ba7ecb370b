package azward_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
)

const (
	unknown = azward.Unknown
	no      = azward.No
	yes     = azward.Yes
)

func TestAllAndAny(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		answers  []azward.Answer
		all, any azward.Answer
	}{
		{"nothing_asked_claims_nothing", nil, unknown, unknown},
		{"yes", []azward.Answer{yes}, yes, yes},
		{"no", []azward.Answer{no}, no, no},
		{"unknown", []azward.Answer{unknown}, unknown, unknown},
		{"yes_yes", []azward.Answer{yes, yes}, yes, yes},
		{"no_no", []azward.Answer{no, no}, no, no},
		{"yes_no", []azward.Answer{yes, no}, no, yes},
		{"unknown_does_not_save_all_from_no", []azward.Answer{unknown, no}, no, unknown},
		{"unknown_does_not_keep_any_from_yes", []azward.Answer{unknown, yes}, unknown, yes},
		{"no_after_unknown_after_yes", []azward.Answer{yes, unknown, no}, no, yes},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := azward.All(tc.answers...); got != tc.all {
				t.Errorf("All is %v, want %v", got, tc.all)
			}
			if got := azward.Any(tc.answers...); got != tc.any {
				t.Errorf("Any is %v, want %v", got, tc.any)
			}
		})
	}
}

// TestAnswersFollowKleene holds All, Any and Not against each other, for all
// answers up to three.
func TestAnswersFollowKleene(t *testing.T) {
	t.Parallel()
	each := []azward.Answer{unknown, no, yes}
	for _, a := range each {
		if azward.Not(azward.Not(a)) != a {
			t.Errorf("not not %v is %v", a, azward.Not(azward.Not(a)))
		}
		for _, b := range each {
			for _, c := range each {
				if azward.Not(azward.All(a, b, c)) != azward.Any(azward.Not(a), azward.Not(b), azward.Not(c)) {
					t.Errorf("De Morgan fails for %v %v %v", a, b, c)
				}
				if azward.All(a, b, c) != azward.All(c, azward.All(b, a)) || azward.Any(a, b, c) != azward.Any(c, azward.Any(b, a)) {
					t.Errorf("order or grouping matters for %v %v %v", a, b, c)
				}
			}
		}
	}
}

func TestAnswerText(t *testing.T) {
	t.Parallel()
	var zero azward.Answer
	if zero != azward.Unknown {
		t.Error("the zero value is not unknown")
	}
	for text, answer := range map[string]azward.Answer{"unknown": unknown, "no": no, "yes": yes} {
		got, err := json.Marshal(map[string]azward.Answer{"a": answer})
		if err != nil || string(got) != `{"a":"`+text+`"}` {
			t.Errorf("%v is written as %s, %v", answer, got, err)
		}
		var back map[string]azward.Answer
		if err := json.Unmarshal(got, &back); err != nil || back["a"] != answer {
			t.Errorf("%s is read as %v, %v", got, back, err)
		}
	}
	if got := azward.Answer(9).String(); got != "unknown" {
		t.Errorf("an answer that is none prints %q", got)
	}
	for _, bad := range []string{"", "Yes", "true", " yes"} {
		kept := azward.Yes
		if err := kept.UnmarshalText([]byte(bad)); azward.KindOf(err) != azward.KindUsage || kept != azward.Yes {
			t.Errorf("%q is read as %v, %v", bad, kept, err)
		}
	}
}

func TestJSONValue(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		value any
		want  string
	}{
		{"a", `"a"`},
		{nil, `null`},
		{[]int{1}, `[1]`},
		{func() {}, `null`},
	} {
		if diff := cmp.Diff(tc.want, string(azward.JSONValue(tc.value))); diff != "" {
			t.Error(diff)
		}
	}
}

func TestEvidenceGrade(t *testing.T) {
	t.Parallel()
	for source, want := range map[azward.Source]int{
		azward.SourceARM: 3, azward.SourceKubernetes: 3, azward.SourceListing: 3, azward.SourceDocumented: 3,
		azward.SourceResourceGraph: 2, azward.SourceExport: 2, azward.SourceRegistry: 2,
		azward.SourceUser: 1, "hearsay": 1, "": 1,
	} {
		if got := (azward.Evidence{Source: source}).Grade(); got != want {
			t.Errorf("%q weighs %d, want %d", source, got, want)
		}
	}
}

func TestSeverityRank(t *testing.T) {
	t.Parallel()
	order := []azward.Severity{
		azward.SeverityUnknown, azward.SeverityNone, azward.SeverityLow, azward.SeverityMedium, azward.SeverityHigh, azward.SeverityCritical,
	}
	for i, s := range order {
		if s.Rank() != i {
			t.Errorf("%s has rank %d, want %d", s, s.Rank(), i)
		}
	}
	if azward.Severity("severe").Rank() != 0 {
		t.Error("a severity that is none has a rank")
	}
}
