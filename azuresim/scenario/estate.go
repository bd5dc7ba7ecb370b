package scenario

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Bounds of an estate file.
const (
	maxEstateBytes = 8 << 30  // decompressed; a million resources of 8 KiB
	maxLineBytes   = 32 << 20 // one record; the largest known ARM bodies are a few MiB
	maxWindowBytes = 64 << 20 // zstd window that a file may ask for
)

// ReaderSecret is the client secret of the app that FromEstate makes. It opens
// nothing but a simulator on the loopback interface.
const ReaderSecret = "simulated-reader-secret"

// FromEstate makes a scenario of an estate file (one JSON record a line,
// plain, gzip or zstd): its ARM objects, cluster objects and directory objects
// are served, one app named "reader" has Reader on everything without the
// assignment being listed, and what the file's gaps say could not be read is
// denied again; so are collections of the directory that the file does not list. Records that cannot be served are counted in Notes.
func FromEstate(r io.Reader) (*Scenario, error) {
	plain, closeReader, err := decompress(r)
	if err != nil {
		return nil, err
	}
	defer closeReader()
	s := &Scenario{
		Name: "estate", Exact: true, Kubernetes: map[string][]json.RawMessage{},
		Apps: []App{{Name: "reader", DisplayName: "azward reader", Secrets: []Secret{{Value: ReaderSecret}}, GraphRoles: []string{
			"Directory.Read.All", "Policy.Read.All", "RoleManagement.Read.Directory", "AuditLog.Read.All", "AccessReview.Read.All",
		}}},
		Grants: []Grant{
			{App: "reader", Role: "Reader", Scope: "/"},
			{App: "reader", Role: "Azure Kubernetes Service Cluster User Role", Scope: "/"},
			{App: "reader", Role: "Azure Kubernetes Service RBAC Cluster Admin", Scope: "/"},
			{App: "reader", Role: "AcrPull", Scope: "/"},
		},
	}
	skipped := map[string]int{}
	if err := s.lines(plain, skipped); err != nil {
		return nil, err
	}
	for _, source := range []string{"image", "listing"} {
		if n := skipped[source]; n > 0 {
			s.Notes = append(s.Notes, fmt.Sprintf("%d %s records are not served", n, source))
		}
	}
	s.lastOfEach()
	s.tenantFromRecords()
	return s, s.complete()
}

func decompress(r io.Reader) (io.Reader, func(), error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	head, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("read estate file: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, nil, fmt.Errorf("read gzip estate file: %w", err)
		}
		return z, func() {}, nil
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindowBytes))
		if err != nil {
			return nil, nil, fmt.Errorf("read zstd estate file: %w", err)
		}
		return z, z.Close, nil
	}
	return buffered, func() {}, nil
}

type estateLine struct {
	Source     string          `json:"source"`
	APIVersion string          `json:"apiVersion"`
	Cluster    string          `json:"cluster"`
	Scope      string          `json:"scope"`
	Collection string          `json:"collection"`
	Type       string          `json:"type"`
	Status     string          `json:"status"`
	Needs      string          `json:"needs"`
	Body       json.RawMessage `json:"body"`
}

func (s *Scenario) lines(r io.Reader, skipped map[string]int) error {
	limited := &io.LimitedReader{R: r, N: maxEstateBytes}
	scanner := bufio.NewScanner(limited)
	scanner.Buffer(make([]byte, 0, 64<<10), maxLineBytes)
	number := 0
	for scanner.Scan() {
		number++
		line := bytes.TrimSpace(scanner.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := s.line(bytes.Clone(line), skipped); err != nil {
			return &Error{Line: number, Msg: err.Error(), Err: err}
		}
	}
	if err := scanner.Err(); err != nil {
		return &Error{Line: number + 1, Msg: fmt.Sprintf("the estate file cannot be read on: %v", err), Err: err}
	}
	if limited.N <= 0 {
		return &Error{Line: number, Msg: fmt.Sprintf("the estate file is larger than the limit of %d bytes", int64(maxEstateBytes))}
	}
	return nil
}

func (s *Scenario) line(data []byte, skipped map[string]int) error {
	var l estateLine
	if err := json.Unmarshal(data, &l); err != nil {
		return fmt.Errorf("this line is not a JSON record: %w", err)
	}
	switch l.Source {
	case "arm", "resourcegraph", "export":
		// Three interfaces to the same objects; whoever reads them here reads
		// them anew.
		fields, err := decodeObject(l.Body)
		if err != nil {
			return err
		}
		id, err := text(fields, "id")
		if err != nil {
			return err
		}
		if err := checkID(id); err != nil {
			return err
		}
		s.ARM = append(s.ARM, Record{ID: id, APIVersion: l.APIVersion, Body: l.Body})
	case "kubernetes":
		if err := checkID(l.Cluster); err != nil {
			return fmt.Errorf("cluster: %w", err)
		}
		return s.addKubernetes(strings.ToLower(l.Cluster), l.Body)
	case "msgraph":
		return s.addMSGraph(l.Collection, l.Body)
	case "gap":
		if l.Needs == "" {
			s.Notes = append(s.Notes, fmt.Sprintf("a gap at %.200s names no action and is not simulated", l.Scope))
		} else {
			s.Denies = append(s.Denies, Deny{Scope: l.Scope, Action: l.Needs})
		}
	case "listing":
		if name, ok := strings.CutPrefix(l.Type, "Microsoft.Graph/"); ok && l.Status == "complete" {
			s.MSGraphListed = append(s.MSGraphListed, name)
		}
		skipped[l.Source]++
	case "image":
		skipped[l.Source]++
	default:
		return fmt.Errorf("source %.40q is none of arm, resourcegraph, export, kubernetes, msgraph, image, listing and gap", l.Source)
	}
	return nil
}

// lastOfEach keeps the last record of each ID: a file that was appended to
// holds the newer reading below.
func (s *Scenario) lastOfEach() {
	last := make(map[string]int, len(s.ARM))
	for i, r := range s.ARM {
		last[strings.ToLower(r.ID)] = i
	}
	if len(last) == len(s.ARM) {
		return
	}
	s.Notes = append(s.Notes, fmt.Sprintf("%d older records of the same resources are not served", len(s.ARM)-len(last)))
	kept := s.ARM[:0]
	for i, r := range s.ARM {
		if last[strings.ToLower(r.ID)] == i {
			kept = append(kept, r)
		}
	}
	s.ARM = kept
}

// tenantFromRecords takes the tenant from the first subscription that says.
func (s *Scenario) tenantFromRecords() {
	for _, r := range s.ARM {
		if strings.Count(strings.Trim(r.ID, "/"), "/") != 1 {
			continue
		}
		var body struct {
			TenantID string `json:"tenantId"`
		}
		if json.Unmarshal(r.Body, &body) == nil && isGUID(body.TenantID) {
			s.Tenant.ID = body.TenantID
			return
		}
	}
}
