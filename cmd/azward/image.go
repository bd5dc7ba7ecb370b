package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
	"github.com/azward/azward/report"
)

func imageCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "image", Short: "Read one image"}
	c.AddCommand(imageReadCommand(a, "packages", "List the packages of an image", false))
	c.AddCommand(imageReadCommand(a, "scan", "List the vulnerabilities of an image", true))
	return c
}

func imageReadCommand(a *app, use, short string, match bool) *cobra.Command {
	var connection, platform string
	var plainHTTP bool
	c := &cobra.Command{
		Use: use + " REF", Short: short, Args: cobra.ExactArgs(1),
		Long: short + `.

REF is registry/repository:tag, registry/repository@sha256:…, oci:DIR for an OCI
layout, tar:FILE for a saved image, or file:PATH for one program.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			ref, err := image.ParseReference(args[0])
			if err != nil {
				return err
			}
			images := &pulling{plainHTTP: plainHTTP, scanner: &image.Scanner{Platform: platform, Progress: func(p image.Progress) {
				a.progress.show("reading %s: %.1f of %.1f MB", p.Image, float64(p.Done)/1e6, float64(p.Total)/1e6)
			}}}
			defer images.close()
			if connection != "" {
				client, kept, err := a.client(cmd.Context(), connection)
				if err != nil {
					return err
				}
				defer client.Close()
				images.client, images.tenant = client, kept.TenantID
			}
			img, err := images.scanner.ScanReference(cmd.Context(), ref, images.registry)
			if err != nil {
				return err
			}
			a.progress.clear()
			if !match {
				return a.writePackages(img)
			}
			return a.matchImage(cmd.Context(), img)
		},
	}
	c.Flags().StringVar(&connection, "connection", "", "sign in to the cloud's registries with this connection")
	c.Flags().StringVar(&platform, "platform", "", "platform to take from an index (default linux/amd64)")
	c.Flags().BoolVar(&plainHTTP, "plain-http", false, "speak HTTP to a registry on loopback")
	return c
}

func (a *app) writePackages(img *image.Image) error {
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, img)
		}
		t := newTable("package", "version", "ecosystem", "layer")
		for _, p := range img.Packages {
			t.AppendRow(table.Row{p.Name, p.Version, p.Ecosystem, short(p.Layer)})
		}
		if _, err := fmt.Fprintf(w, "%s\n%s\n\n%d packages in %d layers\n", img.Scope(), t.Render(), len(img.Packages), len(img.Layers)); err != nil {
			return err
		}
		return writeGaps(w, img.Gaps)
	})
}

func short(d azward.Digest) string {
	const shown = len("sha256:") + 12
	if len(d) > shown {
		return string(d[:shown])
	}
	return string(d)
}

func (a *app) matchImage(_ context.Context, img *image.Image) error {
	index, err := a.advisories()
	if err != nil {
		return err
	}
	defer index.Close()
	a.warnStale(index, time.Now())
	matched, err := index.MatchAll(img.Scope(), img.Packages)
	if err != nil {
		return err
	}
	found := matched.Findings
	if found == nil {
		found = []azward.Finding{}
	}
	img.Gaps = append(img.Gaps, matched.Gaps...)
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, struct {
				*image.Image
				Vulnerabilities []azward.Finding `json:"vulnerabilities"`
			}{img, found})
		}
		t := newTable("vulnerability", "severity", "package", "fixed in", "layer")
		for _, f := range found {
			t.AppendRow(table.Row{f.ID, f.Severity, f.PURL, f.FixedIn, short(f.Layer)})
		}
		if len(found) > 0 {
			if _, err := fmt.Fprintln(w, t.Render()); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(w, "%d vulnerabilities in %d packages of %s\n", len(found), len(img.Packages), img.Scope()); err != nil {
			return err
		}
		return writeGaps(w, img.Gaps)
	})
}
