package verdict

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// ProofFormat names the version of the proof document.
const ProofFormat = "azward-proof/2"

// MaxProofBytes bounds a proof document. One workload's surroundings are tens
// of kilobytes; a large cluster's some megabytes.
const MaxProofBytes = 256 << 20

// Proof is a verdict with everything it rests on: the question, the raw
// documents that were looked at, the listings and gaps, the advisory record.
// It stands alone; [Verify] decides it again.
type Proof struct {
	Format  string         `json:"format"`
	Verdict azward.Verdict `json:"verdict"`
	Subject Subject        `json:"subject"`
	// Estate holds the lines of an estate file: the part of the estate that
	// the decision looked at. It is the same for all verdicts of a workload.
	Estate []json.RawMessage `json:"estate"`
	// Image is the line of the image, with the one package.
	Image json.RawMessage `json:"image,omitempty"`
	// SHA256 of the verdict, the subject and the hashes of the rest; see sum.
	SHA256 string `json:"sha256"`
}

// Matcher matches a package against one advisory record again. Its answer is
// compared with the finding that a proof claims.
type Matcher func(record json.RawMessage, pkg azward.Package) ([]azward.Finding, error)

// Proof decides the subject and gathers what the decision looked at.
func (d *Decider) Proof(subject Subject) (Proof, error) {
	p := Proof{Format: ProofFormat, Verdict: d.Decide(subject), Subject: subject}
	facts, err := d.surroundings(subject.Workload, subject.Attacker).looked()
	if err != nil {
		return Proof{}, fmt.Errorf("write the facts of %s: %w", p.Verdict.ID, err)
	}
	p.Estate = facts.lines
	if p.Image, err = d.imageLine(subject); err != nil {
		return Proof{}, err
	}
	p.SHA256, err = p.sum()
	return p, err
}

// facts are what the decisions about a workload looked at, as lines of an
// estate file.
type facts struct {
	lines  []json.RawMessage
	joined []byte // as they stand in a proof document
	sum    string
}

// looked gives the facts of a workload, written once until [Decider.Forget].
func (s *surroundings) looked() (facts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.facts.sum != "" {
		return s.facts, nil
	}
	var out bytes.Buffer
	if err := s.tracker.Slice().Write(&out); err != nil {
		return facts{}, err
	}
	var lines []json.RawMessage
	for line := range bytes.Lines(out.Bytes()) {
		lines = append(lines, json.RawMessage(bytes.TrimSpace(line)))
	}
	s.facts = facts{lines, joinLines(lines), sumLines(lines)}
	return s.facts, nil
}

// Forget drops the written facts of a workload, which may be large. They are
// written again when somebody asks.
func (d *Decider) Forget(workload azward.ResourceID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for at, s := range d.known {
		if at.workload == workload.Key() {
			s.mu.Lock()
			s.facts, s.encoded = facts{}, nil
			s.mu.Unlock()
		}
	}
}

func joinLines(lines []json.RawMessage) []byte {
	size := 0
	for _, line := range lines {
		size += len(line) + 1
	}
	joined := make([]byte, 0, size)
	for i, line := range lines {
		if i > 0 {
			joined = append(joined, ',')
		}
		joined = append(joined, line...)
	}
	return joined
}

