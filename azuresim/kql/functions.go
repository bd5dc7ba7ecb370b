package kql

import (
	"maps"
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// function is a scalar function. kind is its result, unless infer decides
// from the arguments. special binds functions that read more than values.
type function struct {
	min, max int // number of arguments; max -1 is any
	kind     kind
	infer    func(args []bound) kind
	eval     func(v []any) any
	special  func(m *machine, at place, args []bound) (func(row []any) any, error)
	lazy     bool // not constant even when its arguments are
	// named makes the result of an unnamed column carry its argument's name,
	// as Kusto does for conversions.
	named bool
}

var functions map[string]function

func init() {
	functions = map[string]function{}
	maps.Copy(functions, conversions)
	maps.Copy(functions, textFunctions)
	maps.Copy(functions, dynamicFunctions)
	maps.Copy(functions, timeFunctions)
	maps.Copy(functions, choices)
	for alias, of := range map[string]string{
		"toreal": "todouble", "toboolean": "tobool", "tolong": "toint", "parse_json": "todynamic",
		"parsejson": "todynamic", "toobject": "todynamic", "iif": "iff", "pack": "bag_pack",
		"pack_dictionary": "bag_pack", "notnull": "isnotnull", "notempty": "isnotempty",
		"arraylength": "array_length", "strcat_array": "strcat_array", "todecimal": "todouble",
	} {
		functions[alias] = functions[of]
	}
}

func convert(k kind, f func(v any) any) function {
	return function{min: 1, max: 1, kind: k, named: true, eval: func(v []any) any { return f(v[0]) }}
}

var conversions = map[string]function{
	"tostring":   convert(kindString, func(v any) any { return text(v) }),
	"toguid":     convert(kindString, func(v any) any { return strings.ToLower(text(v)) }),
	"tolower":    convert(kindString, func(v any) any { return strings.ToLower(text(v)) }),
	"toupper":    convert(kindString, func(v any) any { return strings.ToUpper(text(v)) }),
	"toint":      convert(kindLong, toLong),
	"todouble":   convert(kindReal, toReal),
	"tobool":     convert(kindBool, toBool),
	"todynamic":  convert(kindDynamic, toDynamic),
	"todatetime": convert(kindDatetime, toDatetime),
	"totimespan": convert(kindTimespan, toTimespan),
	"isnull":     convert(kindBool, func(v any) any { return v == nil }),
	"isnotnull":  convert(kindBool, func(v any) any { return v != nil }),
	"isempty":    convert(kindBool, func(v any) any { return isEmpty(v) }),
	"isnotempty": convert(kindBool, func(v any) any { return !isEmpty(v) }),
	"not": {min: 1, max: 1, kind: kindBool, eval: func(v []any) any {
		if b, ok := toBool(v[0]).(bool); ok {
			return !b
		}
		return nil
	}},
	"gettype": convert(kindString, func(v any) any { return typeName(v) }),
}

// isEmpty is true for null and the empty string, not for [] or {}.
func isEmpty(v any) bool { return v == nil || v == "" }

func typeName(v any) string {
	switch plain(v).(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "bool"
	case int64:
		return "long"
	case float64:
		return "double"
	case time.Time:
		return "datetime"
	case time.Duration:
		return "timespan"
	case []any:
		return "array"
	default:
		return "dictionary"
	}
}

func toLong(v any) any {
	switch v := v.(type) {
	case int64:
		return v
	case float64:
		if math.Abs(v) < 1<<62 {
			return int64(v)
		}
	case bool:
		return truth(v)
	case string:
		s := strings.TrimSpace(v)
		if n, err := strconv.ParseInt(s, 0, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseInt(s, 10, 64); err == nil { // leading zeros
			return n
		}
	}
	return nil
}

func toReal(v any) any {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	case bool:
		return float64(truth(v))
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	}
	return nil
}

func toBool(v any) any {
	switch v := v.(type) {
	case bool:
		return v
	case int64:
		return v != 0
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "1":
			return true
		case "false", "0":
			return false
		}
	}
	return nil
}

// toDynamic reads JSON text; text that is no JSON stays a string.
func toDynamic(v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	if s == "" {
		return nil
	}
	if parsed := parseJSON(s); parsed != nil || strings.TrimSpace(s) == "null" {
		return parsed
	}
	return s
}

