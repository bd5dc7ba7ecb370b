package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/workspace"
)

// version of the API: it changes when something that worked does not any more.
const version = "1.0.0"

// config is huma without what it adds to answers by itself: no $schema member,
// no Link header, no documentation page that loads scripts from elsewhere.
func config() huma.Config {
	schemas := huma.NewMapRegistry("#/components/schemas/", schemaName)
	for _, enum := range enums() {
		schemas.RegisterTypeAlias(enum.of, enum.as)
	}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "azward", Version: version,
				Description: "Reads Azure tenants and proves, per workload, which vulnerability is exploitable. docs/api.md is the guide.",
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: schemas,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token":        {Type: "http", Scheme: "bearer", Description: "An API token: azw_… (Settings, Tokens, or POST /tokens)."},
					"session":      sessionScheme("__Host-"+access.SessionCookie, "The session of a browser that signed in over https."),
					"plainSession": sessionScheme(access.SessionCookie, "The session of a browser that signed in over http, on the hub's own machine or where its operator allowed it."),
				},
			},
			Tags: tags(),
		},
		Formats:                      huma.DefaultFormats,
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

func sessionScheme(cookie, description string) *huma.SecurityScheme {
	return &huma.SecurityScheme{Type: "apiKey", In: "cookie", Name: cookie, Description: description + " A request that changes something is refused where it comes from another site's page."}
}

// schemaName names a type in the document: those of other packages with their
// package, where the root's and the API's own have the plain name.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[workspace.Finding]():
		return "ImageFinding" // the root has a Finding, too
	case reflect.TypeFor[ProblemError]():
		return "Problem"
	}
	name := huma.DefaultSchemaNamer(t, hint)
	path := t.PkgPath()
	switch path[strings.LastIndexByte(path, '/')+1:] {
	case "", "azward", "api", "workspace", "store", "access", "connect":
		return name
	}
	of := []rune(path[strings.LastIndexByte(path, '/')+1:])
	of[0] = unicode.ToUpper(of[0])
	return string(of) + name
}

// Texts with few values are told with them.
type (
	answerText     string
	severityText   string
	resultText     string
	confidenceText string
	roleText       string
	gapKindText    string
)

// Schema implements [huma.SchemaProvider].
func (answerText) Schema(huma.Registry) *huma.Schema {
	return enumOf("Whether it is so; unknown where a fact is missing.", azward.Yes, azward.No, azward.Unknown)
}

// Schema implements [huma.SchemaProvider].
func (severityText) Schema(huma.Registry) *huma.Schema {
	return enumOf("Rating of CVSS, or unknown.", azward.SeverityCritical, azward.SeverityHigh, azward.SeverityMedium, azward.SeverityLow, azward.SeverityNone, azward.SeverityUnknown)
}

// Schema implements [huma.SchemaProvider].
func (resultText) Schema(huma.Registry) *huma.Schema {
	return enumOf("What a verdict asks of a reader.", azward.Results()...)
}

// Schema implements [huma.SchemaProvider].
func (confidenceText) Schema(huma.Registry) *huma.Schema {
	return enumOf("How far a verdict can be leaned on.", azward.ConfidenceHigh, azward.ConfidenceMedium, azward.ConfidenceLow, azward.ConfidenceNone)
}

// Schema implements [huma.SchemaProvider].
func (roleText) Schema(huma.Registry) *huma.Schema {
	return enumOf("What a user may do; each may all that those before it may.", access.Viewer, access.Operator, access.Admin)
}

// Schema implements [huma.SchemaProvider].
func (gapKindText) Schema(huma.Registry) *huma.Schema {
	return enumOf("Why a fact is missing.", azward.GapDenied, azward.GapThrottled, azward.GapUnreachable, azward.GapUnparsed, azward.GapUnsupported, azward.GapNotRead, azward.GapFailed)
}

func enumOf[T any](description string, values ...T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Description: description}
	for _, v := range values {
		s.Enum = append(s.Enum, fmt.Sprint(v))
	}
	return s
}

type enum struct{ of, as reflect.Type }

func enums() []enum {
	return []enum{
		{reflect.TypeFor[azward.Answer](), reflect.TypeFor[answerText]()},
		{reflect.TypeFor[azward.Severity](), reflect.TypeFor[severityText]()},
		{reflect.TypeFor[azward.Result](), reflect.TypeFor[resultText]()},
		{reflect.TypeFor[azward.Confidence](), reflect.TypeFor[confidenceText]()},
		{reflect.TypeFor[access.Role](), reflect.TypeFor[roleText]()},
		{reflect.TypeFor[azward.GapKind](), reflect.TypeFor[gapKindText]()},
	}
}

// document writes the OpenAPI document once, and mounts it: it tells nothing of
// this hub, so everybody may read it.
func (a *API) document() error {
	var err error
	if a.yaml, err = a.huma.OpenAPI().YAML(); err != nil {
		return fmt.Errorf("write OpenAPI document: %w", err)
	}
	if a.json, err = json.MarshalIndent(a.huma.OpenAPI(), "", "  "); err != nil {
		return fmt.Errorf("write OpenAPI document: %w", err)
	}
	for name, file := range map[string]struct {
		contentType string
		body        []byte
	}{"openapi.yaml": {"application/yaml", a.yaml}, "openapi.json": {"application/json", a.json}} {
		a.mux.HandleFunc("GET "+Prefix+"/"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", file.contentType)
			if _, err := w.Write(file.body); err != nil {
				a.Log.DebugContext(r.Context(), "the caller went away", "error", err)
			}
		})
	}
	return nil
}

// OpenAPI is the document, in YAML.
func (a *API) OpenAPI() []byte { return a.yaml }
