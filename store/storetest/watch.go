package storetest

import (
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/azward/azward"
)

func dismissals(t *testing.T, s Store) {
	ctx := t.Context()
	const id = azward.VerdictID("v-0000000000000001")
	same(t, map[azward.VerdictID]azward.Dismissal{}, must(s.Dismissals(ctx))(t))
	first := azward.Dismissal{By: "ana", Reason: "behind the bastion", At: noon, Until: noon.Add(time.Hour), Footing: "aa"}
	second := first
	second.Reason = "accepted"
	check(t, s.Dismiss(ctx, id, first))
	check(t, s.Dismiss(ctx, id, second))
	same(t, map[azward.VerdictID]azward.Dismissal{id: second}, must(s.Dismissals(ctx))(t))
	check(t, s.Reopen(ctx, id))
	advice(t, s.Reopen(ctx, id), azward.KindNotFound)
	same(t, 0, len(must(s.Dismissals(ctx))(t)))
}

func changes(t *testing.T, s Store) {
	ctx := t.Context()
	same(t, time.Time{}, must(s.LastFinished(ctx, "prod"))(t))
	save(t, s, "s1", "prod")
	save(t, s, "s2", "test")
	docs := func(list ...string) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			for _, doc := range list {
				if !yield([]byte(doc), nil) {
					return
				}
			}
		}
	}
	listed := func(source string) (list []string) {
		for doc, err := range s.Changes(ctx, source) {
			check(t, err)
			list = append(list, string(doc))
		}
		return list
	}
	check(t, s.SaveChanges(ctx, "s1", docs("old")))
	check(t, s.SaveChanges(ctx, "s1", docs("b", "a")))
	check(t, s.SaveChanges(ctx, "s2", docs("c")))
	same(t, []string{"b", "a"}, listed("prod"))
	same(t, []string{"b", "a", "c"}, listed(""))
	same(t, nil, listed("other"))
	broken := errors.New("the engine broke")
	err := s.SaveChanges(ctx, "s1", func(yield func([]byte, error) bool) { yield(nil, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the sequence's own error", err)
	}
	same(t, []string{"b", "a"}, listed("prod"))
	advice(t, s.SaveChanges(ctx, "never begun", docs()), azward.KindNotFound)
	if must(s.LastFinished(ctx, "prod"))(t).IsZero() {
		t.Error("the finished scan is not found")
	}
}
