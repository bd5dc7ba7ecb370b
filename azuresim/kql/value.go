package kql

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is a Kusto type. Dynamic values are any of the others at run time.
type kind int

const (
	kindUnknown kind = iota
	kindString
	kindLong
	kindReal
	kindBool
	kindDatetime
	kindTimespan
	kindDynamic
)

var literalKinds = map[string]kind{
	"dynamic": kindDynamic, "datetime": kindDatetime, "date": kindDatetime,
	"time": kindTimespan, "timespan": kindTimespan,
	"int": kindLong, "long": kindLong, "real": kindReal, "double": kindReal, "decimal": kindReal,
	"bool": kindBool, "boolean": kindBool, "guid": kindString,
}

var literalTypes = map[kind]string{
	kindDynamic: "dynamic", kindDatetime: "datetime", kindTimespan: "time",
	kindLong: "long", kindReal: "real", kindBool: "bool", kindString: "guid",
}

// columnTypes are the names that Resource Graph's table answers use:
// https://learn.microsoft.com/rest/api/azure-resourcegraph/resourcegraph/resources#columndatatype
var columnTypes = map[kind]string{
	kindString: "string", kindLong: "integer", kindReal: "number", kindBool: "boolean",
	kindDatetime: "datetime", kindTimespan: "string", kindDynamic: "object", kindUnknown: "object",
}

const maxTimespan = time.Duration(math.MaxInt64 / 4)

// maxValueNodes and maxStringBytes bound one value, as Kusto bounds a dynamic
// and a string at 1 MB.
// https://learn.microsoft.com/kusto/query/scalar-data-types/dynamic
const (
	maxValueNodes  = 50_000
	maxStringBytes = 1 << 20
)

// plain turns Go's many number types into int64 and float64, one level deep:
// the elements of objects and arrays stay as they are.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	case int:
		return int64(v)
	case int32:
		return int64(v)
	case float32:
		return float64(v)
	case json.RawMessage:
		return parseJSON(string(v))
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out
	case map[string]string:
		out := make(map[string]any, len(v))
		for k, s := range v {
			out[k] = s
		}
		return out
	default:
		return v
	}
}

// decoded is plain for values read out of rows, where encoding/json has made
// every number a float64.
func decoded(v any) any {
	if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f)
	}
	return plain(v)
}

func parseJSON(s string) any {
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil || dec.More() {
		return nil
	}
	return plain(v)
}

func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

// formatTimespan writes [-][d.]hh:mm:ss[.fffffff].
func formatTimespan(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	days := d / (24 * time.Hour)
	rest := d % (24 * time.Hour)
	s := fmt.Sprintf("%02d:%02d:%02d", rest/time.Hour, rest/time.Minute%60, rest/time.Second%60)
	if frac := rest % time.Second / 100; frac > 0 {
		s += fmt.Sprintf(".%07d", frac)
	}
	if days > 0 {
		s = strconv.FormatInt(int64(days), 10) + "." + s
	}
	return sign + s
}

func parseTimespan(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if positive, negative := strings.CutPrefix(s, "-"); negative {
		d, ok := parsePositive(positive)
		return -d, ok
	}
	return parsePositive(s)
}

func parsePositive(s string) (time.Duration, bool) {
	unit := digits(s, 0)
	if unit < len(s) && s[unit] == '.' && !strings.Contains(s, ":") {
		unit = digits(s, unit+1)
	}
	if size, ok := timespanUnits[s[unit:]]; ok {
		n, err := strconv.ParseFloat(s[:unit], 64)
		if err != nil || n*float64(size) > float64(maxTimespan) {
			return 0, false
		}
		return time.Duration(n * float64(size)), true
	}
	days := 0
	if i := strings.IndexByte(s, '.'); i > 0 && i < strings.IndexByte(s, ':') {
		n, err := strconv.Atoi(s[:i])
		if err != nil || n > 20_000 {
			return 0, false
		}
		days, s = n, s[i+1:]
	} else if isAllDigits(s) { // a bare number is days
		n, err := strconv.Atoi(s)
		if err != nil || n > 20_000 {
			return 0, false
		}
		return time.Duration(n) * 24 * time.Hour, true
	}
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, false
	}
	total := time.Duration(days) * 24 * time.Hour
	for i, size := range []time.Duration{time.Hour, time.Minute, time.Second} {
		if i >= len(parts) {
			break
		}
		f, err := strconv.ParseFloat(parts[i], 64)
		if err != nil || f < 0 || f >= 60 || i < 2 && f != math.Trunc(f) {
			return 0, false
		}
		total += time.Duration(math.Round(f * float64(size)))
	}
	return total, true
}