func toDatetime(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v
	case string:
		if t, ok := parseTime(v); ok {
			return t
		}
	}
	return nil
}

func toTimespan(v any) any {
	switch v := v.(type) {
	case time.Duration:
		return v
	case string:
		if d, ok := parseTimespan(v); ok {
			return d
		}
	}
	return nil
}

var textFunctions = map[string]function{
	"strlen": convert(kindLong, func(v any) any { return int64(utf8.RuneCountInString(text(v))) }),
	"strcat": {min: 1, max: 64, kind: kindString, eval: func(v []any) any {
		return joinText(v, "")
	}},
	"strcat_delim": {min: 2, max: 64, kind: kindString, eval: func(v []any) any {
		return joinText(v[1:], text(v[0]))
	}},
	"strcat_array": {min: 2, max: 2, kind: kindString, eval: func(v []any) any {
		list, ok := v[0].([]any)
		if !ok {
			return ""
		}
		return joinText(list, text(v[1]))
	}},
	"substring": {min: 2, max: 3, kind: kindString, eval: substring},
	"split":     {min: 2, max: 3, kind: kindDynamic, eval: split},
	"replace_string": {min: 3, max: 3, kind: kindString, eval: func(v []any) any {
		return replaceBounded(text(v[0]), text(v[1]), text(v[2]))
	}},
	"trim":          {min: 2, max: 2, kind: kindString, special: trimmer(true, true)},
	"trim_start":    {min: 2, max: 2, kind: kindString, special: trimmer(true, false)},
	"trim_end":      {min: 2, max: 2, kind: kindString, special: trimmer(false, true)},
	"replace":       {min: 3, max: 3, kind: kindString, special: replaceRegex(0, 1, 2)},
	"replace_regex": {min: 3, max: 3, kind: kindString, special: replaceRegex(1, 2, 0)},
	"extract":       {min: 3, max: 4, kind: kindString, special: extract},
	"indexof": {min: 2, max: 3, kind: kindLong, eval: func(v []any) any {
		s, from := text(v[0]), 0
		if len(v) == 3 {
			n, _ := v[2].(int64)
			from = int(min(max(n, 0), int64(len(s))))
		}
		i := strings.Index(s[from:], text(v[1]))
		if i < 0 {
			return int64(-1)
		}
		return int64(utf8.RuneCountInString(s[:from+i]))
	}},
	"countof": {min: 2, max: 2, kind: kindLong, eval: func(v []any) any {
		return int64(strings.Count(text(v[0]), text(v[1])))
	}},
	"reverse": convert(kindString, func(v any) any {
		r := []rune(text(v))
		for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
			r[i], r[j] = r[j], r[i]
		}
		return string(r)
	}),
	"url_decode": convert(kindString, func(v any) any {
		s, err := url.QueryUnescape(text(v))
		if err != nil {
			return text(v)
		}
		return s
	}),
	"ipv4_is_private": {min: 1, max: 1, kind: kindBool, eval: func(v []any) any {
		p, ok := ipv4(text(v[0]))
		if !ok {
			return nil
		}
		return p.Addr().IsPrivate()
	}},
	"ipv4_is_in_range": {min: 2, max: 2, kind: kindBool, eval: func(v []any) any {
		ip, ok1 := ipv4(text(v[0]))
		p, ok2 := ipv4(text(v[1]))
		if !ok1 || !ok2 {
			return nil
		}
		return p.Masked().Contains(ip.Addr())
	}},
}

func ipv4(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil && p.Addr().Is4() {
		return p, true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, 32), true
}

func joinText(v []any, sep string) string {
	var b strings.Builder
	for i, e := range v {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(text(e))
		if b.Len() > maxStringBytes {
			break // the caller fails the run on this length
		}
	}
	return b.String()
}

func replaceBounded(s, old, with string) string {
	if old == "" {
		return s
	}
	if n := strings.Count(s, old); len(s)+n*len(with) > 2*maxStringBytes {
		return strings.Repeat(" ", maxStringBytes+1) // the caller fails the run on this length
	}
	return strings.ReplaceAll(s, old, with)
}

