package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/report"
	"github.com/azward/azward/store"
)

func updateCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "update", Short: "Renew what azward knows of Azure itself"}
	c.AddCommand(updateServiceTagsCommand(a))
	return c
}

// serviceTagsFile is Microsoft's list of service tags within the data directory.
const serviceTagsFile = "service-tags.json"

// serviceTagsStatus is what a list says of itself.
type serviceTagsStatus struct {
	Cloud        string `json:"cloud"`
	ChangeNumber string `json:"changeNumber"`
	Tags         int    `json:"tags"`
	SHA256       string `json:"sha256"`
}

func updateServiceTagsCommand(a *app) *cobra.Command {
	var from string
	c := &cobra.Command{
		Use: "service-tags --from FILE", Short: "Keep Microsoft's list of service tags", Args: cobra.NoArgs,
		Long: `Keep a list of service tags, which says for which addresses rules such as "allow
AzureCloud.westeurope" hold. Without one what such rules decide is unknown.

FILE is "Azure IP Ranges and Service Tags" as Microsoft offers it for download
(ServiceTags_Public_*.json), or what az network list-service-tags prints. The
list changes every week; the old one stays until the new one is read whole.`,
		RunE: func(*cobra.Command, []string) error {
			if err := a.only("table", "json"); err != nil {
				return err
			}
			if from == "" {
				return &azward.Error{
					Kind: azward.KindUsage, Op: "update service tags", Cause: "no file is named; azward does not download by itself",
					Remedy: "az network list-service-tags --location westeurope > tags.json, then azward update service-tags --from tags.json",
				}
			}
			status, err := a.keepServiceTags(from)
			if err != nil || a.quiet {
				return err
			}
			return a.write(func(w io.Writer) error {
				if a.output == "json" {
					return report.JSON(w, status)
				}
				_, err := fmt.Fprintf(w, "%d service tags of %s, change number %s\nsha256 %s\n", status.Tags, status.Cloud, status.ChangeNumber, status.SHA256)
				return err
			})
		},
	}
	c.Flags().StringVar(&from, "from", "", "the list, as a file")
	return c
}

// keepServiceTags checks a list and copies it into the data directory.
func (a *app) keepServiceTags(from string) (serviceTagsStatus, error) {
	list, err := readServiceTags(from)
	if err != nil {
		return serviceTagsStatus{}, err
	}
	dir, err := a.dataDir()
	if err != nil {
		return serviceTagsStatus{}, err
	}
	if dir, err = store.Prepare(dir); err != nil {
		return serviceTagsStatus{}, err
	}
	if err := copyWhole(from, filepath.Join(dir, serviceTagsFile)); err != nil {
		return serviceTagsStatus{}, &azward.Error{Kind: azward.KindFailed, Op: "keep service tags", Subject: dir, Cause: err.Error(), Remedy: "name a data directory that can be written with --data", Err: err}
	}
	return serviceTagsStatus{Cloud: list.Cloud, ChangeNumber: list.ChangeNumber, Tags: list.Len(), SHA256: list.SHA256}, nil
}

func readServiceTags(file string) (estate.ServiceTags, error) {
	f, err := os.Open(file)
	if err != nil {
		return estate.ServiceTags{}, &azward.Error{
			Kind: azward.KindUsage, Op: "read service tags", Subject: file, Cause: err.Error(), Err: err,
			Remedy: "check the path and that you may read it",
		}
	}
	defer f.Close()
	list, err := estate.ReadServiceTags(f)
	if err != nil {
		return list, fmt.Errorf("%s: %w", file, err)
	}
	return list, nil
}

// copyWhole copies a file, which appears whole or not at all.
func copyWhole(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".*")
	if err != nil {
		return err
	}
	_, err = io.Copy(tmp, in)
	if err = errors.Join(err, tmp.Close()); err == nil {
		if err = os.Rename(tmp.Name(), to); err == nil {
			return nil
		}
	}
	return errors.Join(err, os.Remove(tmp.Name()))
}

// withServiceTags adds the kept list of service tags to an estate, where there
// is one: what answers look up in it is part of their evidence.
func (a *app) withServiceTags(e *estate.Estate) (*estate.Estate, error) {
	dir, err := a.dataDir()
	if err != nil {
		return e, nil //nolint:nilerr // no data directory, no list: tags stay unknown
	}
	file := filepath.Join(dir, serviceTagsFile)
	info, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return nil, &azward.Error{Kind: azward.KindFailed, Op: "read service tags", Subject: file, Cause: err.Error(), Remedy: "check the data directory's permissions", Err: err}
	}
	list, err := readServiceTags(file)
	if err != nil {
		return nil, err
	}
	var b estate.Builder
	b.Add(e)
	if err := b.AddServiceTags(list, estate.Provenance{Source: azward.SourceExport, ReadAt: info.ModTime().UTC()}); err != nil {
		return nil, err
	}
	return b.Build(), nil
}
