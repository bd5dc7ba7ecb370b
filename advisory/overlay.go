package advisory

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/azward/azward"
)

// Exploitation is how far exploitation of a vulnerability is known, in SSVC's words.
//
// Source: https://certcc.github.io/SSVC/reference/decision_points/exploitation/
type Exploitation string

// States of exploitation.
const (
	ExploitationNone   Exploitation = "none"
	ExploitationPoC    Exploitation = "poc"
	ExploitationActive Exploitation = "active"
)

// TechnicalImpact is how much control an attacker gains, in SSVC's words.
//
// Source: https://certcc.github.io/SSVC/reference/decision_points/technical_impact/
type TechnicalImpact string

// Impacts.
const (
	ImpactPartial TechnicalImpact = "partial"
	ImpactTotal   TechnicalImpact = "total"
)

// SSVC is CISA's assessment of a vulnerability. What CISA did not decide is
// "" or Unknown.
//
// Source: https://www.cisa.gov/ssvc
type SSVC struct {
	Exploitation    Exploitation    `json:"exploitation,omitempty"`
	Automatable     azward.Answer   `json:"automatable"`
	TechnicalImpact TechnicalImpact `json:"technicalImpact,omitempty"`
	At              time.Time       `json:"at,omitzero"` // day of the assessment
}

// KnownExploited is an entry of CISA's catalogue.
type KnownExploited struct {
	Added time.Time `json:"added,omitzero"` // day
	Due   time.Time `json:"due,omitzero"`   // day by which federal agencies must have acted
	// Ransomware is Yes when campaigns are known to use it. The catalogue knows
	// no other answer than "Unknown" beside it, so No does not occur.
	Ransomware azward.Answer `json:"ransomware"`
}

// Lifecycle says how long a release of a product is mended.
//
// Source: https://endoflife.date/docs/api/v1/
type Lifecycle struct {
	// Ended is what the source says of its own day; a date says more.
	Ended azward.Answer `json:"ended"`
	// EndOfLife is the day from which there are no more security fixes for
	// everybody; zero when none is set.
	EndOfLife time.Time `json:"endOfLife,omitzero"`
	// Extended is the day until which somebody else's, or a paid, support
	// lasts; zero when there is none.
	Extended time.Time `json:"extended,omitzero"`
}

// day counts from 1970-01-01; 0 is none.
type day uint32

func dayOf(t time.Time) day {
	n := t.Unix() / (24 * 60 * 60)
	if t.IsZero() || n <= 0 || n > math.MaxUint16 {
		return 0
	}
	return day(n)
}

func (d day) time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Unix(int64(d)*24*60*60, 0).UTC()
}

// opinion is a row of the table of what is said about a CVE beside its score.
type opinion struct {
	percentile     uint32 // of EPSS in 1e-5, plus 1; 0 is none
	ssvc           byte   // 0 is none; see packSSVC
	ransomware     byte
	added, due, at day // KEV's days, SSVC's day
}

const (
	opinionSize = 20
	cycleSize   = 16
	// maxCycles bounds the table of releases: endoflife.date has about 7,000.
	maxCycles = 1 << 20
	// maxCycleName bounds "product\0cycle", in bytes.
	maxCycleName = 200
)

// overlayPlaces says where the tables lie; it is written with the status.
type overlayPlaces struct {
	Opinions     uint64 `json:"opinions"`
	OpinionCount uint64 `json:"opinionCount"`
	Cycles       uint64 `json:"cycles"`
	CycleCount   uint64 `json:"cycleCount"`
	Names        uint64 `json:"names"`
	End          uint64 `json:"end"`
}

// meta is what the file's JSON part holds.
type meta struct {
	Status
	Places overlayPlaces `json:"places"`
}

// overlays is what a Writer collects until it closes.
type overlays struct {
	opinions map[uint64]opinion
	cycles   map[string]Lifecycle
}

func (o *overlays) change(id string, f func(*opinion)) bool {
	k, ok := cveKey(id)
	if !ok {
		return false
	}
	if o.opinions == nil {
		o.opinions = map[uint64]opinion{}
	}
	row := o.opinions[k]
	f(&row)
	o.opinions[k] = row
	return true
}

// AddSSVC sets CISA's assessment of a CVE; a second one replaces the first.
func (w *Writer) AddSSVC(id string, s SSVC) bool {
	packed := packSSVC(s)
	if packed == 0 {
		return false
	}
	return w.over.change(id, func(o *opinion) {
		if o.ssvc == 0 {
			w.status.SSVC.Entries++
		}
		o.ssvc, o.at = packed, dayOf(s.At)
	})
}

// DateSSVC says of when the assessments are.
func (w *Writer) DateSSVC(at time.Time) { w.status.SSVC.Date = at.UTC() }

