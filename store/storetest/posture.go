package storetest

import (
	"encoding/json"
	"testing"

	"github.com/azward/azward"
)

func postures(t *testing.T, s Store) {
	ctx := t.Context()
	same(t, 0, len(must(s.Postures(ctx, "", 10))(t)))
	advice(t, s.SavePosture(ctx, "never begun", json.RawMessage(`{}`), nil), azward.KindNotFound)
	for _, scan := range []string{"s1", "s2", "s3"} {
		save(t, s, scan, "prod")
		check(t, s.SavePosture(ctx, scan, json.RawMessage(`{"scan":"`+scan+`"}`), []byte("old")))
		check(t, s.SavePosture(ctx, scan, json.RawMessage(`{"scan":"`+scan+`"}`), []byte("open in "+scan)))
	}
	save(t, s, "other", "test")
	check(t, s.SavePosture(ctx, "other", json.RawMessage(`{}`), []byte("x")))
	same(t, 4, len(must(s.Postures(ctx, "", 10))(t)))
	same(t, 1, len(must(s.Postures(ctx, "test", 10))(t)))
	list := must(s.Postures(ctx, "prod", 2))(t)
	if len(list) != 2 || list[0].Scan != "s3" || list[1].Scan != "s2" || list[0].Source != "prod" || list[0].At.IsZero() || string(list[0].Tally) != `{"scan":"s3"}` {
		t.Errorf("got %+v", list)
	}
	same(t, "open in s3", string(must(s.OpenPosture(ctx, "s3"))(t)))
	same(t, "open in s2", string(must(s.OpenPosture(ctx, "s2"))(t)))
	if open := must(s.OpenPosture(ctx, "s1"))(t); open != nil {
		t.Errorf("the list of the scan before the last two is kept: %q", open)
	}
	if open := must(s.OpenPosture(ctx, "never begun"))(t); open != nil {
		t.Errorf("got %q", open)
	}
}
