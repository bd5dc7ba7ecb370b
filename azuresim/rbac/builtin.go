package rbac

import (
	"bufio"
	_ "embed"
	"strings"
)

//go:embed builtin.txt
var builtinText string

// Builtin returns the built-in roles that the simulator knows, with their real
// GUIDs and permissions.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
func Builtin() []Definition {
	var all []Definition
	scanner := bufio.NewScanner(strings.NewReader(builtinText))
	for scanner.Scan() {
		line := scanner.Text()
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || word == "#":
		case word == "role":
			guid, name, _ := strings.Cut(rest, " ")
			all = append(all, Definition{GUID: guid, RoleName: name, Permissions: make([]Permission, 1), Assignable: []string{"/"}})
		case len(all) > 0:
			all[len(all)-1].add(word, rest)
		}
	}
	return all
}

func (d *Definition) add(word, value string) {
	p := &d.Permissions[0]
	switch word {
	case "description":
		d.Description = value
	case "action":
		p.Actions = append(p.Actions, value)
	case "not":
		p.NotActions = append(p.NotActions, value)
	case "data":
		p.DataActions = append(p.DataActions, value)
	case "notdata":
		p.NotDataActions = append(p.NotDataActions, value)
	}
}
