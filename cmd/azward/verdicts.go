package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/foreign"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/report"
	"github.com/azward/azward/store"
	"github.com/azward/azward/verdict"
)

// failOn is the condition of a CI gate.
type failOn struct {
	on       []string
	severity string
	kev      bool
}

func (f *failOn) flags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.on, "fail-on", nil, "exit 3 when a verdict is one of: exploitable, conditional, unknown, dormant")
	flags.StringVar(&f.severity, "severity", "", "count verdicts of this severity and above: low, medium, high, critical")
	flags.BoolVar(&f.kev, "kev", false, "count known exploited vulnerabilities alone")
}

func (f *failOn) check() error {
	for _, on := range f.on {
		if r := resultNamed(on); r == "" || r == azward.NotExploitable {
			return &azward.Error{
				Kind: azward.KindUsage, Op: "read --fail-on", Subject: fmt.Sprintf("%.40q", on), Cause: "there is no such condition",
				Remedy: "use exploitable, conditional, unknown, dormant, or several of them",
			}
		}
	}
	if f.severity != "" && azward.Severity(f.severity).Rank() == 0 {
		return &azward.Error{Kind: azward.KindUsage, Op: "read --severity", Subject: fmt.Sprintf("%.40q", f.severity), Cause: "there is no such severity", Remedy: "use low, medium, high or critical"}
	}
	return nil
}

// resultNamed gives the result of a name on the command line, "" for none.
// "yes" is what exploitable was called first.
func resultNamed(name string) azward.Result {
	if name == "yes" {
		return azward.Exploitable
	}
	if r := azward.Result(name); slices.Contains(azward.Results(), r) {
		return r
	}
	return ""
}

func (f *failOn) counts(v azward.Verdict) bool {
	return v.Finding.Severity.Rank() >= azward.Severity(f.severity).Rank() && (!f.kev || v.Finding.KEV)
}

// judge gives the error of the gate: met, or undecided when nothing met it and
// the answer could still be another one.
func (f *failOn) judge(verdicts []azward.Verdict, gaps int) error {
	if len(f.on) == 0 {
		return nil
	}
	var met, unknown int
	for _, v := range verdicts {
		switch {
		case !f.counts(v) || v.Dismissed != nil:
		case slices.ContainsFunc(f.on, func(on string) bool { return resultNamed(on) == v.Result }):
			met++
		case v.Exploitable == azward.Unknown:
			unknown++
		}
	}
	on := strings.Join(f.on, ",")
	switch {
	case met > 0:
		return &azward.Error{Kind: azward.KindFailOn, Op: "--fail-on " + on, Cause: fmt.Sprintf("%d verdicts meet it", met)}
	case unknown > 0 || gaps > 0:
		return &azward.Error{
			Kind: azward.KindUndecided, Op: "--fail-on " + on,
			Cause:  fmt.Sprintf("nothing meets it, but %d verdicts are unknown and %d things could not be read", unknown, gaps),
			Remedy: "close the gaps that azward scan lists, or accept them with --fail-on exploitable and exit code 4",
		}
	}
	return nil
}

func verdictsCommand(a *app) *cobra.Command {
	var exploitable, results []string
	var vulnerability, workload, connection string
	var dismissed bool
	var document vexFlags
	var gate failOn
	c := &cobra.Command{
		Use: "verdicts", Short: "List the verdicts of the last scans", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.only(verdictFormats...); err != nil {
				return err
			}
			if err := document.check(a.output, cmd.Flags().Changed, "exploitable", "result", "workload", "connection"); err != nil {
				return err
			}
			if err := gate.check(); err != nil {
				return err
			}
			var answers []azward.Answer
			var named []azward.Result
			filter := store.Filter{Source: connection, Vulnerability: vulnerability, MinSeverity: azward.Severity(gate.severity)}
			for _, text := range exploitable {
				answer, err := azward.ParseAnswer(text)
				if err != nil {
					return err
				}
				answers = append(answers, answer)
			}
			for _, text := range results {
				result := resultNamed(text)
				if result == "" {
					return &azward.Error{Kind: azward.KindUsage, Op: "read --result", Subject: fmt.Sprintf("%.40q", text), Cause: "there is no such result", Remedy: "use exploitable, conditional, unknown, dormant or not-exploitable"}
				}
				named = append(named, result)
			}
			if workload != "" {
				id, err := azward.ParseResourceID(workload)
				if err != nil {
					return err
				}
				filter.Workload = id
			}
			kept, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			var verdicts []azward.Verdict
			for v, err := range kept.Verdicts(cmd.Context(), filter) {
				if err != nil {
					return err
				}
				if !gate.kev || v.Finding.KEV {
					verdicts = append(verdicts, v)
				}
			}
			if verdicts, err = a.marked(cmd.Context(), verdicts, time.Now()); err != nil {
				return err
			}
			verdicts = slices.DeleteFunc(verdicts, func(v azward.Verdict) bool { // by what they are now, not when they were saved
				return len(answers) > 0 && !slices.Contains(answers, v.Exploitable) || len(named) > 0 && !slices.Contains(named, v.Result)
			})
			err = a.write(func(w io.Writer) error {
				switch a.output {
				case "openvex", "csaf", "cyclonedx":
					return a.document(w, verdicts, document)
				case "table":
					return a.writeTable(w, verdicts, dismissed)
				}
				return a.writeVerdicts(w, verdicts)
			})
			if err != nil {
				return err
			}
			gaps, err := a.gapsOf(cmd, connection)
			if err != nil {
				return err
			}
			if err := gate.judge(verdicts, gaps); err != nil || !gate.kev || len(gate.on) == 0 {
				return err
			}
			index, err := a.advisories()
			if err != nil {
				return err
			}
			return errors.Join(wantKEV(index), index.Close())
		},
	}
	flags := c.Flags()
	flags.StringSliceVar(&exploitable, "exploitable", nil, "yes, no, unknown, or several of them")
	flags.StringSliceVar(&results, "result", nil, "exploitable, conditional, unknown, dormant, not-exploitable, or several of them")
	flags.StringVar(&vulnerability, "vulnerability", "", "a CVE or another ID of it")
	flags.StringVar(&workload, "workload", "", "resource ID of a workload, cluster, resource group or subscription")
	flags.StringVar(&connection, "connection", "", "verdicts of this connection alone")
	flags.BoolVar(&dismissed, "dismissed", false, "show those that were dismissed, too")
	document.flags(flags)
	gate.flags(flags)
	return c
}

