package archtest

import "slices"

// Level is a row of the floor plan; arrows point from a higher to a lower one.
type Level int

// Rows, lowest first.
const (
	LevelRoot Level = iota
	LevelEstate
	LevelEngine
	LevelAdapter
	LevelUseCase
	LevelDoor
	LevelCommand
)

// String names the row as the style guide does.
func (l Level) String() string {
	return [...]string{"the root", "the estate", "an engine", "an adapter", "a use case", "a door", "a command"}[l]
}

// Row places one folder.
type Row struct {
	Folder string
	Level  Level
	Is     string // what the folder is for, quoted in violations
	Leaf   bool   // below internal: used from everywhere, knows the root at most
	Alone  bool   // imports nothing of ours, and only cmd and tests import it
}

// Rule forbids an import path (and what lies below it, where said), with the
// reason that a violation quotes.
type Rule struct {
	Path   string
	Why    string
	Except []string // folders that may, see the reason beside the entry
	To     []string // for Confined: the folders, or packages, that may
}

// Rules is what [Check] holds a graph against.
type Rules struct {
	Module string
	Rows   []Row
	// Neighbours are the arrows within a row that are allowed.
	Neighbours [][2]string
	// Impure lists what engines and the estate don't import.
	Impure []Rule
	// Confined lists outside packages that stay behind one adapter.
	Confined []Rule
	// TestSupport maps packages of ours that only tests import to what they are.
	TestSupport map[string]string
	// TestOnly lists outside packages that never reach the binary.
	TestOnly []Rule
}

func (r Rules) row(folder string) (Row, bool) {
	at := slices.IndexFunc(r.Rows, func(row Row) bool { return row.Folder == folder })
	if at < 0 {
		return Row{}, false
	}
	return r.Rows[at], true
}

func (r Rules) neighbours(from, to string) bool {
	return slices.Contains(r.Neighbours, [2]string{from, to})
}

// Azward is the floor plan of this repository.
func Azward() Rules {
	return Rules{
		Module:      "github.com/azward/azward",
		Rows:        rows(),
		Neighbours:  [][2]string{{"collect", "azure"}, {"verdict", "exposure"}, {"verdict", "impact"}, {"foreign", "sbom"}, {"hardening", "hardening/secret"}, {"policy", "exposure"}, {"policy", "impact"}, {"policy", "hardening"}, {"policy", "report"}, {"policy", "policy/azurepolicy"}, {"template", "policy/azurepolicy"}, {"api", "api/aurora"}, {"config", "connect"}, {"workspace", "registry"}, {"config", "retention"}},
		Impure:      impure(),
		Confined:    confined(),
		TestSupport: testSupport(),
		TestOnly:    testOnly(),
	}
}

func rows() []Row {
	rows := []Row{
		{Folder: "", Level: LevelRoot, Is: "the nouns"},
		{Folder: "estate", Level: LevelEstate, Is: "what a tenant looks like"},
		{Folder: "cmd/azward", Level: LevelCommand, Is: "the only place that wires"},
		{Folder: "e2e", Level: LevelCommand, Is: "tests of the whole, behind a build tag"},
		{
			Folder: "azuresim", Level: LevelCommand, Alone: true,
			Is: "it speaks Azure's wire format alone, so that it can't share our misunderstandings",
		},
	}
	for level, folders := range map[Level][]string{
		LevelEngine:  {"exposure", "impact", "policy", "policy/azurepolicy", "advisory", "verdict", "vex", "report", "sbom", "foreign", "remediation", "hardening", "hardening/secret", "terraform", "template"},
		LevelAdapter: {"collect", "azure", "kube", "image", "advisory/feed", "store", "seal"},
		LevelUseCase: {"scan", "registry", "connect", "broker", "operate", "access", "workspace", "jobs", "config", "retention"},
		LevelDoor:    {"api", "api/aurora", "api/client", "web", "hub", "mcp"},
	} {
		for _, folder := range folders {
			rows = append(rows, Row{Folder: folder, Level: level})
		}
	}
	for _, leaf := range []string{"internal/bound", "internal/jsonskip", "internal/jsonstream", "internal/archtest", "internal/testdata"} {
		rows = append(rows, Row{Folder: leaf, Leaf: true})
	}
	return rows
}