func isAllDigits(s string) bool { return s != "" && digits(s, 0) == len(s) }

// text is tostring(): scalars as they print, objects and arrays as JSON, null
// as the empty string.
func text(v any) string {
	switch v := plain(v).(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		return formatTime(v)
	case time.Duration:
		return formatTimespan(v)
	default:
		b, err := json.Marshal(export(v))
		if err != nil {
			return ""
		}
		return string(b)
	}
}

// export makes what a JSON encoder can write: times and timespans as text.
func export(v any) any {
	switch v := plain(v).(type) {
	case time.Time:
		return formatTime(v)
	case time.Duration:
		return formatTimespan(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = export(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = export(e)
		}
		return out
	default:
		return v
	}
}

func number(v any) (float64, bool) {
	switch v := plain(v).(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
}

// compare orders two values of like kinds; ok is false when there is no order
// between them (which makes the comparison null).
func compare(a, b any) (order int, ok bool) {
	a, b = plain(a), plain(b)
	if x, isInt := a.(int64); isInt {
		if y, isInt := b.(int64); isInt {
			return cmp.Compare(x, y), true
		}
	}
	if x, xok := number(a); xok {
		if y, yok := number(b); yok {
			return cmp.Compare(x, y), true
		}
		if s, isText := b.(string); isText { // a dynamic number against text
			y, err := strconv.ParseFloat(s, 64)
			return cmp.Compare(x, y), err == nil
		}
		return 0, false
	}
	switch x := a.(type) {
	case string:
		switch y := b.(type) {
		case string:
			return strings.Compare(x, y), true
		case time.Time:
			t, ok := parseTime(x)
			return t.Compare(y), ok
		case int64, float64:
			order, ok := compare(b, a)
			return -order, ok
		case bool:
			return strings.Compare(strings.ToLower(x), strconv.FormatBool(y)), true
		}
	case time.Time:
		switch y := b.(type) {
		case time.Time:
			return x.Compare(y), true
		case string:
			t, ok := parseTime(y)
			return x.Compare(t), ok
		}
	case time.Duration:
		if y, same := b.(time.Duration); same {
			return cmp.Compare(x, y), true
		}
	case bool:
		switch y := b.(type) {
		case bool:
			return cmp.Compare(truth(x), truth(y)), true
		case string:
			return strings.Compare(strconv.FormatBool(x), strings.ToLower(y)), true
		case int64:
			return cmp.Compare(truth(x), y), true
		}
	}
	return 0, false
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// equal is ==: null when both sides are null, false when one is.
// https://learn.microsoft.com/kusto/query/scalar-data-types/null-values
func equal(a, b any) any {
	a, b = plain(a), plain(b)
	if a == nil || b == nil {
		if a == nil && b == nil {
			return nil
		}
		return false
	}
	if order, ok := compare(a, b); ok {
		return order == 0
	}
	if isCompound(a) || isCompound(b) {
		return text(a) == text(b)
	}
	return false
}

func isCompound(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// groupKey tells values apart for grouping, distinct and join.
func groupKey(b *strings.Builder, v any) {
	v = plain(v)
	var tag byte
	switch v.(type) {
	case nil:
		tag = '0'
	case string:
		tag = 's'
	case bool:
		tag = 'b'
	case int64, float64:
		tag = 'n'
	case time.Time:
		tag = 't'
	case time.Duration:
		tag = 'd'
	default:
		tag = 'j'
	}
	s := text(v)
	b.WriteByte(tag)
	b.WriteString(strconv.Itoa(len(s)))
	b.WriteByte(':')
	b.WriteString(s)
}

// weigh counts the nodes of a value and gives up at the limit: a value that
// shares its parts ([x, x] of [x, x] …) is as large as it prints.
func weigh(v any, budget int) int {
	budget--
	switch v := v.(type) {
	case string:
		budget -= len(v) / 64
	case []any:
		for _, e := range v {
			if budget <= 0 {
				return budget
			}
			budget = weigh(e, budget)
		}
	case map[string]any:
		for _, e := range v {
			if budget <= 0 {
				return budget
			}
			budget = weigh(e, budget)
		}
	}
	return budget
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
