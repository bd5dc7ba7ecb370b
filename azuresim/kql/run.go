package kql

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// ErrUnknownTable is what a [Tables] wraps for a name it does not have.
var ErrUnknownTable = errors.New("no such table")

// defaultTable is queried when a query names none.
const defaultTable = "Resources"

// maxRows is what one operator may make of its input.
const maxRows = 1_000_000

// standard are the columns that every Resource Graph table has, in the order
// of its answers; rows may bring more.
// https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources
var standard = []column{
	{"id", kindString},
	{"name", kindString},
	{"type", kindString},
	{"tenantId", kindString},
	{"kind", kindString},
	{"location", kindString},
	{"resourceGroup", kindString},
	{"subscriptionId", kindString},
	{"managedBy", kindString},
	{"sku", kindDynamic},
	{"plan", kindDynamic},
	{"properties", kindDynamic},
	{"tags", kindDynamic},
	{"identity", kindDynamic},
	{"zones", kindDynamic},
	{"extendedLocation", kindDynamic},
}

// extras are columns that rows may bring, whose type is known.
var extras = map[string]kind{"apiVersion": kindString}

type column struct {
	name string
	kind kind
}

// relation is a stream of rows of one shape. rows may be run once.
type relation struct {
	cols   []column
	rows   iter.Seq[[]any]
	source string // name of the table at its start
}

func (r relation) find(id string) int {
	return slices.IndexFunc(r.cols, func(c column) bool { return c.name == id })
}

// machine is one run of a query.
type machine struct {
	tables Tables
	now    time.Time
	lets   map[string]let
	active map[string]bool // lets under evaluation
	remote map[string]bool // tables that the query reads
	joined bool            // the query joins
	work   int             // tables and expressions resolved so far
	err    error           // first failure inside a stream
}

// maxWork bounds what a query resolves: lets that use lets twice would double
// the work each time.
const maxWork = 200_000

func (m *machine) resolve(n int) error {
	if m.work += n; m.work > maxWork {
		return &Error{Code: queryExecutionFailed, Msg: "the query is too complex"}
	}
	return nil
}

func (m *machine) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

// Run answers the query over the tables. Errors are [*Error], or what table
// returned, wrapped.
func (q *Query) Run(table func(name string) (iter.Seq[map[string]any], error)) (*Result, error) {
	m := &machine{tables: table, now: q.Now, lets: map[string]let{}, active: map[string]bool{}, remote: map[string]bool{}}
	if m.now.IsZero() {
		m.now = time.Now()
	}
	for _, l := range q.lets {
		m.lets[l.name] = l
	}
	rel, err := m.tabular(q.body)
	if err != nil {
		return nil, err
	}
	if err := m.crossTables(); err != nil {
		return nil, err
	}
	res := &Result{Columns: make([]Column, len(rel.cols)), Rows: []map[string]any{}}
	for i, c := range rel.cols {
		res.Columns[i] = Column{Name: c.name, Type: columnTypes[c.kind]}
	}
	for row := range rel.rows {
		if len(res.Rows) >= maxRows {
			m.fail(tooLarge())
		}
		if m.err != nil {
			break
		}
		out := make(map[string]any, len(row))
		for i, c := range rel.cols {
			out[c.name] = finish(row[i], c.kind)
		}
		res.Rows = append(res.Rows, out)
	}
	if m.err != nil {
		return nil, m.err
	}
	return res, nil
}

func finish(v any, k kind) any {
	switch v := plain(v).(type) {
	case nil:
		if k == kindString {
			return ""
		}
		return nil
	case time.Time:
		return formatTime(v)
	case time.Duration:
		return formatTimespan(v)
	default:
		return v
	}
}

func tooLarge() *Error {
	return &Error{Code: queryExecutionFailed, Msg: fmt.Sprintf("the query makes more than %d rows", maxRows)}
}

// crossTables enforces that joins reach one other table, or more when all is
// between Resources and ResourceContainers.
func (m *machine) crossTables() error {
	names := len(m.remote)
	common := 0
	for n := range m.remote {
		if n == "resources" || n == "resourcecontainers" {
			common++
		}
	}
	if m.joined && names > 2 && names > common {
		return &Error{
			Code: tooManyRemoteTables, Token: "join",
			Msg: "a query may join one other table, or Resources and ResourceContainers",
		}
	}
	return nil
}

func (m *machine) tabular(t *tabular) (relation, error) {
	var rel relation
	err := m.resolve(maxWork / 200)
	if err != nil {
		return rel, err
	}
	if t.sub != nil {
		rel, err = m.tabular(t.sub)
	} else {
		rel, err = m.source(t)
	}
	for _, op := range t.ops {
		if err != nil {
			return relation{}, err
		}
		rel.source = legName(t, 0)
		rel, err = op.apply(m, rel)
	}
	return rel, err
}

func (m *machine) source(t *tabular) (relation, error) {
	if l, ok := m.lets[t.source]; ok {
		if l.table == nil {
			return relation{}, t.at.fail(semanticError, "'"+t.source+"' is a value, not a table")
		}
		if m.active[t.source] {
			return relation{}, t.at.fail(semanticError, "'"+t.source+"' is defined by itself")
		}
		m.active[t.source] = true
		defer delete(m.active, t.source)
		return m.tabular(l.table)
	}
	rows, err := m.tables(t.source)
	if errors.Is(err, ErrUnknownTable) {
		e := t.at.fail(unknownTableCode, "there is no table named '"+t.source+"'")
		e.Token = t.source
		return relation{}, e
	}
	if err != nil {
		return relation{}, fmt.Errorf("read table %s: %w", t.source, err)
	}
	m.remote[strings.ToLower(t.source)] = true
	return load(rows), nil
}

// load gives rows a shape: the standard columns, then what else the rows
// bring, by name. It keeps references to the rows and converts as they pass.
func load(rows iter.Seq[map[string]any]) relation {
	var kept []map[string]any
	more := map[string]bool{}
	known := map[string]bool{}
	for _, c := range standard {
		known[c.name] = true
	}
	for row := range rows {
		kept = append(kept, row)
		for k := range row {
			if !known[k] {
				more[k] = true
			}
		}
	}
	cols := slices.Clone(standard)
	for _, k := range slices.Sorted(maps.Keys(more)) {
		kd := extras[k]
		if kd == kindUnknown {
			kd = kindDynamic
		}
		cols = append(cols, column{k, kd})
	}
	return relation{cols: cols, rows: func(yield func([]any) bool) {
		for _, row := range kept {
			out := make([]any, len(cols))
			for i, c := range cols {
				out[i] = coerce(row[c.name], c.kind)
			}
			if !yield(out) {
				return
			}
		}
	}}
}

// coerce makes a stored value one of its column's type; a string is never
// null in Kusto.
func coerce(v any, k kind) any {
	if k == kindString {
		return text(v)
	}
	return decoded(v)
}
