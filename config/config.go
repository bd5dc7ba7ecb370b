// Package config reads azward.yaml, which describes what azward reads and how
// it judges, and makes the data directory agree with it: [Parse] reads the
// file, [Workspace.Plan] says what would change, [Workspace.Apply] changes it.
//
// Secrets never stand in the file: a value such as ${{ secrets.AZURE_SECRET }}
// names one, and a [Resolver] finds it.
package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// File is azward.yaml, or a jit-integration.yml, as it was read. Its texts may
// hold references to secrets.
type File struct {
	Name        string // as the user named it, for messages
	Connections []Connection
	Registries  []Registry
	Schedules   []Schedule
	Posture     Posture
	Criticality []Criticality
	// Retention is what is kept and for how long; nil where the file does not say.
	Retention *store.Retention
	Secrets   map[string]Source // where secrets are found that are not where others are
}

// Connection is a tenant to read.
type Connection struct {
	Name          string
	Tenant        Text
	Client        Text
	Auth          string
	Secret        Text // client secret, or PEM with certificate and key
	TokenFile     Text
	Cloud         string
	CloudConfig   string // path, relative to the file
	Subscriptions []Text // each may resolve to several, separated by commas
	at            place
}

// Registry is a registry to scan.
type Registry struct {
	LoginServer  string   `json:"loginServer"`
	Connection   string   `json:"connection,omitempty"`
	Repositories []string `json:"repositories,omitempty"`
	at           place
}

// Schedule scans connections and registries at times.
type Schedule struct {
	Name       string        `json:"name"`
	Cron       string        `json:"cron"` // five fields, or @daily and the like
	Timezone   string        `json:"timezone,omitempty"`
	Jitter     time.Duration `json:"jitter,omitempty"`
	Scan       []string      `json:"scan,omitempty"` // connections
	Registries []string      `json:"registries,omitempty"`
	at         place
}

// Posture says which rules are held against the estate.
type Posture struct {
	Profile      string        `json:"profile,omitempty"`
	Rules        []string      `json:"rules,omitempty"` // files and folders
	Suppressions []Suppression `json:"suppressions,omitempty"`
}

// Suppression accepts that a rule fails, for a reason and until a day.
type Suppression struct {
	Rule     string `json:"rule"`
	Resource string `json:"resource"` // ID, with * for any text
	Reason   string `json:"reason"`
	Expires  string `json:"expires"` // YYYY-MM-DD
	By       string `json:"by,omitempty"`
	at       place
}

// Criticality says what a tag, or a label of Kubernetes, means for the order
// of verdicts.
type Criticality struct {
	Tag   string `json:"tag"`
	Value string `json:"value"` // without case; "*" is any
	Is    string `json:"is"`    // low, medium, high
	at    place
}

// Source says where a secret is found: exactly one field is set.
type Source struct {
	Env    string // variable of the environment
	File   string // path, relative to the file
	Sealed string // name in azward's own store: azward secrets set NAME
	Vault  *Vault
	at     place
}

// Vault is a field of a secret in Vault's KV engine, version 2.
type Vault struct {
	Path  string // "MOUNT/PATH", such as secret/azward/prod
	Field string
}

// Problem is a mistake in the file.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`   // 1-based
	Column int    `json:"column"` // 1-based
	Path   string `json:"path"`   // connections.prod.tenant
	Cause  string `json:"cause"`
	Remedy string `json:"remedy,omitempty"`
}

// String gives the problem as a compiler would.
func (p Problem) String() string {
	where := fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	if p.Path != "" {
		where += ": " + p.Path
	}
	return where + ": " + p.Cause
}

// Problems are all mistakes of a file, as one error of KindUsage.
func Problems(list []Problem) error {
	if len(list) == 0 {
		return nil
	}
	var lines []string
	for _, p := range list {
		lines = append(lines, p.String())
	}
	remedy := list[0].Remedy
	if remedy == "" {
		remedy = "azward config schema prints what the file may hold"
	}
	return &azward.Error{Kind: azward.KindUsage, Op: "read configuration", Cause: strings.Join(lines, "\n"), Remedy: remedy}
}
