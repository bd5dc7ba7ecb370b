package netset_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure/netset"
)

func addrs(t testing.TB, list ...string) netset.Addrs {
	t.Helper()
	var all netset.Addrs
	for _, s := range list {
		p, _, err := netset.ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		all = all.Union(netset.PrefixAddrs(p))
	}
	return all
}

func TestParsePorts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, want string }{
		{"443", "443"}, {"8000-8080", "8000-8080"}, {"*", "*"}, {"0-65535", "*"}, {"22,3389", "22,3389"}, {"80,81,82", "80-82"},
	} {
		got, err := netset.ParsePorts(tc.in)
		if err != nil || got.String() != tc.want {
			t.Errorf("%q: %q, %v; want %q", tc.in, got, err, tc.want)
		}
	}
	for _, bad := range []string{"", "http", "80-", "-80", "90-80", "65536", "1-2-3"} {
		if got, err := netset.ParsePorts(bad); err == nil {
			t.Errorf("%q gave %q, want an error", bad, got)
		}
	}
}

func TestPortAlgebra(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	random := func() netset.Ports {
		var p netset.Ports
		for range r.IntN(4) {
			lo := uint16(r.IntN(200))
			p = p.Union(netset.Span(lo, lo+uint16(r.IntN(40))))
		}
		return p
	}
	for range 2000 {
		a, b := random(), random()
		for port := range uint16(260) {
			inA, inB := a.Contains(port), b.Contains(port)
			if a.Union(b).Contains(port) != (inA || inB) || a.Intersect(b).Contains(port) != (inA && inB) || a.Minus(b).Contains(port) != (inA && !inB) {
				t.Fatalf("%s and %s disagree at %d", a, b, port)
			}
		}
		if again, err := netset.ParsePorts(a.String()); !a.IsEmpty() && (err != nil || !again.Equal(a)) {
			t.Fatalf("%s read again is %s, %v", a, again, err)
		}
	}
}

func randomRules(t testing.TB, r *rand.Rand, n int) []netset.Rule {
	set := func(often int) netset.Addrs {
		var a netset.Addrs
		for range r.IntN(often) {
			switch r.IntN(4) {
			case 0:
				a = netset.AllAddrs()
			case 1:
				a = a.Union(addrs(t, fmt.Sprintf("10.0.%d.0/24", r.IntN(4))))
			case 2:
				a = a.Union(addrs(t, fmt.Sprintf("10.0.0.%d/32", r.IntN(8))))
			default:
				a = a.Union(addrs(t, fmt.Sprintf("fd00::%d/125", r.IntN(4)*8)))
			}
		}
		return a
	}
	ports := func(often int) netset.Ports {
		var p netset.Ports
		for range r.IntN(often) {
			lo := uint16(r.IntN(12))
			p = p.Union(netset.Span(lo, lo+uint16(r.IntN(5))))
		}
		return p
	}
	rules := make([]netset.Rule, n)
	for i := range rules {
		rules[i] = netset.Rule{Access: netset.Access(r.IntN(3)), Sources: set(4), MaybeSources: set(2), Ports: ports(4), MaybePorts: ports(2)}
		if rules[i].Access == netset.Unclear && r.IntN(3) > 0 {
			rules[i].Access = netset.Deny
		}
	}
	return rules
}

// The painted map answers every packet as first match does.
func TestPaintAgreesWithFirstMatch(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		rules := randomRules(t, r, 1+r.IntN(8))
		otherwise := []azward.Answer{azward.No, azward.Yes}[r.IntN(2)]
		comparePackets(t, rules, otherwise)
	}
}

