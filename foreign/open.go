package foreign

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/internal/jsonstream"
)

// Options of [Open].
type Options struct {
	Format Format // "" is told by the report
}

// Open tells what a report is and reads what its findings refer to: who wrote
// it, what was scanned, rules and components. The findings themselves may stand
// before all of that, so the report is read twice and r has to stay open. Name
// is what errors and findings call it. What is no report is an error of kind
// [azward.KindBadInput].
func Open(r io.ReadSeeker, name string, o Options) (*Report, error) {
	report := &Report{Name: clean(cut(name, maxText)), Format: o.Format, in: source{r}}
	if o.Format != "" && !slices.Contains(Formats(), o.Format) {
		return nil, &azward.Error{
			Kind: azward.KindUsage, Op: "read report", Subject: fmt.Sprintf("%.40q", o.Format), Cause: "there is no such format",
			Remedy: "use " + formatWords(),
		}
	}
	if err := report.open(); err != nil {
		return nil, report.bad(err)
	}
	return report, nil
}

func (r *Report) open() error {
	if r.Format == "" {
		in, list, err := r.in.start()
		if err != nil {
			return err
		}
		if r.Format, err = detect(in, list); err != nil {
			return err
		}
	}
	in, list, err := r.in.start()
	if err != nil {
		return err
	}
	r.head = heads[r.Format](list)
	r.head.read(in, r)
	meaning, form := r.head.failed(), in.Close()
	if other := (*otherError)(nil); form != nil && (meaning == nil || errors.As(meaning, &other)) {
		return form // what it is not may stand behind the place where it ends
	}
	if meaning != nil {
		return meaning
	}
	r.Scanner = clean(cut(strings.TrimSpace(r.Scanner), maxText))
	return nil
}

// head is what a format's findings refer to. It is read first.
type head interface {
	// read goes through the report and keeps the head.
	read(in *jsonstream.Reader, r *Report)
	// failed is an error of meaning, after read.
	failed() error
	// entries goes through the report again and gives each finding's excerpt.
	entries(in *jsonstream.Reader, yield func(Target, excerpt, string) bool)
}

var heads = map[Format]func(list bool) head{
	Trivy: func(bool) head { return &trivyHead{} }, Grype: func(bool) head { return &grypeHead{} },
	SARIF: func(bool) head { return &sarifHead{} }, CycloneDX: func(bool) head { return &cdxHead{} },
	Defender: func(list bool) head { return &defenderHead{list: list} }, Kubescape: func(bool) head { return &kubescapeHead{} },
}

// Findings streams what the report finds, in its order. A finding that cannot
// be used is given with the reason. An error is given last.
func (r *Report) Findings() iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		in, _, err := r.in.start()
		if err != nil {
			yield(Finding{}, r.bad(err))
			return
		}
		count, stopped := 0, false
		r.head.entries(in, func(t Target, x excerpt, unusable string) bool {
			if count++; count > maxFindings {
				err, stopped = fmt.Errorf("it has more than %d findings", maxFindings), true
				return false
			}
			stopped = !yield(r.finding(t, x, unusable), nil)
			return !stopped
		})
		switch {
		case err != nil:
			yield(Finding{}, r.bad(err))
		case !stopped:
			if err := in.Close(); err != nil {
				yield(Finding{}, r.bad(err))
			}
		}
	}
}

// source is a report that is read from its start several times.
type source struct{ r io.ReadSeeker }

// start begins at the first byte of the document; list says that it is a list.
func (s source) start() (in *jsonstream.Reader, list bool, err error) {
	if _, err := s.r.Seek(0, io.SeekStart); err != nil {
		return nil, false, fmt.Errorf("go to its start: %w", err)
	}
	const buffer = 64 << 10
	buffered := bufio.NewReaderSize(bound.Reader(s.r, maxReport, "the report"), buffer)
	const look = 512
	start, err := buffered.Peek(look)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	if bytes.HasPrefix(start, []byte("\xef\xbb\xbf")) { // a byte order mark, as Windows' tools write it
		if _, err := buffered.Discard(3); err != nil {
			return nil, false, err
		}
		start = start[3:]
	}
	if err := looksLikeJSON(start); err != nil {
		return nil, false, err
	}
	return jsonstream.NewWindow(buffered), bytes.TrimLeft(start, " \t\r\n")[0] == '[', nil
}

func looksLikeJSON(start []byte) error {
	text := bytes.TrimLeft(start, " \t\r\n")
	switch {
	case len(text) == 0:
		return &otherError{"it is empty", "look at what the scanner printed to stderr, and run it again"}
	case bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")):
		return &otherError{"it is UTF-16, as a redirection in Windows PowerShell writes it", "let the scanner write the file itself (trivy --output, grype --file), or convert it to UTF-8"}
	case bytes.HasPrefix(text, []byte("\x1f\x8b")) || bytes.HasPrefix(text, []byte("PK\x03\x04")) || bytes.HasPrefix(text, []byte("\x28\xb5\x2f\xfd")):
		return &otherError{"it is compressed", "unpack it first"}
	case text[0] == '<':
		return &otherError{"it is XML, and reports are read as JSON alone", "write it as JSON, such as cyclonedx-json or sarif"}
	case text[0] != '{' && text[0] != '[':
		return &otherError{"it is no JSON document", "write the report as JSON: trivy --format json, grype -o json, kubescape --format json"}
	}
	return nil
}

// otherError is a document that is none of what is read, with the way out.
type otherError struct{ cause, remedy string }

func (e *otherError) Error() string { return e.cause }

func (r *Report) bad(err error) error {
	e := &azward.Error{
		Kind: azward.KindBadInput, Op: "read report", Subject: r.Name, Cause: err.Error(), Err: err,
		Remedy: "write the report again; azward reads " + formatWords(),
	}
	var other *otherError
	switch {
	case errors.As(err, &other):
		e.Remedy = other.remedy
	case errors.Is(err, bound.ErrTooLarge):
		e.Remedy = "write one report for each image or subscription"
	}
	return e
}

func formatWords() string {
	var words []string
	for _, f := range Formats() {
		words = append(words, string(f))
	}
	return strings.Join(words, ", ")
}

// telling are names at the top of a report that tell its format.
var telling = map[string]Format{
	"SchemaVersion": Trivy, "ArtifactName": Trivy, "ArtifactType": Trivy, "Results": Trivy, "ClusterName": Trivy,
	"matches": Grype, "ignoredMatches": Grype, "descriptor": Grype,
	"runs": SARIF, "bomFormat": CycloneDX,
	"value": Defender, "data": Defender, "subAssessments": Defender,
	"summaryDetails": Kubescape, "clusterAPIServerInfo": Kubescape, "customerGUID": Kubescape, "items": Kubescape,
}

// detect goes to the first name that tells the format. A list is what az
// security sub-assessment list writes.
func detect(in *jsonstream.Reader, list bool) (Format, error) {
	if list {
		return Defender, nil
	}
	for name := range in.Fields() {
		found := telling[name]
		if name == "kind" && strings.HasPrefix(in.Text(), "VulnerabilityManifest") {
			found = Kubescape
		}
		if found != "" {
			return found, nil
		}
	}
	if err := in.Close(); err != nil {
		return "", err
	}
	return "", &otherError{"it is none of the reports that azward reads (" + formatWords() + ")", "name its format with --format, or write it as one of these"}
}

// timeOf reads a time as scanners write it; zero where it is none.
func timeOf(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
