package web

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/azward/azward/report"
)

// postureFormat is a way to export results.
type postureFormat struct {
	name, title, media, ext string
}

func postureFormats() []postureFormat {
	return []postureFormat{
		{"csv", "CSV", "text/csv; charset=utf-8", "csv"},
		{"ocsf", "OCSF", "application/x-ndjson", "ndjson"},
		{"json", "JSON", "application/json", "json"},
		{"sarif", "SARIF", "application/sarif+json", "sarif"},
		{"markdown", "Markdown, by framework", "text/markdown; charset=utf-8", "md"},
	}
}

// exports links to what filters select, in all formats.
func exports(f postureFilters) []exportLink {
	list := make([]exportLink, 0, len(postureFormats()))
	for _, one := range postureFormats() {
		list = append(list, exportLink{one.title, withQuery("/posture/export/"+one.name, f.query())})
	}
	return list
}

func (s *Site) exportPosture(w http.ResponseWriter, r *http.Request) error {
	filters, err := readPostureFilters(r.URL.Query())
	if err != nil {
		return err
	}
	for _, f := range postureFormats() {
		if f.name != r.PathValue("format") {
			continue
		}
		var b bytes.Buffer
		if err := s.writePosture(r, &b, f.name, filters); err != nil {
			return err
		}
		h := w.Header()
		h.Set("Content-Type", f.media)
		h.Set("Content-Disposition", `attachment; filename="posture.`+f.ext+`"`)
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Length", strconv.Itoa(b.Len()))
		_, err := w.Write(b.Bytes())
		return gone(err)
	}
	return notFound("format " + r.PathValue("format"))
}

func (s *Site) writePosture(r *http.Request, w io.Writer, format string, f postureFilters) error {
	if format == "markdown" {
		found, err := s.o.Workspace.PostureCoverage(r.Context(), f.Framework, f.Connection)
		if err != nil {
			return err
		}
		return report.PostureMarkdown(w, found)
	}
	list, err := s.o.Workspace.PostureExport(r.Context(), f.ask(""))
	if err != nil {
		return err
	}
	switch format {
	case "csv":
		return report.PostureCSV(w, slices.Values(list))
	case "ocsf":
		return report.PostureOCSF(w, slices.Values(list), s.now(), "hub")
	case "sarif":
		return report.PostureSARIF(w, slices.Values(list), "hub")
	case "json":
		return report.JSON(w, list)
	}
	return fmt.Errorf("there is no format %q", format)
}
