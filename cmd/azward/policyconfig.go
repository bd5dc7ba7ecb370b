package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/config"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/store"
)

// applied is what azward.yaml said when it was applied last; the zero value
// where nothing was ever kept. A data directory is not made for it.
func (a *app) applied(ctx context.Context) (config.Applied, error) {
	dir, err := a.dataDir()
	if err != nil {
		return config.Applied{}, nil //nolint:nilerr // without a directory nothing was applied
	}
	if _, err := os.Stat(filepath.Join(dir, store.DatabaseFile)); errors.Is(err, fs.ErrNotExist) {
		return config.Applied{}, nil
	}
	kept, err := a.store(ctx)
	if err != nil {
		return config.Applied{}, err
	}
	return config.Load(ctx, kept)
}

// configured takes profile, rules and suppressions from azward.yaml where no
// flag names others, and says so. It gives the suppressions.
func (a *app) configured(ctx context.Context, f *policyCheck) ([]*policy.Suppression, error) {
	applied, err := a.applied(ctx)
	if err != nil {
		return nil, err
	}
	var taken []string
	posture := applied.Posture
	if posture.Profile != "" && f.profile == "" && !f.assigned && f.initiative == "" && len(f.definitions) == 0 {
		f.profile = posture.Profile
		taken = append(taken, "profile "+posture.Profile)
	}
	if len(posture.Rules) > 0 && len(f.rules) == 0 && !f.assigned && f.initiative == "" {
		f.rules = posture.Rules
		taken = append(taken, "rules of "+strings.Join(posture.Rules, ", "))
	}
	var suppressions []*policy.Suppression
	if len(f.suppressions) > 0 {
		if suppressions, err = a.readSuppressions(f.suppressions); err != nil {
			return nil, err
		}
	} else if len(posture.Suppressions) > 0 {
		if suppressions, err = suppressionsOf(applied); err != nil {
			return nil, err
		}
		taken = append(taken, fmt.Sprintf("%d suppressions", len(suppressions)))
	}
	if len(taken) > 0 && !a.quiet {
		if _, err := fmt.Fprintf(a.stderr, "as %s says: %s\n", applied.File, strings.Join(taken, "; ")); err != nil {
			return nil, err
		}
	}
	return suppressions, nil
}

// suppressionsOf are those of azward.yaml. The day is the last on which they
// hold.
func suppressionsOf(applied config.Applied) ([]*policy.Suppression, error) {
	var out []*policy.Suppression
	for _, s := range applied.Posture.Suppressions {
		day, err := time.Parse(time.DateOnly, s.Expires)
		if err != nil {
			return nil, &azward.Error{
				Kind: azward.KindBadInput, Op: "read suppressions", Subject: applied.File, Cause: fmt.Sprintf("%.40q is no day", s.Expires),
				Remedy: "azward config validate, then azward config apply", Err: err,
			}
		}
		out = append(out, &policy.Suppression{
			Rule: s.Rule, Resource: s.Resource, Reason: s.Reason, By: cmp.Or(s.By, filepath.Base(applied.File)),
			Expires: day.AddDate(0, 0, 1), File: applied.File,
		})
	}
	return out, nil
}

// registriesOf are the registries that azward.yaml names, or the one that is
// asked for, with their connection and repositories where no flag says others.
func (a *app) registriesOf(ctx context.Context, args []string, f registryFlags) ([]string, []registryFlags, error) {
	applied, err := a.applied(ctx)
	if err != nil {
		return nil, nil, err
	}
	with := func(r config.Registry) registryFlags {
		one := f
		one.connection = cmp.Or(f.connection, r.Connection)
		if len(one.repositories) == 0 {
			one.repositories = r.Repositories
		}
		return one
	}
	if len(args) == 1 {
		host, err := loginServer(args[0])
		if err != nil {
			return nil, nil, err
		}
		for _, r := range applied.Registries {
			if strings.EqualFold(r.LoginServer, host) {
				return []string{host}, []registryFlags{with(r)}, nil
			}
		}
		return []string{host}, []registryFlags{f}, nil
	}
	var hosts []string
	var flags []registryFlags
	for _, r := range applied.Registries {
		host, err := loginServer(r.LoginServer)
		if err != nil {
			return nil, nil, err
		}
		hosts, flags = append(hosts, host), append(flags, with(r))
	}
	if len(hosts) == 0 {
		return nil, nil, &azward.Error{
			Kind: azward.KindUsage, Op: "choose registries", Cause: "none is named, and azward.yaml names none",
			Remedy: "azward registry scan LOGIN-SERVER, or name registries in azward.yaml: azward config init",
		}
	}
	return hosts, flags, nil
}

// registryScans scans one registry after the other. One that fails does not
// keep the others from being scanned.
func (a *app) registryScans(ctx context.Context, hosts []string, flags []registryFlags) error {
	if len(hosts) > 1 && (a.output != "table" || a.out != "") {
		return &azward.Error{
			Kind: azward.KindUsage, Op: "scan registries", Cause: fmt.Sprintf("%d registries do not go into one document", len(hosts)),
			Remedy: "name one registry, or leave out --output and --out",
		}
	}
	var all error
	for i, host := range hosts {
		if len(hosts) > 1 && !a.quiet {
			if _, err := fmt.Fprintf(a.stdout, "%s\n\n", host); err != nil {
				return err
			}
		}
		err := a.registryScan(ctx, host, flags[i])
		if ctx.Err() != nil {
			return errors.Join(all, err)
		}
		all = errors.Join(all, err)
	}
	return all
}
