package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/azward/azward/internal/bound"
)

// readRpmOther reads rpm's database as it was before SQLite: Berkeley DB
// (RHEL 8, CBL-Mariner 1, Amazon Linux 2) or ndb (SUSE). Changes that SQLite has
// not yet written into its main file are not read: a gap, not nothing.
func readRpmOther(in *input) (*File, error) {
	if strings.HasSuffix(in.path, "-wal") {
		return nil, errors.New("rpm's database has changes in a journal beside it, which is not read")
	}
	var head [32]byte
	if n, err := in.at.ReadAt(head[:], 0); err != nil && (!errors.Is(err, io.EOF) || n < len(head)) {
		return nil, fmt.Errorf("rpm's database %s is too short: %w", path.Base(in.path), err)
	}
	f := &File{Database: true}
	keep := func(header []byte) error {
		p, err := parseRpmHeader(header)
		if err != nil {
			return fmt.Errorf("read rpm header: %w", err)
		}
		if p.Name != "gpg-pubkey" { // a key that rpm files among packages
			f.Packages = append(f.Packages, p)
		}
		return nil
	}
	var err error
	switch {
	case binary.LittleEndian.Uint32(head[:]) == ndbMagic:
		err = eachNdb(in, keep)
	case binary.LittleEndian.Uint32(head[12:]) == bdbMagic:
		err = eachBdb(in, binary.LittleEndian, keep)
	case binary.BigEndian.Uint32(head[12:]) == bdbMagic:
		err = eachBdb(in, binary.BigEndian, keep)
	default:
		return nil, fmt.Errorf("rpm's database %s is neither ndb nor Berkeley DB's hash; its packages are missing", path.Base(in.path))
	}
	sortFound(f.Packages)
	return f, err
}

// rpm's own database: a table of slots of 16 bytes, each naming a package's
// number, and its blob's place and length in blocks of 16 bytes.
//
// Source: https://github.com/rpm-software-management/rpm/blob/master/lib/backend/ndb/rpmpkg.c
const (
	ndbMagic     = 'R' | 'p'<<8 | 'm'<<16 | 'P'<<24
	ndbSlotMagic = 'S' | 'l'<<8 | 'o'<<16 | 't'<<24
	ndbBlobMagic = 'B' | 'l'<<8 | 'b'<<16 | 'S'<<24
	ndbPage      = 4096
	ndbBlock     = 16
	ndbSlot      = 16
	ndbHeader    = 32 // the first two slots' place
	// maxNdbSlots bounds the table: 256 slots a page, as many as there may be packages.
	maxNdbSlots = maxPackages
)