func comparePackets(t *testing.T, rules []netset.Rule, otherwise azward.Answer) {
	t.Helper()
	m := netset.Paint(rules, otherwise)
	for _, source := range []string{"10.0.0.0", "10.0.0.3", "10.0.0.7", "10.0.0.9", "10.0.1.1", "10.0.3.255", "10.0.4.0", "203.0.113.9", "255.255.255.255", "::", "fd00::7", "fd00::8", "fd00::20", "ffff::1"} {
		address := netip.MustParseAddr(source)
		for port := range uint16(20) {
			cell := m.At(address, port)
			if want := netset.FirstMatch(rules, otherwise, address, port); cell.Answer != want {
				t.Fatalf("%s port %d: painted %s, first match %s, rules %+v", source, port, cell.Answer, want, rules)
			}
			if cell.Answer != azward.Unknown && cell.Rule >= 0 {
				r := rules[cell.Rule]
				if !(r.Sources.Contains(address) || r.MaybeSources.Contains(address)) || !(r.Ports.Contains(port) || r.MaybePorts.Contains(port)) {
					t.Fatalf("%s port %d: decided by rule %d, which does not match it", source, port, cell.Rule)
				}
			}
		}
	}
}

// A map of its own rules passes the check; one of rules that differ at a
// checked packet does not.
func TestCheck(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(16, 17))
	for range 300 {
		rules := randomRules(t, r, 1+r.IntN(12))
		if d, differ := netset.Check(netset.Paint(rules, azward.No), rules, azward.No); differ {
			t.Fatalf("%+v of %+v", d, rules)
		}
	}
	ssh := netset.Rule{Access: netset.Allow, Sources: addrs(t, "203.0.113.0/24"), Ports: netset.Port(22)}
	wider := ssh
	wider.Sources = addrs(t, "203.0.112.0/23", "203.0.114.0/24")
	if d, differ := netset.Check(netset.Paint([]netset.Rule{wider}, azward.No), []netset.Rule{ssh}, azward.No); !differ || d.Painted != azward.Yes || d.Read != azward.No {
		t.Errorf("a map that is too wide passes: %+v", d)
	}
	if _, differ := netset.Check(netset.Constant(netset.Cell{Answer: azward.No}), []netset.Rule{ssh}, azward.No); !differ {
		t.Error("a map that denies what is allowed passes")
	}
}

// Ranks of all rules decide any part of them as fresh ones do.
func TestRanksAreShared(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(12, 13))
	for range 200 {
		rules := randomRules(t, r, 1+r.IntN(8))
		some := rules[:r.IntN(len(rules)+1)]
		if r.IntN(4) == 0 {
			some = append(slices.Clone(some), randomRules(t, r, 1)...) // one that was not ranked
		}
		shared, fresh := netset.Rank(rules).Paint(some, azward.No), netset.Paint(some, azward.No)
		for _, source := range []string{"0.0.0.0", "10.0.0.3", "10.0.2.9", "255.255.255.255", "::", "fd00::1", "fd00::9"} {
			for port := range uint16(18) {
				if a := netip.MustParseAddr(source); shared.At(a, port) != fresh.At(a, port) {
					t.Fatalf("%s port %d: %+v with shared ranks, %+v with fresh ones", source, port, shared.At(a, port), fresh.At(a, port))
				}
			}
		}
	}
}

// Sets agree with a plain reading of their prefixes, address by address.
func TestAddressAlgebra(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(14, 15))
	random := func() netset.Addrs {
		var list []netip.Prefix
		for range r.IntN(6) {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, byte(r.IntN(256))}), 24+r.IntN(9))
			if r.IntN(2) == 0 {
				var b [16]byte
				b[15] = byte(r.IntN(256))
				if r.IntN(2) == 0 {
					for i := range 15 {
						b[i] = 255
					}
				}
				p = netip.PrefixFrom(netip.AddrFrom16(b), 120+r.IntN(9))
			}
			list = append(list, p.Masked())
		}
		return netset.PrefixAddrs(list...)
	}
	var all []netip.Addr
	for i := range 256 {
		var low, high [16]byte
		for j := range 15 {
			high[j] = 255
		}
		low[15], high[15] = byte(i), byte(i)
		all = append(all, netip.AddrFrom4([4]byte{255, 255, 255, byte(i)}), netip.AddrFrom16(low), netip.AddrFrom16(high))
	}
	for range 500 {
		a, b := random(), random()
		union, both, less := a.Union(b), a.Intersect(b), a.Minus(b)
		subset, overlap := true, false
		for _, x := range all {
			inA, inB := a.Contains(x), b.Contains(x)
			subset, overlap = subset && (!inA || inB), overlap || inA && inB
			if union.Contains(x) != (inA || inB) || both.Contains(x) != (inA && inB) || less.Contains(x) != (inA && !inB) {
				t.Fatalf("%s and %s disagree at %s", a, b, x)
			}
		}
		if a.Subset(b) != subset || a.Overlaps(b) != overlap || both.IsEmpty() == overlap {
			t.Fatalf("%s and %s: subset %t, overlap %t", a, b, a.Subset(b), a.Overlaps(b))
		}
		again := netset.PrefixAddrs(union.Prefixes()...)
		if !again.Equal(union) || again.Key() != union.Key() || a.Equal(b) != (a.Key() == b.Key()) || !less.Union(both).Equal(a) {
			t.Fatalf("%s and %s: %s read again is %s", a, b, union, again)
		}
	}
}

