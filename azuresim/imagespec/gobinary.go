package imagespec

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// The marks that the linker puts round the module text, as
// runtime/debug.modinfo documents them.
const (
	infoStart = "3077af0c9274080241e1c107e6d618e6"
	infoEnd   = "f932433186182072008242104116d8f2"
)

const (
	elfHeaderBytes  = 64
	progHeaderBytes = 56
	sectHeaderBytes = 64
	dataOffset      = 0x1000 // a page: where the one segment starts
	dataAddress     = 0x400000
)

// executable is the smallest ELF file that debug/buildinfo reads: one loaded
// segment with a .go.buildinfo section. It holds no code and cannot run.
// https://pkg.go.dev/debug/buildinfo
func (g Go) executable(arch string) []byte {
	data := g.buildInfo()
	names := "\x00.go.buildinfo\x00.shstrtab\x00"
	namesAt := dataOffset + len(data)
	sectionsAt := (namesAt + len(names) + 7) &^ 7
	machine := elf.EM_X86_64
	if arch == "arm64" {
		machine = elf.EM_AARCH64
	}
	var b bytes.Buffer
	put := func(v any) {
		_ = binary.Write(&b, binary.LittleEndian, v) // a bytes.Buffer takes everything
	}
	put(elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Entry: dataAddress, Phoff: elfHeaderBytes, Shoff: uint64(sectionsAt), Ehsize: elfHeaderBytes,
		Phentsize: progHeaderBytes, Phnum: 1, Shentsize: sectHeaderBytes, Shnum: 3, Shstrndx: 2,
	})
	put(elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: dataOffset, Vaddr: dataAddress, Paddr: dataAddress,
		Filesz: uint64(len(data)), Memsz: uint64(len(data)), Align: dataOffset,
	})
	b.Write(make([]byte, dataOffset-b.Len()))
	b.Write(data)
	b.WriteString(names)
	b.Write(make([]byte, sectionsAt-b.Len()))
	put(elf.Section64{})
	put(elf.Section64{
		Name: 1, Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC | elf.SHF_WRITE),
		Addr: dataAddress, Off: dataOffset, Size: uint64(len(data)), Addralign: 16,
	})
	put(elf.Section64{
		Name: uint32(strings.Index(names, ".shstrtab")), Type: uint32(elf.SHT_STRTAB),
		Off: uint64(namesAt), Size: uint64(len(names)), Addralign: 1,
	})
	return b.Bytes()
}

// buildInfo is the section: magic, pointer size, flags (2: strings follow
// inline), and the version and the module text with their lengths before them.
func (g Go) buildInfo() []byte {
	b := append([]byte("\xff Go buildinf:"), 8, 2)
	b = append(b, make([]byte, 32-len(b))...)
	version := g.GoVersion
	if !strings.HasPrefix(version, "go") && !strings.HasPrefix(version, "devel") {
		version = "go" + version
	}
	b = binary.AppendUvarint(b, uint64(len(version)))
	b = append(b, version...)
	text := g.moduleText()
	b = binary.AppendUvarint(b, uint64(len(text)))
	b = append(b, text...)
	return append(b, make([]byte, 16)...)
}

func (g Go) moduleText() string {
	start, err1 := hex.DecodeString(infoStart)
	end, err2 := hex.DecodeString(infoEnd)
	if err1 != nil || err2 != nil {
		return "" // constants decode
	}
	var b strings.Builder
	b.Write(start)
	fmt.Fprintf(&b, "path\t%s\nmod\t%s\t%s\t\n", g.Module, g.Module, cmp.Or(g.Version, "(devel)"))
	for _, d := range g.Deps {
		fmt.Fprintf(&b, "dep\t%s\t%s\t\n", d.Path, d.Version)
	}
	b.WriteString("build\t-compiler=gc\nbuild\tCGO_ENABLED=0\nbuild\tGOOS=linux\n")
	b.Write(end)
	return b.String()
}
