package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/config"
	"github.com/azward/azward/report"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/verdict"
)

// configFile is read where --file names no other.
const configFile = "azward.yaml"

func configCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "config", Short: "Describe connections, schedules and rules in a file in git",
		Long: `azward.yaml describes what azward reads and how it judges: connections,
registries, schedules, the posture profile with suppressions, and what tags mean.
Secrets stay outside: ${{ secrets.NAME }} names one. A jit-integration.yml is
read as it stands.`,
		Example: `  azward config init > azward.yaml
  azward config validate && azward config plan
  azward config apply
  azward config plan --file jit-integration.yml`,
	}
	var file string
	c.PersistentFlags().StringVarP(&file, "file", "f", configFile, "the file; - is standard input")
	c.AddCommand(
		&cobra.Command{Use: "init", Short: "Print a file to begin with", Args: cobra.NoArgs, RunE: a.print(config.Example)},
		&cobra.Command{Use: "schema", Short: "Print the file's JSON Schema", Args: cobra.NoArgs, RunE: a.print(config.Schema)},
		&cobra.Command{
			Use: "validate", Short: "Look for mistakes; nothing is resolved or asked", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return a.configValidate(file) },
		},
		configPlanCommand(a, &file), configApplyCommand(a, &file),
	)
	return c
}

func (a *app) print(text []byte) func(*cobra.Command, []string) error {
	return func(*cobra.Command, []string) error {
		return a.write(func(w io.Writer) error { _, err := w.Write(text); return err })
	}
}

func (a *app) configRead(name string) (f *config.File, problems []config.Problem, err error) {
	in := a.stdin
	if name != "-" {
		opened, err := os.Open(name)
		if err != nil {
			return nil, nil, &azward.Error{Kind: azward.KindUsage, Op: "read configuration", Subject: name, Cause: err.Error(), Remedy: "name the file with --file; azward config init prints one to begin with", Err: err}
		}
		defer func() { err = errors.Join(err, opened.Close()) }()
		in = opened
	}
	if name == "-" {
		name = "<stdin>"
	}
	f, problems = config.Parse(in, name)
	return f, problems, nil
}

func (a *app) configValidate(name string) error {
	if err := a.only("table", "json"); err != nil {
		return err
	}
	_, problems, err := a.configRead(name)
	if err != nil {
		return err
	}
	if a.output == "json" {
		if problems == nil {
			problems = []config.Problem{}
		}
		err := a.write(func(w io.Writer) error { return report.JSON(w, problems) })
		if err != nil || len(problems) == 0 {
			return err
		}
	}
	return config.Problems(problems)
}

func configPlanCommand(a *app, file *string) *cobra.Command {
	var failOn []string
	c := &cobra.Command{
		Use: "plan", Short: "Show what apply would change", Args: cobra.NoArgs,
		Long: `Show what apply would change. Secrets are resolved and compared, never shown.
Connections that never came from a file are left alone. Nothing is changed, and
Azure is not asked.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			for _, s := range failOn {
				if s != "change" {
					return &azward.Error{Kind: azward.KindUsage, Op: "read --fail-on", Subject: fmt.Sprintf("%.40q", s), Cause: "there is no such word", Remedy: "use change"}
				}
			}
			_, plan, err := a.configPlan(cmd.Context(), *file)
			if err != nil {
				return err
			}
			if err := a.writePlan(plan); err != nil {
				return err
			}
			if len(failOn) > 0 && len(plan.Differences) > 0 {
				return &azward.Error{Kind: azward.KindFailOn, Op: "compare the configuration", Subject: *file, Cause: fmt.Sprintf("%d things differ", len(plan.Differences)), Remedy: "azward config apply"}
			}
			return nil
		},
	}
	c.Flags().StringSliceVar(&failOn, "fail-on", nil, "exit with 3 on: change")
	return c
}

func configApplyCommand(a *app, file *string) *cobra.Command {
	return &cobra.Command{
		Use: "apply", Short: "Make the data directory agree with the file", Args: cobra.NoArgs,
		Long: `Make the data directory agree with the file: connections are added, changed and
removed (those that came from a file alone), their secrets sealed; the rest is
kept for scan, policy check and serve. Nothing is written to Azure.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			w, plan, err := a.configPlan(cmd.Context(), *file)
			if err != nil {
				return err
			}
			if err := w.Apply(cmd.Context(), plan, time.Now().UTC()); err != nil {
				return err
			}
			return a.writePlan(plan)
		},
	}
}