// AddKnownExploited marks a CVE as known to be exploited, with what the
// catalogue says about it.
func (w *Writer) AddKnownExploited(id string, k KnownExploited) bool {
	return w.AddKEV(id) && w.over.change(id, func(o *opinion) {
		o.added, o.due, o.ransomware = dayOf(k.Added), dayOf(k.Due), byte(k.Ransomware)
	})
}

// AddPercentile says which share of all scored CVEs (0 to 1) has the same EPSS
// score or a lower one.
func (w *Writer) AddPercentile(id string, share float64) bool {
	if math.IsNaN(share) || share < 0 || share > 1 {
		return false
	}
	return w.over.change(id, func(o *opinion) { o.percentile = uint32(math.Round(share*1e5)) + 1 })
}

// ModelEPSS names the model that gave the scores, such as "v2025.03.14".
func (w *Writer) ModelEPSS(version string) { w.status.EPSSModel = version }

// AddEndOfLife says how long a release ("12", "3.11") of a product ("debian")
// is mended. Names are endoflife.date's.
func (w *Writer) AddEndOfLife(product, cycle string, l Lifecycle) bool {
	k := key(product, cycle)
	if product == "" || cycle == "" || len(k) > maxCycleName || len(w.over.cycles) >= maxCycles {
		return false
	}
	if w.over.cycles == nil {
		w.over.cycles = map[string]Lifecycle{}
	}
	if _, ok := w.over.cycles[k]; !ok {
		w.status.EndOfLife.Entries++
	}
	w.over.cycles[k] = l
	return true
}

// DateEndOfLife says of when the dates are.
func (w *Writer) DateEndOfLife(at time.Time) { w.status.EndOfLife.Date = at.UTC() }

// AddSource records what the index was built from.
func (w *Writer) AddSource(s Source) { w.status.Sources = append(w.status.Sources, s) }

