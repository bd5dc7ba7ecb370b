package advisory

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"sort"

	"github.com/azward/azward"
)

// Index answers look-ups. It is read-only and safe for concurrent use.
type Index struct {
	data   []byte
	foot   footer
	places overlayPlaces
	status Status
	ecos   map[string]bool
	name   string
	closer io.Closer
}

// OpenBytes opens an index that is in memory. The bytes must not change.
func OpenBytes(data []byte) (*Index, error) { return open(data, "(in memory)", nil) }

func open(data []byte, name string, closer io.Closer) (*Index, error) {
	ix := &Index{data: data, name: name, closer: closer, ecos: map[string]bool{}}
	foot, err := readFooter(data)
	if err != nil {
		return nil, ix.damaged(err)
	}
	ix.foot = foot
	var m meta
	if err := json.Unmarshal(data[foot.meta:foot.end], &m); err != nil {
		return nil, ix.damaged(err)
	}
	if err := m.Places.check(foot); err != nil {
		return nil, ix.damaged(err)
	}
	ix.status, ix.places = m.Status, m.Places
	for _, e := range ix.status.Ecosystems {
		ix.ecos[e.Name] = !e.Partial
	}
	return ix, nil
}

// Close gives the memory back. Nothing may be asked afterwards.
func (ix *Index) Close() error {
	ix.data = nil
	if ix.closer == nil {
		return nil
	}
	return ix.closer.Close()
}

// Status says what the index holds.
func (ix *Index) Status() Status { return ix.status }

// Covers says whether the index holds advisories for an ecosystem, release
// included ("Debian:12"): when it does not, finding nothing proves nothing.
func (ix *Index) Covers(ecosystem string) bool {
	base, release := SplitEcosystem(ecosystem)
	return ix.ecos[canonical(base, release)] || ix.ecos[base] && !released[base]
}

func (ix *Index) damaged(cause error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read advisory index", Subject: ix.name,
		Cause:  "the file is damaged: " + cause.Error(),
		Remedy: "run `azward advisory update` to build it again",
		Err:    fmt.Errorf("%w: %w", errDamaged, cause),
	}
}

// cursor walks what the index holds of one package, newest written first.
type cursor struct {
	ix   *Index
	p    spot
	at   uint64
	left int
}

func (ix *Index) entries(p spot) cursor {
	return cursor{ix: ix, p: p, at: ix.find(p.hash()), left: maxChain}
}

// next gives the next entry; more is false after the last.
func (c *cursor) next() (e entry, more bool, err error) {
	for c.at != 0 && c.left > 0 {
		before := c.at
		c.left--
		e, next, same, err := c.ix.entry(before, &c.p)
		if err == nil && next >= before {
			err = c.ix.damaged(fmt.Errorf("the chain at %d does not lead back", before))
		}
		if err != nil {
			return entry{}, false, err
		}
		c.at = next
		if same {
			return e, true, nil
		}
	}
	return entry{}, false, nil
}

// find probes the hash table; 0 means that nothing has that hash.
func (ix *Index) find(h uint64) uint64 {
	mask := ix.foot.slotCount - 1
	at := h & mask
	for range ix.foot.slotCount {
		slot := ix.data[ix.foot.slots+at*slotSize:]
		switch binary.LittleEndian.Uint64(slot) {
		case h:
			return binary.LittleEndian.Uint64(slot[8:])
		case 0:
			return 0
		}
		at = (at + 1) & mask
	}
	return 0
}

// block returns the payload at an offset after checking it.
func (ix *Index) block(at uint64) (decoder, error) {
	limit := ix.foot.slots
	if at < uint64(len(magic)) || at+blockHead > limit {
		return decoder{}, ix.damaged(fmt.Errorf("no block at %d", at))
	}
	size := uint64(binary.LittleEndian.Uint32(ix.data[at:]))
	start := at + blockHead
	if size > maxBlock || start+size > limit {
		return decoder{}, ix.damaged(fmt.Errorf("the block at %d reaches too far", at))
	}
	payload := ix.data[start : start+size]
	if binary.LittleEndian.Uint32(ix.data[at+4:]) != crc32.Checksum(payload, castagnoli) {
		return decoder{}, ix.damaged(fmt.Errorf("the checksum of the block at %d does not fit", at))
	}
	return decoder{b: payload}, nil
}

func (ix *Index) entry(at uint64, p *spot) (e entry, next uint64, same bool, err error) {
	d, err := ix.block(at)
	if err != nil {
		return entry{}, 0, false, err
	}
	next = d.uint()
	record := d.uint()
	if !p.is(d.bytes()) {
		return entry{}, next, false, nil // another package with the same hash
	}
	e = decodeEntry(&d)
	e.record = record
	if d.failed {
		return entry{}, 0, false, ix.damaged(fmt.Errorf("the block at %d ends early", at))
	}
	return e, next, true, nil
}

// head is a record less its affected packages.
type head struct {
	id                string
	aliases, upstream []string
	summary           string
	vectors           []string
	rating            string
	malicious         bool
}

func (ix *Index) record(at uint64) (head, error) {
	d, err := ix.block(at)
	if err != nil {
		return head{}, err
	}
	h := head{
		id: d.str(), aliases: d.strs(), upstream: d.strs(), summary: d.str(),
		vectors: d.strs(), rating: d.str(), malicious: d.uint() == 1,
	}
	if d.failed {
		return head{}, ix.damaged(fmt.Errorf("the record at %d ends early", at))
	}
	return h, nil
}

// cve looks up the overlay of a CVE; ok is false when there is none.
func (ix *Index) cve(id string) (c cve, ok bool) {
	k, ok := cveKey(id)
	if !ok {
		return cve{}, false
	}
	row := func(i int) []byte { return ix.data[ix.foot.cves+uint64(i)*cveSize:] }
	n := int(ix.foot.cveCount)
	i := sort.Search(n, func(i int) bool { return binary.LittleEndian.Uint64(row(i)) >= k })
	if i == n || binary.LittleEndian.Uint64(row(i)) != k {
		return cve{}, false
	}
	r := row(i)
	c.epss = math.Float32frombits(binary.LittleEndian.Uint32(r[8:]))
	c.kev = r[12] == 1
	cwe := binary.LittleEndian.Uint16(r[14:])
	c.cwe, c.own = cwe&^ownVector, cwe&ownVector != 0
	at, size := binary.LittleEndian.Uint64(r[16:]), uint64(r[13])
	if at >= ix.foot.vectors && at+size <= ix.foot.meta {
		c.vector = string(ix.data[at : at+size])
	}
	return c, true
}

// EPSS gives the probability (0 to 1) that a CVE is exploited within 30 days;
// ok is false when the index has no score.
func (ix *Index) EPSS(id string) (probability float64, ok bool) {
	c, ok := ix.cve(id)
	return round(c.epss), ok && c.epss > 0
}

// KEV says whether CISA knows the CVE to be exploited. Without the catalogue
// in the index that is Unknown.
func (ix *Index) KEV(id string) azward.Answer {
	if ix.status.KEV.Entries == 0 {
		return azward.Unknown
	}
	if c, ok := ix.cve(id); ok && c.kev {
		return azward.Yes
	}
	return azward.No
}

// round takes float32's noise off: EPSS has five decimals.
func round(p float32) float64 { return math.Round(float64(p)*1e5) / 1e5 }
