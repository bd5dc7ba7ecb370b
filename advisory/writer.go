package advisory

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Writer compiles an index in one pass: records stream out as they come, and
// what stays in memory is one word per package name and one entry per CVE.
type Writer struct {
	out    *bufio.Writer
	off    uint64
	err    error
	heads  map[uint64]uint64 // hash of (ecosystem, name) to its newest entry
	cves   map[uint64]cve
	over   overlays
	status Status
	ecos   map[string]*EcosystemStatus
	// exports are the ecosystems of which all records were read.
	exports map[string]bool
	vectors map[string]string // of the CVEs' own records, each once
	enc     encoder
}

type cve struct {
	epss   float32
	kev    bool
	vector string
	// own says that vector is of the CVE's own record, not of an advisory.
	own bool
	cwe uint16 // number of the weakness; 0 is none
}

// ownVector is set beside the number of a weakness where the vector is of the
// CVE's own record: weaknesses have numbers below 2,000.
const ownVector = 1 << 15

// NewWriter starts an index on w. At is the build time written into it.
func NewWriter(w io.Writer, at time.Time) *Writer {
	wr := &Writer{
		out: bufio.NewWriterSize(w, 1<<20), heads: map[uint64]uint64{}, cves: map[uint64]cve{},
		ecos: map[string]*EcosystemStatus{}, exports: map[string]bool{}, status: Status{BuiltAt: at.UTC()},
	}
	wr.write([]byte(magic))
	return wr
}

// Add writes one record. A record that was withdrawn must not be added.
func (w *Writer) Add(r *Record) error {
	w.enc.b = w.enc.b[:0]
	w.enc.str(r.ID)
	w.enc.strs(r.Aliases)
	w.enc.strs(r.Upstream)
	w.enc.str(r.Summary)
	w.enc.strs(r.Vectors)
	w.enc.str(r.Rating)
	malicious := uint64(0)
	if r.Malicious {
		malicious = 1
		w.status.Malicious++
	}
	w.enc.uint(malicious)
	record := w.block()
	w.rate(r)
	seen := map[string]bool{}
	for _, a := range r.Affected {
		base, release := SplitEcosystem(a.Ecosystem)
		eco := canonical(base, release)
		w.entry(record, base, eco, a)
		w.count(eco, base, r, seen)
	}
	w.status.Records++
	return w.err
}

// entry writes what one record says of one package, chained to the package's
// entry before it.
func (w *Writer) entry(record uint64, base, eco string, a Affected) {
	p := spot{base: eco, name: NormalName(base, a.Name)}
	h := p.hash()
	w.enc.b = w.enc.b[:0]
	w.enc.uint(w.heads[h])
	w.enc.uint(record)
	w.enc.str(p.String())
	w.enc.entry(base, a)
	w.heads[h] = w.block()
}

// AddExport says that the whole export of an ecosystem was read.
func (w *Writer) AddExport(ecosystem string) { w.exports[ecosystem] = true }

func (w *Writer) count(eco, base string, r *Record, seen map[string]bool) {
	modified := r.Modified
	s := w.ecos[eco]
	if s == nil {
		s = &EcosystemStatus{Name: eco, Partial: true}
		w.ecos[eco] = s
	}
	if r.Within == "" || r.Within == base {
		s.Partial = false
	}
	s.Entries++
	if !seen[eco] {
		seen[eco] = true
		s.Records++
	}
	if modified.After(s.Newest) && !modified.After(w.status.BuiltAt) {
		s.Newest = modified.UTC()
	}
}

// rate keeps the vector for every CVE that the record is about, so that a
// distribution's notice without a score shows the one that others gave. A
// notice that fixes several vulnerabilities has no score for each.
func (w *Writer) rate(r *Record) {
	vector := best(r.Vectors)
	if vector == "" {
		return
	}
	for _, id := range append([]string{r.ID}, r.Aliases...) {
		k, ok := cveKey(id)
		if !ok {
			continue
		}
		c := w.cves[k]
		if c.own {
			c.vector, c.own = "", false
		}
		c.vector = best([]string{vector, c.vector})
		w.cves[k] = c
	}
}

// AddWeakness adds what a CVE's own record says of it: CVSS vectors, of which
// one counts where no advisory gives a score, and its weakness ("CWE-79"). What
// is neither is left out; it says whether there was anything.
func (w *Writer) AddWeakness(id string, vectors []string, cwe string) bool {
	k, ok := cveKey(id)
	vector, number := best(vectors), weakness(cwe)
	if !ok || vector == "" && number == 0 {
		return false
	}
	c := w.cves[k]
	if number != 0 {
		c.cwe = number
	}
	if vector != "" && (c.own || c.vector == "") {
		c.vector, c.own = w.same(vector), true
	}
	w.cves[k] = c
	return true
}

// same keeps one copy of a vector: a hundred thousand CVEs share some thousand.
func (w *Writer) same(vector string) string {
	if kept, ok := w.vectors[vector]; ok {
		return kept
	}
	if w.vectors == nil {
		w.vectors = map[string]string{}
	}
	vector = strings.Clone(vector)
	w.vectors[vector] = vector
	return vector
}

// weakness reads the number of "CWE-79"; 0 for what is none.
func weakness(cwe string) uint16 {
	n, err := strconv.ParseUint(strings.TrimPrefix(cwe, "CWE-"), 10, 16)
	if err != nil || n >= ownVector || !strings.HasPrefix(cwe, "CWE-") {
		return 0
	}
	return uint16(n)
}