// An allow more never closes a packet, a deny more never opens one.
func TestPaintIsMonotonous(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		rules := randomRules(t, r, 1+r.IntN(5))
		extra := randomRules(t, r, 1)[0]
		extra.MaybeSources, extra.MaybePorts = netset.Addrs{}, netset.Ports{}
		extra.Access = []netset.Access{netset.Allow, netset.Deny}[r.IntN(2)]
		before, after := netset.Paint(rules, azward.No), netset.Paint(append([]netset.Rule{extra}, rules...), azward.No)
		wrong := map[netset.Access]azward.Answer{netset.Allow: azward.No, netset.Deny: azward.Yes}[extra.Access]
		for _, source := range []string{"10.0.0.3", "10.0.2.9", "203.0.113.9", "fd00::1"} {
			for port := range uint16(18) {
				a := netip.MustParseAddr(source)
				if after.At(a, port).Answer == wrong && before.At(a, port).Answer != wrong {
					t.Fatalf("%s port %d turned %s by rule %+v", source, port, wrong, extra)
				}
			}
		}
	}
}

func FuzzPaint(f *testing.F) {
	f.Add(uint64(1), 3)
	f.Add(uint64(99), 12)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		if n < 0 || n > 40 {
			t.Skip("a filter has at most a thousand rules; forty find the same faults")
		}
		comparePackets(t, randomRules(t, rand.New(rand.NewPCG(seed, 7)), n), azward.No)
	})
}

func BenchmarkPaint(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprintf("rules=%d/prefixes=8", n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(8, 9))
			rules := make([]netset.Rule, n)
			for i := range rules {
				rules[i] = netset.Rule{Access: netset.Access(1 + i%2), Ports: netset.Port(uint16(r.IntN(65535)))}
				for range 8 {
					rules[i].Sources = rules[i].Sources.Union(addrs(b, fmt.Sprintf("%d.%d.%d.0/24", 1+r.IntN(220), r.IntN(256), r.IntN(256))))
				}
			}
			for b.Loop() {
				netset.Paint(rules, azward.No)
			}
		})
	}
}

// BenchmarkPaintTags paints rules for tags as large as AzureCloud, both of TCP
// and UDP, as one interface needs.
func BenchmarkPaintTags(b *testing.B) {
	const rules, prefixes, tags = 1000, 8, 4
	b.Run(fmt.Sprintf("rules=%d/prefixes=%d/tags=%d/prefixes=10000", rules, prefixes, tags), func(b *testing.B) {
		r := rand.New(rand.NewPCG(10, 11))
		list := make([]netset.Rule, rules)
		for i := range list {
			list[i] = netset.Rule{Access: netset.Access(1 + i%2), Ports: netset.Port(uint16(r.IntN(65535)))}
			n := prefixes
			if i < tags {
				n = 10000
			}
			all := make([]netip.Prefix, 0, n)
			for range n {
				all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(1 + r.IntN(220)), byte(r.IntN(256)), byte(r.IntN(256)), 0}), 24))
			}
			list[i].Sources = netset.PrefixAddrs(all...)
		}
		for b.Loop() {
			ranks := netset.Rank(list)
			ranks.Paint(list, azward.No) // TCP
			ranks.Paint(list, azward.No) // UDP
		}
	})
}
