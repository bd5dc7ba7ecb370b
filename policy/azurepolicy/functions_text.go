package azurepolicy

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/azward/azward/estate"
)

// maxInteger bounds numbers to what floating point keeps exactly.
const maxInteger = 1 << 53

func arithmetic(f func(a, b int64) (int64, bool)) func([]value) value {
	return func(args []value) value {
		for _, a := range args {
			if a.kind != number || a.num != math.Trunc(a.num) || math.Abs(a.num) > maxInteger {
				return failure("whole numbers are wanted")
			}
		}
		// Products of such numbers may wrap; the check as floats finds that.
		n, ok := f(int64(args[0].num), int64(args[1].num))
		if !ok || math.Abs(float64(n)) > maxInteger || math.Abs(args[0].num*args[1].num) > math.MaxInt64 {
			return failure("a result is out of range")
		}
		return numberValue(float64(n))
	}
}

func divide(a, b int64) (int64, bool) {
	if b == 0 {
		return 0, false
	}
	return a / b, true
}

func remainder(a, b int64) (int64, bool) {
	if b == 0 {
		return 0, false
	}
	return a % b, true
}

func fnInt(args []value) value {
	switch v := args[0]; v.kind {
	case number:
		return numberValue(math.Trunc(v.num))
	case text:
		if n, err := strconv.ParseInt(strings.TrimSpace(v.text), 10, 54); err == nil {
			return numberValue(float64(n))
		}
	}
	return failure("int() cannot read what it is given")
}

func fnFloat(args []value) value {
	switch v := args[0]; v.kind {
	case number:
		return v
	case text:
		if n, err := strconv.ParseFloat(v.text, 64); err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) {
			return numberValue(n)
		}
	}
	return failure("float() cannot read what it is given")
}

func extreme(sign int) func([]value) value {
	return func(args []value) value {
		if len(args) == 1 && args[0].kind == list {
			args = args[0].list
		}
		if len(args) == 0 {
			return failure("max() and min() want numbers")
		}
		best := args[0]
		for _, a := range args {
			if a.kind != number {
				return failure("max() and min() want numbers")
			}
			if compareNumbers(a.num, best.num) == sign {
				best = a
			}
		}
		return best
	}
}

// undocumented functions give what only Azure can tell.
func undocumented(name string) func([]value) value {
	return func([]value) value { return unreadValue("how Azure computes " + name + "() is not documented") }
}

func fnConcat(args []value) value {
	if args[0].kind == list {
		var all []value
		for _, a := range args {
			if a.kind != list {
				return failure("concat() mixes lists with other values")
			}
			all = append(all, a.list...)
		}
		return listValue(all)
	}
	var b strings.Builder
	for _, a := range args {
		s, ok := a.scalar()
		if !ok {
			return failure("concat() wants texts, or lists")
		}
		if a.kind == boolean {
			s = booleanText(a.yes)
		}
		if b.WriteString(s); b.Len() > maxTextLen {
			return failure("concat() gives more than %d bytes of text", maxTextLen)
		}
	}
	return textValue(b.String())
}

// booleanText is how string() and concat() write a boolean.
func booleanText(yes bool) string {
	if yes {
		return "True"
	}
	return "False"
}

func onText(f func(string) string) func([]value) value {
	return func(args []value) value {
		if args[0].kind != text {
			return failure("a text is wanted")
		}
		return textValue(f(args[0].text))
	}
}

func allText(args []value) bool {
	for _, a := range args {
		if a.kind != text {
			return false
		}
	}
	return true
}

func textTest(f func(s, part string) bool) func([]value) value {
	return func(args []value) value {
		if !allText(args) {
			return failure("startsWith() and endsWith() want texts")
		}
		return boolValue(f(strings.ToLower(args[0].text), strings.ToLower(args[1].text)))
	}
}

func fnReplace(args []value) value {
	if !allText(args) || args[1].text == "" {
		return failure("replace() wants three texts")
	}
	grows := strings.Count(args[0].text, args[1].text) * max(0, len(args[2].text)-len(args[1].text))
	if len(args[0].text)+grows > maxTextLen {
		return failure("replace() gives more than %d bytes of text", maxTextLen)
	}
	return textValue(strings.ReplaceAll(args[0].text, args[1].text, args[2].text))
}

