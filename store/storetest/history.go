package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// History keeps what verdicts were.
type History interface {
	VerdictHistory(ctx context.Context, id azward.VerdictID) ([]store.VerdictSpan, error)
	SweepHistory(context.Context, store.Sweep) (store.Swept, error)
}

func verdictHistory(t *testing.T, s Store) {
	ctx := t.Context()
	day := func(i int) time.Time { return noon.AddDate(0, 0, i) }
	scan := func(i int, source string, list ...store.Decided) {
		t.Helper()
		id := fmt.Sprintf("%s-%d", source, i)
		check(t, s.BeginScan(ctx, id, source, day(i)))
		check(t, s.SaveVerdicts(ctx, id, sequence(list...), outcome))
	}
	one := func(result azward.Result, reason string) store.Decided {
		d := decided("cart", "CVE-2021-44228", azward.Yes, azward.SeverityHigh)
		d.Verdict.Result, d.Verdict.Summary, d.Doc = result, reason, nil
		return d
	}
	id := one(azward.Exploitable, "").Verdict.ID
	same(t, 0, len(must(s.VerdictHistory(ctx, id))(t)))
	scan(1, "prod", one(azward.Undecided, "not known"))
	scan(2, "prod", one(azward.Undecided, "not known, in other words"))
	scan(3, "prod", one(azward.Exploitable, "reached from any address"))
	scan(3, "test", one(azward.NotExploitable, "blocked"))
	scan(4, "prod")
	scan(5, "prod", one(azward.NotExploitable, strings.Repeat("long ", 200)))
	got := must(s.VerdictHistory(ctx, id))(t)
	if len(got) > 0 {
		same(t, 500, len(got[0].Reason))
		got[0].Reason = ""
	}
	span := func(source string, i, until int, result azward.Result, reason string) store.VerdictSpan {
		v := store.VerdictSpan{Source: source, Since: day(i), Scan: fmt.Sprintf("%s-%d", source, i), Result: result, Severity: azward.SeverityHigh, Reason: reason}
		if until > 0 {
			v.Until = day(until)
		}
		return v
	}
	same(t, []store.VerdictSpan{
		span("prod", 5, 0, azward.NotExploitable, ""),
		span("prod", 3, 4, azward.Exploitable, "reached from any address"),
		span("test", 3, 0, azward.NotExploitable, "blocked"),
		span("prod", 1, 3, azward.Undecided, "not known"),
	}, got)
	same(t, store.Swept{Gone: 1, Kept: 3}, must(s.SweepHistory(ctx, store.Sweep{Before: day(4), Dry: true}))(t))
	same(t, store.Swept{Gone: 1, Kept: 3}, must(s.SweepHistory(ctx, store.Sweep{Before: day(4)}))(t))
	same(t, store.Swept{Gone: 1, Kept: 2}, must(s.SweepHistory(ctx, store.Sweep{Before: day(400)}))(t))
	for i := range 120 {
		scan(10+i, "prod", one([]azward.Result{azward.Exploitable, azward.Undecided}[i%2], "again"))
	}
	got = must(s.VerdictHistory(ctx, id))(t)
	if len(got) != 51 || got[0].Scan != "prod-129" {
		t.Errorf("%d spans are kept, want 50 of prod and one of test", len(got))
	}
	connection := prod
	check(t, s.AddConnection(ctx, connection))
	check(t, s.RemoveConnection(ctx, "prod"))
	same(t, 1, len(must(s.VerdictHistory(ctx, id))(t)))
}