func impure() []Rule {
	const answers = "the same estate gives the same bytes; "
	return []Rule{
		{Path: "net/http", Why: answers + "an adapter does the talking"},
		{Path: "os/exec", Why: answers + "no process is started while deciding"},
		{Path: "database/sql", Why: answers + "what is kept belongs to store"},
		{Path: "log", Why: answers + "what is worth saying is in the answer"},
		{Path: "log/slog", Why: answers + "what is worth saying is in the answer"},
		{Path: "math/rand", Why: answers + "randomness comes in as a value"},
		{Path: "math/rand/v2", Why: answers + "randomness comes in as a value"},
		{Path: "crypto/rand", Why: answers + "randomness comes in as a value"},
	}
}

func confined() []Rule {
	return []Rule{
		// Image reads rpm's package database, a SQLite file of the image, with it.
		{Path: "modernc.org/sqlite", To: []string{"store/sqlite", "image"}, Why: "the database's driver ends in its store"},
		{Path: "github.com/jackc/pgx", To: []string{"store/postgres", "jobs"}, Why: "the database's driver ends in its store"},
		{Path: "github.com/pressly/goose", To: []string{"store/sqlite", "store/postgres"}, Why: "migrations belong to the stores"},
		{Path: "github.com/riverqueue/river", To: []string{"jobs"}, Why: "River's types never leave jobs"},
		{Path: "github.com/tink-crypto/tink-go", To: []string{"seal"}, Why: "how secrets are sealed is known in one place"},
		{Path: "gocloud.dev", To: []string{"seal"}, Why: "how secrets are sealed is known in one place"},
		{Path: "github.com/Azure/azure-sdk-for-go", To: []string{"azure", "collect"}, Why: "the SDK's types end in the adapter"},
		{Path: "github.com/AzureAD", To: []string{"azure"}, Why: "the SDK's types end in the adapter"},
		// The simulator has the registry's real handler behind its tokens.
		{Path: "github.com/google/go-containerregistry", To: []string{"image", "azuresim"}, Why: "registries are read in one place"},
		{Path: "github.com/google/osv-scalibr", To: []string{"image", "advisory"}, Why: "its types end where packages are read and versions compared"},
		{Path: "k8s.io", To: []string{"kube", "azuresim"}, Why: "Kubernetes' types end in the adapter; engines read the estate"},
		{Path: "github.com/spf13/cobra", To: []string{"cmd/azward"}, Why: "flags are read at the edge"},
		{Path: "github.com/spf13/pflag", To: []string{"cmd/azward"}, Why: "flags are read at the edge"},
		{Path: "github.com/danielgtaylor/huma", To: []string{"api"}, Why: "the HTTP framework ends in its door"},
		{Path: "github.com/modelcontextprotocol/go-sdk", To: []string{"mcp"}, Why: "the protocol ends in its door"},
		{Path: "github.com/openvex/go-vex", To: []string{"vex"}, Why: "the format's types end where it is written"},
		{Path: "github.com/owenrumney/go-sarif", To: []string{"report"}, Why: "the format's types end where it is written"},
		{Path: "cel.dev/cel-go", To: []string{"policy"}, Why: "the rule language ends in policy"},
	}
}

func testSupport() map[string]string {
	return map[string]string{
		"internal/archtest": "it judges the import graph",
		"internal/testdata": "it finds shared test data",
		"store/storetest":   "it is the contract suite of the stores",
		"seal/sealtest":     "it is the contract suite of the key providers",
		"access/accesstest": "it signs in as an issuer and an authenticator do",
	}
}

func testOnly() []Rule {
	return []Rule{
		{Path: "go.uber.org/goleak", Why: "it watches goroutines of a test run"},
		{Path: "github.com/google/go-cmp/cmp", Why: "it panics on unexported fields, which a test may and a product may not"},
		{Path: "github.com/rogpeppe/go-internal/testscript", Why: "it runs command-line tests (its txtar sibling is a format and may stay)"},
		{Path: "github.com/santhosh-tekuri/jsonschema", Why: "it checks what was written; the writers are tested, not trusted"},
		{Path: "testing", Why: "it adds flags and a test harness to whoever imports it"},
		{Path: "github.com/azward/azward/internal/archtest", Why: "it judges the import graph"},
		{Path: "github.com/azward/azward/internal/testdata", Why: "it finds shared test data"},
	}
}