func fnSplit(args []value) value {
	var separators []string
	switch {
	case args[0].kind != text:
		return failure("split() wants a text")
	case args[1].kind == text:
		separators = []string{args[1].text}
	case args[1].kind == list && allText(args[1].list):
		for _, v := range args[1].list {
			separators = append(separators, v.text)
		}
	default:
		return failure("split() wants a separator, or a list of them")
	}
	var out []value
	rest := args[0].text
	for {
		at, size := -1, 0
		for _, sep := range separators {
			if i := strings.Index(rest, sep); sep != "" && i >= 0 && (at < 0 || i < at) {
				at, size = i, len(sep)
			}
		}
		if at < 0 || len(out) > maxNodes {
			return listValue(append(out, textValue(rest)))
		}
		out, rest = append(out, textValue(rest[:at])), rest[at+size:]
	}
}

func fnJoin(args []value) value {
	if args[0].kind != list || args[1].kind != text {
		return failure("join() wants a list and a text")
	}
	var b strings.Builder
	for i, v := range args[0].list {
		s, ok := v.scalar()
		if !ok {
			return failure("join() wants texts")
		}
		if i > 0 {
			b.WriteString(args[1].text)
		}
		if b.WriteString(s); b.Len() > maxTextLen {
			return failure("join() gives more than %d bytes of text", maxTextLen)
		}
	}
	return textValue(b.String())
}

func fnSubstring(args []value) value {
	if args[0].kind != text || args[1].kind != number {
		return failure("substring() wants a text and numbers")
	}
	letters := []rune(args[0].text)
	from, length := args[1].num, float64(len(letters))-args[1].num
	if len(args) == 3 {
		if args[2].kind != number {
			return failure("substring() wants a text and numbers")
		}
		length = args[2].num
	}
	if from < 0 || length < 0 || from+length > float64(len(letters)) {
		return failure("substring() reaches beyond the end of its text")
	}
	return textValue(string(letters[int(from) : int(from)+int(length)]))
}

func fnPadLeft(args []value) value {
	s, ok := args[0].scalar()
	if !ok || args[1].kind != number || args[1].num > maxTextLen {
		return failure("padLeft() wants a text and a length")
	}
	with := " "
	if len(args) == 3 {
		if args[2].kind != text || utf8.RuneCountInString(args[2].text) != 1 {
			return failure("padLeft() wants one letter")
		}
		with = args[2].text
	}
	return textValue(strings.Repeat(with, max(0, int(args[1].num)-utf8.RuneCountInString(s))) + s)
}

// fnFormat fills {0}, {1} … in; formats after a colon are not understood.
func fnFormat(args []value) value {
	if args[0].kind != text {
		return failure("format() wants a text")
	}
	var b strings.Builder
	s := args[0].text
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "{{"), strings.HasPrefix(s[i:], "}}"):
			b.WriteByte(s[i])
			i++
		case s[i] == '{':
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return failure("format() is given a brace that does not close")
			}
			n, err := strconv.Atoi(s[i+1 : i+end])
			if err != nil {
				return unreadValue("format() with a format of its own is not understood")
			}
			if n < 0 || n+1 >= len(args) {
				return failure("format() asks for an argument that is not there")
			}
			part := fnString([]value{args[n+1]})
			b.WriteString(part.text)
			i += end
		default:
			b.WriteByte(s[i])
		}
		if b.Len() > maxTextLen {
			return failure("format() gives more than %d bytes of text", maxTextLen)
		}
	}
	return textValue(b.String())
}

func fnString(args []value) value {
	v := args[0]
	switch v.kind {
	case boolean:
		return textValue(booleanText(v.yes))
	case list, object:
		return textValue(string(v.ordered()))
	case null, absent:
		return textValue("")
	default:
		return textValue(v.text)
	}
}

// ordered is JSON with the members in their order.
func (v *value) ordered() []byte {
	var b []byte
	switch v.kind {
	case list:
		b = append(b, '[')
		for i := range v.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, v.list[i].ordered()...)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		for i, k := range v.obj().keys {
			if i > 0 {
				b = append(b, ',')
			}
			key := textValue(k)
			b = append(append(append(b, key.json()...), ':'), v.obj().values[i].ordered()...)
		}
		return append(b, '}')
	case unread, failed:
		later := textValue(estate.Later)
		return later.json()
	default:
		return v.json()
	}
}

