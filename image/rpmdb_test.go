package image

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rpmHeaderOf writes a package's header as rpm keeps it, with padding that
// makes it span pages.
func rpmHeaderOf(name, version, release, source string, padding int) []byte {
	var index, store []byte
	add := func(tag, kind, count uint32, value []byte) {
		for _, n := range []uint32{tag, kind, uint32(len(store)), count} {
			index = binary.BigEndian.AppendUint32(index, n)
		}
		store = append(store, value...)
	}
	text := func(tag uint32, s string) { add(tag, rpmString, 1, append([]byte(s), 0)) }
	text(rpmName, name)
	text(rpmVersion, version)
	text(rpmRelease, release)
	text(rpmArch, "x86_64")
	text(rpmSourceRPM, source)
	text(1005, strings.Repeat("d", padding)) // description
	out := binary.BigEndian.AppendUint32(nil, uint32(len(index)/16))
	out = binary.BigEndian.AppendUint32(out, uint32(len(store)))
	return append(append(out, index...), store...)
}

// ndbOf writes a Packages.db: a page of slots, then the packages.
func ndbOf(headers ...[]byte) []byte {
	order := binary.LittleEndian
	var out []byte
	out = append(out, make([]byte, ndbPage)...)
	for i, n := range []uint32{ndbMagic, 0, 1, 1, uint32(len(headers) + 1)} {
		order.PutUint32(out[4*i:], n)
	}
	for at := ndbHeader; at < ndbPage; at += ndbSlot {
		order.PutUint32(out[at:], ndbSlotMagic)
	}
	for i, h := range headers {
		slot := out[ndbHeader+i*ndbSlot:]
		blocks := (len(h)+ndbBlock+12+15)/16 + 1
		order.PutUint32(slot[4:], uint32(i+1))
		order.PutUint32(slot[8:], uint32(len(out)/ndbBlock))
		order.PutUint32(slot[12:], uint32(blocks))
		blob := make([]byte, blocks*ndbBlock)
		for j, n := range []uint32{ndbBlobMagic, uint32(i + 1), 1, uint32(len(h))} {
			order.PutUint32(blob[4*j:], n)
		}
		copy(blob[ndbBlock:], h)
		out = append(out, blob...)
	}
	return out
}

// bdbOf writes a Packages of Berkeley DB: a page of pairs, and each value on
// pages of its own.
func bdbOf(order binary.ByteOrder, headers ...[]byte) []byte {
	const size = 512
	page := func(number uint32, kind byte) []byte {
		p := make([]byte, size)
		order.PutUint32(p[8:], number)
		p[25] = kind
		return p
	}
	meta := page(0, bdbMetaHash)
	order.PutUint32(meta[12:], bdbMagic)
	order.PutUint32(meta[16:], 9)
	order.PutUint32(meta[20:], size)
	hash := page(1, bdbHash)
	pages := [][]byte{meta, hash}
	end := size
	var items []int
	item := func(b []byte) {
		end -= len(b)
		copy(hash[end:], b)
		items = append(items, end)
	}
	number := func(n uint32) []byte {
		b := make([]byte, 5)
		b[0] = bdbItemData
		order.PutUint32(b[1:], n)
		return b
	}
	item(number(0))
	item(number(uint32(len(headers)))) // the last package's number
	for i, h := range headers {
		off := make([]byte, 12)
		off[0] = bdbItemOff
		order.PutUint32(off[4:], uint32(len(pages)))
		order.PutUint32(off[8:], uint32(len(h)))
		item(number(uint32(i + 1)))
		item(off)
		for part := range slices.Chunk(h, size-bdbHead) {
			p := page(uint32(len(pages)), bdbOverflow)
			order.PutUint16(p[22:], uint16(len(part)))
			order.PutUint32(p[16:], uint32(len(pages)+1))
			copy(p[bdbHead:], part)
			pages = append(pages, p)
		}
		order.PutUint32(pages[len(pages)-1][16:], bdbNoPage)
	}
	order.PutUint16(hash[20:], uint16(len(items)))
	for i, at := range items {
		order.PutUint16(hash[bdbHead+2*i:], uint16(at))
	}
	order.PutUint32(meta[32:], uint32(len(pages)-1))
	return slices.Concat(pages...)
}

func readOther(name string, b []byte) (*File, error) {
	return readRpmOther(memory("var/lib/rpm/"+name, b))
}

