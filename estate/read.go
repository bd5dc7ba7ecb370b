package estate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// ReadOptions says how files are read. The zero value reads with the limits
// below and takes nothing on the user's word.
type ReadOptions struct {
	// Cluster that Kubernetes objects without one belong to: an ARM ID, or the
	// name of a cluster of the estate. "" takes the only cluster of the estate.
	Cluster string
	// Complete is the user's word that the files leave nothing out
	// (--complete): it adds declared listings, which weigh less than read ones.
	Complete bool
	// MaxBytes bounds what one input may decompress to; 0 means 16 GiB.
	MaxBytes int64
	// AsIs keeps secrets as they stand, which are [Redacted] otherwise: for
	// documents whose hashes were noted before secrets were taken out.
	AsIs bool
}

const (
	// maxInputBytes is what one input may decompress to: a million resources of
	// 4 KiB fit three times.
	maxInputBytes = 16 << 30
	// maxLineBytes bounds one line, in bytes. The largest objects that Azure
	// and Kubernetes return are a few MiB.
	maxLineBytes = 64 << 20
	// maxObjects bounds the objects of one input; more than ten million
	// resources is no tenant.
	maxObjects = 10 << 20
)

// Read reads one input into b: an estate file, or any of the forms that
// docs/estate-file.md names, compressed by zstd or gzip or not at all. Name
// is what errors and gaps call it; a name ending in .yaml or .yml says that
// it holds Kubernetes manifests. On an error b must be thrown away: nothing
// half-read is presented as whole.
//
// What is well-formed but not understood becomes a gap.
func Read(r io.Reader, name string, o ReadOptions, b *Builder) error {
	defer func(before bool) { b.asIs = before }(b.asIs)
	b.asIs = o.AsIs
	in := &reader{builder: b, options: o, name: name}
	if err := in.read(r); err != nil {
		return err
	}
	return in.finish()
}

// reader reads the inputs of one estate.
type reader struct {
	builder *Builder
	options ReadOptions
	name    string // of the current input
	objects int    // of the current input
	buffer  bytes.Buffer
	notes   map[note]*noted
	// homeless are Kubernetes objects whose cluster nobody named, in order.
	homeless []homeless
}

type homeless struct {
	body []byte
	from Provenance
	at   string
}

// read reads one input.
func (in *reader) read(r io.Reader) error {
	plain, closer, err := decompress(r)
	if err != nil {
		return in.broken("", err)
	}
	defer closer()
	limit := in.options.MaxBytes
	if limit <= 0 {
		limit = maxInputBytes
	}
	in.objects = 0
	buffered := bufio.NewReaderSize(bound.Reader(plain, limit, in.name), 1<<16)
	first, err := firstByte(buffered)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return in.broken("", err)
	case yamlName(in.name) || first != '{' && first != '[':
		return in.manifests(buffered)
	case first == '[':
		return in.documents(buffered, 1, true)
	}
	return in.lines(buffered)
}

// firstByte returns the first byte that is no white space, and leaves it and
// whatever line it stands in unread.
func firstByte(r *bufio.Reader) (byte, error) {
	if bom, err := r.Peek(2); err == nil && (string(bom) == "\xff\xfe" || string(bom) == "\xfe\xff") {
		return 0, errNotUTF8
	}
	if bom, err := r.Peek(3); err == nil && string(bom) == "\uFEFF" {
		if _, err := r.Discard(3); err != nil {
			return 0, fmt.Errorf("read past the byte order mark: %w", err)
		}
	}
	for n := 1; n <= 4096; n++ {
		peeked, err := r.Peek(n)
		if len(peeked) < n {
			return 0, err
		}
		if c := peeked[n-1]; !strings.ContainsRune(" \t\r\n", rune(c)) {
			return c, nil
		}
	}
	return 0, errors.New("it begins with 4,096 bytes of white space")
}

// lines reads JSON values. In an estate file, and in an export of one object
// a line, each line is a value; anything else is read as one document after
// the other.
func (in *reader) lines(r *bufio.Reader) error {
	var line []byte
	for number := 1; ; number++ {
		var err error
		line, err = readLine(r, line[:0])
		end := errors.Is(err, io.EOF)
		switch {
		case errors.Is(err, errLongLine) && number == 1 && !estateLinePrefix(line):
			return in.documents(io.MultiReader(bytes.NewReader(line), r), number, false)
		case err != nil && !end:
			return in.broken(fmt.Sprint("line ", number), err)
		}
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 {
			err := in.line(trimmed, number)
			var document *notALineError
			if errors.As(err, &document) {
				return in.documents(io.MultiReader(bytes.NewReader(line), r), number, false)
			}
			if err != nil {
				return err
			}
		}
		if end {
			return nil
		}
	}
}

