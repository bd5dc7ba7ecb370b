package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/azward/azward"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/report"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
)

func connectCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "connect", Short: "Add a connection to a tenant"}
	c.AddCommand(connectAzureCommand(a))
	return c
}

// secretVariable may hold the client secret instead of standard input.
const secretVariable = "AZURE_CLIENT_SECRET" //nolint:gosec // the name of a variable

func connectAzureCommand(a *app) *cobra.Command {
	var r connect.Request
	var tenant, auth, secretFile string
	c := &cobra.Command{
		Use:   "azure --tenant ID --client-id ID",
		Short: "Connect an Azure tenant, read-only",
		Long: `Connect an Azure tenant. azward needs the Reader role on what it should see,
and for clusters Azure Kubernetes Service Cluster User and RBAC Reader, for
registries AcrPull.

The client secret is read from --secret-file, from AZURE_CLIENT_SECRET, or from
standard input; never from an argument. It is kept sealed with the key in the
data directory.`,
		Example: `  azward connect azure --tenant 3f1c… --client-id 9d2e… < secret.txt
  azward connect azure --tenant 3f1c… --client-id 9d2e… --auth federatedToken --token-file /var/run/secrets/azure/tokens/azure-identity-token
  azward connect azure --auth azureCLI`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r.TenantID, r.Auth = tenant, store.AuthMethod(auth)
			if r.CloudConfig != "" {
				absolute, err := filepath.Abs(r.CloudConfig)
				if err != nil {
					return fmt.Errorf("find %s: %w", r.CloudConfig, err)
				}
				r.CloudConfig = absolute
			}
			if r.Auth == store.AuthClientSecret || r.Auth == store.AuthCertificate {
				if err := withoutSecret(r); err != nil {
					return err
				}
				secret, err := a.readSecret("client secret", secretFile)
				if err != nil {
					return err
				}
				r.Secret = secret
			}
			connections, err := a.connections(cmd.Context())
			if err != nil {
				return err
			}
			added, err := connections.Add(cmd.Context(), r, time.Now().UTC())
			if err != nil {
				return err
			}
			if !a.quiet {
				fmt.Fprintf(a.stderr, "connection %s added\nhint: azward doctor %s, then azward scan %s\n", added.Name, added.Name, added.Name)
			}
			return nil
		},
	}
	flags := c.Flags()
	flags.StringVar(&r.Name, "name", "", "name of the connection (default azure)")
	flags.StringVar(&tenant, "tenant", "", "tenant ID")
	flags.StringVar(&r.ClientID, "client-id", "", "client ID of the application")
	flags.StringVar(&auth, "auth", string(store.AuthClientSecret), "clientSecret, certificate, federatedToken, managedIdentity or azureCLI")
	flags.StringVar(&secretFile, "secret-file", "", "file with the client secret, or with certificate and key in PEM")
	flags.StringVar(&r.CredentialFile, "token-file", "", "file with the federated token")
	flags.StringSliceVar(&r.Subscriptions, "subscription", nil, "read these subscriptions alone, by their IDs (default all that it sees)")
	flags.StringVar(&r.Cloud, "cloud", "", "public, usgovernment or china")
	flags.StringVar(&r.CloudConfig, "cloud-config", "", "JSON file with other endpoints (docs/clouds.md)")
	return c
}

// withoutSecret checks the rest of a request before anybody is asked for a
// secret.
func withoutSecret(r connect.Request) error {
	if r.TenantID != "" {
		if _, err := azward.ParseGUID("tenant ID", r.TenantID); err != nil {
			return err
		}
	}
	if r.ClientID != "" {
		if _, err := azward.ParseGUID("client ID", r.ClientID); err != nil {
			return err
		}
	}
	return nil
}

const maxSecretBytes = 128 << 10

// readSecret takes the secret from a file, the environment (a client secret
// alone), a terminal without echo, or standard input.
func (a *app) readSecret(prompt, file string) (seal.Secret, error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return seal.Secret{}, &azward.Error{Kind: azward.KindUsage, Op: "read secret", Subject: file, Cause: err.Error(), Remedy: "name a file that can be read with --secret-file", Err: err}
		}
		defer f.Close()
		return secretFrom(f)
	}
	if value := a.getenv(secretVariable); value != "" && prompt == "client secret" {
		return seal.NewSecret(value), nil
	}
	if f, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(a.stderr, prompt+": ")
		raw, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.stderr)
		if err != nil {
			return seal.Secret{}, fmt.Errorf("read secret: %w", err)
		}
		return seal.NewSecret(strings.TrimSpace(string(raw))), nil
	}
	return secretFrom(a.stdin)
}

func secretFrom(r io.Reader) (seal.Secret, error) {
	raw, err := bound.ReadAll(r, maxSecretBytes, "the secret")
	if err != nil {
		return seal.Secret{}, fmt.Errorf("read secret: %w", err)
	}
	return seal.NewSecret(strings.TrimSpace(string(raw))), nil
}

func connectionsCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "connections", Short: "List, show and remove connections", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			connections, err := a.connections(cmd.Context())
			if err != nil {
				return err
			}
			list, err := connections.List(cmd.Context())
			if err != nil {
				return err
			}
			return a.writeConnections(list)
		},
	}
	c.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List connections", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return c.RunE(cmd, nil) },
		},
		&cobra.Command{
			Use: "show NAME", Short: "Show one connection; its secret is not shown", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				connections, err := a.connections(cmd.Context())
				if err != nil {
					return err
				}
				one, err := connections.Show(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.writeConnections([]store.Connection{one})
			},
		},
		&cobra.Command{
			Use: "remove NAME", Short: "Forget a connection, its secret and its verdicts; nothing changes in Azure", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				connections, err := a.connections(cmd.Context())
				if err != nil {
					return err
				}
				return connections.Remove(cmd.Context(), args[0])
			},
		},
	)
	return c
}

