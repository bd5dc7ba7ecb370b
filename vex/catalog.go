package vex

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/azward/azward"
)

// catalog names the parts of a document's products by short numbers, in the
// order in which they come: "deployment-1", "image-1" and "package-1" beneath
// both are "package-1@image-1@deployment-1".
type catalog struct {
	deployments, images, packages numbers
	// nested are the images in deployments and the packages in those, each with
	// the names of what it is made of.
	nested []nesting
	known  map[string]bool
	of     Product
}

// numbers gives each of something a name.
type numbers struct {
	word  string
	names map[string]string
	first []azward.Verdict // the first verdict that has it, by number
}

// nesting is a part within another one.
type nesting struct {
	id, part, within string
	pack             bool // part is a package, else an image
	name             string
	image, purl      string
}

func newCatalog(of Product) *catalog {
	return &catalog{
		deployments: numbers{word: "deployment", names: map[string]string{}}, images: numbers{word: "image", names: map[string]string{}},
		packages: numbers{word: "package", names: map[string]string{}}, known: map[string]bool{}, of: of,
	}
}

func (n *numbers) name(key string, v azward.Verdict) string {
	name, ok := n.names[key]
	if !ok {
		n.first = append(n.first, v)
		name = fmt.Sprintf("%s-%d", n.word, len(n.first))
		n.names[key] = name
	}
	return name
}

// place gives the name of the package where the verdict has it.
func (c *catalog) place(v azward.Verdict) string {
	repository, digest := splitImage(v.Image)
	image := c.images.name(repository+"\x00"+digest, v)
	pack := c.packages.name(packageOf(v), v)
	within := image
	if c.of != Images {
		deployment := c.deployments.name(string(v.Workload.ID.Key()), v)
		within = c.nest(nesting{part: image, within: deployment, name: v.Image + " in " + v.Workload.Name, image: v.Image})
	}
	return c.nest(nesting{part: pack, within: within, pack: true, name: packageOf(v) + " in " + v.Image, purl: packageOf(v)})
}

func (c *catalog) nest(n nesting) string {
	n.id = n.part + "@" + n.within
	if !c.known[n.id] {
		c.known[n.id] = true
		c.nested = append(c.nested, n)
	}
	return n.id
}

// fingerprint is the same for the same statements at the same time by the same
// author.
func fingerprint(list []subject, o Options) []byte {
	h := sha256.New()
	say := func(text string) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		h.Write([]byte(text))
	}
	say(o.author())
	say(o.Issued.UTC().String())
	for _, s := range list {
		p := s.stated(o)
		say(s.id)
		say(fmt.Sprint(p.status, p.reason))
		say(p.notes)
	}
	return h.Sum(nil)
}

// byVulnerability gathers the statements of each vulnerability, in the order
// in which they come.
func byVulnerability(list []subject) [][]subject {
	at := map[string]int{}
	var groups [][]subject
	for _, s := range list {
		n, ok := at[s.verdict.Vulnerability]
		if !ok {
			n = len(groups)
			at[s.verdict.Vulnerability] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], s)
	}
	return groups
}

// aliasesOf are the other names of a vulnerability, each once, sorted.
func aliasesOf(group []subject) []string {
	var all []string
	for _, s := range group {
		all = append(all, s.aliases()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
