package estate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
)

// envelope is one line of an estate file, but for its body.
type envelope struct {
	source                               azward.Source
	apiVersion, cluster, collection      string
	digest, scope, listed, status, reads string
	via, needs, cause, kind, remedy      string
	readAt                               time.Time
	pages                                int
	own                                  bool
	body                                 []byte
}

// estateLine reads one line of an estate file. The file is azward's own, so a
// line that lacks what its source asks for is an error; a source that this
// version does not know is a gap.
func (in *reader) estateLine(source azward.Source, line []byte, at string) error {
	if err := in.count(at); err != nil {
		return err
	}
	e := envelope{source: source}
	if err := e.read(line); err != nil {
		return in.broken(at, err)
	}
	if err := in.file(&e, at); err != nil {
		return in.broken(at, err)
	}
	return nil
}

func (e *envelope) read(line []byte) error {
	texts := map[string]*string{
		"apiVersion": &e.apiVersion, "cluster": &e.cluster, "collection": &e.collection, "digest": &e.digest,
		"scope": &e.scope, "type": &e.listed, "status": &e.status, "reads": &e.reads, "needs": &e.needs,
		"error": &e.cause, "kind": &e.kind, "remedy": &e.remedy, "via": &e.via,
	}
	for key, value := range members(line) {
		name := string(key)
		if target, ok := texts[name]; ok {
			s, ok := text(value)
			if !ok {
				return fmt.Errorf("%s is not a string", name)
			}
			*target = s
			continue
		}
		var err error
		switch name {
		case "body":
			e.body = value
		case "readAt":
			e.readAt, err = readTime(value)
		case "pages":
			_, err = fmt.Sscanf(string(value), "%d", &e.pages)
		case "own":
			e.own, err = strconv.ParseBool(string(value))
		}
		if err != nil {
			return fmt.Errorf("%s is not understood: %w", name, err)
		}
	}
	return nil
}

func readTime(value []byte) (time.Time, error) {
	s, ok := text(value)
	if !ok {
		return time.Time{}, fmt.Errorf("%.40s is not a string", value)
	}
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("read time: %w", err)
	}
	return t, nil
}

// file hands a line to the builder.
func (in *reader) file(e *envelope, at string) error {
	from := Provenance{Source: e.source, APIVersion: e.apiVersion, ReadAt: e.readAt}
	switch e.source {
	case azward.SourceListing:
		return in.fileListing(e)
	case azward.SourceGap:
		return in.fileGap(e)
	case azward.SourceARM, azward.SourceResourceGraph, azward.SourceExport, azward.SourceTemplate, azward.SourcePlan, azward.SourceKubernetes, azward.SourceMSGraph, azward.SourceImage, azward.SourceUser:
	default:
		in.note(azward.GapUnsupported, string(e.source), fmt.Sprintf("a line has the source %q, which this version does not know", e.source), at)
		return nil
	}
	if len(e.body) == 0 || e.body[0] != '{' {
		return errors.New("the line's body is not an object")
	}
	switch {
	case e.source == azward.SourceImage || e.digest != "":
		return in.builder.AddImage(azward.Digest(e.digest), e.body, from)
	case e.source == azward.SourceMSGraph || e.collection != "":
		return in.fileMSGraph(e, from)
	case e.cluster != "":
		cluster, err := azward.ParseResourceID(e.cluster)
		if err != nil {
			return fmt.Errorf("read the line's cluster: %w", err)
		}
		return in.builder.addKubernetes(cluster, e.body, from)
	case e.source == azward.SourceKubernetes:
		in.addHomeless(e.body, from, at)
		return nil
	default:
		return in.builder.addARM(e.body, from)
	}
}

func (in *reader) fileListing(e *envelope) error {
	status := ListingStatus(e.status)
	switch status {
	case ListingComplete, ListingPartial, ListingDeclared:
	default:
		return fmt.Errorf("a listing's status is complete, partial or declared, not %q", e.status)
	}
	scope, err := scopeOf(e.scope)
	if err != nil {
		return err
	}
	if e.listed == "" {
		return errors.New("a listing names the type that was listed")
	}
	in.builder.AddListing(Listing{
		Scope: scope, Type: e.listed, Status: status, Pages: e.pages, ReadAt: e.readAt, Via: azward.Source(e.via), Own: e.own,
	})
	return nil
}

func (in *reader) fileGap(e *envelope) error {
	scope, err := scopeOf(e.scope)
	if err != nil {
		return err
	}
	in.builder.AddGap(azward.Gap{
		Scope: scope, Kind: azward.GapKind(e.kind), Reads: e.reads, Needs: e.needs, Error: e.cause, Remedy: e.remedy,
	})
	return nil
}

// scopeOf reads the scope of a listing or gap: "/", an ARM ID, or, for a gap
// outside Azure, the name of what was asked.
func scopeOf(s string) (azward.ResourceID, error) {
	if len(s) > maxReferenceLen || strings.ContainsAny(s, "\x00\r\n\t") {
		return "", fmt.Errorf("%.80q is no scope", s)
	}
	return azward.ResourceID(s), nil
}

// fileMSGraph files a Microsoft Graph object under its collection, which the
// line or the object's own "@odata.type" names.
func (in *reader) fileMSGraph(e *envelope, from Provenance) error {
	if e.collection == "" {
		value, _ := member(e.body, "@odata.type")
		e.collection = collectionOf(value)
	}
	return in.builder.AddMSGraph(e.collection, e.body, from)
}