func (a *app) writeConnections(list []store.Connection) error {
	if err := a.only("table", "json"); err != nil {
		return err
	}
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			if list == nil {
				list = []store.Connection{}
			}
			return report.JSON(w, list)
		}
		if len(list) == 0 {
			_, err := fmt.Fprintln(w, "no connections; add one with azward connect azure")
			return err
		}
		t := newTable("name", "tenant", "client", "cloud", "sign-in", "created")
		for _, c := range list {
			cloud := c.Cloud
			if cloud == "" {
				cloud = c.CloudConfig
			}
			t.AppendRow(table.Row{c.Name, c.TenantID, c.ClientID, cloud, c.Auth, c.CreatedAt.Format(time.DateOnly)})
		}
		_, err := fmt.Fprintln(w, t.Render())
		return err
	})
}

func newTable(header ...any) table.Writer {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options.DrawBorder = false
	t.Style().Options.SeparateColumns = false
	t.AppendHeader(table.Row(header))
	return t
}

func doctorCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "doctor [NAME]", Short: "Check what a connection may read, and say what mends the rest", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			names, err := a.named(cmd.Context(), args)
			if err != nil {
				return err
			}
			var worst error
			for _, name := range names {
				checks, err := a.diagnose(cmd.Context(), name)
				if err != nil {
					return err
				}
				if err := a.write(func(w io.Writer) error { return a.writeChecks(w, name, checks) }); err != nil {
					return err
				}
				if err := connect.Worst(checks); err != nil {
					worst = err
				}
			}
			return worst
		},
	}
}

func (a *app) diagnose(ctx context.Context, name string) ([]connect.Check, error) {
	connections, err := a.connections(ctx)
	if err != nil {
		return nil, err
	}
	connection, secret, err := connections.Credential(ctx, name)
	if err != nil {
		return nil, err
	}
	client, err := connect.Open(connection, secret)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	a.progress.show("checking %s", name)
	checks := connect.Diagnose(ctx, connect.Through(client), connect.PatientOf(connection))
	a.progress.clear()
	drift, err := a.drift(ctx, name)
	return append(checks, drift...), errors.Join(err, ctx.Err())
}

// checkConfiguration compares a connection to the azward.yaml it came from.
const checkConfiguration connect.CheckID = "configuration"

// drift says whether a connection is as azward.yaml had it when it was last
// applied; nothing where it never came from a file.
func (a *app) drift(ctx context.Context, name string) ([]connect.Check, error) {
	w, err := a.configWorkspace(ctx, "")
	if err != nil {
		return nil, err
	}
	applied, list, err := w.Drift(ctx)
	if _, managed := applied.Connections[name]; err != nil || !managed {
		return nil, err
	}
	check := connect.Check{ID: checkConfiguration, Subject: applied.File, Answer: azward.Yes, Optional: true, Summary: "as it was applied on " + applied.At.Format(time.DateOnly)}
	for _, d := range list {
		if d.Name == name {
			var fields []string
			for _, f := range d.Fields {
				fields = append(fields, f.Name+" is "+cmp.Or(f.Is, "(none)")+", not "+cmp.Or(f.Was, "(none)"))
			}
			check.Answer, check.Summary = azward.No, "changed since it was applied: "+strings.Join(fields, "; ")
			check.Remedy = "azward config apply --file " + applied.File + ", or write the change into that file"
		}
	}
	return []connect.Check{check}, nil
}

func (a *app) writeChecks(w io.Writer, name string, checks []connect.Check) error {
	if a.output == "json" {
		return report.JSON(w, map[string]any{"connection": name, "checks": checks})
	}
	if _, err := fmt.Fprintf(w, "%s\n", name); err != nil {
		return err
	}
	for _, c := range checks {
		mark := map[azward.Answer]string{azward.Yes: "ok     ", azward.No: "FAILED ", azward.Unknown: "unknown"}[c.Answer]
		if c.Optional && c.Answer == azward.No {
			mark = "missing"
		}
		what := string(c.ID)
		if at := strings.LastIndexByte(c.Subject, '/'); at >= 0 {
			what += " " + c.Subject[at+1:]
		}
		if _, err := fmt.Fprintf(w, "  %s  %s: %s\n", mark, what, c.Summary); err != nil {
			return err
		}
		if c.Remedy != "" && c.Answer != azward.Yes {
			if _, err := fmt.Fprintf(w, "           hint: %s\n", c.Remedy); err != nil {
				return err
			}
		}
	}
	return nil
}

// named gives the connections to work on: those named, else all.
func (a *app) named(ctx context.Context, names []string) ([]string, error) {
	if len(names) > 0 {
		return names, nil
	}
	connections, err := a.connections(ctx)
	if err != nil {
		return nil, err
	}
	list, err := connections.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		names = append(names, c.Name)
	}
	if len(names) == 0 {
		return nil, &azward.Error{
			Kind: azward.KindUsage, Op: "choose connection", Cause: "there is none",
			Remedy: "add one with azward connect azure, or give files with --estate FILE",
		}
	}
	return names, nil
}
