package workspace

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// PostureTally counts what azward's own rules said after a scan.
type PostureTally struct {
	Rules   int                     `json:"rules"` // that gave a result
	Pass    int                     `json:"pass"`
	Fail    int                     `json:"fail"`
	Unknown int                     `json:"unknown"`
	Failing map[azward.Severity]int `json:"failing"` // by severity
}

// PostureScan is the tally of one scan.
type PostureScan struct {
	Scan  string       `json:"scan"`
	At    time.Time    `json:"at"`
	Tally PostureTally `json:"tally"`
}

// PostureOpen is one result that is not well, as a scan keeps it.
type PostureOpen struct {
	Rule     string            `json:"rule"`
	Title    string            `json:"title"`
	Severity azward.Severity   `json:"severity"`
	Resource azward.ResourceID `json:"resource"`
	Result   string            `json:"result"` // fail, unknown
	Reason   string            `json:"reason,omitempty"`
	Exposed  bool              `json:"exposed,omitempty"`
}

func (o *PostureOpen) key() string { return o.Rule + placeMark + string(o.Resource.Key()) }

// PostureTrend is how a connection's posture went from scan to scan.
type PostureTrend struct {
	Connection string        `json:"connection"`
	Scans      []PostureScan `json:"scans"`          // newest first
	Since      time.Time     `json:"since,omitzero"` // of the scan that New, Fixed and Lost compare to; zero where there is none
	// New fails since then, Fixed failed and passes or is gone, Lost failed and is
	// not known now: that is not fixed. Each at most 20 of its count.
	New        []PostureOpen `json:"new"`
	Fixed      []PostureOpen `json:"fixed"`
	Lost       []PostureOpen `json:"lost"`
	NewCount   int           `json:"newCount"`
	FixedCount int           `json:"fixedCount"`
	LostCount  int           `json:"lostCount"`
}

const (
	maxTrendScans  = 12 // that a trend goes back
	maxTrendListed = 20
)

// postureTrends gives the trends of connections that are there.
func (w *Workspace) postureTrends(ctx context.Context, connection string) ([]PostureTrend, error) {
	sources, err := w.Sources(ctx)
	if err != nil {
		return nil, err
	}
	trends := []PostureTrend{}
	for _, s := range sources {
		if connection != "" && s.Source != connection {
			continue
		}
		kept, err := w.Store.Postures(ctx, s.Source, maxTrendScans)
		if err != nil {
			return nil, err
		}
		if len(kept) == 0 {
			continue
		}
		t, err := w.postureTrend(ctx, s.Source, kept)
		if err != nil {
			return nil, err
		}
		trends = append(trends, t)
	}
	return trends, nil
}

func (w *Workspace) postureTrend(ctx context.Context, connection string, kept []store.Posture) (PostureTrend, error) {
	t := PostureTrend{Connection: connection, Scans: []PostureScan{}, New: []PostureOpen{}, Fixed: []PostureOpen{}, Lost: []PostureOpen{}}
	for _, k := range kept {
		one := PostureScan{Scan: k.Scan, At: k.At}
		if err := json.Unmarshal(k.Tally, &one.Tally); err != nil {
			return t, fmt.Errorf("read what rules said after scan %s: %w", k.Scan, err)
		}
		t.Scans = append(t.Scans, one)
	}
	if len(kept) < 2 {
		return t, nil
	}
	var lists [2][]PostureOpen
	for i := range lists {
		doc, err := w.Store.OpenPosture(ctx, kept[i].Scan)
		if err != nil || doc == nil {
			return t, err
		}
		if err := json.Unmarshal(doc, &lists[i]); err != nil {
			return t, fmt.Errorf("read what rules said after scan %s: %w", kept[i].Scan, err)
		}
	}
	t.Since = kept[1].At
	t.compare(lists[0], lists[1])
	return t, nil
}

// compare holds what is not well now against what was not then.
func (t *PostureTrend) compare(now, then []PostureOpen) {
	add := func(list *[]PostureOpen, n *int, o PostureOpen) {
		if *n++; len(*list) < maxTrendListed {
			*list = append(*list, o)
		}
	}
	was, is := map[string]string{}, map[string]PostureOpen{}
	for _, o := range then {
		was[o.key()] = o.Result
	}
	for _, o := range now {
		is[o.key()] = o
		if o.Result == PostureFail && was[o.key()] != PostureFail {
			add(&t.New, &t.NewCount, o)
		}
	}
	for _, o := range then {
		if o.Result != PostureFail {
			continue
		}
		switch stands, open := is[o.key()]; {
		case !open:
			add(&t.Fixed, &t.FixedCount, o)
		case stands.Result == PostureUnknown:
			add(&t.Lost, &t.LostCount, stands)
		}
	}
}
