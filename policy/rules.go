package policy

import (
	"embed"
	"io/fs"
	"sync"
)

//go:embed rules
var ownFiles embed.FS

// Rules are azward's own, compiled once. Problems are those of ours that do
// not load; a test sees to it that there are none.
func Rules() ([]*Rule, []Problem, error) {
	own := loadOwn()
	return own.rules, own.problems, own.err
}

type loaded struct {
	rules    []*Rule
	problems []Problem
	err      error
}

var loadOwn = sync.OnceValue(func() loaded {
	folder, err := fs.Sub(ownFiles, "rules")
	if err != nil {
		return loaded{err: err}
	}
	rules, problems, err := Load(folder)
	return loaded{rules, problems, err}
})
