package template

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

// utcFormat is what utcNow() gives without a format: yyyyMMddTHHmmssZ.
const utcFormat = "20060102T150405Z"

// utcNow is the time of the deployment. With a format of its own it is a text
// that is not spelt out: hardly anybody asks for what it says.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-date#utcnow
func (f *frame) utcNow(args []argument) value {
	if f.x.o.At.IsZero() || len(args) > 0 {
		return azurepolicy.SymbolicText("utcNow", all(args)...)
	}
	return azurepolicy.TextValue(f.x.o.At.UTC().Format(utcFormat))
}

func readTime(s string) (time.Time, bool) {
	for _, layout := range []string{utcFormat, time.RFC3339Nano, "2006-01-02 15:04:05Z", "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// durations are of ISO 8601: P1Y2M3DT4H5M6S, with a sign before.
var durations = regexp.MustCompile(`^(-?)P(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?$`)

func dateTimeAdd(_ *frame, args []argument) value {
	values := all(args)
	for _, v := range values {
		if s, _ := v.Text(); estate.PartlyLater(s) {
			return azurepolicy.SymbolicText("dateTimeAdd", values...)
		}
		if _, is := v.Unknown(); is {
			return v
		}
	}
	base, _ := values[0].Text()
	span, _ := values[1].Text()
	at, ok := readTime(base)
	parts := durations.FindStringSubmatch(span)
	switch {
	case !ok || parts == nil:
		return refused("dateTimeAdd() wants a date and a duration of ISO 8601")
	case len(values) == 3:
		return azurepolicy.SymbolicText("dateTimeAdd", values...)
	}
	n := make([]int, 7)
	for i := range n {
		n[i], _ = strconv.Atoi(parts[i+2]) // empty is zero
		if parts[1] == "-" {
			n[i] = -n[i]
		}
	}
	at = at.AddDate(n[0], n[1], n[2]*7+n[3]).Add(time.Duration(n[4])*time.Hour + time.Duration(n[5])*time.Minute + time.Duration(n[6])*time.Second)
	return azurepolicy.TextValue(at.UTC().Format("2006-01-02T15:04:05Z"))
}

func dateTimeFromEpoch(_ *frame, args []argument) value {
	v := args[0].Value()
	if _, is := v.Unknown(); is {
		return v
	}
	n, ok := v.Number()
	if !ok || math.Abs(n) > 1e12 {
		return refused("dateTimeFromEpoch() wants a number of seconds")
	}
	return azurepolicy.TextValue(time.Unix(int64(n), 0).UTC().Format("2006-01-02T15:04:05Z"))
}

func dateTimeToEpoch(_ *frame, args []argument) value {
	v := args[0].Value()
	if _, is := v.Unknown(); is {
		return v
	}
	s, _ := v.Text()
	if estate.PartlyLater(s) {
		return unknown("the date is not known")
	}
	t, ok := readTime(s)
	if !ok {
		return refused("dateTimeToEpoch() cannot read its date")
	}
	return azurepolicy.NumberValue(float64(t.Unix()))
}

// networks take a prefix and numbers; bad is what to answer without them.
func network(args []argument) (p netip.Prefix, n []int, bad *value) {
	for i, a := range args {
		v := a.Value()
		if _, is := v.Unknown(); is {
			return p, nil, &v
		}
		if i > 0 {
			f, ok := v.Number()
			if !ok || f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
				r := refused("a whole number is wanted")
				return p, nil, &r
			}
			n = append(n, int(f))
			continue
		}
		s, _ := v.Text()
		if estate.PartlyLater(s) {
			r := unknown("the network is not known")
			return p, nil, &r
		}
		var err error
		if p, err = netip.ParsePrefix(s); err != nil {
			r := refused("%.60q is no network", s)
			return p, nil, &r
		}
	}
	return p, n, nil
}

// offset is the address n places of size 1<<shift behind a network's first.
func offset(p netip.Prefix, n, shift int) (netip.Addr, bool) {
	b := p.Masked().Addr().AsSlice()
	carry := uint64(n)
	at := len(b) - 1 - shift/8
	carry <<= shift % 8
	for ; at >= 0 && carry > 0; at-- {
		carry += uint64(b[at])
		b[at] = byte(carry)
		carry >>= 8
	}
	a, ok := netip.AddrFromSlice(b)
	return a, ok && carry == 0 && p.Contains(a)
}

// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-cidr
func cidrSubnet(_ *frame, args []argument) value {
	p, n, bad := network(args)
	if bad != nil {
		return *bad
	}
	bits := p.Addr().BitLen()
	if n[0] < p.Bits() || n[0] > bits {
		return refused("cidrSubnet() wants a longer prefix")
	}
	a, ok := offset(p, n[1], bits-n[0])
	if !ok {
		return refused("there is no subnet %d of /%d in %s", n[1], n[0], p)
	}
	return azurepolicy.TextValue(netip.PrefixFrom(a, n[0]).String())
}

func cidrHost(_ *frame, args []argument) value {
	p, n, bad := network(args)
	if bad != nil {
		return *bad
	}
	a, ok := offset(p, n[0]+1, 0)
	if !ok {
		return refused("there is no host %d in %s", n[0], p)
	}
	return azurepolicy.TextValue(a.String())
}

func parseCIDR(_ *frame, args []argument) value {
	p, _, bad := network(args)
	if bad != nil {
		return *bad
	}
	first := p.Masked().Addr()
	last := lastOf(p)
	out := []any{"network", first.String(), "cidr", azurepolicy.NumberValue(float64(p.Bits())), "lastUsable", last.Prev().String(), "firstUsable", first.Next().String()}
	if first.Is4() {
		out = append(out, "netmask", netmask(p.Bits()), "broadcast", last.String())
	}
	return object(out...)
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func netmask(bits int) string {
	m := ^uint32(0) << (32 - bits)
	if bits == 0 {
		m = 0
	}
	parts := make([]string, 4)
	for i := range parts {
		parts[i] = fmt.Sprint(byte(m >> (24 - 8*i)))
	}
	return strings.Join(parts, ".")
}
