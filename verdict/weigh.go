package verdict

import "github.com/azward/azward"

// Findings are those of one image, sorted by what they ask, so that a workload
// is asked once for each profile and not for each of them.
type Findings struct {
	// Subjects without workload and container.
	Subjects []Subject
	kinds    []kind
	of       []int32 // for each subject the place of its kind
}

// kind is all that the result of a finding depends on, beside where it runs.
type kind struct {
	profile   Profile
	affected  azward.Answer
	malicious bool
	kernel    bool
}

// NewFindings sorts the findings of one image.
func NewFindings(subjects []Subject) *Findings {
	f := &Findings{Subjects: subjects, of: make([]int32, len(subjects))}
	places := map[kind]int32{}
	for i, s := range subjects {
		k := kind{profile: ProfileOf(s.Finding), affected: s.Finding.Affected, malicious: s.Finding.Malicious}
		if s.Denied != nil {
			k.affected = azward.No
		}
		k.kernel = hostKernel(s.Package)
		at, ok := places[k]
		if !ok {
			at = int32(len(f.kinds))
			places[k] = at
			f.kinds = append(f.kinds, k)
		}
		f.of[i] = at
	}
	return f
}

// Weigh tells the result of each finding in one container of a workload, in
// the order of Subjects, appended to into: what [Decider.Decide] would say,
// without the proof. It decides once for each kind.
func (d *Decider) Weigh(workload azward.ResourceID, container string, f *Findings, into []azward.Result) []azward.Result {
	if len(f.Subjects) == 0 {
		return into
	}
	first := f.Subjects[0]
	s := d.surroundings(workload, first.Attacker)
	first.Workload, first.Container = workload, container
	results := make([]azward.Result, len(f.kinds))
	for i, k := range f.kinds {
		first.Finding.Malicious = k.malicious
		way, affected := s.wayIn(k.malicious), k.affected
		if k.kernel && container != "" {
			affected = azward.No
		}
		results[i] = resultOf(affected, d.presence(s, first), way.reachable.Answer, len(way.needs)+len(k.profile.needs()) > 0)
	}
	for _, at := range f.of {
		into = append(into, results[at])
	}
	return into
}
