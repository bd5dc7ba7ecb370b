package kql_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/azward/azward/azuresim/kql"
)

// FuzzQuery holds that what parses prints to something that parses to the
// same, and that a run answers with whole rows or an *Error.
func FuzzQuery(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i, part := range txtar.Parse(data).Files {
			if i%2 == 0 {
				f.Add(string(part.Data))
			}
		}
	}
	f.Add("resources|extend a=strcat(name,name)|extend a=strcat(a,a),b=pack_array(a,a)|extend b=pack_array(b,b)")
	rows := tables(f)
	f.Fuzz(func(t *testing.T, query string) {
		q, err := kql.Parse(query)
		if err != nil {
			if _, ok := errors.AsType[*kql.Error](err); !ok {
				t.Fatalf("an error that is no *kql.Error: %v", err)
			}
			return
		}
		again, err := kql.Parse(q.String())
		if err != nil {
			t.Fatalf("printed query does not parse: %v\n%s", err, q)
		}
		if q.String() != again.String() {
			t.Fatalf("prints differently:\n%s\n%s", q, again)
		}
		q.Now = now
		res, err := q.Run(rows)
		if err != nil {
			if _, ok := errors.AsType[*kql.Error](err); !ok {
				t.Fatalf("an error that is no *kql.Error: %v", err)
			}
			return
		}
		for _, row := range res.Rows {
			if len(row) != len(res.Columns) {
				t.Fatalf("a row has %d of %d columns", len(row), len(res.Columns))
			}
		}
	})
}

// TestLimits holds that a query cannot make values or rows without bound.
func TestLimits(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{
		"strings_double": "resources | extend a = name" + repeat(" | extend a = strcat(a, a)", 40),
		"arrays_double":  "resources | extend a = pack_array(name)" + repeat(" | extend a = pack_array(a, a)", 40),
		"lets_double":    "let a0 = 1; " + lets(40, "let a%[2]d = a%[1]d + a%[1]d; ") + "resources | extend x = a40",
		"tables_double":  "let a0 = resources; " + lets(40, "let a%[2]d = a%[1]d | where id in (a%[1]d); ") + "a40 | count",
		"rows_multiply": "resources | extend x = split(strcat('a', replace_string('" + repeat("a,", 399) + "', 'b', 'c')), ',')" +
			" | mv-expand a = x limit 400 | mv-expand b = x limit 400 | mv-expand c = x limit 400 | count",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, err := kql.Parse(query)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := q.Run(tables(t)); err == nil {
				t.Fatal("the query ran to its end")
			}
		})
	}
}

func lets(n int, form string) string {
	out := ""
	for i := range n {
		out += fmt.Sprintf(form, i, i+1)
	}
	return out
}

func repeat(s string, n int) string {
	out := ""
	for range n {
		out += s
	}
	return out
}