func substring(v []any) any {
	r := []rune(text(v[0]))
	start, ok := toLong(v[1]).(int64)
	if !ok {
		return ""
	}
	if start < 0 {
		start += int64(len(r))
	}
	start = min(max(start, 0), int64(len(r)))
	end := int64(len(r))
	if len(v) == 3 {
		if n, ok := toLong(v[2]).(int64); ok && n >= 0 {
			end = min(end, start+min(n, end))
		}
	}
	return string(r[start:end])
}

func split(v []any) any {
	s, sep := text(v[0]), text(v[1])
	if sep == "" {
		return []any{s}
	}
	var list []any
	for part := range strings.SplitSeq(s, sep) {
		list = append(list, part)
	}
	if len(v) == 3 {
		n, ok := toLong(v[2]).(int64)
		if !ok || n < 0 || n >= int64(len(list)) {
			return []any{}
		}
		return []any{list[n]}
	}
	return list
}

// trimmer cuts what a regular expression matches off the ends.
func trimmer(start, end bool) func(*machine, place, []bound) (func([]any) any, error) {
	return func(_ *machine, at place, args []bound) (func([]any) any, error) {
		if !args[0].konst {
			return nil, at.fail(semanticError, "the regular expression must be a constant")
		}
		re, err := compileRegex("^(?:" + text(args[0].eval(nil)) + ")")
		if err != nil {
			return nil, at.fail(semanticError, "this is no regular expression that RE2 reads: "+err.Error())
		}
		tail, err := compileRegex("(?:" + text(args[0].eval(nil)) + ")$")
		if err != nil {
			return nil, at.fail(semanticError, "this is no regular expression that RE2 reads: "+err.Error())
		}
		return func(row []any) any {
			s := text(args[1].eval(row))
			for start && s != "" {
				loc := re.FindStringIndex(s)
				if loc == nil || loc[1] == 0 {
					break
				}
				s = s[loc[1]:]
			}
			for end && s != "" {
				loc := tail.FindStringIndex(s)
				if loc == nil || loc[0] == len(s) {
					break
				}
				s = s[:loc[0]]
			}
			return s
		}, nil
	}
}

// replaceRegex takes the positions of pattern, replacement and subject, which
// replace() and replace_regex() order differently. \1 names a group.
func replaceRegex(pattern, with, subject int) func(*machine, place, []bound) (func([]any) any, error) {
	return func(m *machine, at place, args []bound) (func([]any) any, error) {
		if !args[pattern].konst {
			return nil, at.fail(semanticError, "the regular expression must be a constant")
		}
		re, err := compileRegex(text(args[pattern].eval(nil)))
		if err != nil {
			return nil, at.fail(semanticError, "this is no regular expression that RE2 reads: "+err.Error())
		}
		return func(row []any) any {
			s, to := text(args[subject].eval(row)), goReplacement(text(args[with].eval(row)))
			if n := len(re.FindAllStringIndex(s, -1)); len(s)+n*(len(to)+len(s)) > 16*maxStringBytes {
				m.fail(&Error{Code: queryExecutionFailed, Msg: "a string grows beyond 1 MiB"})
				return ""
			}
			out := re.ReplaceAllString(s, to)
			m.bounded(out)
			return out
		}, nil
	}
}

// goReplacement turns \1 into ${1} and protects the dollar.
func goReplacement(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '$':
			b.WriteString("$$")
		case s[i] == '\\' && i+1 < len(s) && isDigit(s[i+1]):
			i++
			b.WriteString("${" + s[i:i+1] + "}")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func extract(_ *machine, at place, args []bound) (func([]any) any, error) {
	if !args[0].konst || !args[1].konst {
		return nil, at.fail(semanticError, "the regular expression and its group must be constants")
	}
	re, err := compileRegex(text(args[0].eval(nil)))
	if err != nil {
		return nil, at.fail(semanticError, "this is no regular expression that RE2 reads: "+err.Error())
	}
	group, ok := args[1].eval(nil).(int64)
	if !ok || group < 0 || group > int64(re.NumSubexp()) {
		return nil, at.fail(semanticError, "the regular expression has no such group")
	}
	return func(row []any) any {
		match := re.FindStringSubmatch(text(args[2].eval(row)))
		if match == nil {
			return ""
		}
		return match[group]
	}, nil
}
