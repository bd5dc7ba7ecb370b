package kql_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/azward/azward/azuresim/kql"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata")

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// tables reads testdata/estate.json: an object of tables, each an array of rows.
func tables(tb testing.TB) kql.Tables {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "estate.json"))
	if err != nil {
		tb.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	var all map[string][]map[string]any
	if err := dec.Decode(&all); err != nil {
		tb.Fatal(err)
	}
	return func(name string) (iter.Seq[map[string]any], error) {
		for k, rows := range all {
			if strings.EqualFold(k, name) {
				return func(yield func(map[string]any) bool) {
					for _, r := range rows {
						if !yield(r) {
							return
						}
					}
				}, nil
			}
		}
		return nil, fmt.Errorf("%q: %w", name, kql.ErrUnknownTable)
	}
}

// answer runs a query and writes what it gives: a line of columns, then a line
// of JSON for each row, in column order.
func answer(tb testing.TB, query string) string {
	tb.Helper()
	q, err := kql.Parse(query)
	if err == nil {
		again, err2 := kql.Parse(q.String())
		if err2 != nil {
			tb.Fatalf("the printed query does not parse: %v\n%s", err2, q)
		}
		if diff := cmp.Diff(q.String(), again.String()); diff != "" {
			tb.Errorf("the printed query prints differently (-first +again):\n%s", diff)
		}
		again.Now = now
		var res *kql.Result
		if res, err = again.Run(tables(tb)); err == nil {
			return write(tb, res)
		}
	}
	e, ok := errors.AsType[*kql.Error](err)
	if !ok {
		tb.Fatalf("an error that is no *kql.Error: %v", err)
	}
	return fmt.Sprintf("! %s: %s\n", e.Code, e.Msg)
}

func write(tb testing.TB, res *kql.Result) string {
	tb.Helper()
	var b strings.Builder
	for i, c := range res.Columns {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(c.Name + ":" + c.Type)
	}
	b.WriteByte('\n')
	for _, row := range res.Rows {
		if len(row) != len(res.Columns) {
			tb.Errorf("a row has %d of %d columns", len(row), len(res.Columns))
		}
		for i, c := range res.Columns {
			if i > 0 {
				b.WriteByte(' ')
			}
			v, err := json.Marshal(row[c.Name])
			if err != nil {
				tb.Fatal(err)
			}
			b.Write(v)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestQueries runs the cases of testdata/*.txtar: a file "name.kql" and its
// answer "name.want".
func TestQueries(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(archive.Files); i += 2 {
			name := strings.TrimSuffix(archive.Files[i].Name, ".kql")
			query, want := string(archive.Files[i].Data), &archive.Files[i+1]
			if want.Name != name+".want" {
				t.Fatalf("%s: %s is followed by %s", file, name, want.Name)
			}
			t.Run(name, func(t *testing.T) {
				got := answer(t, query)
				if *update {
					want.Data = []byte(got)
					return
				}
				if diff := cmp.Diff(string(want.Data), got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", query, diff)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
