// Package kql answers the subset of the Kusto Query Language that Azure
// Resource Graph supports: [Parse] a query, then [Query.Run] it over tables of
// rows. A row is a JSON object as encoding/json decodes it; numbers may be
// json.Number, float64 or any Go integer.
//
// The language and its limits:
// https://learn.microsoft.com/azure/governance/resource-graph/concepts/query-language
package kql

import (
	"fmt"
	"iter"
)

// Tables hands out the rows of a table by the name that the query uses, in
// any case. An unknown table is an error, best [ErrUnknownTable] wrapped.
type Tables func(name string) (iter.Seq[map[string]any], error)

// Column is one column of a result.
type Column struct {
	Name string
	// Type as Resource Graph's answer in table form spells it: "string",
	// "integer", "number", "boolean", "object".
	Type string
}

// Result is the answer to a query: the columns in order and the rows in order.
// Every row has every column; a null is nil. Values are nil, string, bool,
// int64, float64, time.Time, map[string]any or []any, and encode as JSON the
// way that Resource Graph does.
type Result struct {
	Columns []Column
	Rows    []map[string]any
}

// Error is a query that is not understood or not allowed, with the place in
// the query it is about, counted from 1; 0 when it has no place.
type Error struct {
	Line, Col int
	// Token is the offending piece of the query; "" when there is none.
	Token string
	// Code as Resource Graph's "details" name it: ParserFailure,
	// UnsupportedFeature, DisallowedMaxNumberOfRemoteTables …
	Code string
	Msg  string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Msg
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Col, e.Msg)
}
