package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

// What azward policy update keeps within the data directory.
const (
	policyFile  = "policy-definitions.jsonl.gz"
	aliasesFile = "policy-aliases.csv.gz"
)

// policyStatus is what a bundle holds.
type policyStatus struct {
	Definitions int `json:"definitions"`
	Initiatives int `json:"initiatives"`
	Aliases     int `json:"aliases"`
	Refused     int `json:"refused"`
}

func policyUpdateCommand(a *app) *cobra.Command {
	var from []string
	var aliases string
	c := &cobra.Command{
		Use: "update --from FILE|DIR", Short: "Keep policy definitions, initiatives and aliases", Args: cobra.NoArgs,
		Long: `Keep Azure Policy definitions and initiatives for azward policy check, which come
neither with azward nor over the network: a folder of JSON files such as the
repository Azure/azure-policy has, or what az policy definition list and
az policy set-definition list print. --aliases keeps the list that tells where
a property stands. What was kept before stays until the new is read whole.`,
		Example: `  az policy definition list > definitions.json
  az policy set-definition list > initiatives.json
  az provider list --expand resourceTypes/aliases > aliases.json
  azward policy update --from definitions.json --from initiatives.json --aliases aliases.json`,
		RunE: func(*cobra.Command, []string) error { return a.policyUpdate(from, aliases) },
	}
	c.Flags().StringArrayVar(&from, "from", nil, "file or folder of definitions and initiatives (repeatable)")
	c.Flags().StringVar(&aliases, "aliases", "", "file of aliases")
	return c
}

func (a *app) policyUpdate(from []string, aliases string) error {
	if err := a.only("table", "json"); err != nil {
		return err
	}
	if len(from) == 0 && aliases == "" {
		return &azward.Error{Kind: azward.KindUsage, Op: "update policies", Cause: "no file is named", Remedy: "see azward policy update --help"}
	}
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return keepFailed(dir, err)
	}
	var status policyStatus
	if len(from) > 0 {
		if err := a.keepDefinitions(filepath.Join(dir, policyFile), from, &status); err != nil {
			return err
		}
	}
	if aliases != "" {
		if err := keepAliases(filepath.Join(dir, aliasesFile), aliases, &status); err != nil {
			return err
		}
	}
	if a.quiet {
		return nil
	}
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return json.NewEncoder(w).Encode(status)
		}
		_, err := fmt.Fprintf(w, "kept %d definitions, %d initiatives and %d aliases; %d could not be read\n", status.Definitions, status.Initiatives, status.Aliases, status.Refused)
		return err
	})
}

func keepFailed(file string, err error) error {
	return &azward.Error{Kind: azward.KindFailed, Op: "keep policies", Subject: file, Cause: err.Error(), Remedy: "check the data directory (--data)", Err: err}
}

// keepDefinitions writes one document a line; the file appears whole or not at
// all.
func (a *app) keepDefinitions(file string, from []string, status *policyStatus) error {
	var catalog azurepolicy.Catalog
	err := replaceFile(file, func(w io.Writer) error {
		return eachDocument(from, func(raw json.RawMessage, where string) error {
			if err := catalog.AddDocument(raw, where); err != nil {
				status.Refused++
				_, err = fmt.Fprintln(a.stderr, err)
				return err
			}
			var line bytes.Buffer
			if err := json.Compact(&line, raw); err != nil {
				return err
			}
			_, err := w.Write(append(line.Bytes(), '\n'))
			return err
		})
	})
	status.Definitions, status.Initiatives = len(catalog.Definitions()), catalog.Initiatives()
	if err == nil && status.Definitions == 0 {
		return &azward.Error{Kind: azward.KindUsage, Op: "update policies", Cause: "the files hold no definition", Remedy: "see azward policy update --help"}
	}
	return err
}

