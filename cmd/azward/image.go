package main

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
	"github.com/azward/azward/registry"
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
	var gate findingGate
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
			if err := gate.check(); err != nil {
				return err
			}
			ref, err := image.ParseReference(args[0])
			if err != nil {
				return err
			}
			images := &pulling{plainHTTP: plainHTTP}
			defer images.close()
			if err := a.signIn(cmd.Context(), images, ref.Registry, connection); err != nil {
				return err
			}
			transfers := &transfers{progress: &a.progress}
			images.scanner = &image.Scanner{Platform: platform, Progress: transfers.layer}
			img, err := images.scanner.ScanReference(cmd.Context(), ref, images.registry)
			if err != nil {
				return err
			}
			a.progress.clear()
			if !match {
				return a.writePackages(img)
			}
			return a.matchImage(img, gate)
		},
	}
	c.Flags().StringVar(&connection, "connection", "", "sign in to the cloud's registries with this connection")
	c.Flags().StringVar(&platform, "platform", "", "platform to take from an index (default linux/amd64)")
	c.Flags().BoolVar(&plainHTTP, "plain-http", false, "speak HTTP to a registry on loopback")
	if match {
		gate.flags(c.Flags())
	}
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

func (a *app) matchImage(img *image.Image, gate findingGate) error {
	index, err := a.advisories()
	if err != nil {
		return err
	}
	defer index.Close()
	a.warnStale(index, time.Now())
	one, gaps, err := registry.Single(img, index)
	if err != nil {
		return err
	}
	view := &registry.View{Images: []*registry.Image{one}}
	actions, err := advise(view, one, index)
	if err != nil {
		return err
	}
	actions.Name = img.Reference
	if err := a.writeImage(false, img, actions, gaps); err != nil {
		return err
	}
	return gate.judge(view.Images, len(gaps))
}