// AddKEV marks a CVE as known to be exploited.
func (w *Writer) AddKEV(id string) bool {
	k, ok := cveKey(id)
	if !ok {
		return false
	}
	c := w.cves[k]
	if !c.kev {
		w.status.KEV.Entries++
	}
	c.kev = true
	w.cves[k] = c
	return true
}

// AddEPSS sets the probability (0 to 1) that a CVE is exploited.
func (w *Writer) AddEPSS(id string, probability float64) bool {
	k, ok := cveKey(id)
	if !ok || math.IsNaN(probability) || probability < 0 || probability > 1 {
		return false
	}
	c := w.cves[k]
	c.epss = float32(probability)
	w.cves[k] = c
	w.status.EPSS.Entries++
	return true
}

// DateKEV and DateEPSS say of when the overlays are; zero when unknown.
func (w *Writer) DateKEV(at time.Time) { w.status.KEV.Date = at.UTC() }

// DateEPSS says of when the EPSS scores are.
func (w *Writer) DateEPSS(at time.Time) { w.status.EPSS.Date = at.UTC() }

// Label names where the index comes from when it is not the live feeds, such
// as "demo"; it is shown with the status.
func (w *Writer) Label(text string) { w.status.Label = text }

// Close writes the tables. The index is unusable without it.
func (w *Writer) Close() error {
	sum := crc32.New(castagnoli)
	f := footer{slots: w.off}
	f.slotCount = w.writeSlots(sum)
	f.cves = w.off
	f.cveCount = uint64(len(w.cves))
	f.vectors = f.cves + f.cveCount*cveSize
	w.writeCVEs(sum, f.vectors)
	places := w.writeOverlays(sum)
	f.meta = w.off
	for _, s := range w.ecos {
		base, _ := SplitEcosystem(s.Name)
		s.Partial = s.Partial && !w.exports[base]
		w.status.Ecosystems = append(w.status.Ecosystems, *s)
	}
	slices.SortFunc(w.status.Ecosystems, func(a, b EcosystemStatus) int { return cmp.Compare(a.Name, b.Name) })
	raw, err := json.Marshal(meta{w.status, places})
	if err != nil {
		return fmt.Errorf("encode index status: %w", err)
	}
	w.table(sum, raw)
	f.end, f.sum = w.off, sum.Sum32()
	w.write(f.append(nil))
	if w.err != nil {
		return w.err
	}
	return w.out.Flush()
}

// writeSlots writes an open-addressed table that is at most half full.
func (w *Writer) writeSlots(sum hash.Hash32) uint64 {
	n := uint64(1) << bits.Len64(uint64(2*len(w.heads)))
	table := make([]byte, n*slotSize)
	for _, h := range slices.Sorted(keys(w.heads)) {
		at := h & (n - 1)
		for binary.LittleEndian.Uint64(table[at*slotSize:]) != 0 {
			at = (at + 1) & (n - 1)
		}
		binary.LittleEndian.PutUint64(table[at*slotSize:], h)
		binary.LittleEndian.PutUint64(table[at*slotSize+8:], w.heads[h])
	}
	w.table(sum, table)
	return n
}

func keys(m map[uint64]uint64) func(func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (w *Writer) writeCVEs(sum hash.Hash32, vectors uint64) {
	sorted := make([]uint64, 0, len(w.cves))
	for k := range w.cves {
		sorted = append(sorted, k)
	}
	slices.Sort(sorted)
	var pool []byte
	places := map[string]uint64{"": vectors}
	row := make([]byte, 0, cveSize)
	for _, k := range sorted {
		c := w.cves[k]
		if len(c.vector) > math.MaxUint8 {
			c.vector = ""
		}
		place, ok := places[c.vector]
		if !ok {
			place = vectors + uint64(len(pool))
			places[c.vector] = place
			pool = append(pool, c.vector...)
		}
		row = binary.LittleEndian.AppendUint64(row[:0], k)
		row = binary.LittleEndian.AppendUint32(row, math.Float32bits(c.epss))
		flag := byte(0)
		if c.kev {
			flag = 1
		}
		row = append(row, flag, byte(len(c.vector)))
		cwe := c.cwe
		if c.own {
			cwe |= ownVector
		}
		row = binary.LittleEndian.AppendUint16(row, cwe)
		w.table(sum, binary.LittleEndian.AppendUint64(row, place))
	}
	w.table(sum, pool)
}

// block writes the encoder's payload and returns where it begins.
func (w *Writer) block() uint64 {
	at := w.off
	if len(w.enc.b) > maxBlock && w.err == nil {
		w.err = fmt.Errorf("a record takes %d bytes, more than %d", len(w.enc.b), maxBlock)
	}
	var head [blockHead]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(w.enc.b)))
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(w.enc.b, castagnoli))
	w.write(head[:])
	w.write(w.enc.b)
	return at
}

func (w *Writer) table(sum hash.Hash32, b []byte) {
	if _, err := sum.Write(b); err != nil && w.err == nil {
		w.err = err
	}
	w.write(b)
}

func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.out.Write(b)
	w.off += uint64(n)
	w.err = err
}

// cveKey packs "CVE-2021-44228" into year<<32|number.
func cveKey(id string) (uint64, bool) {
	rest, ok := strings.CutPrefix(id, "CVE-")
	if !ok {
		return 0, false
	}
	year, number, ok := strings.Cut(rest, "-")
	if !ok {
		return 0, false
	}
	y, err := strconv.ParseUint(year, 10, 16)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, false
	}
	return y<<32 | n, true
}
