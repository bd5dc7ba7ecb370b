package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/exposure/draw"
	"github.com/azward/azward/report"
)

// estateFlags name what an analysing command reads.
type estateFlags struct {
	files    []string
	cluster  string
	complete bool
}

func (f *estateFlags) add(c *cobra.Command) {
	flags := c.PersistentFlags()
	flags.StringArrayVar(&f.files, "estate", nil, "estate file, export or folder (repeatable)")
	flags.StringVar(&f.cluster, "cluster", "", "cluster that pods, or Kubernetes objects of the files, belong to")
	flags.BoolVar(&f.complete, "complete", false, "the files leave nothing out: on your word, at the price of confidence")
}

// open reads the files; without any, the estate of the last scan.
func (f *estateFlags) open(a *app, c *cobra.Command) (*estate.Estate, error) {
	if len(f.files) > 0 {
		return estate.Open(c.Context(), estate.ReadOptions{Cluster: f.cluster, Complete: f.complete}, f.files...)
	}
	e, _, err := a.lastEstate(c.Context(), "")
	if azward.KindOf(err) == azward.KindNotFound {
		return nil, &azward.Error{
			Kind: azward.KindUsage, Op: "open estate", Cause: "no file is named, and no scan is kept",
			Remedy: "name files with --estate, or scan first: azward scan", Err: err,
		}
	}
	return e, err
}

func exposureCommand(a *app) *cobra.Command {
	var f estateFlags
	var to string
	var ladder, services bool
	c := &cobra.Command{
		Use: "exposure", Short: "Who can reach what, and which rule decides", Args: cobra.NoArgs,
		Long: `Tell for every workload whether the internet reaches it, on which ports, from
which addresses and along which hops. With --ladder, tell it for every source
class: a list of addresses, any customer of Azure, behind a sign-in, a private
endpoint's consumer, behind the gateway, peered networks, its own network.
With --to, all about one workload: its path, its ladder, and the settings that
would close it or open it; or about the endpoint of a database, cache, storage
account, message broker, key vault, registry or cluster. --services lists those
endpoints after the workloads.

Without --estate the estate of the last scan is read.`,
		Example: `  azward exposure
  azward exposure --estate tenant.ndjson.zst --ladder
  azward exposure --to vm-web --output svg -o vm-web.svg`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.only("table", "json", "svg", "dot"); err != nil {
				return err
			}
			e, err := f.open(a, cmd)
			if err != nil {
				return err
			}
			if e, err = a.withServiceTags(e); err != nil {
				return err
			}
			if to != "" {
				return a.exposureOf(e, to)
			}
			all := exposure.All(e)
			if services {
				all = append(all, exposure.Endpoints(e)...)
			}
			if ladder && a.output != "svg" && a.output != "dot" {
				return a.ladders(e, all)
			}
			return a.write(func(w io.Writer) error {
				switch a.output {
				case "json":
					return report.JSON(w, append([]exposure.Exposure{}, all...))
				case "svg", "dot":
					pictures := make([]draw.Picture, 0, len(all))
					for _, x := range all {
						pictures = append(pictures, draw.OfExposure(x))
					}
					return a.draw(w, pictures...)
				}
				return exposureTable(w, all)
			})
		},
	}
	c.Flags().StringVar(&to, "to", "", "this workload or service alone: its resource ID, or the last part of it")
	c.Flags().BoolVar(&ladder, "ladder", false, "answer for every source class, not for the internet alone")
	c.Flags().BoolVar(&services, "services", false, "list the endpoints of databases, storage and other data services, too")
	f.add(c)
	c.AddCommand(exposureCheckCommand(a, &f), exposureDiffCommand(a), exposurePodsCommand(a, &f))
	return c
}

// draw writes paths as pictures.
func (a *app) draw(w io.Writer, pictures ...draw.Picture) error {
	if a.output == "dot" {
		return draw.DOT(w, pictures...)
	}
	return draw.SVG(w, pictures...)
}

func exposureTable(w io.Writer, all []exposure.Exposure) error {
	t := newTable("reached", "kind", "workload", "class", "flows", "why")
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "why", WidthMax: 80}, {Name: "flows", WidthMax: 30}, {Name: "workload", WidthMax: 40}})
	for _, x := range all {
		var flows []string
		for _, f := range x.Flows {
			flows = append(flows, f.Protocol+" "+f.Ports)
		}
		t.AppendRow(table.Row{x.Answer, kindOf(x.Workload), report.Place(x.Workload), x.Class, strings.Join(flows, ", "), x.Summary})
	}
	_, err := fmt.Fprintln(w, t.Render())
	return err
}

// kindOf is the kind of a workload, or the type of a data service.
func kindOf(w azward.Workload) string {
	if w.Kind != "" {
		return string(w.Kind)
	}
	return w.ID.Type()
}

func exposureCheckCommand(a *app, f *estateFlags) *cobra.Command {
	var q exposure.Question
	var flows string
	c := &cobra.Command{
		Use: "check --from PLACE --to PLACE --protocol tcp --port 443", Short: "May one flow pass, and which rule decides", Args: cobra.NoArgs,
		Long: `Answer one flow, or with --flows one a line: {"from":…,"to":…,"protocol":"tcp",
"port":443,"expect":"no"}. PLACE is an address or prefix, internet, an ARM ID in
any case, or pod/NAMESPACE/NAME, deployment/NAMESPACE/NAME, service/NAMESPACE/NAME.
Exit code 3 when an expectation is not met. With --flows, --output sarif and
--output junit write what CI servers show.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			known := []string{"table", "json", "svg", "dot"}
			if flows != "" {
				known = []string{"table", "json", "sarif", "junit"}
			}
			if err := a.only(known...); err != nil {
				return err
			}
			e, err := f.open(a, cmd)
			if err != nil {
				return err
			}
			if e, err = a.withServiceTags(e); err != nil {
				return err
			}
			q.Cluster = f.cluster
			if flows != "" {
				return a.checkFlows(e, flows, q.Cluster)
			}
			r, err := exposure.Check(e, q)
			if err != nil {
				return err
			}
			return a.write(func(w io.Writer) error {
				switch a.output {
				case "json":
					return report.JSON(w, r)
				case "svg", "dot":
					return a.draw(w, draw.OfResult(r))
				}
				return writeCheck(w, r)
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&q.From, "from", "", "where the flow comes from")
	flags.StringVar(&q.To, "to", "", "where it goes")
	flags.StringVar(&q.Protocol, "protocol", "tcp", "tcp, udp, icmp, esp, ah or sctp")
	flags.IntVar(&q.Port, "port", 0, "destination port")
	flags.IntVar(&q.SourcePort, "source-port", 0, "source port (default any)")
	flags.StringVar(&q.FiltersOnly, "filters-only", "", "inbound or outbound: the packet filters at one end alone, as IP flow verify answers")
	flags.StringVar(&flows, "flows", "", "file with one question a line, - for standard input")
	return c
}

func writeCheck(w io.Writer, r exposure.Result) error {
	if _, err := fmt.Fprintf(w, "%s: %s\n", r.Answer, r.Summary); err != nil {
		return err
	}
	for _, d := range r.DecidedBy {
		if _, err := fmt.Fprintf(w, "  %s\n    %s %s\n", d.Rule, d.Resource, d.Property); err != nil {
			return err
		}
	}
	for _, g := range r.Gaps {
		if _, err := fmt.Fprintf(w, "  missing: %s of %s: %s\n", g.Reads, g.Scope, g.Error); err != nil {
			return err
		}
	}
	return nil
}
