package web

import (
	"net/http"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/workspace"
)

// Geometry of a map, in units of its own; the sheet scales it.
const (
	mapWidth   = 960
	mapLeft    = 180 // where the groups begin
	mapGap     = 16
	groupHead  = 34
	nodeWidth  = 240
	nodeHeight = 68
	nodeGap    = 10
	perRow     = 3
	nodesDrawn = 12 // of a group; the table below has more
	groupsMost = 24
	nameMost   = 26 // characters that fit a node
	busAt      = 150
	doorTop    = 20
	doorHeight = 56
)

// mapPage is a map as it is drawn.
type mapPage struct {
	workspace.Map
	URL     string
	Word    string // "virtual network" or "cluster"
	Drawn   []drawnGroup
	Rest    int // groups that are not drawn
	Width   int
	Height  int
	BusAt   int
	BusTo   int
	Exposed int
	Unknown int
}

type drawnGroup struct {
	Name, Note       string
	X, Y, W, H, MidY int
	// Way is "yes" where the internet reaches something in it, "unknown" where
	// that is not known, "" else.
	Way   string
	Nodes []drawnNode
	More  int
	MoreX int
	MoreY int
}

type drawnNode struct {
	workspace.MapNode
	X, Y, W, H  int
	Short, Full string
	URL         string
	Class, Mark string
}

func (s *Site) networkMap(w http.ResponseWriter, r *http.Request) error {
	id, err := azward.ParseResourceID(r.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	found, err := s.o.Workspace.Map(r.Context(), id)
	if err != nil {
		return err
	}
	v := mapPage{Map: found, URL: resourceURL(found.Resource.ID), Word: "cluster", Width: mapWidth, BusAt: busAt}
	if strings.EqualFold(found.Resource.Type, workspace.NetworkType) {
		v.Word = "virtual network"
	}
	v.draw()
	return s.render(w, r, http.StatusOK, "map", page{Title: "Map of " + found.Resource.Name, Section: "estate", Data: v})
}

// draw lays the groups out below one another.
func (v *mapPage) draw() {
	y := doorTop
	for i, group := range v.Groups {
		v.note(group)
		if i >= groupsMost {
			v.Rest++
			continue
		}
		drawn := drawGroup(group, y)
		if drawn.Way != "" {
			v.BusTo = drawn.MidY
		}
		v.Drawn = append(v.Drawn, drawn)
		y += drawn.H + mapGap
	}
	v.Rest += v.More
	v.Height = max(y, doorTop+doorHeight+mapGap)
}

func (v *mapPage) note(group workspace.MapGroup) {
	for _, n := range group.Nodes {
		if n.Judged && n.Exposed == azward.Yes {
			v.Exposed++
		}
		if n.Judged && n.Exposed == azward.Unknown {
			v.Unknown++
		}
	}
}

func drawGroup(group workspace.MapGroup, y int) drawnGroup {
	nodes := group.Nodes[:min(len(group.Nodes), nodesDrawn)]
	d := drawnGroup{Name: shorten(clean(group.Name), 2*nameMost), Note: shorten(clean(group.Note), 2*nameMost), X: mapLeft, Y: y, W: mapWidth - mapLeft - 1, More: group.More + len(group.Nodes) - len(nodes)}
	for i, n := range nodes {
		drawn := drawnNode{
			MapNode: n, X: mapLeft + nodeGap + i%perRow*(nodeWidth+nodeGap), Y: y + groupHead + i/perRow*(nodeHeight+nodeGap), W: nodeWidth, H: nodeHeight,
			Short: shorten(clean(n.Name), nameMost), Full: clean(n.Name), URL: resourceURL(n.ID),
		}
		drawn.Class, drawn.Mark = mark(n)
		if drawn.Class == "yes" || drawn.Class == "unknown" && d.Way == "" {
			d.Way = drawn.Class
		}
		d.Nodes = append(d.Nodes, drawn)
	}
	rows := (len(nodes) + perRow - 1) / perRow
	d.H = groupHead + max(rows, 0)*(nodeHeight+nodeGap)
	if rows == 0 {
		d.H = groupHead + mapGap
	}
	if d.More > 0 {
		d.MoreX, d.MoreY = mapLeft+nodeGap, y+d.H+nodeGap
		d.H += mapGap + nodeGap
	}
	d.MidY = d.Y + min(d.H/2, groupHead+nodeHeight/2)
	return d
}

// mark says how a node is marked: a line of its own and a word.
func mark(n workspace.MapNode) (class, word string) {
	switch {
	case !n.Judged:
		return "", ""
	case n.Exposed == azward.Yes && n.Class == exposure.InternetAny:
		return "yes", "▲ from any address"
	case n.Exposed == azward.Yes && n.Class == exposure.InternetRestricted:
		return "yes", "▲ from some addresses"
	case n.Exposed == azward.Yes:
		return "yes", "▲ reached"
	case n.Exposed == azward.No:
		return "no", "○ not reached"
	}
	return "unknown", "? not known"
}
