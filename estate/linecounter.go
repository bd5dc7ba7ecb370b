package estate

import (
	"bytes"
	"fmt"
	"io"
	"sort"
)

// lineCounter notes at which byte each line starts, so that an offset can be
// told as a line. It keeps one number for every 64 KiB read.
type lineCounter struct {
	r     io.Reader
	line  int // of the first byte
	total int64
	marks []lineMark
}

type lineMark struct {
	offset int64 // of the first byte of a block
	line   int   // in which that byte stands
	ends   []int // offsets of line ends within the block
}

func (c *lineCounter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	mark := lineMark{offset: c.total, line: c.line}
	for rest := p[:n]; ; {
		at := bytes.IndexByte(rest, '\n')
		if at < 0 {
			break
		}
		mark.ends = append(mark.ends, n-len(rest)+at)
		rest = rest[at+1:]
	}
	c.line += len(mark.ends)
	c.total += int64(n)
	// Offsets asked for lie in what was read last; older blocks only matter
	// while a value spans them.
	if c.marks = append(c.marks, mark); len(c.marks) > maxLineMarks {
		c.marks = c.marks[len(c.marks)-maxLineMarks:]
	}
	return n, err
}

// maxLineMarks bounds what is remembered of the blocks read.
const maxLineMarks = 64

// at names the line of an offset.
func (c *lineCounter) at(offset int64) string {
	for i := len(c.marks) - 1; i >= 0; i-- {
		if m := c.marks[i]; offset >= m.offset {
			return fmt.Sprint("line ", m.line+sort.SearchInts(m.ends, int(offset-m.offset)))
		}
	}
	return fmt.Sprint("byte ", offset)
}
