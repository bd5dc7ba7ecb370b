package policy

import (
	"embed"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/azward/azward/report"
)

//go:embed frameworks
var frameworkFiles embed.FS

// Framework is a benchmark whose items are all known, so that it can be told
// which of them nothing decides.
type Framework struct {
	// Name is how rules name it.
	Name   string          `yaml:"name"`
	Title  string          `yaml:"title"`
	Source string          `yaml:"source"`
	Items  []FrameworkItem `yaml:"items"`
}

// FrameworkItem is one item of a framework.
type FrameworkItem struct {
	Item  string `yaml:"item"`
	Level int    `yaml:"level"`
	CIS   string `yaml:"cis"` // automated or manual, as its author says
	// Title in our words, Why and Because of an item that no rule decides.
	Title   string `yaml:"title"`
	Why     string `yaml:"why"` // manual, unreadable, unread
	Because string `yaml:"because"`
}

// Frameworks are those whose items are listed. It is read once; ours always
// read, which a test holds.
var Frameworks = sync.OnceValues(func() ([]*Framework, error) {
	names, err := fs.Glob(frameworkFiles, "frameworks/*.yaml")
	if err != nil {
		return nil, err
	}
	var all []*Framework
	for _, name := range names {
		text, err := frameworkFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f := new(Framework)
		if err := yaml.Unmarshal(text, f); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		all = append(all, f)
	}
	return all, nil
})

// groupsOfInitiatives is where groups are counted whose framework their name
// does not tell.
const groupsOfInitiatives = "Groups of initiatives"

// Coverage tells for each framework that rules and results name, item by item,
// what was found; of a framework whose items are listed, also what nothing
// decides. Only limits it to frameworks whose name begins with it, "" to none.
func Coverage(rules []*Rule, results iter.Seq[report.Posture], only string) ([]report.FrameworkCoverage, error) {
	listed, err := Frameworks()
	if err != nil {
		return nil, err
	}
	c := &covering{}
	for _, f := range listed {
		c.list(f)
	}
	for _, r := range rules {
		for _, of := range r.Frameworks {
			one := c.item(of)
			one.Rules = append(one.Rules, r.ID)
			if one.Title == "" {
				one.Title = r.Title
			}
		}
	}
	for p := range results {
		for _, of := range p.Frameworks {
			c.item(of).Add(&p)
		}
	}
	all := slices.DeleteFunc(c.all, func(f report.FrameworkCoverage) bool {
		return !strings.EqualFold(f.Name[:min(len(only), len(f.Name))], only) || !slices.ContainsFunc(f.Items, func(i *report.ItemCoverage) bool { return len(i.Rules) > 0 || i.Judged() > 0 })
	})
	for _, f := range all {
		slices.SortStableFunc(f.Items, func(a, b *report.ItemCoverage) int { return byNumber(a.Item, b.Item) })
	}
	slices.SortFunc(all, func(a, b report.FrameworkCoverage) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// covering gathers items by framework.
type covering struct {
	all  []report.FrameworkCoverage
	held map[string]*report.ItemCoverage
}

func (c *covering) list(f *Framework) {
	for _, i := range f.Items {
		one := c.item(f.Name + itemSeparator + i.Item)
		one.Title, one.Level, one.Why, one.Because = i.Title, i.Level, i.Why, i.Because
	}
	at := slices.IndexFunc(c.all, func(x report.FrameworkCoverage) bool { return x.Name == f.Name })
	c.all[at].Whole = true
}

// item is the coverage of "NAME: ITEM".
func (c *covering) item(of string) *report.ItemCoverage {
	if one := c.held[of]; one != nil {
		return one
	}
	name, item, ok := strings.Cut(of, itemSeparator)
	if !ok {
		name, item = groupsOfInitiatives, of
	}
	one := &report.ItemCoverage{Item: item}
	at := slices.IndexFunc(c.all, func(f report.FrameworkCoverage) bool { return f.Name == name })
	if at < 0 {
		at = len(c.all)
		c.all = append(c.all, report.FrameworkCoverage{Name: name})
	}
	c.all[at].Items = append(c.all[at].Items, one)
	if c.held == nil {
		c.held = map[string]*report.ItemCoverage{}
	}
	c.held[of] = one
	return one
}
