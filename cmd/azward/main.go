// Command azward reads Azure tenants and proves which vulnerabilities can be
// exploited in them. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/azward/azward"
)

// version is set when a release is built.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	stop()
	os.Exit(code)
}

// run is the whole program without the process: it returns the exit code that
// docs/errors.md lists.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, getenv: getenv}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	err = errors.Join(err, a.close())
	if err == nil {
		return 0
	}
	a.progress.clear()
	return a.fail(ctx, err)
}

// fail prints an error and its remedy, and gives the exit code.
func (a *app) fail(ctx context.Context, err error) int {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		fmt.Fprintln(a.stderr, "azward: interrupted; what was saved before stands")
		return azward.KindInterrupted.ExitCode()
	}
	fmt.Fprintf(a.stderr, "azward: %s\n", strings.TrimSpace(err.Error()))
	var own *azward.Error
	if errors.As(err, &own) {
		if own.Remedy != "" {
			fmt.Fprintf(a.stderr, "hint: %s\n", own.Remedy)
		}
		return own.Kind.ExitCode()
	}
	return azward.KindFailed.ExitCode()
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "azward",
		Short: "Prove which vulnerabilities can be exploited in Azure",
		Long: `azward reads Azure tenants, scans the images that run there, computes who can
reach what, and answers per workload and vulnerability: exploitable, on a
condition, dormant, not, or unknown, with the facts that decided.

Exit codes: 0 done, 1 failed, 2 usage, 3 --fail-on met, 4 --fail-on undecided,
10 sign-in or consent, 11 role missing, 130 interrupted.`,
		SilenceUsage: true, SilenceErrors: true, Version: version,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.prepare() },
	}
	root.SetVersionTemplate("azward {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = true
	flags := root.PersistentFlags()
	flags.StringVar(&a.data, "data", "", "data directory (default $XDG_STATE_HOME/azward or ~/.local/state/azward)")
	flags.StringVar(&a.output, "output", "table", "format: table, json, and where it means something markdown, html, sarif, openvex, csaf, cyclonedx, spdx, ocsf, csv, junit, svg, dot, proof")
	flags.StringVarP(&a.out, "out", "o", "", "write the result to this file")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no hints")
	flags.StringVar(&a.logLevel, "log-level", "warn", "debug, info, warn or error")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &azward.Error{Kind: azward.KindUsage, Op: "read flags", Cause: err.Error(), Remedy: "see " + c.CommandPath() + " --help", Err: err}
	})
	for _, g := range []struct {
		id, title string
		commands  []func(*app) *cobra.Command
	}{
		{"start", "Start:", []func(*app) *cobra.Command{demoCommand, serveCommand, connectCommand, connectionsCommand, doctorCommand, configCommand, secretsCommand, usersCommand, advisoryCommand, updateCommand}},
		{"verdicts", "Verdicts:", []func(*app) *cobra.Command{
			scanCommand, collectCommand, importCommand, verdictsCommand, explainCommand, whyNotCommand, whatIfCommand, changesCommand, dismissCommand, reopenCommand, verifyCommand,
		}},
		{"look", "Look closer:", []func(*app) *cobra.Command{exposureCommand, policyCommand, imageCommand, registryCommand}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, command := range g.commands {
			c := command(a)
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	usageErrors(root)
	return root
}

// usageErrors turns wrong arguments of every command into usage errors.
func usageErrors(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return &azward.Error{Kind: azward.KindUsage, Op: "read arguments", Cause: err.Error(), Remedy: "see " + c.CommandPath() + " --help", Err: err}
			}
			return nil
		}
	}
	if c.HasSubCommands() && c.RunE == nil && c.Run == nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return &azward.Error{
				Kind: azward.KindUsage, Op: "read command", Subject: fmt.Sprintf("%.60q", args[0]),
				Cause: "there is no such command", Remedy: "see " + c.CommandPath() + " --help",
			}
		}
		c.Args = cobra.ArbitraryArgs
	}
	for _, child := range c.Commands() {
		usageErrors(child)
	}
}
