package exposure

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// tables keep what security groups say of all packets of a protocol. Interfaces
// for which the rules of a group mean the same share them.
type tables struct {
	mu   sync.Mutex
	held map[tableKey]*table
	runs int // of all maps that are held
}

type tablesKey struct{}

func tablesOf(e *estate.Estate) *tables {
	return estate.Memo(e, tablesKey{}, func(*estate.Estate) *tables { return &tables{held: map[tableKey]*table{}} })
}

// tableKey says what rules of a group mean: to which of them the near end
// belongs, and what the names of the far side stand for.
type tableKey struct {
	group     *estate.Resource
	direction direction
	near, far string
}

// table is one group at one kind of place.
type table struct {
	once    sync.Once
	sides   []placedSides
	ranks   *netset.Ranks
	mu      sync.Mutex
	painted map[netset.Protocol]protocolTable
}

type protocolTable struct {
	read  []netset.Rule
	rules []ruleRef
	cells netset.Map[netset.Cell]
	gap   *azward.Gap // the painter is at fault
}

// checked holds painted cells against a plain reading of the rules at some
// packets. Where they differ nothing is certain, and the fault is ours.
func checked(group *estate.Resource, cells netset.Map[netset.Cell], rules []netset.Rule, otherwise azward.Answer) (netset.Map[netset.Cell], *azward.Gap) {
	d, differ := netset.Check(cells, rules, otherwise)
	if !differ {
		return cells, nil
	}
	gap := azward.Gap{
		Kind: azward.GapFailed, Reads: "rules", Remedy: "report it with these rules; nothing that rests on them is decided until then",
		Error: fmt.Sprintf("a defect of azward: its two readings of these rules differ for %s on port %d, %s and %s", d.Source, d.Port, d.Painted, d.Read),
	}
	if group != nil {
		gap.Scope = group.ID
	}
	return netset.Constant(netset.Cell{Answer: azward.Unknown, Rule: -1, Other: -1}), &gap
}

// maxTableRuns bounds what the tables of an estate hold, in runs of cells of 16
// bytes: 64 MB, of a thousand groups with a hundred rules each a third.
const maxTableRuns = 4 << 20

// at is the table of a group for packets at an interface.
func (t *tables) at(e *estate.Estate, n *netInterface, group *estate.Resource, v *groupView, p packet) protocolTable {
	list := v.of(p.direction)
	one := t.table(tableKey{group, p.direction, v.nearKey(nicPlace{e, n}, p), n.farKey()})
	one.once.Do(func() { one.place(nicPlace{e, n}, list, p.near) })
	paint := func() protocolTable {
		rules, refs := matchingRules(list, func(i int) (placedRule, bool) { return list[i].form.matching(one.sides[i], p) })
		for _, other := range one.painted { // rules for any protocol say the same of each
			if slices.EqualFunc(rules, other.read, sameRule) {
				return protocolTable{rules, refs, other.cells, other.gap}
			}
		}
		cells, gap := checked(group, one.ranks.Paint(rules, azward.No), rules, azward.No)
		return protocolTable{rules, refs, cells, gap}
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	if p.srcPort >= 0 { // one flow: not asked again
		return paint()
	}
	if held, ok := one.painted[p.protocol]; ok {
		return held
	}
	made := paint()
	one.painted[p.protocol] = made
	t.grow(made.cells.Size())
	return made
}

func sameRule(a, b netset.Rule) bool {
	return a.Access == b.Access && a.Sources == b.Sources && a.MaybeSources == b.MaybeSources && a.Ports.Equal(b.Ports) && a.MaybePorts.Equal(b.MaybePorts)
}

func (t *tables) table(key tableKey) *table {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.held[key]
	if !ok {
		one = &table{painted: map[netset.Protocol]protocolTable{}}
		t.held[key] = one
	}
	return one
}

// grow notes what was added, and starts anew when that is too much.
func (t *tables) grow(runs int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.runs += runs; t.runs > maxTableRuns {
		clear(t.held)
		t.runs = 0
	}
}

// place reads the sides of all rules and ranks their far sides, which all
// protocols share.
func (t *table) place(at vantage, list []groupRule, near netset.Addrs) {
	t.sides = make([]placedSides, len(list))
	sources := make([]netset.Rule, len(list))
	for i := range list {
		t.sides[i] = list[i].form.sides(at, near)
		sources[i] = netset.Rule{Sources: t.sides[i].far.certain, MaybeSources: t.sides[i].rest}
	}
	t.ranks = netset.Rank(sources)
}

// nearKey is to which of the rules that name a near side the near end belongs.
func (v *groupView) nearKey(at vantage, p packet) string {
	var key strings.Builder
	for _, r := range v.of(p.direction) {
		if !r.form.near.tells() {
			continue
		}
		answer, why := r.form.near.holds(at, p.near)
		key.WriteByte('0' + byte(answer))
		key.WriteString(why)
	}
	return key.String()
}

// tells reports whether a side holds some places and not others.
func (s sideForm) tells() bool {
	return len(s.names) != 1 || len(s.groups) > 0 || s.unclear != "" || !isAny(s.names[0])
}

// farKey is what names mean at the interface: its network's extent.
func (n *netInterface) farKey() string {
	n.farOnce.Do(func() { n.farHeld = n.vnet.Key() + " " + n.beyond.Key() + " " + n.beyondWhy })
	return n.farHeld
}