func sumLines(lines []json.RawMessage) string {
	h := sha256.New()
	for _, line := range lines {
		sum := sha256.Sum256(line)
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// imageLine is the line of the subject's image, with the one package; nil when
// the estate does not hold it.
func (d *Decider) imageLine(subject Subject) (json.RawMessage, error) {
	image, ok := d.Estate.Image(subject.Digest)
	if !ok {
		return nil, nil
	}
	body, ok := reduced(image, subject.Package)
	if !ok && subject.Borrowed { // the package is a scanner's word, the image's names are not
		body, ok = bare(image)
	}
	if !ok {
		return nil, nil
	}
	var b estate.Builder
	if err := b.AddImage(subject.Digest, body, image.Provenance); err != nil {
		return nil, fmt.Errorf("reduce image %s: %w", subject.Digest, err)
	}
	var line bytes.Buffer
	if err := b.Build().Write(&line); err != nil {
		return nil, fmt.Errorf("write image %s: %w", subject.Digest, err)
	}
	return json.RawMessage(bytes.TrimSpace(line.Bytes())), nil
}

// Marshal writes the proof as one JSON document, always with the same bytes.
func (p Proof) Marshal() ([]byte, error) {
	verdict, subject, err := p.parts()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, piece := range p.pieces([]Piece{{Text: verdict}}, subject, joinLines(p.Estate)) {
		out.Write(piece.Text)
	}
	return out.Bytes(), nil
}

func (p Proof) parts() (verdict, subject []byte, err error) {
	if verdict, err = encode(p.Verdict); err != nil {
		return nil, nil, err
	}
	subject, err = encode(p.Subject)
	return verdict, subject, err
}

// sum covers the whole document: it is the SHA-256 of the hashes of its parts,
// so that what verdicts share is hashed once.
func (p Proof) sum() (string, error) {
	verdict, subject, err := p.parts()
	if err != nil {
		return "", err
	}
	return p.sumOver(verdict, subject, sumLines(p.Estate)), nil
}

func (p Proof) sumOver(verdict, subject []byte, estate string) string {
	return sha256Hex(fmt.Appendf(nil, "%q\n%s\n%s\n%s\n%s\n", p.Format, sha256Hex(verdict), sha256Hex(subject), estate, sha256Hex(p.Image)))
}

// ParseProof reads a proof document. A document that is none, or of another
// version, is an error that says so.
func ParseProof(raw []byte) (Proof, error) {
	bad := func(cause string, err error) (Proof, error) {
		return Proof{}, &azward.Error{
			Kind: azward.KindBadInput, Op: "read proof", Cause: cause, Err: err,
			Remedy: "write it again with `azward explain VERDICT --output proof -o FILE`",
		}
	}
	if len(raw) > MaxProofBytes {
		return bad(fmt.Sprintf("it is larger than %d bytes", MaxProofBytes), nil)
	}
	var p Proof
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return bad("it is not a proof document: "+err.Error(), err)
	}
	if p.Format != ProofFormat {
		return bad(fmt.Sprintf("its format is %.40q, and this azward reads %q", p.Format, ProofFormat), nil)
	}
	return p, nil
}

// Replay is what [Verify] did.
type Replay struct {
	Verdict azward.Verdict `json:"verdict"`
	// Facts is the number of evidence items that were compared with their raw
	// documents, Documents that of the documents the proof carries.
	Facts     int `json:"facts"`
	Documents int `json:"documents"`
}

// Verify checks a proof against itself: the document is whole, each cited
// value stands in the raw document that it cites, the advisory record matches
// the package again, and deciding again gives the same verdict, byte for byte.
// The error names the first thing that does not hold.
func Verify(raw []byte, match Matcher) (Replay, error) {
	p, err := ParseProof(raw)
	if err != nil {
		return Replay{}, err
	}
	fails := func(format string, args ...any) (Replay, error) {
		return Replay{}, &azward.Error{
			Kind: azward.KindBadInput, Op: "verify proof", Subject: string(p.Verdict.ID), Cause: fmt.Sprintf(format, args...),
			Remedy: "do not rely on this document; scan again and export the proof anew",
		}
	}
	sum, err := p.sum()
	if err != nil {
		return Replay{}, err
	}
	if sum != p.SHA256 {
		return fails("the document was changed after it was written (its SHA-256 is %s, it states %s)", sum, p.SHA256)
	}
	world, err := p.world()
	if err != nil {
		return Replay{}, err
	}
	facts, problem := checkFacts(world, p)
	if problem != "" {
		return fails("%s", problem)
	}
	if problem := checkMatch(p.Subject, match); problem != "" {
		return fails("%s", problem)
	}
	again := (&Decider{Estate: world, At: p.Verdict.DecidedAt}).Decide(p.Subject)
	want, got := azward.JSONValue(p.Verdict), azward.JSONValue(again)
	if !bytes.Equal(want, got) {
		return fails("deciding again gives another verdict: %s", firstDifference(want, got))
	}
	documents := len(p.Estate)
	if p.Image != nil {
		documents++
	}
	return Replay{Verdict: again, Facts: facts, Documents: documents}, nil
}

// world builds the estate that the proof carries.
func (p Proof) world() (*estate.Estate, error) {
	var lines bytes.Buffer
	for _, line := range p.Estate {
		lines.Write(line)
		lines.WriteByte('\n')
	}
	lines.Write(p.Image)
	lines.WriteByte('\n')
	var b estate.Builder
	// Proofs of earlier versions hold secrets, and hashes of documents with them.
	if err := estate.Read(&lines, "proof", estate.ReadOptions{AsIs: true}, &b); err != nil {
		return nil, fmt.Errorf("read the facts of %s: %w", p.Verdict.ID, err)
	}
	return b.Build(), nil
}

// checkFacts compares every cited value with the document it cites.
func checkFacts(world *estate.Estate, p Proof) (checked int, problem string) {
	var all []azward.Evidence
	for _, c := range slices.Concat(p.Verdict.Conditions, p.Verdict.Mitigations, p.Verdict.Impact) {
		all = append(all, c.Evidence...)
	}
	for _, o := range p.Verdict.Opinions {
		all = append(all, o.Evidence)
	}
	for _, e := range all {
		ok, problem := checkFact(world, p.Subject, e)
		if problem != "" {
			return checked, problem
		}
		if ok {
			checked++
		}
	}
	return checked, ""
}

func checkFact(world *estate.Estate, subject Subject, e azward.Evidence) (checked bool, problem string) {
	if e.SHA256 == "" {
		return false, "" // a listing, a documented default, a registry's answer: no document of its own
	}
	switch e.Source {
	case azward.SourceAdvisory:
		if got := sha256Hex(subject.Record); got != e.SHA256 {
			return false, fmt.Sprintf("the advisory record %s has SHA-256 %s, the evidence cites %s", e.Resource, got, e.SHA256)
		}
		return true, ""
	case azward.SourceScanner:
		if !slices.ContainsFunc(subject.Reports, func(r Report) bool { return sha256Hex(r.Record) == e.SHA256 }) {
			return false, fmt.Sprintf("the entry %s with SHA-256 %s is missing", e.Resource, e.SHA256)
		}
		return true, ""
	case azward.SourceImage:
		image, ok := world.Image(subject.Digest)
		if !ok {
			return false, fmt.Sprintf("the image record %s is missing", subject.Digest)
		}
		raw, ok := reduced(image, subject.Package)
		if !ok || sha256Hex(raw) != e.SHA256 {
			return false, fmt.Sprintf("the image record %s does not hold the cited package", subject.Digest)
		}
		return true, ""
	}
	r, ok := world.Resource(e.Resource)
	if !ok {
		return false, fmt.Sprintf("the document of %s is missing", e.Resource)
	}
	if got := r.SHA256(); got != e.SHA256 {
		return false, fmt.Sprintf("the document of %s has SHA-256 %s, the evidence cites %s", e.Resource, got, e.SHA256)
	}
	value, ok := r.At(e.Property)
	if !ok {
		value = json.RawMessage("null")
	}
	// Evidence of earlier versions has secrets as they stand.
	cited := compacted(e.Value)
	if !bytes.Equal(compacted(estate.Shown(e.Property, value)), cited) && !bytes.Equal(compacted(value), cited) {
		return false, fmt.Sprintf("%s of %s is %.80s, the evidence cites %.80s", e.Property, e.Resource, estate.Shown(e.Property, value), e.Value)
	}
	return true, ""
}

func compacted(raw json.RawMessage) []byte {
	var out bytes.Buffer
	if json.Compact(&out, raw) != nil {
		return raw
	}
	return out.Bytes()
}

// checkMatch matches the package against the record once more, and reads the
// entries of other scanners again. KEV and EPSS come from other lists and are
// not part of a record.
func checkMatch(subject Subject, match Matcher) (problem string) {
	if match == nil {
		return ""
	}
	for _, r := range subject.Reports {
		if problem := checkRecord(r.Finding, r.Record, subject.Package, match); problem != "" {
			return problem
		}
	}
	if subject.Borrowed {
		if len(subject.Reports) == 0 || !sameClaim(subject.Finding, subject.Reports[0].Finding) {
			return fmt.Sprintf("no scanner's entry gives the finding %s", subject.Finding.Record)
		}
		return ""
	}
	return checkRecord(subject.Finding, subject.Record, subject.Package, match)
}

func checkRecord(claimed azward.Finding, record json.RawMessage, pkg azward.Package, match Matcher) (problem string) {
	findings, err := match(record, pkg)
	if err != nil {
		return fmt.Sprintf("the advisory record %s cannot be matched again: %v", claimed.Record, err)
	}
	found := slices.ContainsFunc(findings, func(f azward.Finding) bool { return sameClaim(f, claimed) })
	if claimed.Affected == azward.No && !found { // a record that is about the package and does not hold its version
		found = len(findings) == 0 && namesRecord(record, claimed.Record)
	}
	if !found {
		return fmt.Sprintf("the advisory record %s does not give this finding for %s", claimed.Record, pkg.PURL)
	}
	return ""
}

func sameClaim(a, b azward.Finding) bool {
	return a.Record == b.Record && a.Affected == b.Affected && a.Range == b.Range
}

// namesRecord reports whether the raw record is the one of that ID.
func namesRecord(raw json.RawMessage, id string) bool {
	var r struct {
		ID string `json:"id"`
	}
	return json.Unmarshal(raw, &r) == nil && r.ID == id
}

// firstDifference shows where two documents part.
func firstDifference(want, got []byte) string {
	i := 0
	for i < len(want) && i < len(got) && want[i] == got[i] {
		i++
	}
	cut := func(b []byte) string {
		from, to := max(0, i-40), min(len(b), i+40)
		return strings.ToValidUTF8(string(b[from:to]), "")
	}
	return fmt.Sprintf("it says …%s… and not …%s…", cut(got), cut(want))
}
