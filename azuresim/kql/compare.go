package kql

import (
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// comparisons by operator. A null on either side of an order is null, which a
// filter takes for false; string operators take null for the empty string.
var comparisons = map[string]func(l, r any) any{
	"==": equal,
	"!=": func(l, r any) any {
		if same, ok := equal(l, r).(bool); ok {
			return !same
		}
		return nil
	},
	"=~": func(l, r any) any { return strings.EqualFold(text(l), text(r)) },
	"!~": func(l, r any) any { return !strings.EqualFold(text(l), text(r)) },
	"<":  ordered(func(n int) bool { return n < 0 }),
	"<=": ordered(func(n int) bool { return n <= 0 }),
	">":  ordered(func(n int) bool { return n > 0 }),
	">=": ordered(func(n int) bool { return n >= 0 }),
}

func init() {
	for op, test := range map[string]func(s, t string) bool{
		"contains": strings.Contains, "startswith": strings.HasPrefix, "endswith": strings.HasSuffix,
		"has": hasTerm, "hasprefix": hasPrefixTerm, "hassuffix": hasSuffixTerm,
	} {
		comparisons[op] = func(l, r any) any { return test(strings.ToLower(text(l)), strings.ToLower(text(r))) }
		comparisons["!"+op] = func(l, r any) any { return !test(strings.ToLower(text(l)), strings.ToLower(text(r))) }
		comparisons[op+"_cs"] = func(l, r any) any { return test(text(l), text(r)) }
		comparisons["!"+op+"_cs"] = func(l, r any) any { return !test(text(l), text(r)) }
	}
}

func ordered(test func(int) bool) func(l, r any) any {
	return func(l, r any) any {
		n, ok := compare(l, r)
		if !ok {
			return nil
		}
		return test(n)
	}
}

// hasTerm finds t in s where no letter or digit touches it.
// https://learn.microsoft.com/kusto/query/datatypes-string-operators#what-is-a-term
func hasTerm(s, t string) bool { return findTerm(s, t, true, true) }

func hasPrefixTerm(s, t string) bool { return findTerm(s, t, true, false) }

func hasSuffixTerm(s, t string) bool { return findTerm(s, t, false, true) }

func findTerm(s, t string, before, after bool) bool {
	if t == "" {
		return true
	}
	for at := 0; at <= len(s); {
		i := strings.Index(s[at:], t)
		if i < 0 {
			return false
		}
		i += at
		left, _ := utf8.DecodeLastRuneInString(s[:i])
		right, _ := utf8.DecodeRuneInString(s[i+len(t):])
		if !(before && i > 0 && wordRune(left)) && !(after && i+len(t) < len(s) && wordRune(right)) {
			return true
		}
		at = i + 1
	}
	return false
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func arithmeticKind(op string, l, r kind) (kind, bool) {
	num := func(k kind) bool { return k == kindLong || k == kindReal || k == kindDynamic || k == kindUnknown }
	switch {
	case l == kindDatetime && r == kindTimespan && (op == "+" || op == "-"):
		return kindDatetime, true
	case l == kindDatetime && r == kindDatetime && op == "-":
		return kindTimespan, true
	case l == kindTimespan && r == kindTimespan:
		if op == "/" {
			return kindReal, true
		}
		return kindTimespan, op != "*"
	case l == kindTimespan && num(r) && (op == "*" || op == "/"), num(l) && r == kindTimespan && op == "*":
		return kindTimespan, true
	case l == kindReal && num(r) || num(l) && r == kindReal:
		return kindReal, true
	case l == kindLong && r == kindLong:
		return kindLong, true
	case num(l) && num(r):
		return kindDynamic, true
	}
	return kindUnknown, false
}

// arithmetic gives null for null, for a division of integers by zero, and for
// values that do not fit the operator. Division of integers truncates.
func arithmetic(op string, l, r any) any {
	l, r = plain(l), plain(r)
	if x, ok := l.(int64); ok {
		if y, ok := r.(int64); ok {
			return wholeArithmetic(op, x, y)
		}
	}
	if x, ok := number(l); ok {
		if y, ok := number(r); ok {
			return realArithmetic(op, x, y)
		}
	}
	return timeArithmetic(op, l, r)
}

func wholeArithmetic(op string, x, y int64) any {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	}
	if y == 0 {
		return nil
	}
	if op == "/" {
		return x / y
	}
	return x % y
}

func realArithmetic(op string, x, y float64) any {
	var f float64
	switch op {
	case "+":
		f = x + y
	case "-":
		f = x - y
	case "*":
		f = x * y
	case "/":
		f = x / y
	default:
		f = math.Mod(x, y)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) { // JSON has neither
		return nil
	}
	return f
}

func timeArithmetic(op string, l, r any) any {
	switch x := l.(type) {
	case time.Time:
		switch y := r.(type) {
		case time.Duration:
			if op == "-" {
				y = -y
			}
			return x.Add(y)
		case time.Time:
			return x.Sub(y)
		}
	case time.Duration:
		switch y := r.(type) {
		case time.Duration:
			return spanArithmetic(op, x, y)
		case int64, float64:
			f, _ := number(y)
			if op == "/" {
				f = 1 / f
			}
			return spanTimes(x, f)
		}
	case int64, float64:
		if y, ok := r.(time.Duration); ok {
			f, _ := number(x)
			return spanTimes(y, f)
		}
	}
	return nil
}

func spanArithmetic(op string, x, y time.Duration) any {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	}
	if y == 0 {
		return nil
	}
	if op == "/" {
		return float64(x) / float64(y)
	}
	return x % y
}

func spanTimes(d time.Duration, f float64) any {
	t := float64(d) * f
	if math.IsNaN(t) || math.Abs(t) > float64(maxTimespan) {
		return nil
	}
	return time.Duration(t)
}
