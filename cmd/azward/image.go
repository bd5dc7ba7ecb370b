package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/report"
	"github.com/azward/azward/vex"
)

func imageCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "image", Short: "Read one image"}
	c.AddCommand(imagePackagesCommand(a), imageScanCommand(a), imageDiffCommand(a))
	return c
}

// references is how the commands name images.
const references = `
REF is registry/repository:tag, registry/repository@sha256:…, oci:DIR for an OCI
layout, tar:FILE for a saved image, file:PATH for one program, or sbom:FILE for
the packages of an SBOM (CycloneDX or SPDX as JSON; sbom:- reads stdin).`

// imageFlags say how an image is read.
type imageFlags struct {
	connection, platform string
	sbom                 string
	plainHTTP            bool
}

func (f *imageFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.connection, "connection", "", "sign in to the cloud's registries with this connection (default: the only one)")
	flags.StringVar(&f.platform, "platform", "", "platform to take from an index (default linux/amd64)")
	flags.StringVar(&f.sbom, "sbom", "", "attached: take the packages from the SBOM that is attached to the image, instead of its layers")
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "speak HTTP to a registry on loopback")
}

// check refuses what the flags do not know.
func (f *imageFlags) check() error {
	if f.sbom == "" || f.sbom == "attached" {
		return nil
	}
	return &azward.Error{
		Kind: azward.KindUsage, Op: "read --sbom", Subject: fmt.Sprintf("%.60q", f.sbom), Cause: "there is no such source",
		Remedy: "use --sbom attached, or name a file as azward image scan sbom:FILE",
	}
}

func imagePackagesCommand(a *app) *cobra.Command {
	var f imageFlags
	c := &cobra.Command{
		Use: "packages REF", Short: "List the packages of an image", Args: cobra.ExactArgs(1), Long: "List the packages of an image.\n" + references,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.only("table", "json", "csv", "cyclonedx", "spdx"); err != nil {
				return err
			}
			img, err := a.readImage(cmd.Context(), args[0], f)
			if err != nil {
				return err
			}
			return a.writePackages(img)
		},
	}
	f.add(c.Flags())
	return c
}