func eachNdb(in *input, keep func([]byte) error) error {
	var head [ndbHeader]byte
	if err := readFull(in, head[:], 0); err != nil {
		return err
	}
	pages := int64(binary.LittleEndian.Uint32(head[12:]))
	if pages*ndbPage/ndbSlot > maxNdbSlots {
		return fmt.Errorf("rpm's database has more than %d slots", maxNdbSlots)
	}
	budget := newBudget(in.size)
	var slot [ndbSlot]byte
	for at := int64(ndbHeader); at < pages*ndbPage; at += ndbSlot {
		if err := readFull(in, slot[:], at); err != nil {
			return err
		}
		number, place := binary.LittleEndian.Uint32(slot[4:]), binary.LittleEndian.Uint32(slot[8:])
		if binary.LittleEndian.Uint32(slot[:]) != ndbSlotMagic {
			return fmt.Errorf("rpm's database is damaged: no slot at byte %d", at)
		}
		if number == 0 || place == 0 { // free
			continue
		}
		blob, err := ndbBlob(in, number, int64(place)*ndbBlock, budget)
		if err == nil {
			err = keep(blob)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func ndbBlob(in *input, number uint32, at int64, budget *budget) ([]byte, error) {
	var head [ndbBlock]byte // magic, package number, generation, size
	if err := readFull(in, head[:], at); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(head[:]) != ndbBlobMagic || binary.LittleEndian.Uint32(head[4:]) != number {
		return nil, fmt.Errorf("rpm's database is damaged: no package %d at byte %d", number, at)
	}
	size := int64(binary.LittleEndian.Uint32(head[12:]))
	if err := budget.spend(size); err != nil {
		return nil, err
	}
	blob := make([]byte, size)
	return blob, readFull(in, blob, at+ndbBlock)
}

// Berkeley DB's hash: pages of one size, the first with what is common. Items
// of hash pages come in pairs of key and value; a value that is large lies on a
// chain of overflow pages.
//
// Source: https://github.com/berkeleydb/libdb/blob/master/src/dbinc/db_page.h
const (
	bdbMagic        = 0x061561
	bdbMetaHash     = 8
	bdbHashUnsorted = 2
	bdbHash         = 13
	bdbOverflow     = 7
	bdbItemData     = 1
	bdbItemOff      = 3
	bdbHead         = 26 // bytes before a page's content
	bdbNoPage       = 0
	minBdbPage      = 512
	maxBdbPage      = 64 << 10
)

// bdb is an open database.
type bdb struct {
	in     *input
	order  binary.ByteOrder
	page   int64 // bytes
	last   uint32
	budget *budget
}

func eachBdb(in *input, order binary.ByteOrder, keep func([]byte) error) error {
	var meta [72]byte
	if err := readFull(in, meta[:], 0); err != nil {
		return err
	}
	d := &bdb{in: in, order: order, page: int64(order.Uint32(meta[20:])), last: order.Uint32(meta[32:]), budget: newBudget(in.size)}
	switch {
	case meta[24] != 0:
		return errors.New("rpm's database is encrypted")
	case meta[25] != bdbMetaHash:
		return errors.New("rpm's database is no hash")
	case d.page < minBdbPage || d.page > maxBdbPage || d.page&(d.page-1) != 0:
		return fmt.Errorf("rpm's database has pages of %d bytes", d.page)
	case (int64(d.last)+1)*d.page > in.size:
		return errors.New("rpm's database ends early")
	}
	page := make([]byte, d.page)
	for number := uint32(1); number <= d.last; number++ {
		if err := readFull(in, page, int64(number)*d.page); err != nil {
			return err
		}
		if kind := page[25]; kind != bdbHash && kind != bdbHashUnsorted {
			continue
		}
		if err := d.hashPage(page, keep); err != nil {
			return fmt.Errorf("page %d of rpm's database: %w", number, err)
		}
	}
	return nil
}

// hashPage gives the values of one page's pairs; key 0 counts the packages.
func (d *bdb) hashPage(page []byte, keep func([]byte) error) error {
	n := int(d.order.Uint16(page[20:]))
	if bdbHead+2*n > len(page) {
		return fmt.Errorf("it has room for fewer than %d items", n)
	}
	end := len(page) // items are laid from the end of the page
	var key []byte
	for i := range n {
		at := int(d.order.Uint16(page[bdbHead+2*i:]))
		if at < bdbHead+2*n || at >= end {
			return fmt.Errorf("item %d is not in its place", i)
		}
		item := page[at:end]
		end = at
		if i%2 == 0 {
			key = item
			continue
		}
		value, err := d.value(item)
		if err != nil {
			return err
		}
		if len(key) == 5 && d.order.Uint32(key[1:]) == 0 {
			continue
		}
		if err := keep(value); err != nil {
			return err
		}
	}
	return nil
}

func (d *bdb) value(item []byte) ([]byte, error) {
	switch item[0] {
	case bdbItemData:
		return item[1:], d.budget.spend(int64(len(item)))
	case bdbItemOff:
		if len(item) < 12 {
			return nil, errors.New("a large value has no place")
		}
		return d.overflow(d.order.Uint32(item[4:]), int64(d.order.Uint32(item[8:])))
	}
	return nil, fmt.Errorf("an item is of kind %d", item[0])
}

// overflow reads a chain of pages. Each page belongs to one value, so all
// values together are no longer than the file.
func (d *bdb) overflow(number uint32, size int64) ([]byte, error) {
	if size > maxRpmHeader {
		return nil, &bound.SizeError{What: "a value", Limit: maxRpmHeader}
	}
	if size > d.budget.left {
		return nil, errors.New("a value is longer than what is left of the file")
	}
	out := make([]byte, 0, size)
	page := make([]byte, d.page)
	for ; number != bdbNoPage && int64(len(out)) < size; number = d.order.Uint32(page[16:]) {
		if number > d.last {
			return nil, fmt.Errorf("a value goes on at page %d, of %d", number, d.last)
		}
		if err := d.budget.spend(d.page); err != nil {
			return nil, err
		}
		if err := readFull(d.in, page, int64(number)*d.page); err != nil {
			return nil, err
		}
		n := int64(d.order.Uint16(page[22:]))
		if page[25] != bdbOverflow || n == 0 || bdbHead+n > d.page {
			return nil, fmt.Errorf("page %d does not go on with a value", number)
		}
		out = append(out, page[bdbHead:bdbHead+n]...)
	}
	if int64(len(out)) != size {
		return nil, fmt.Errorf("a value has %d bytes, not %d", len(out), size)
	}
	return out, nil
}

// budget is what all values of a database may take: no more than its file has.
type budget struct{ left int64 }

func newBudget(size int64) *budget { return &budget{size} }

func (b *budget) spend(n int64) error {
	if n > maxRpmHeader {
		return &bound.SizeError{What: "a package of rpm's database", Limit: maxRpmHeader}
	}
	if b.left -= n; b.left < 0 {
		return errors.New("rpm's database names the same bytes more than once")
	}
	return nil
}

func readFull(in *input, b []byte, at int64) error {
	if at < 0 || at+int64(len(b)) > in.size {
		return fmt.Errorf("rpm's database ends before byte %d", at+int64(len(b)))
	}
	_, err := in.at.ReadAt(b, at)
	if errors.Is(err, io.EOF) { // ReadAt may say so together with the last byte
		err = nil
	}
	return err
}