// writeOverlays writes the tables and gives their places.
func (w *Writer) writeOverlays(sum hash.Hash32) overlayPlaces {
	p := overlayPlaces{Opinions: w.off, OpinionCount: uint64(len(w.over.opinions)), CycleCount: uint64(len(w.over.cycles))}
	le := binary.LittleEndian
	row := make([]byte, 0, opinionSize)
	for _, k := range sortedKeys(w.over.opinions) {
		o := w.over.opinions[k]
		row = le.AppendUint64(row[:0], k)
		row = le.AppendUint32(row, o.percentile)
		row = append(row, o.ssvc, o.ransomware)
		for _, d := range []day{o.added, o.due, o.at} {
			row = le.AppendUint16(row, uint16(d))
		}
		w.table(sum, row)
	}
	p.Cycles = w.off
	var names []byte
	for _, k := range sortedKeys(w.over.cycles) {
		l := w.over.cycles[k]
		row = le.AppendUint32(row[:0], uint32(len(names)))
		row = le.AppendUint16(row, uint16(len(k)))
		row = append(row, byte(l.Ended), 0)
		row = le.AppendUint32(row, uint32(dayOf(l.EndOfLife)))
		row = le.AppendUint32(row, uint32(dayOf(l.Extended)))
		names = append(names, k...)
		w.table(sum, row)
	}
	p.Names = w.off
	w.table(sum, names)
	p.End = w.off
	slices.SortFunc(w.status.Sources, func(a, b Source) int { return cmp.Compare(a.Name, b.Name) })
	return p
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	list := make([]K, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// checkPlaces makes sure that every table lies within the tables of the file.
func (p overlayPlaces) check(f footer) error {
	limit := f.meta
	switch {
	case p == overlayPlaces{}: // an index of before there were any
		return nil
	case p.Opinions < f.vectors, p.OpinionCount > limit/opinionSize, p.CycleCount > maxCycles,
		p.Opinions+p.OpinionCount*opinionSize != p.Cycles, p.Cycles+p.CycleCount*cycleSize != p.Names,
		p.Names > p.End, p.End > limit:
		return fmt.Errorf("its tables of opinions do not lie where it says")
	}
	return nil
}

// opinion looks up a CVE's row by halving: a third of a million rows take 19 steps.
func (ix *Index) opinion(id string) opinion {
	k, ok := cveKey(id)
	if !ok {
		return opinion{}
	}
	n := int(ix.places.OpinionCount)
	row := func(i int) []byte { return ix.data[ix.places.Opinions+uint64(i)*opinionSize:] }
	le := binary.LittleEndian
	i := sort.Search(n, func(i int) bool { return le.Uint64(row(i)) >= k })
	if i == n || le.Uint64(row(i)) != k {
		return opinion{}
	}
	r := row(i)
	return opinion{
		percentile: le.Uint32(r[8:]), ssvc: r[12], ransomware: r[13],
		added: day(le.Uint16(r[14:])), due: day(le.Uint16(r[16:])), at: day(le.Uint16(r[18:])),
	}
}

// SSVC gives CISA's assessment of a CVE; ok is false when there is none.
func (ix *Index) SSVC(id string) (s SSVC, ok bool) {
	o := ix.opinion(id)
	if o.ssvc == 0 {
		return SSVC{}, false
	}
	s = unpackSSVC(o.ssvc)
	s.At = o.at.time()
	return s, true
}

// KnownExploited gives what CISA's catalogue says about a CVE; ok is false when
// it does not have it, or is not in the index ([Index.KEV] tells which).
func (ix *Index) KnownExploited(id string) (k KnownExploited, ok bool) {
	if ix.KEV(id) != azward.Yes {
		return KnownExploited{}, false
	}
	o := ix.opinion(id)
	k = KnownExploited{Added: o.added.time(), Due: o.due.time()}
	if azward.Answer(o.ransomware) == azward.Yes {
		k.Ransomware = azward.Yes
	}
	return k, true
}

// Percentile gives the share of all scored CVEs (0 to 1) that have the same
// EPSS score as this one or a lower one; ok is false without a score.
func (ix *Index) Percentile(id string) (share float64, ok bool) {
	o := ix.opinion(id)
	if o.percentile == 0 {
		return 0, false
	}
	return float64(o.percentile-1) / 1e5, true
}

// Lifecycle gives how long a release of a product is mended, by
// endoflife.date's names ("debian", "nodejs"). A version that is no release of
// its own counts for the release it belongs to: 3.11.4 for 3.11, 12.5 for 12;
// 3 for 3.0. Known is false when the index has neither product nor release.
func (ix *Index) Lifecycle(product, version string) (l Lifecycle, known bool) {
	version = strings.TrimPrefix(version, "v")
	for cycle := version; cycle != ""; {
		if l, known = ix.cycle(key(product, cycle)); known {
			return l, true
		}
		cut := strings.LastIndexByte(cycle, '.')
		cycle = cycle[:max(cut, 0)]
	}
	return ix.cycle(key(product, version+".0"))
}

// EndOfLife gives the day from which a release of a product gets no more
// security fixes. Known is false when the index does not have it, or no day is
// set; an end of which no day is known has the zero time.
func (ix *Index) EndOfLife(product, version string) (at time.Time, known bool) {
	l, known := ix.Lifecycle(product, version)
	return l.EndOfLife, known && (l.Ended == azward.Yes || !l.EndOfLife.IsZero())
}

func (ix *Index) cycle(k string) (Lifecycle, bool) {
	le := binary.LittleEndian
	row := func(i int) []byte { return ix.data[ix.places.Cycles+uint64(i)*cycleSize:] }
	name := func(i int) string {
		r := row(i)
		at := ix.places.Names + uint64(le.Uint32(r))
		end := at + uint64(le.Uint16(r[4:]))
		if end > ix.places.End {
			return ""
		}
		return string(ix.data[at:end])
	}
	n := int(ix.places.CycleCount)
	i := sort.Search(n, func(i int) bool { return name(i) >= k })
	if i == n || name(i) != k {
		return Lifecycle{}, false
	}
	r := row(i)
	l := Lifecycle{EndOfLife: day(le.Uint32(r[8:])).time(), Extended: day(le.Uint32(r[12:])).time()}
	if a := azward.Answer(r[6]); a == azward.Yes || a == azward.No {
		l.Ended = a
	}
	return l, true
}

// packSSVC has two bits for each decision; 0 is none.
func packSSVC(s SSVC) byte {
	return byte(place(s.Exploitation, ExploitationNone, ExploitationPoC, ExploitationActive)) |
		byte(place(s.Automatable, azward.No, azward.Yes))<<2 |
		byte(place(s.TechnicalImpact, ImpactPartial, ImpactTotal))<<4
}

func unpackSSVC(b byte) SSVC {
	return SSVC{
		Exploitation:    at(b&3, ExploitationNone, ExploitationPoC, ExploitationActive),
		Automatable:     at(b>>2&3, azward.No, azward.Yes),
		TechnicalImpact: at(b>>4&3, ImpactPartial, ImpactTotal),
	}
}

// place is v's place in the list from 1; 0 when it is not there.
func place[T comparable](v T, list ...T) int { return slices.Index(list, v) + 1 }

// at turns place round.
func at[T any](place byte, list ...T) (v T) {
	if place == 0 || int(place) > len(list) {
		return v
	}
	return list[place-1]
}