// keepAliases copies a list of aliases that can be read.
func keepAliases(file, from string, status *policyStatus) error {
	list, err := readAliases(from)
	if err != nil {
		return err
	}
	status.Aliases = list.Len()
	in, err := openPlain(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return replaceFile(file, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

func replaceFile(file string, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return keepFailed(file, err)
	}
	z := gzip.NewWriter(tmp)
	err = write(z)
	if err = errors.Join(err, z.Close(), tmp.Close()); err == nil {
		if err = os.Rename(tmp.Name(), file); err == nil {
			return nil
		}
		err = keepFailed(file, err)
	}
	return errors.Join(err, os.Remove(tmp.Name()))
}

// eachDocument calls with every document of files and folders.
func eachDocument(paths []string, call func(json.RawMessage, string) error) error {
	for _, path := range paths {
		files, err := policyFiles(path)
		if err != nil {
			return err
		}
		for _, file := range files {
			in, err := openPlain(file)
			if err != nil {
				return err
			}
			err = azurepolicy.Documents(in, file, call)
			if err = errors.Join(err, in.Close()); err != nil {
				return err
			}
		}
	}
	return nil
}

// policyFiles are the JSON files below a folder in order, or the file itself.
func policyFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &azward.Error{Kind: azward.KindUsage, Op: "read policy definitions", Subject: path, Cause: "it cannot be opened", Remedy: "name a file or folder that is there", Err: err}
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		name := strings.TrimSuffix(d.Name(), ".gz")
		if err == nil && !d.IsDir() && slices.Contains([]string{".json", ".jsonl", ".ndjson"}, filepath.Ext(name)) {
			files = append(files, file)
		}
		return err
	})
	if err != nil {
		return nil, &azward.Error{Kind: azward.KindFailed, Op: "read policy definitions", Subject: path, Cause: err.Error(), Remedy: "check its permissions", Err: err}
	}
	return files, nil
}

// plainFile is a file, decompressed where it is gzip.
type plainFile struct {
	io.Reader
	file *os.File
}

func (p *plainFile) Close() error { return p.file.Close() }

func openPlain(path string) (io.ReadCloser, error) {
	bad := func(err error) error {
		return &azward.Error{Kind: azward.KindUsage, Op: "open", Subject: path, Cause: err.Error(), Remedy: "name a file that can be read", Err: err}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, bad(err)
	}
	in := bufio.NewReader(f)
	head, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(bad(err), f.Close())
	}
	if len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b {
		return &plainFile{in, f}, nil
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, errors.Join(bad(err), f.Close())
	}
	return &plainFile{z, f}, nil
}

func readAliases(file string) (*azurepolicy.Aliases, error) {
	in, err := openPlain(file)
	if err != nil {
		return nil, err
	}
	list, err := azurepolicy.ReadAliases(in)
	return list, errors.Join(err, in.Close())
}

// policyCatalog is what policies can be chosen from: the named files, or what
// was kept; and the tenant's own.
func (a *app) policyCatalog(e *estate.Estate, files []string, aliases string) (*azurepolicy.Catalog, error) {
	dir, err := a.dataDir()
	if err != nil {
		return nil, err
	}
	kept := func(name string) (string, bool) {
		file := filepath.Join(dir, name)
		_, err := os.Stat(file)
		return file, err == nil
	}
	if file, ok := kept(policyFile); ok && len(files) == 0 {
		files = []string{file}
	}
	if file, ok := kept(aliasesFile); ok && aliases == "" {
		aliases = file
	}
	catalog := &azurepolicy.Catalog{}
	if aliases != "" {
		if catalog.Aliases, err = readAliases(aliases); err != nil {
			return nil, err
		}
	}
	err = eachDocument(files, func(raw json.RawMessage, where string) error {
		if err := catalog.AddDocument(raw, where); err != nil {
			_, err = fmt.Fprintln(a.stderr, err)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := a.tellGaps(catalog.ReadTenant(e)); err != nil {
		return nil, err
	}
	return catalog, nil
}

// needDefinitions is the error where there are none to choose from.
func needDefinitions(catalog *azurepolicy.Catalog) error {
	if len(catalog.Definitions()) > 0 {
		return nil
	}
	return &azward.Error{
		Kind: azward.KindNotFound, Op: "find policy definitions", Cause: "none are kept, none are named, and the estate holds none",
		Remedy: "az policy definition list > definitions.json, then azward policy update --from definitions.json",
	}
}
