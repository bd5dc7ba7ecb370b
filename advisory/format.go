package advisory

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// The file, all numbers little-endian (see DESIGN.md):
//
//	magic     16 bytes
//	blocks    records and entries, each: length u32, crc32c u32, payload
//	slots     hash table: hash u64, offset of the newest entry u64; hash 0 is empty
//	cves      sorted: year<<32|number u64, EPSS f32, flags u8, vector length u8, pad u16, vector offset u64
//	vectors   CVSS vectors, one after another
//	meta      JSON of [Status]
//	footer    footerSize bytes, see footer
const (
	magic      = "azward advisory2" // the digit is the version of the format
	blockHead  = 8
	slotSize   = 16
	cveSize    = 24
	footerSize = 8*8 + 8

	// maxBlock bounds one block, in bytes: the largest published record
	// (thousands of versions) needs under 1 MiB.
	maxBlock = 16 << 20
	// maxChain bounds the entries of one package: linux, the most frequent,
	// has about 20,000 in one release.
	maxChain = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamaged is wrapped by every error about the file's content.
var errDamaged = errors.New("the index file is damaged")

// footer closes the file: offsets of the sections, then a checksum of the
// sections after the blocks and one of the footer itself.
type footer struct {
	slots, slotCount, cves, cveCount, vectors, meta, end uint64
	sum                                                  uint32 // crc32c of bytes slots … end
}

func (f footer) append(b []byte) []byte {
	start := len(b)
	for _, n := range []uint64{f.slots, f.slotCount, f.cves, f.cveCount, f.vectors, f.meta, f.end} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = binary.LittleEndian.AppendUint32(b, f.sum)
	b = append(b, 'e', 'n', 'd', '\n')
	return binary.LittleEndian.AppendUint64(b, uint64(crc32.Checksum(b[start:], castagnoli)))
}

func readFooter(data []byte) (footer, error) {
	if len(data) < len(magic)+footerSize+8-8 || string(data[:len(magic)]) != magic {
		return footer{}, errors.New("it does not begin as an advisory index of this version does")
	}
	size := uint64(len(data))
	tail := data[len(data)-footerSize:]
	if binary.LittleEndian.Uint64(tail[footerSize-8:]) != uint64(crc32.Checksum(tail[:footerSize-8], castagnoli)) {
		return footer{}, errors.New("its end is missing or changed")
	}
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(tail[i*8:]) }
	f := footer{at(0), at(1), at(2), at(3), at(4), at(5), at(6), binary.LittleEndian.Uint32(tail[56:])}
	inOrder := f.slots <= f.cves && f.cves <= f.vectors && f.vectors <= f.meta && f.meta <= f.end && f.end == size-footerSize
	if !inOrder || f.slots < uint64(len(magic)) ||
		f.slotCount&(f.slotCount-1) != 0 || f.slotCount == 0 || f.slotCount > size || f.cveCount > size ||
		f.slots+f.slotCount*slotSize != f.cves || f.cves+f.cveCount*cveSize != f.vectors {
		return footer{}, errors.New("its table of contents makes no sense")
	}
	if f.sum != crc32.Checksum(data[f.slots:f.end], castagnoli) {
		return footer{}, errors.New("the checksum of its tables does not fit")
	}
	return f, nil
}

// encoder appends the values of a block's payload.
type encoder struct{ b []byte }

func (e *encoder) uint(n uint64) { e.b = binary.AppendUvarint(e.b, n) }

func (e *encoder) str(s string) {
	e.uint(uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) strs(list []string) {
	e.uint(uint64(len(list)))
	for _, s := range list {
		e.str(s)
	}
}

// decoder reads what encoder wrote. After a first failure it gives zeros;
// the caller asks for the failure once, at the end.
type decoder struct {
	b      []byte
	failed bool
}

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.failed, d.b = true, nil
		return 0
	}
	d.b = d.b[size:]
	return n
}

// bytes is valid as long as the index is open.
func (d *decoder) bytes() []byte {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.failed, d.b = true, nil
		return nil
	}
	s := d.b[:n]
	d.b = d.b[n:]
	return s
}

func (d *decoder) str() string { return string(d.bytes()) }

func (d *decoder) strs() []string {
	n := d.uint()
	if n > uint64(len(d.b)) { // each takes a byte at least
		d.failed = true
		return nil
	}
	list := make([]string, 0, n)
	for range n {
		list = append(list, d.str())
	}
	return list
}
