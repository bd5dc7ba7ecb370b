package workspace

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
)

// Profiles says what the posture is evaluated with.
type Profiles interface {
	// Version changes when something that Profile gives does. It is cheap: every
	// question asks for it.
	Version(ctx context.Context) (string, error)
	// Profile gives what one estate is evaluated with.
	Profile(ctx context.Context, e *estate.Estate) (PostureProfile, error)
}

// PostureProfile is what an estate is evaluated with.
type PostureProfile struct {
	policy.Profile
	Name         string // "default", "rules", "all", or a framework's
	Suppressions []*policy.Suppression
	// Lifecycle tells which distributions have ended; nil leaves it unknown.
	Lifecycle policy.Lifecycle
	// Notes say in a line each what is not evaluated, and why.
	Notes []string
}

// Results of a rule for a resource.
const (
	PostureFail       = "fail"
	PostureUnknown    = "unknown"
	PosturePass       = "pass"
	PostureExempt     = "exempt"
	PostureSuppressed = "suppressed"
)

// PostureResults are the results that are asked for: what is suppressed is asked
// for by what it was.
func PostureResults() []string {
	return []string{PostureFail, PostureUnknown, PosturePass, PostureExempt}
}

// PostureResult is what one rule says of one resource, as lists show it.
type PostureResult struct {
	Rule     string          `json:"rule"`
	Title    string          `json:"title"`
	Severity azward.Severity `json:"severity"`
	Engine   string          `json:"engine" enum:"azward,azurePolicy"`
	// Resource that is judged; the subscription, or "/" for the tenant, of a rule
	// about what must exist.
	Resource   azward.ResourceID `json:"resource"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Connection string            `json:"connection"`
	Result     string            `json:"result" enum:"fail,unknown,pass,exempt,suppressed"`
	Reason     string            `json:"reason,omitempty"`
	// Exposed is whether the internet reaches it: yes, no or unknown; "" for what
	// nobody could reach, and for what passes.
	Exposed string `json:"exposed,omitempty"`
	// Blast ranks what follows when it is taken over, 0 to 4.
	Blast int `json:"blast,omitempty"`
	// Because are the reasons of both, in the order in which they count.
	Because    []string                   `json:"because,omitempty"`
	Class      string                     `json:"class,omitempty"` // of the farthest source that reaches it
	Suppressed *report.PostureSuppression `json:"suppressed,omitempty"`
}

// exposure of a row, in the order in which it counts.
const (
	exposedYes = iota
	exposedOpen
	exposedNothing // it has nothing that could be reached
	exposedNo
)

var exposedWords = [...]string{"yes", "unknown", "", "no"}

// judged is what one rule says of one resource, as it is held in memory: a
// tenant of 5,000 resources has some 50,000 of them.
type judged struct {
	rule     *heldRule
	resource azward.ResourceID
	key      string // of the resource, in lower case
	name     string // of the resource, as people know it
	kind     string // type of the resource
	reason   string
	result   uint8 // place in PostureResults; of a suppressed one what it was
	exposed  uint8
	blast    uint8
	urgency  uint16 // see rank
	aside    *report.PostureSuppression
	class    string // how far the farthest source is away that reaches it
	because  []string
}

func (j *judged) word() string {
	if j.aside != nil {
		return PostureSuppressed
	}
	return PostureResults()[j.result]
}

func (j *judged) row(connection string) PostureResult {
	return PostureResult{
		Rule: j.rule.ID, Title: j.rule.Title, Severity: j.rule.Severity, Engine: j.rule.Engine, Resource: j.resource, Name: j.name,
		Type: j.kind, Connection: connection, Result: j.word(), Reason: j.reason, Exposed: exposedWords[j.exposed], Blast: int(j.blast),
		Because: j.because, Class: j.class, Suppressed: j.aside,
	}
}

// SubjectName names what is judged by its ID.
func SubjectName(id azward.ResourceID) string {
	switch {
	case id == "/":
		return "the tenant"
	case id.Name() == "":
		return string(id)
	}
	return id.Name()
}

// heldRule is a rule or policy as it is held.
type heldRule struct {
	ID, Title, Category, Engine string
	Severity                    azward.Severity
	Frameworks                  []string

	rule   *policy.Rule
	policy *azurepolicy.Policy
	search string // ID and title, in lower case
}

// posture is what a profile says of the estate of one scan. It never changes.
type posture struct {
	kept     Kept
	at       time.Time
	profile  PostureProfile
	rules    []*heldRule
	byID     map[string]*heldRule
	rows     []judged // in order
	counts   map[*heldRule]PostureCounts
	unheld   map[*heldRule]int // that pass, and are not among the rows
	defender *policy.Defender
}

// PostureCounts counts results.
type PostureCounts struct {
	Fail       int `json:"fail"`
	Unknown    int `json:"unknown"`
	Pass       int `json:"pass"`
	Exempt     int `json:"exempt"`
	Suppressed int `json:"suppressed"`
	// Exposed are those of Fail that the internet reaches.
	Exposed int `json:"exposed"`
}

func (c *PostureCounts) add(j *judged) {
	switch j.word() {
	case PostureFail:
		c.Fail++
		if j.exposed == exposedYes {
			c.Exposed++
		}
	case PostureUnknown:
		c.Unknown++
	case PosturePass:
		c.Pass++
	case PostureExempt:
		c.Exempt++
	case PostureSuppressed:
		c.Suppressed++
	}
}

func (c *PostureCounts) sum(o PostureCounts) {
	c.Fail, c.Unknown, c.Pass = c.Fail+o.Fail, c.Unknown+o.Unknown, c.Pass+o.Pass
	c.Exempt, c.Suppressed, c.Exposed = c.Exempt+o.Exempt, c.Suppressed+o.Suppressed, c.Exposed+o.Exposed
}

// Judged is how many results there are.
func (c PostureCounts) Judged() int { return c.Fail + c.Unknown + c.Pass + c.Exempt + c.Suppressed }

// Score is the share of what was judged and passes, in percent, rounded down:
// what is not known counts as not passing, what is set aside does not count. -1
// where nothing was judged.
func (c PostureCounts) Score() int { return score(c.Pass, c.Fail+c.Unknown) }

func score(pass, not int) int {
	const percent = 100
	if pass+not == 0 {
		return -1
	}
	return pass * percent / (pass + not)
}

// postures holds what was evaluated, one for each scan. The zero value is empty.
type postures struct {
	mu   sync.Mutex
	held map[string]*evaluation
	turn sync.Mutex // one estate is evaluated at once
	busy sync.WaitGroup

	closing sync.Mutex
	closed  bool
}

type evaluation struct {
	ready   chan struct{} // closed once posture and err stand
	posture *posture
	err     error
}

// postures gives what was evaluated of every connection's newest estate, or of
// the named one's, and waits for it.
func (w *Workspace) postures(ctx context.Context, connection string) ([]*posture, []azward.Gap, error) {
	waiting, gaps, err := w.evaluations(ctx, connection)
	if err != nil {
		return nil, nil, err
	}
	var found []*posture
	for _, e := range waiting {
		select {
		case <-e.ready:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		if e.err != nil {
			return nil, nil, e.err
		}
		found = append(found, e.posture)
	}
	return found, gaps, nil
}

// WarmPosture begins to evaluate what is not evaluated yet, so that nobody has
// to wait for it, and returns at once. Failed, which may be nil, is told of an
// error.
func (w *Workspace) WarmPosture(ctx context.Context, failed func(error)) {
	if !w.posture.begin() {
		return
	}
	go func() {
		defer w.posture.busy.Done()
		if _, _, err := w.evaluations(context.WithoutCancel(ctx), ""); err != nil && failed != nil {
			failed(err)
		}
	}()
}

// begin counts work in, unless the workspace is closed.
func (p *postures) begin() bool {
	p.closing.Lock()
	defer p.closing.Unlock()
	if p.closed {
		return false
	}
	p.busy.Add(1)
	return true
}

// close waits for what is under way, which ends early.
func (p *postures) close() {
	p.closing.Lock()
	p.closed = true
	p.closing.Unlock()
	p.busy.Wait()
}

var errClosed = errors.New("the workspace is closed")

// going is nil while evaluations go on.
func (p *postures) going() error {
	p.closing.Lock()
	defer p.closing.Unlock()
	if p.closed {
		return errClosed
	}
	return nil
}

func (e *evaluation) done() bool {
	select {
	case <-e.ready:
		return true
	default:
		return false
	}
}

// evaluations gives those of the newest estates, and begins what is missing.
// Those of older scans, other profiles and days before are let go.
func (w *Workspace) evaluations(ctx context.Context, connection string) ([]*evaluation, []azward.Gap, error) {
	kept, gaps, err := w.Latest(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	version := ""
	if w.Profiles != nil {
		if version, err = w.Profiles.Version(ctx); err != nil {
			return nil, nil, err
		}
	}
	at := w.now()
	current := map[string]bool{}
	var found []*evaluation
	known := connection == ""
	p := &w.posture
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range kept {
		// Rules ask for the time: a secret expires, a suppression ends.
		key := strings.Join([]string{k.Scan.ID, version, at.Format(time.DateOnly)}, "\x00")
		current[key] = true
		e := p.held[key]
		if e == nil {
			e = &evaluation{ready: make(chan struct{})}
			if p.held == nil {
				p.held = map[string]*evaluation{}
			}
			if !p.begin() {
				return nil, nil, errClosed
			}
			p.held[key] = e
			go w.evaluate(context.WithoutCancel(ctx), key, e, k, at)
		}
		if connection == "" || k.Scan.Source == connection {
			known = true
			found = append(found, e)
		}
	}
	for key, e := range p.held {
		if !current[key] && e.done() {
			delete(p.held, key)
		}
	}
	if !known && !slices.ContainsFunc(gaps, func(g azward.Gap) bool { return string(g.Scope) == connection }) {
		_, _, err := w.Latest(ctx, connection) // says that there is none of that name
		return nil, nil, err
	}
	return found, gaps, nil
}

// evaluate fills an evaluation. Who leaves does not stop it: others may wait.
func (w *Workspace) evaluate(ctx context.Context, key string, e *evaluation, k Kept, at time.Time) {
	defer w.posture.busy.Done()
	w.posture.turn.Lock()
	e.posture, e.err = w.judge(ctx, k, at)
	w.posture.turn.Unlock()
	w.posture.mu.Lock()
	defer w.posture.mu.Unlock()
	close(e.ready)
	if e.err != nil && w.posture.held[key] == e {
		delete(w.posture.held, key) // the next one tries again
	}
}