// notALineError says that a first line is no JSON value by itself: the input is a
// document that spans lines.
type notALineError struct{ error }

func (in *reader) line(line []byte, number int) error {
	in.buffer.Reset()
	value, err := compactJSON(&in.buffer, line)
	at := fmt.Sprintf("line %d", number)
	if err != nil {
		if in.objects == 0 && !estateLinePrefix(line) {
			return &notALineError{err}
		}
		return in.broken(at, err)
	}
	return in.value(value, at)
}

// estateLinePrefix reports whether a line begins as azward writes them.
func estateLinePrefix(line []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(line), []byte(`{"source"`))
}

var errLongLine error = &bound.SizeError{What: "the line", Limit: maxLineBytes}

// readLine appends the next line to dst, without its end.
func readLine(r *bufio.Reader, dst []byte) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(dst)+len(part) > maxLineBytes {
			return append(dst, part...), errLongLine
		}
		dst = append(dst, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return dst, err
		}
	}
}

// maxDocumentBytes bounds a document that spans lines, and so may have to be
// held as a whole. An export of a million resources is larger, and better made
// one resource a line.
const maxDocumentBytes = 4 << 30

// documents reads JSON values that span lines. A list at the top is taken
// element by element, so that its length costs no memory.
func (in *reader) documents(r io.Reader, firstLine int, list bool) error {
	counted := &lineCounter{r: bound.Reader(r, maxDocumentBytes, in.name), line: firstLine}
	d := &documents{in: in, dec: json.NewDecoder(counted), lines: counted}
	if list {
		if _, err := d.dec.Token(); err != nil {
			return d.broken(err)
		}
		for d.dec.More() {
			if err := d.next(); err != nil {
				return err
			}
		}
		if _, err := d.dec.Token(); err != nil {
			return d.broken(err)
		}
	}
	for d.dec.More() {
		if err := d.next(); err != nil {
			return err
		}
	}
	// More is false at the end, and at a stray bracket.
	if _, err := d.dec.Token(); !errors.Is(err, io.EOF) {
		return d.broken(errors.Join(err, errors.New("a closing bracket too many")))
	}
	return nil
}

type documents struct {
	in    *reader
	dec   *json.Decoder
	lines *lineCounter
	raw   json.RawMessage
}

func (d *documents) next() error {
	d.raw = d.raw[:0]
	if err := d.dec.Decode(&d.raw); err != nil {
		return d.broken(err)
	}
	at := d.lines.at(d.dec.InputOffset())
	d.in.buffer.Reset()
	value, err := compactJSON(&d.in.buffer, d.raw)
	if err != nil {
		return d.in.broken(at, err)
	}
	return d.in.value(value, at)
}

func (d *documents) broken(err error) error {
	at := d.lines.at(d.dec.InputOffset())
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = d.lines.at(syntax.Offset)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return d.in.broken(at, err)
}

// value reads one JSON value, compact, in whatever form it is.
func (in *reader) value(value []byte, at string) error {
	if len(value) > 0 && value[0] == '{' {
		if source, ok := member(value, "source"); ok {
			if word, ok := text(source); ok {
				return in.estateLine(azward.Source(word), value, at)
			}
		}
	}
	return in.imported(value, at)
}

func (in *reader) count(at string) error {
	if in.objects++; in.objects > maxObjects {
		return in.broken(at, &bound.SizeError{What: "the number of objects in " + in.name, Limit: maxObjects})
	}
	return nil
}

// broken makes the error for an input that cannot be read on.
func (in *reader) broken(at string, err error) error {
	e := &azward.Error{
		Kind: azward.KindBadInput, Op: "read estate", Subject: in.subject(at), Cause: err.Error(), Err: err,
		Remedy: "mend or leave out that line, or export the file again; nothing of it was used",
	}
	var advice *azward.Error
	if errors.As(err, &advice) && advice.Kind == azward.KindInterrupted {
		advice.Subject = in.name
		return advice
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Cause = "it ends too early: the file was cut short"
		e.Remedy = "copy or export the file again and check its size; nothing of it was used"
	case errors.Is(err, bound.ErrTooLarge):
		e.Remedy = "split the export; a file of this size is more likely broken than a tenant"
	case errors.As(err, &advice):
		e.Cause = advice.Cause
		if errors.Is(err, errNotUTF8) {
			e.Remedy = advice.Remedy
		}
		if advice.Subject != "" {
			e.Cause = advice.Subject + ": " + advice.Cause
		}
	}
	return e
}

