package workspace

import (
	"context"
	"fmt"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// ScanQuery selects scans. Zero fields select everything.
type ScanQuery struct {
	Source string
	After  string // Next of the page before
	Size   int    // of the page; 0 is DefaultPage
}

// ScanPage is a page of scans, the newest first.
type ScanPage struct {
	Scans []store.Scan `json:"scans"`
	Next  string       `json:"next,omitempty"`
}

// Scans gives one page of what was run, whoever ran it.
func (w *Workspace) Scans(ctx context.Context, q ScanQuery) (ScanPage, error) {
	page := ScanPage{Scans: []store.Scan{}}
	if q.After != "" {
		if _, err := w.Store.Scan(ctx, q.After); azward.KindOf(err) == azward.KindNotFound && err != nil {
			return page, badCursor(q.After)
		} else if err != nil {
			return page, err
		}
	}
	size := pageSize(q.Size)
	list, err := w.Store.ScansOf(ctx, q.Source, q.After, size+1)
	if err != nil {
		return page, err
	}
	if len(list) > size {
		list = list[:size]
		page.Next = list[size-1].ID
	}
	page.Scans = append(page.Scans, list...)
	return page, nil
}

// Scan gives one scan; KindNotFound where there is none.
func (w *Workspace) Scan(ctx context.Context, id string) (store.Scan, error) {
	return w.Store.Scan(ctx, id)
}

// pageSize is the number of things on a page that somebody asked for.
func pageSize(asked int) int {
	if asked <= 0 {
		return DefaultPage
	}
	return min(asked, MaxPage)
}

func badCursor(text string) error {
	return &azward.Error{
		Kind: azward.KindUsage, Op: "read cursor", Subject: fmt.Sprintf("%.80q", text), Cause: "it is no place in this list",
		Remedy: "start from the first page, and go on with its next link",
	}
}