func fnJSON(args []value) value {
	if args[0].kind != text {
		return failure("json() wants a text")
	}
	v, err := parseValue([]byte(args[0].text))
	if err != nil {
		return failure("json() cannot read what it is given")
	}
	return v
}

func fnBase64(args []value) value {
	if args[0].kind != text {
		return failure("base64() wants a text")
	}
	return textValue(base64.StdEncoding.EncodeToString([]byte(args[0].text)))
}

func fnBase64ToString(args []value) value {
	if args[0].kind != text {
		return failure("base64ToString() wants a text")
	}
	raw, err := base64.StdEncoding.DecodeString(args[0].text)
	if err != nil {
		return failure("base64ToString() cannot read what it is given")
	}
	return textValue(string(raw))
}

func fnBase64ToJSON(args []value) value {
	s := fnBase64ToString(args)
	if s.kind == failed || !json.Valid([]byte(s.text)) {
		return failure("base64ToJson() cannot read what it is given")
	}
	return fnJSON([]value{s})
}

func fnURIComponent(args []value) value {
	if args[0].kind != text {
		return failure("uriComponent() wants a text")
	}
	return textValue(strings.ReplaceAll(url.QueryEscape(args[0].text), "+", "%20"))
}

func fnURIComponentToString(args []value) value {
	if args[0].kind != text {
		return failure("uriComponentToString() wants a text")
	}
	s, err := url.PathUnescape(args[0].text)
	if err != nil {
		return failure("uriComponentToString() cannot read what it is given")
	}
	return textValue(s)
}

const dataURIPrefix = "data:text/plain;charset=utf8;base64,"

func fnDataURI(args []value) value {
	if args[0].kind != text {
		return failure("dataUri() wants a text")
	}
	return textValue(dataURIPrefix + base64.StdEncoding.EncodeToString([]byte(args[0].text)))
}

func fnDataURIToString(args []value) value {
	if args[0].kind != text {
		return failure("dataUriToString() wants a text")
	}
	_, data, ok := strings.Cut(args[0].text, ";base64,")
	if !ok {
		return failure("dataUriToString() cannot read what it is given")
	}
	return fnBase64ToString([]value{textValue(data)})
}

// maxDays bounds addDays to some ten thousand years.
const maxDays = 3_650_000

func fnAddDays(args []value) value {
	if args[0].kind != text || args[1].kind != number || math.Abs(args[1].num) > maxDays {
		return failure("addDays() wants a date and a number of days")
	}
	at, err := time.Parse(time.RFC3339Nano, args[0].text)
	if err != nil {
		return failure("addDays() cannot read its date")
	}
	return textValue(at.UTC().AddDate(0, 0, int(args[1].num)).Format(utcFormat))
}

// fnIPRangeContains reports whether the first range holds all of the second.
func fnIPRangeContains(args []value) value {
	if !allText(args) {
		return failure("ipRangeContains() wants two ranges")
	}
	first, last, ok := addressRange(args[0].text)
	from, to, also := addressRange(args[1].text)
	if !ok || !also {
		return failure("ipRangeContains() cannot read its ranges")
	}
	if first.Is4() != from.Is4() {
		return failure("ipRangeContains() is given ranges of IPv4 and IPv6")
	}
	return boolValue(first.Compare(from) <= 0 && to.Compare(last) <= 0)
}

// addressRange reads an address, a prefix, or two addresses with a dash.
func addressRange(s string) (first, last netip.Addr, ok bool) {
	s = strings.TrimSpace(s)
	if a, b, is := strings.Cut(s, "-"); is {
		from, err := netip.ParseAddr(strings.TrimSpace(a))
		if err != nil {
			return first, last, false
		}
		to, err := netip.ParseAddr(strings.TrimSpace(b))
		return from, to, err == nil && from.Is4() == to.Is4() && from.Compare(to) <= 0
	}
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		return a, a, err == nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return first, last, false
	}
	p = p.Masked()
	end := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(end)*8; bit++ {
		end[bit/8] |= 1 << (7 - bit%8)
	}
	last, ok = netip.AddrFromSlice(end)
	return p.Addr(), last, ok
}