func (in *reader) subject(at string) string {
	if at == "" {
		return in.name
	}
	return in.name + " " + at
}

// note sorts what was not understood: one gap for each kind and input.
type note struct {
	input string
	kind  azward.GapKind
	reads string
	cause string
}

type noted struct {
	count int
	first string // where the first one stands
}

// maxNotes bounds the different causes that are told apart in one input.
const maxNotes = 1000

func (in *reader) note(kind azward.GapKind, reads, cause, at string) {
	if in.notes == nil {
		in.notes = make(map[note]*noted)
	}
	key := note{in.name, kind, reads, cause}
	held, ok := in.notes[key]
	if !ok {
		if len(in.notes) >= maxNotes {
			// The type is kept: an absence of it must not be proven.
			key.cause = "objects of many shapes were not understood"
			if len(in.notes) >= 10*maxNotes {
				key.reads = AllTypes
			}
			held, ok = in.notes[key]
		}
		if !ok {
			held = &noted{first: at}
			in.notes[key] = held
		}
	}
	held.count++
}

// finish files what needed the whole of the inputs.
func (in *reader) finish() error {
	if err := in.settle(); err != nil {
		return err
	}
	for key, n := range in.notes {
		in.builder.AddGap(azward.Gap{
			Scope: "/", Kind: key.kind, Reads: key.reads,
			Error:  fmt.Sprintf("%s: %s (%s, first at %s)", key.input, key.cause, plural(n.count, "object"), n.first),
			Remedy: "export whole objects, as docs/estate-file.md shows; a type that azward should read is worth a report",
		})
	}
	in.notes = nil
	if in.options.Complete {
		in.builder.declareComplete()
	}
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// declareComplete adds the user's word for all of ARM, and for each cluster
// of which any object is there.
func (b *Builder) declareComplete() {
	b.AddListing(Listing{Scope: "/", Type: AllTypes, Status: ListingDeclared})
	clusters := map[azward.ResourceKey]azward.ResourceID{}
	for _, r := range b.byKey {
		if key := r.Cluster.Key(); r.Cluster != "" && (clusters[key] == "" || r.Cluster < clusters[key]) {
			clusters[key] = r.Cluster
		}
	}
	for _, id := range clusters {
		b.AddListing(Listing{Scope: id, Type: AllTypes, Status: ListingDeclared})
	}
}

const managedClusterType = "microsoft.containerservice/managedclusters"

// settle gives the Kubernetes objects without a cluster the one that the
// options or the estate name.
func (in *reader) settle() error {
	if len(in.homeless) == 0 {
		return nil
	}
	cluster, err := in.cluster()
	if err != nil {
		return err
	}
	for _, h := range in.homeless {
		if err := in.builder.addKubernetes(cluster, h.body, h.from); err != nil {
			in.noteError(h.body, err, h.at)
		}
	}
	in.homeless = nil
	return nil
}

func (in *reader) cluster() (azward.ResourceID, error) {
	known := map[azward.ResourceKey]azward.ResourceID{}
	for _, r := range in.builder.byKey {
		if r.Cluster == "" && strings.EqualFold(r.Type, managedClusterType) {
			known[r.key] = r.ID
		}
	}
	asked := in.options.Cluster
	if strings.HasPrefix(asked, "/") {
		return azward.ParseResourceID(asked)
	}
	if asked != "" {
		maps.DeleteFunc(known, func(_ azward.ResourceKey, id azward.ResourceID) bool { return !strings.EqualFold(id.Name(), asked) })
		if len(known) == 0 && pathSafe(asked) {
			// A cluster that Azure does not run, or whose ARM object was not exported.
			return azward.ResourceID("/providers/Microsoft.ContainerService/managedClusters/" + asked), nil
		}
	}
	if len(known) == 1 {
		for _, id := range known {
			return id, nil
		}
	}
	e := &azward.Error{
		Kind: azward.KindUsage, Op: "read Kubernetes objects", Subject: in.homeless[0].at,
		Cause:  "nothing says to which cluster they belong",
		Remedy: "name it: --cluster NAME, or its ARM ID as `az aks show --query id` prints it",
	}
	if len(known) > 1 {
		ids := slices.Sorted(maps.Values(known))
		e.Cause = fmt.Sprintf("the estate has %d clusters that they may belong to", len(ids))
		e.Remedy = fmt.Sprintf("name one: --cluster %s", ids[0])
	}
	return "", e
}