func TestRpmDatabases(t *testing.T) {
	t.Parallel()
	key := rpmHeaderOf("gpg-pubkey", "1", "1", "", 0)
	small, large := rpmHeaderOf("bash", "5.1.8", "6.el9", "bash-5.1.8-6.el9.src.rpm", 10), rpmHeaderOf("openssl-libs", "1.1.1k", "9.el8", "openssl-1.1.1k-9.el8.src.rpm", 3000)
	want := []Found{
		{Type: "rpm", Name: "bash", Version: "5.1.8-6.el9", Arch: "x86_64", Source: "bash"},
		{Type: "rpm", Name: "openssl-libs", Version: "1.1.1k-9.el8", Arch: "x86_64", Source: "openssl"},
	}
	for _, tc := range []struct {
		name, file string
		database   []byte
	}{
		{"ndb", "Packages.db", ndbOf(small, key, large)},
		{"berkeley_db", "Packages", bdbOf(binary.LittleEndian, small, key, large)},
		{"berkeley_db_big_endian", "Packages", bdbOf(binary.BigEndian, small, key, large)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, err := readOther(tc.file, tc.database)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, f.Packages); diff != "" || !f.Database {
				t.Error(diff)
			}
			// Cut anywhere, it is damage that says so, and never fewer packages in silence.
			for _, n := range []int{33, 400, 600, len(tc.database) / 2, len(tc.database) - 600} {
				if f, err := readOther(tc.file, tc.database[:n]); err == nil {
					t.Errorf("cut to %d bytes: %+v", n, f)
				}
			}
		})
	}
}

func TestRpmDatabasesHostile(t *testing.T) {
	t.Parallel()
	header := rpmHeaderOf("bash", "5", "1", "bash-5-1.src.rpm", 2000)
	change := func(b []byte, at int, n uint32) []byte {
		b = bytes.Clone(b)
		binary.LittleEndian.PutUint32(b[at:], n)
		return b
	}
	bdb, ndb := bdbOf(binary.LittleEndian, header), ndbOf(header, header)
	for _, tc := range []struct {
		name, file string
		database   []byte
		says       string
	}{
		{"other_format", "Packages", bytes.Repeat([]byte{7}, 4096), "neither ndb nor Berkeley DB"},
		{"journal", "rpmdb.sqlite-wal", bdb, "journal"},
		{"bdb_encrypted", "Packages", change(bdb, 24, 1|bdbMetaHash<<8), "encrypted"},
		{"bdb_btree", "Packages", change(bdb, 24, 9<<8), "no hash"},
		{"bdb_page_of_3_bytes", "Packages", change(bdb, 20, 3), "pages of 3 bytes"},
		{"bdb_more_pages_than_bytes", "Packages", change(bdb, 32, 1<<31), "ends early"},
		{"bdb_value_in_a_circle", "Packages", change(change(bdb, 2*512+16, 2), 1*512+512-5-5-5-12+8, 1<<16-1), "longer than what is left"},
		{"bdb_chain_leads_out", "Packages", change(bdb, 2*512+16, 1<<20), "goes on at page"},
		{"bdb_chain_into_hash_page", "Packages", change(bdb, 2*512+16, 1), "does not go on"},
		{"ndb_slots_without_end", "Packages.db", change(ndb, 12, 1<<30), "slots"},
		{"ndb_same_blob_twice", "Packages.db", change(ndb, ndbHeader+ndbSlot+8, ndbPage/ndbBlock), "no package 2"},
		{"ndb_blob_of_4_GB", "Packages.db", change(ndb, ndbPage+12, 1<<32-1), "larger than"},
		{"ndb_no_slot", "Packages.db", change(ndb, ndbHeader+ndbSlot, 0), "no slot"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, err := readOther(tc.file, tc.database)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v, %+v", err, f)
			}
		})
	}
}

// FuzzRpmDatabase: whatever the bytes, packages have names, and no more of them
// than the file has room for.
func FuzzRpmDatabase(f *testing.F) {
	header := rpmHeaderOf("bash", "5", "1", "bash-5-1.src.rpm", 600)
	f.Add(ndbOf(header))
	f.Add(bdbOf(binary.LittleEndian, header))
	f.Add(bdbOf(binary.BigEndian, header))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := readOther("Packages", data)
		if file == nil {
			if err == nil {
				t.Fatal("neither packages nor an error")
			}
			return
		}
		if len(file.Packages) > len(data)/8 {
			t.Fatalf("%d packages in %d bytes", len(file.Packages), len(data))
		}
		for _, p := range file.Packages {
			if p.Name == "" || p.Version == "" {
				t.Fatalf("unnamed package: %+v", p)
			}
		}
	})
}