// gapsOf counts what the last scan of each source could not read.
func (a *app) gapsOf(cmd *cobra.Command, connection string) (int, error) {
	kept, err := a.store(cmd.Context())
	if err != nil {
		return 0, err
	}
	const recent = 100
	scans, err := kept.Scans(cmd.Context(), recent)
	if err != nil {
		return 0, err
	}
	gaps, seen := 0, map[string]bool{}
	for _, s := range scans { // newest first
		finished := s.State == store.ScanComplete || s.State == store.ScanPartial
		if finished && !seen[s.Source] && (connection == "" || s.Source == connection) {
			seen[s.Source] = true
			gaps += s.Gaps
		}
	}
	return gaps, nil
}

func explainCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "explain VERDICT", Short: "Show the proof of a verdict",
		Long: `Show why a verdict is what it is: each condition with the facts that decided.
With --output proof the proof is written as a document of its own, which
azward verify replays without the estate.`,
		Example: "  azward explain v-0123456789abcdef\n  azward explain v-0123456789abcdef --output html -o verdict.html\n  azward explain v-0123456789abcdef --output proof -o proof.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.only("table", "json", "markdown", "html", "proof"); err != nil {
				return err
			}
			id, err := azward.ParseVerdictID(args[0])
			if err != nil {
				return err
			}
			kept, err := a.store(cmd.Context())
			if err != nil {
				return err
			}
			if a.output == "proof" {
				raw, err := kept.Proof(cmd.Context(), id)
				if err != nil {
					return err
				}
				return a.write(func(w io.Writer) error {
					_, err := w.Write(raw)
					return err
				})
			}
			v, err := kept.Verdict(cmd.Context(), id)
			if err != nil {
				return err
			}
			now, err := a.marked(cmd.Context(), []azward.Verdict{v}, time.Now())
			if err != nil {
				return err
			}
			v = now[0]
			return a.write(func(w io.Writer) error {
				switch a.output {
				case "json":
					return report.JSON(w, v)
				case "markdown":
					return report.Markdown(w, v)
				case "html":
					return a.writePage(cmd.Context(), w, v)
				default:
					if err := report.Explain(w, v, a.style()); err != nil {
						return err
					}
					return a.writeClosing(cmd.Context(), w, v)
				}
			})
		},
	}
}

func verifyCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "verify FILE", Short: "Replay a saved proof offline, byte for byte", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			f, err := os.Open(args[0])
			if err != nil {
				return &azward.Error{Kind: azward.KindUsage, Op: "open proof", Subject: args[0], Cause: err.Error(), Remedy: "name a file that azward explain --output proof wrote", Err: err}
			}
			defer f.Close()
			raw, err := bound.ReadAll(f, verdict.MaxProofBytes, "the proof")
			if err != nil {
				return fmt.Errorf("read %s: %w", args[0], err)
			}
			replay, err := verdict.Verify(raw, foreign.Or(advisory.Rematch))
			if err != nil {
				return err
			}
			return a.write(func(w io.Writer) error {
				if a.output == "json" {
					return report.JSON(w, replay)
				}
				_, err := fmt.Fprintf(w, "verified: %s\n%d facts stand in the %d documents that they cite; deciding again gives the same verdict, byte for byte\n",
					replay.Verdict.Summary, replay.Facts, replay.Documents)
				return err
			})
		},
	}
}
