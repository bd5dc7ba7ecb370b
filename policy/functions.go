package policy

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// functions are what rules may call besides CEL's own; docs/rules.md lists
// them.
func functions() []cel.EnvOption {
	options := []cel.EnvOption{
		binary("items", []*cel.Type{estateType, cel.DynType}, cel.ListType(cel.DynType), items),
		unary("some", cel.DynType, cel.BoolType, some),
		unary("text", cel.DynType, cel.StringType, textOf),
		unary("lower", cel.DynType, cel.StringType, lowerOf),
		unary("days", cel.IntType, cel.DurationType, func(n ref.Val) ref.Val {
			return types.Duration{Duration: time.Duration(plainNumber(n)) * 24 * time.Hour}
		}),
		unary("time", cel.DynType, cel.TimestampType, timeOf),
		unary("is_any_address", cel.DynType, cel.BoolType, isAnyAddress),
		unary("is_public_address", cel.DynType, cel.BoolType, isPublicAddress),
		binary("covers_port", []*cel.Type{cel.DynType, cel.IntType}, cel.BoolType, coversPort),
		method("is", []*cel.Type{cel.DynType, cel.StringType}, cel.BoolType, is),
		method("among", []*cel.Type{cel.DynType, cel.ListType(cel.StringType)}, cel.BoolType, among),
	}
	return append(append(options, estateFunctions()...), kubernetesFunctions()...)
}

func unary(name string, arg, result *cel.Type, f func(ref.Val) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.Overload(name, []*cel.Type{arg}, result, cel.UnaryBinding(f)))
}

func binary(name string, args []*cel.Type, result *cel.Type, f func(a, b ref.Val) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.Overload(name, args, result, cel.BinaryBinding(f)))
}

// method is a function that is written behind its first argument.
func method(name string, args []*cel.Type, result *cel.Type, f func(a, b ref.Val) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.MemberOverload("of_"+name, args, result, cel.BinaryBinding(f)))
}

// items is what a walk goes over: nothing where nothing is set.
func items(in, v ref.Val) ref.Val {
	r, ok := in.(*run)
	if !ok {
		return types.MaybeNoSuchOverloadErr(in)
	}
	n := 0
	switch l := v.(type) {
	case types.Null, absent:
		return none
	case *related:
		n = len(l.values)
	case *array:
		n = len(l.values())
	case *object:
		n = len(l.members())
	case traits.Lister, traits.Mapper:
		if sized, ok := l.(traits.Sizer); ok {
			n = int(plainNumber(sized.Size()))
		}
	default:
		return types.NewErr("%s is no list", v.Type().TypeName())
	}
	if !r.step(1 + n) {
		return errCostly
	}
	return v
}

var none = types.NewRefValList(types.DefaultTypeAdapter, nil)

// some asks whether there is any element.
func some(v ref.Val) ref.Val {
	switch l := v.(type) {
	case types.Null:
		return types.False
	case *related:
		if len(l.values) == 0 && l.open {
			return unknown
		}
		return types.Bool(len(l.values) > 0)
	case traits.Sizer:
		if n := l.Size(); n != types.IntZero {
			return types.Bool(!types.IsUnknown(n))
		}
		return types.False
	}
	return types.NewErr("%s is no list", v.Type().TypeName())
}

func textOf(v ref.Val) ref.Val {
	switch s := v.(type) {
	case types.Null:
		return types.String("")
	case types.String:
		return s
	case types.Bool, types.Int, types.Double:
		return s.ConvertToType(types.StringType)
	}
	return types.NewErr("%s is no text", v.Type().TypeName())
}

func lowerOf(v ref.Val) ref.Val {
	s, ok := textOf(v).(types.String)
	if !ok {
		return textOf(v)
	}
	return types.String(strings.ToLower(string(s)))
}

// is compares text without case, as Azure's interfaces do, and takes "true"
// for true.
func is(v, want ref.Val) ref.Val {
	return types.Bool(spelled(v, plainText(want)))
}

func spelled(v ref.Val, want string) bool {
	switch s := v.(type) {
	case types.String:
		return strings.EqualFold(string(s), want)
	case types.Bool:
		return strings.EqualFold(strconv.FormatBool(bool(s)), want)
	}
	return false
}

func among(v, list ref.Val) ref.Val {
	l, ok := list.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(list)
	}
	for i := l.Iterator(); i.HasNext() == types.True; {
		if s, ok := i.Next().(types.String); ok && spelled(v, string(s)) {
			return types.True
		}
	}
	return types.False
}

// timeOf reads RFC 3339, or seconds since 1970 as Key Vault has them.
func timeOf(v ref.Val) ref.Val {
	switch s := v.(type) {
	case types.String:
		at, err := time.Parse(time.RFC3339Nano, string(s))
		if err != nil {
			return types.NewErr("%.40q is no time of RFC 3339", string(s))
		}
		return types.Timestamp{Time: at.UTC()}
	case types.Int:
		return types.Timestamp{Time: time.Unix(int64(s), 0).UTC()}
	case types.Timestamp:
		return s
	}
	return types.NewErr("%s is no time", v.Type().TypeName())
}

// isAnyAddress reports a source that lets everybody in, in the ways in which
// Azure's services write that.
func isAnyAddress(v ref.Val) ref.Val {
	s, ok := v.(types.String)
	if !ok {
		return types.Bool(false)
	}
	switch strings.ToLower(string(s)) {
	case "*", "any", "internet", "0.0.0.0", "0.0.0.0/0", "::/0", "<nw>/0", "/0":
		return types.True
	}
	p, err := netip.ParsePrefix(string(s))
	return types.Bool(err == nil && p.Bits() == 0)
}

// isPublicAddress reports an address or prefix outside the private, shared,
// loopback and link-local ranges.
func isPublicAddress(v ref.Val) ref.Val {
	s, ok := v.(types.String)
	if !ok {
		return types.Bool(false)
	}
	p, err := netip.ParsePrefix(string(s))
	if err != nil {
		a, err := netip.ParseAddr(string(s))
		if err != nil {
			return isAnyAddress(v)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	a := p.Addr().Unmap()
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10)
	return types.Bool(!a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !shared.Contains(a))
}

// coversPort reports whether a range as network rules write it ("22",
// "20-25", "22,80", "*") holds a port.
func coversPort(v, port ref.Val) ref.Val {
	n := plainNumber(port)
	switch s := v.(type) {
	case types.Null:
		return types.False
	case types.Int:
		return types.Bool(int64(s) == n)
	case types.String:
		for one := range strings.SplitSeq(string(s), ",") {
			if one = strings.TrimSpace(one); one == "*" {
				return types.True
			}
			from, to, ranged := strings.Cut(one, "-")
			if !ranged {
				to = from
			}
			low, err := strconv.ParseInt(strings.TrimSpace(from), 10, 32)
			high, err2 := strconv.ParseInt(strings.TrimSpace(to), 10, 32)
			if err != nil || err2 != nil {
				return types.NewErr("%.40q is no range of ports", one)
			}
			if low <= n && n <= high {
				return types.True
			}
		}
		return types.False
	case traits.Lister:
		for i := s.Iterator(); i.HasNext() == types.True; {
			if got := coversPort(i.Next(), port); got != types.False {
				return got
			}
		}
		return types.False
	}
	return types.NewErr("%s is no range of ports", v.Type().TypeName())
}
