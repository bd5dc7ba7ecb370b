package config

import (
	"errors"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/azward/azward"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/store"
)

// retention reads what is kept and for how long; what is left out is as it is
// without a file.
func (r *reader) retention(f *File) take {
	return func(n *yaml.Node, path string) {
		kept := retention.Default()
		r.mapping(n, path, map[string]take{
			"scans": r.limit(&kept.Scans), "estates": r.limit(&kept.Estates), "jobs": r.limit(&kept.Jobs), "jobLogs": r.limit(&kept.JobLogs),
			"historyDays": r.number(&kept.HistoryDays), "auditDays": r.number(&kept.AuditDays),
		})
		if err := retention.Check(kept); err != nil {
			r.refused(n, path, err)
		}
		f.Retention = &kept
	}
}

// refused files what a check of our own says.
func (r *reader) refused(n *yaml.Node, path string, err error) {
	var own *azward.Error
	if errors.As(err, &own) {
		r.wrong(n, path, own.Subject+": "+own.Cause, own.Remedy)
		return
	}
	r.wrong(n, path, err.Error(), "")
}

func (r *reader) limit(l *store.Limit) take {
	return func(n *yaml.Node, path string) {
		*l = store.Limit{} // the other one is no limit where one is given
		r.mapping(n, path, map[string]take{"count": r.number(&l.Count), "days": r.number(&l.Days)})
	}
}

// number reads a whole number that is not negative.
func (r *reader) number(into *int) take {
	return func(n *yaml.Node, path string) {
		v, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || v < 0 {
			r.wrong(n, path, fmt.Sprintf("%.40q is no whole number", n.Value), "write 0 for no limit")
			return
		}
		*into = v
	}
}
