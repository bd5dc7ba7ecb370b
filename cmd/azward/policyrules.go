package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/policy"
)

// loadRules gives azward's own rules and those of folders, and how many do not
// load; each of these is told.
func (a *app) loadRules(folders []string) (rules []*policy.Rule, lost int, err error) {
	rules, problems, err := policy.Rules()
	if err != nil {
		return nil, 0, err
	}
	rules = slices.Clone(rules)
	seen := map[string]bool{}
	for _, r := range rules {
		seen[r.ID] = true
	}
	for _, folder := range folders {
		more, bad, err := rulesOf(folder)
		if err != nil {
			return nil, 0, err
		}
		for _, r := range more {
			if seen[r.ID] {
				bad = append(bad, policy.Problem{File: ruleFile(folder, r.File), Line: r.Line, Rule: r.ID, Why: "another rule has its ID"})
				continue
			}
			seen[r.ID] = true
			rules = append(rules, r)
		}
		problems = append(problems, bad...)
	}
	return rules, len(problems), a.tellProblems("not evaluated", problems)
}

// rulesOf reads a folder of rules, or one file.
func rulesOf(name string) ([]*policy.Rule, []policy.Problem, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, &azward.Error{Kind: azward.KindUsage, Op: "read rules", Subject: name, Cause: "it cannot be read", Remedy: "name a folder of YAML files; docs/rules.md shows one", Err: err}
	}
	if !info.IsDir() {
		in, err := os.Open(name)
		if err != nil {
			return nil, nil, &azward.Error{Kind: azward.KindUsage, Op: "read rules", Subject: name, Cause: "it cannot be opened", Remedy: "name a file that can be read", Err: err}
		}
		text, err := io.ReadAll(bound.Reader(in, maxSuppressions, "a file of rules"))
		if err = errors.Join(err, in.Close()); err != nil {
			return nil, nil, fmt.Errorf("read rules: %w", err)
		}
		rules, bad := policy.Parse(name, text)
		return rules, bad, nil
	}
	rules, bad, err := policy.Load(os.DirFS(name))
	for i := range bad {
		bad[i].File = ruleFile(name, bad[i].File)
	}
	return rules, bad, err
}

// ruleFile is the path of a rule's file, which is relative to its folder.
func ruleFile(folder, file string) string {
	if file == folder {
		return file
	}
	return filepath.Join(folder, file)
}

func (a *app) tellProblems(what string, problems []policy.Problem) error {
	for _, p := range problems {
		if _, err := fmt.Fprintf(a.stderr, "%s: %s\n", what, p); err != nil {
			return err
		}
	}
	return nil
}

// maxSuppressions bounds, in bytes, one file of suppressions or rules.
const maxSuppressions = 4 << 20

