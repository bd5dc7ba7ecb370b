package azurepolicy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Aliases tell where the property of an alias stands in a resource's document.
// The nil value knows none: paths are then guessed from the names.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-alias
type Aliases struct {
	paths map[string]string // by alias in lower case
}

// Len is the number of aliases.
func (a *Aliases) Len() int {
	if a == nil {
		return 0
	}
	return len(a.paths)
}

// Path is where an alias's property stands, such as
// "properties.networkAcls.ipRules[*].value". It is false for an alias that is
// in no list.
func (a *Aliases) Path(alias string) (string, bool) {
	if a == nil {
		return "", false
	}
	path, ok := a.paths[strings.ToLower(alias)]
	return path, ok
}

// Bounds of a list of aliases. Azure has some 80,000, in 25 MB as Resource
// Manager answers.
const (
	maxAliasBytes = 256 << 20
	maxAliases    = 1_000_000
	maxAliasLen   = 2048 // bytes of a line, and of a name or path
)

// ReadAliases reads a list of aliases: "alias,path" lines, or what Resource
// Manager answers to GET /subscriptions/{id}/providers?$expand=resourceTypes/aliases.
//
// Source: https://learn.microsoft.com/rest/api/resources/providers/list
func ReadAliases(r io.Reader) (*Aliases, error) {
	in := bufio.NewReader(bound.Reader(r, maxAliasBytes, "the list of aliases"))
	a := &Aliases{paths: map[string]string{}}
	first, err := in.Peek(1)
	switch {
	case err != nil && err != io.EOF: //nolint:errorlint // bufio hands io.EOF through as it is
		return nil, err
	case len(first) == 1 && (first[0] == '{' || first[0] == '['):
		err = a.readProviders(in)
	default:
		err = a.readLines(in)
	}
	if err != nil {
		return nil, &azward.Error{
			Kind: azward.KindBadInput, Op: "read aliases", Cause: err.Error(), Err: err,
			Remedy: `give what "az provider list --expand resourceTypes/aliases" prints, or lines of alias,path`,
		}
	}
	return a, nil
}

func (a *Aliases) readLines(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), 2*maxAliasLen)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		alias, path, ok := strings.Cut(string(line), ",")
		if !ok {
			return fmt.Errorf("line %d has no comma", n)
		}
		if n == 1 && !strings.Contains(alias, "/") {
			continue // a heading
		}
		if err := a.add(alias, path); err != nil {
			return err
		}
	}
	return lines.Err()
}

type provider struct {
	ResourceTypes []struct {
		Aliases []struct {
			Name        string `json:"name"`
			DefaultPath string `json:"defaultPath"`
			Paths       []struct {
				Path string `json:"path"`
			} `json:"paths"`
		} `json:"aliases"`
	} `json:"resourceTypes"`
}

func (a *Aliases) readProviders(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	var page struct {
		Value []provider `json:"value"`
	}
	if raw = bytes.TrimSpace(raw); raw[0] == '[' {
		err = json.Unmarshal(raw, &page.Value)
	} else {
		err = json.Unmarshal(raw, &page)
	}
	if err != nil {
		return err
	}
	for _, p := range page.Value {
		for _, t := range p.ResourceTypes {
			for _, alias := range t.Aliases {
				path := alias.DefaultPath
				if path == "" && len(alias.Paths) > 0 {
					path = alias.Paths[0].Path
				}
				if path == "" {
					continue
				}
				if err := a.add(alias.Name, path); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (a *Aliases) add(alias, path string) error {
	switch {
	case len(alias) > maxAliasLen || len(path) > maxAliasLen:
		return fmt.Errorf("alias %.60q… is longer than %d bytes", alias, maxAliasLen)
	case len(a.paths) >= maxAliases:
		return fmt.Errorf("there are more than %d aliases", maxAliases)
	case strings.Count(path, ".")+strings.Count(path, "[*]") > maxDepth:
		return fmt.Errorf("the path of alias %.60q nests deeper than %d levels", alias, maxDepth)
	}
	if low := strings.ToLower(strings.TrimSpace(alias)); a.paths[low] == "" {
		a.paths[low] = strings.TrimSpace(path)
	}
	return nil
}

// aliasType is the resource type before the last slash, outside of brackets:
// "microsoft.network/virtualnetworks" of
// "Microsoft.Network/virtualNetworks/subnets[*].name". It is "" where that is
// a namespace alone (Microsoft.Compute/imagePublisher): such aliases serve
// several types.
func aliasType(low string) string {
	of := low[:strings.LastIndexByte(low, '/')]
	if !strings.Contains(of, "/") {
		return ""
	}
	return of
}

// topLevel are members that stand beside properties.
var topLevel = map[string]bool{
	"sku": true, "kind": true, "identity": true, "zones": true, "plan": true, "managedby": true,
	"location": true, "tags": true, "extendedlocation": true, "etag": true, "systemdata": true,
}

// guessPath is where the property of an unlisted alias most likely stands:
// what follows the last slash, within properties.
func guessPath(alias string) string {
	rest := alias[strings.LastIndexByte(alias, '/')+1:]
	first := strings.ToLower(rest)
	if at := strings.IndexAny(first, ".["); at >= 0 {
		first = first[:at]
	}
	if topLevel[first] {
		return rest
	}
	return "properties." + rest
}