func imageScanCommand(a *app) *cobra.Command {
	var f imageFlags
	var gate findingGate
	var documents []string
	c := &cobra.Command{
		Use: "scan REF", Short: "List the vulnerabilities of an image, and what to change", Args: cobra.ExactArgs(1),
		Long: `List the vulnerabilities of an image by the layer that brought them, and what to
change, the most effective first. Layers that were read before are not read again.
What an OpenVEX document of --vex says not to affect the image, or to be fixed in
it, is shown as suppressed, and counts for nothing.
` + references,
		Example: `  azward image scan contoso.azurecr.io/shop/cart:1.4
  azward image scan tar:cart.tar --fail-on high,fixable
  azward image scan contoso.azurecr.io/shop/cart:1.4 --output cyclonedx --out cart.cdx.json
  azward image scan contoso.azurecr.io/shop/cart:1.4 --vex team.openvex.json
  azward image scan sbom:cart.cdx.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.only(viewFormats...); err != nil {
				return err
			}
			if err := gate.check(); err != nil {
				return err
			}
			statements, err := readVEX(documents)
			if err != nil {
				return err
			}
			img, err := a.readImage(cmd.Context(), args[0], f)
			if err != nil {
				return err
			}
			return a.matchImage(img, gate, statements)
		},
	}
	f.add(c.Flags())
	gate.flags(c.Flags())
	c.Flags().StringArrayVar(&documents, "vex", nil, "OpenVEX document that says what does not affect the image (repeatable)")
	return c
}

func imageDiffCommand(a *app) *cobra.Command {
	var f imageFlags
	c := &cobra.Command{
		Use: "diff REF REF", Short: "Compare the vulnerabilities of two images", Args: cobra.ExactArgs(2),
		Long:    "Compare the vulnerabilities of two images: what the second fixed, and what it brought.\n" + references,
		Example: "  azward image diff contoso.azurecr.io/shop/cart:1.4 contoso.azurecr.io/shop/cart:1.5",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			return a.diffImages(cmd.Context(), args, f)
		},
	}
	f.add(c.Flags())
	return c
}

func (a *app) diffImages(ctx context.Context, args []string, f imageFlags) error {
	index, err := a.advisories()
	if err != nil {
		return err
	}
	defer index.Close()
	a.warnStale(index, time.Now())
	var images []*registry.Image
	var gaps []azward.Gap
	for _, arg := range args {
		img, err := a.readImage(ctx, arg, f)
		if err != nil {
			return err
		}
		one, more, err := registry.Single(img, index)
		if err != nil {
			return err
		}
		images, gaps = append(images, one), append(gaps, more...)
	}
	diff := registry.Compare(images[0], images[1])
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, map[string]any{"from": args[0], "to": args[1], "diff": diff, "gaps": gaps, "advisories": usedOf(index, time.Now())})
		}
		_, err := fmt.Fprintf(w, "%s: %s\n%s: %s\n%d fixed, %d new, %d unchanged\n", args[0], brief(images[0].Counts), args[1], brief(images[1].Counts),
			len(diff.Fixed), len(diff.New), diff.Unchanged)
		if err != nil {
			return err
		}
		if err := writeChanges(w, diff); err != nil {
			return err
		}
		return writeGaps(w, gaps)
	})
}

// readImage reads one image; layers that were read before come from the store.
func (a *app) readImage(ctx context.Context, name string, f imageFlags) (*image.Image, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if file, ok := fromSBOM(name); ok {
		return a.readSBOM(file)
	}
	ref, err := image.ParseReference(name)
	if err != nil {
		return nil, err
	}
	images := &pulling{plainHTTP: f.plainHTTP}
	defer images.close()
	if err := a.signIn(ctx, images, ref.Registry, f.connection); err != nil {
		return nil, err
	}
	if f.sbom != "" {
		return a.readAttached(ctx, images, ref, f.platform)
	}
	transfers := &transfers{progress: &a.progress}
	images.scanner = &image.Scanner{Platform: f.platform, Progress: transfers.layer, Cache: a.layers(ctx)}
	offer := a.lookForSBOM(ctx, images, ref)
	img, err := images.scanner.ScanReference(ctx, ref, images.registry)
	a.progress.clear()
	offer(img)
	return img, err
}

// layers is the cache of layers; nil where there is no store to keep it in,
// which an image can be read without.
func (a *app) layers(ctx context.Context) image.Cache {
	kept, err := a.store(ctx)
	if err != nil {
		a.say("layers are not kept: %v\n", err)
		return nil
	}
	return registry.Layers{Store: kept}
}

func (a *app) writePackages(img *image.Image) error {
	if a.isDocument() {
		a.sayGaps(img.Gaps)
	}
	a.saySBOM()
	return a.write(func(w io.Writer) error {
		switch a.output {
		case "json":
			return report.JSON(w, img)
		case "csv":
			return report.PackagesCSV(w, img.Reference, img.Digest, img.Packages)
		case "cyclonedx", "spdx":
			return a.writeSBOM(w, documentOf(img.Reference, img, img.Gaps))
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

func (a *app) matchImage(img *image.Image, gate findingGate, statements vex.Denials) error {
	index, err := a.advisories()
	if err != nil {
		return err
	}
	defer index.Close()
	a.warnStale(index, time.Now())
	known := newDenying(index, statements, img)
	one, gaps, err := registry.Single(img, known)
	if err != nil {
		return err
	}
	if !statements.Empty() && len(known.denied) == 0 {
		a.say("nothing that was found is denied by the documents of --vex\n")
	}
	if a.attached != nil {
		one.Attached, one.AskedAttached = *a.attached, true
	}
	view := &registry.View{Images: []*registry.Image{one}}
	actions, err := advise(view, one, index)
	if err != nil {
		return err
	}
	actions.Name, actions.suppressed = img.Reference, known.denied
	if err := a.writeImage(false, img, actions, gaps, index); err != nil {
		return err
	}
	return gate.judge(index, view.Images, len(gaps))
}