// configWorkspace is what files are applied to. Folder is what their paths
// are relative to.
func (a *app) configWorkspace(ctx context.Context, folder string) (config.Workspace, error) {
	kept, err := a.store(ctx)
	if err != nil {
		return config.Workspace{}, err
	}
	connections, err := a.connections(ctx)
	if err != nil {
		return config.Workspace{}, err
	}
	box, err := a.box()
	if err != nil {
		return config.Workspace{}, err
	}
	return config.Workspace{Store: kept, Connections: connections, Secrets: config.Finder{
		Getenv: a.getenv, Folder: folder, Store: kept, Box: box,
		Vault: seal.Vault{Address: a.getenv("VAULT_ADDR"), Token: seal.NewSecret(a.getenv("VAULT_TOKEN")), Namespace: a.getenv("VAULT_NAMESPACE")},
	}}, nil
}

func (a *app) configPlan(ctx context.Context, name string) (config.Workspace, *config.Plan, error) {
	f, problems, err := a.configRead(name)
	if err == nil {
		err = config.Problems(problems)
	}
	if err != nil {
		return config.Workspace{}, nil, err
	}
	w, err := a.configWorkspace(ctx, filepath.Dir(name))
	if err != nil {
		return w, nil, err
	}
	plan, err := w.Plan(ctx, f)
	return w, plan, err
}

func (a *app) writePlan(p *config.Plan) error {
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, p)
		}
		return writeDifferences(w, p.Differences, a.quiet)
	})
}

// criticality is what azward.yaml says that tags mean.
func (a *app) criticality(ctx context.Context) ([]verdict.CriticalityRule, error) {
	kept, err := a.store(ctx)
	if err != nil {
		return nil, err
	}
	applied, err := config.Load(ctx, kept)
	if err != nil {
		return nil, err
	}
	var rules []verdict.CriticalityRule
	for _, c := range applied.Criticality {
		rules = append(rules, verdict.CriticalityRule{Tag: c.Tag, Value: c.Value, Is: verdict.Criticality(c.Is)})
	}
	return rules, nil
}

// marks are how plans of other tools show actions.
var marks = map[config.Action]string{config.Add: "+", config.Change: "~", config.Remove: "-"}

func writeDifferences(w io.Writer, list []config.Difference, quiet bool) error {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%s %s %s\n", marks[d.Action], d.Kind, d.Name)
		for _, f := range d.Fields {
			switch {
			case f.Was == "":
				fmt.Fprintf(&b, "    %s: %s\n", f.Name, f.Is)
			case f.Is == "":
				fmt.Fprintf(&b, "    %s: %s -> (none)\n", f.Name, f.Was)
			default:
				fmt.Fprintf(&b, "    %s: %s -> %s\n", f.Name, f.Was, f.Is)
			}
		}
	}
	if len(list) == 0 && !quiet {
		b.WriteString("no changes\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func secretsCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "secrets", Short: "Keep secrets that azward.yaml refers to, sealed",
		Long: "Keep secrets that azward.yaml refers to as ${{ secrets.NAME }}, sealed with the\nkey of the data directory. They are never printed.",
	}
	var file string
	set := &cobra.Command{
		Use: "set NAME", Short: "Keep a secret, read from standard input or --secret-file", Args: cobra.ExactArgs(1),
		Example: "  azward secrets set azure_client_secret < secret.txt",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.secretSet(cmd.Context(), args[0], file) },
	}
	set.Flags().StringVar(&file, "secret-file", "", "file with the secret")
	c.AddCommand(
		set,
		&cobra.Command{Use: "list", Short: "List the names", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return a.secretList(cmd.Context()) }},
		&cobra.Command{Use: "remove NAME", Short: "Forget a secret", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			kept, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			return kept.RemoveSecret(cmd.Context(), args[0])
		}},
	)
	return c
}

func (a *app) secretSet(ctx context.Context, name, file string) error {
	if !config.ValidSecretName(name) {
		return &azward.Error{Kind: azward.KindUsage, Op: "keep secret", Subject: fmt.Sprintf("%.70q", name), Cause: "a name has letters, digits and _ alone, at most 128, and begins with no digit", Remedy: "choose another one"}
	}
	secret, err := a.readSecret("secret "+name, file)
	if err != nil {
		return err
	}
	kept, err := a.store(ctx)
	if err != nil {
		return err
	}
	box, err := a.box()
	if err != nil {
		return err
	}
	sealed, err := box.Seal(ctx, secret, config.SecretBound(name))
	if err != nil {
		return err
	}
	return kept.SaveSecret(ctx, name, sealed, time.Now().UTC())
}

func (a *app) secretList(ctx context.Context) error {
	if err := a.only("table", "json"); err != nil {
		return err
	}
	kept, err := a.store(ctx)
	if err != nil {
		return err
	}
	list, err := kept.Secrets(ctx)
	if err != nil {
		return err
	}
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			if list == nil {
				list = []store.Secret{}
			}
			return report.JSON(w, list)
		}
		for _, s := range list {
			if _, err := fmt.Fprintf(w, "%s\tkept %s\n", s.Name, s.UpdatedAt.Format(time.DateTime)); err != nil {
				return err
			}
		}
		return nil
	})
}