// readSuppressions reads files of suppressions; what is not understood is told
// and does not hold.
func (a *app) readSuppressions(files []string) ([]*policy.Suppression, error) {
	var out []*policy.Suppression
	for _, file := range files {
		in, err := os.Open(file)
		if err != nil {
			return nil, &azward.Error{Kind: azward.KindUsage, Op: "read suppressions", Subject: file, Cause: "it cannot be opened", Remedy: "name a file that is there", Err: err}
		}
		text, err := io.ReadAll(bound.Reader(in, maxSuppressions, "a file of suppressions"))
		if err = errors.Join(err, in.Close()); err != nil {
			return nil, fmt.Errorf("read suppressions: %w", err)
		}
		found, problems := policy.ParseSuppressions(file, text)
		if err := a.tellProblems("does not hold", problems); err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// listed is one rule or policy as azward policy list shows it.
type listed struct {
	Engine     string          `json:"engine"`
	ID         string          `json:"id"`
	Title      string          `json:"title"`
	Severity   azward.Severity `json:"severity"`
	Category   string          `json:"category,omitempty"`
	Types      []string        `json:"types,omitempty"`
	Scope      string          `json:"scope,omitempty"`
	Frameworks []string        `json:"frameworks"`
	Reads      []string        `json:"reads,omitempty"`
	Rationale  string          `json:"rationale,omitempty"`
	Remedy     policy.Remedy   `json:"remedy,omitzero"`
	Source     string          `json:"source,omitempty"`
}

func policyListCommand(a *app) *cobra.Command {
	var f policyCheck
	c := &cobra.Command{
		Use: "list", Short: "What a profile evaluates", Args: cobra.NoArgs,
		Long: `List the rules and policies of a profile with their severity and the items of
frameworks that they decide.`,
		Example: `  azward policy list
  azward policy list --profile CIS --output json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.policyList(cmd.Context(), &f) },
	}
	f.addSelection(c)
	return c
}

func (a *app) policyList(ctx context.Context, f *policyCheck) error {
	if err := a.only("table", "json"); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	if _, err := a.configured(ctx, f); err != nil {
		return err
	}
	e := new(estate.Builder).Build()
	catalog, err := a.policyCatalog(e, f.definitions, f.aliases)
	if err != nil {
		return err
	}
	profile, _, err := a.selectProfile(e, catalog, f)
	if err != nil {
		return err
	}
	list := listProfile(profile)
	if err := a.tellSkipped(profile, catalog); err != nil {
		return err
	}
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			out := json.NewEncoder(w)
			out.SetIndent("", "  ")
			return out.Encode(list)
		}
		t := newTable("severity", "id", "title", "frameworks")
		for _, one := range list {
			t.AppendRow(table.Row{one.Severity, one.ID, cellOf(one.Title), cellOf(strings.Join(one.Frameworks, ", "))})
		}
		share(t, a.style().Width, 55, 3, 4)
		_, err := fmt.Fprintf(w, "%s\n%d rules, %d policies\n", t.Render(), len(profile.Rules), len(profile.Policies))
		return err
	})
}

func listProfile(profile policy.Profile) []listed {
	list := make([]listed, 0, len(profile.Rules)+len(profile.Policies))
	for _, r := range profile.Rules {
		list = append(list, listed{
			Engine: policy.EngineRules, ID: r.ID, Title: r.Title, Severity: r.Severity, Category: r.Category, Types: r.Types, Scope: r.Scope,
			Frameworks: append([]string{}, r.Frameworks...), Reads: r.Reads, Rationale: r.Rationale, Remedy: r.Remedy, Source: r.Source,
		})
	}
	for _, p := range profile.Policies {
		d := p.Definition
		list = append(list, listed{
			Engine: policy.EngineAzure, ID: d.Name, Title: d.DisplayName, Severity: policy.SeverityOf(p), Category: d.Category,
			Frameworks: append([]string{}, p.Groups...),
		})
	}
	slices.SortStableFunc(list, func(x, y listed) int {
		if by := y.Severity.Rank() - x.Severity.Rank(); by != 0 {
			return by
		}
		return strings.Compare(x.ID, y.ID)
	})
	return list
}

func policyTestCommand(a *app) *cobra.Command {
	var folders []string
	c := &cobra.Command{
		Use: "test --rules DIR", Short: "Try rules on their cases", Args: cobra.NoArgs,
		Long: `Try every rule in the folders on the cases that stand beside it. A rule without
a case that fails, or without one that is unknown where it reads anything, is
not proven, and told.`,
		Example: `  azward policy test --rules rules/`,
		RunE:    func(*cobra.Command, []string) error { return a.policyTest(folders) },
	}
	c.Flags().StringArrayVar(&folders, "rules", nil, "folder of rules (repeatable)")
	return c
}

func (a *app) policyTest(folders []string) error {
	if err := a.only("table"); err != nil {
		return err
	}
	if len(folders) == 0 {
		return &azward.Error{Kind: azward.KindUsage, Op: "test rules", Cause: "no folder is named", Remedy: "azward policy test --rules DIR"}
	}
	bad, rules, cases := 0, 0, 0
	for _, folder := range folders {
		found, problems, err := policy.Load(os.DirFS(folder))
		if err != nil {
			return err
		}
		for _, r := range found {
			rules, cases = rules+1, cases+len(r.Cases)
			problems = append(problems, r.Prove()...)
		}
		bad += len(problems)
		if err := a.tellProblems("failed", problems); err != nil {
			return err
		}
	}
	if bad > 0 {
		return &azward.Error{Kind: azward.KindFailOn, Op: "test rules", Cause: fmt.Sprintf("%d problems in %d rules", bad, rules), Remedy: "see above"}
	}
	return a.write(func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d rules, %d cases: all as wanted\n", rules, cases)
		return err
	})
}
