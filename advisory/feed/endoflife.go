package feed

import (
	"errors"
	"fmt"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
)

// release is one of a product, in the words of both versions of the API.
type release struct {
	name          string
	ended         azward.Answer
	end, extended string
}

var releaseFields = []string{"name", "cycle", "isEol", "eolFrom", "eol", "eoesFrom", "extendedSupport"}

// readLifecycles reads what endoflife.date says: all products or one, as its
// API has it since 2025, or the list of one product's releases as it had
// before, in which the file's name is the product's.
//
// Source: https://endoflife.date/docs/api/v1/
func (b *builder) readLifecycles(product, text string) (n int, err error) {
	l := &lexer{text: text}
	switch l.peek() {
	case '[':
		n, err = b.releases(l, product)
	default:
		err = l.members([]string{"generated_at", "result"}, func(name string) error {
			if name == "generated_at" {
				var at string
				err := l.str(&at)
				if day := date(at); !day.IsZero() {
					b.w.DateEndOfLife(day)
				}
				return err
			}
			one := func() error {
				added, err := b.product(l)
				n += added
				return err
			}
			if l.peek() == '{' {
				return one()
			}
			return l.array(one)
		})
	}
	if err == nil {
		err = l.end()
	}
	switch {
	case err != nil:
		return n, fmt.Errorf("read ends of life: %w", err)
	case n == 0:
		return 0, errors.New("it names no release of a product")
	}
	return n, nil
}

// product reads {"name": "debian", "releases": [ … ]}; the name may come last.
func (b *builder) product(l *lexer) (n int, err error) {
	var product string
	list := -1
	err = l.members([]string{"name", "releases"}, func(name string) error {
		if name == "name" {
			return l.str(&product)
		}
		l.peek()
		list = l.at
		return l.skip()
	})
	if err != nil || list < 0 {
		return 0, err
	}
	return b.releases(&lexer{text: l.text, at: list, depth: l.depth}, product)
}

func (b *builder) releases(l *lexer, product string) (n int, err error) {
	err = l.array(func() error {
		r, err := l.release()
		if err == nil && b.w.AddEndOfLife(product, r.name, r.lifecycle()) {
			n++
		}
		return err
	})
	return n, err
}

func (l *lexer) release() (r release, err error) {
	err = l.members(releaseFields, func(name string) error {
		switch name {
		case "name", "cycle":
			return l.str(&r.name)
		case "isEol":
			return l.answer(&r.ended, nil)
		case "eolFrom", "eol":
			return l.answer(&r.ended, &r.end)
		default:
			return l.answer(nil, &r.extended)
		}
	})
	return r, err
}

// answer reads true, false, or a day as a string, and skips other things.
func (l *lexer) answer(a *azward.Answer, day *string) error {
	switch c := l.peek(); {
	case c == '"' && day != nil:
		return l.str(day)
	case a != nil && (c == 't' || c == 'f'):
		if *a = azward.No; c == 't' {
			*a = azward.Yes
		}
	}
	return l.skip()
}

func (r release) lifecycle() advisory.Lifecycle {
	return advisory.Lifecycle{Ended: r.ended, EndOfLife: day(r.end), Extended: day(r.extended)}
}

// day reads a date that is one and nothing else.
func day(text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}
	}
	return at
}
