package feed

import (
	"fmt"
	"slices"
)

// osvRecord is the part of the OSV schema that matching needs.
//
// Source: https://ossf.github.io/osv-schema/
type osvRecord struct {
	id, modified, withdrawn    string
	aliases, upstream, related []string
	summary                    string
	details                    string // still quoted: most records have a summary, and then nobody asks
	severity                   []severity
	affected                   []affected
	word                       string // database_specific.severity, where it is a word
	words                      fixWords
}

type severity struct{ kind, score string }

type affected struct {
	ecosystem, name string
	severity        []severity
	ranges          []versionRange
	versions        []string
	words           fixWords
}

type versionRange struct {
	kind   string
	events []event
}

type event struct{ introduced, fixed, lastAffected, limit string }

// The members that are read, of each kind of object.
var (
	recordFields = []string{
		"id", "modified", "withdrawn", "aliases", "upstream", "related", "summary", "details",
		"severity", "affected", "database_specific",
	}
	severityFields = []string{"type", "score"}
	affectedFields = []string{"package", "ranges", "versions", "severity", "ecosystem_specific", "database_specific"}
	packageFields  = []string{"name", "ecosystem"}
	rangeFields    = []string{"type", "events"}
	eventFields    = []string{"introduced", "fixed", "last_affected", "limit"}
	databaseFields = []string{"severity", "patchable"}
	urgencyField   = []string{"urgency"}
	informalField  = []string{"informational"}
)

// members calls read for each member of an object that is in fields, and
// checks the others. Names count with their case, as the schema has them. JSON
// leaves open which of two members of one name counts; readers differ, which
// an attacker can use, so that is an error.
func (l *lexer) members(fields []string, read func(name string) error) error {
	var had uint32
	return l.object(func(key string) error {
		i := slices.Index(fields, key)
		if i < 0 {
			return l.skip()
		}
		if had&(1<<i) != 0 {
			return l.fail(fmt.Sprintf("a second %q in one object", key))
		}
		had |= 1 << i
		return read(fields[i])
	})
}

// decodeOSV reads one record. A type other than the schema's is an error in
// what is read, and nothing in what is not.
func decodeOSV(text string) (o osvRecord, err error) {
	l := &lexer{text: text}
	err = l.members(recordFields, func(name string) error {
		switch name {
		case "id":
			return l.str(&o.id)
		case "modified":
			return l.str(&o.modified)
		case "withdrawn":
			return l.str(&o.withdrawn)
		case "aliases":
			return l.strs(&o.aliases)
		case "upstream":
			return l.strs(&o.upstream)
		case "related":
			return l.strs(&o.related)
		case "summary":
			return l.str(&o.summary)
		case "details":
			return l.quoted(&o.details)
		case "severity":
			return l.severities(&o.severity)
		case "affected":
			return l.array(func() error { return l.affected(&o.affected) })
		default:
			return l.database(&o)
		}
	})
	if err == nil {
		err = l.end()
	}
	return o, err
}

func (l *lexer) severities(to *[]severity) error {
	return l.array(func() error {
		var s severity
		err := l.members(severityFields, func(name string) error {
			if name == "type" {
				return l.str(&s.kind)
			}
			return l.str(&s.score)
		})
		*to = append(*to, s)
		return err
	})
}

func (l *lexer) affected(to *[]affected) error {
	var a affected
	err := l.members(affectedFields, func(name string) error {
		switch name {
		case "package":
			return l.members(packageFields, func(name string) error {
				if name == "name" {
					return l.str(&a.name)
				}
				return l.str(&a.ecosystem)
			})
		case "ranges":
			return l.array(func() error { return l.versionRange(&a.ranges) })
		case "versions":
			return l.strs(&a.versions)
		case "severity":
			return l.severities(&a.severity)
		case "ecosystem_specific":
			return l.words(urgencyField, func(string) error { return l.str(&a.words.urgency) })
		default:
			return l.words(informalField, func(string) error { return l.str(&a.words.informational) })
		}
	})
	*to = append(*to, a)
	return err
}

func (l *lexer) versionRange(to *[]versionRange) error {
	var r versionRange
	err := l.members(rangeFields, func(name string) error {
		if name == "type" {
			return l.str(&r.kind)
		}
		return l.array(func() error { return l.event(&r.events) })
	})
	*to = append(*to, r)
	return err
}

func (l *lexer) event(to *[]event) error {
	var e event
	err := l.members(eventFields, func(name string) error {
		switch name {
		case "introduced":
			return l.str(&e.introduced)
		case "fixed":
			return l.str(&e.fixed)
		case "last_affected":
			return l.str(&e.lastAffected)
		default:
			return l.str(&e.limit)
		}
	})
	*to = append(*to, e)
	return err
}

// database reads what of database_specific is a word: sources put what they
// like there.
func (l *lexer) database(o *osvRecord) error {
	return l.words(databaseFields, func(name string) error {
		if name == "severity" {
			return l.str(&o.word)
		}
		return l.str(&o.words.patchable)
	})
}

// words calls read for the members in fields that are texts.
func (l *lexer) words(fields []string, read func(name string) error) error {
	if l.peek() != '{' {
		return l.skip()
	}
	return l.members(fields, func(name string) error {
		if l.peek() != '"' {
			return l.skip()
		}
		return read(name)
	})
}
