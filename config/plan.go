package config

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
)

// Store keeps what was applied beside the connections.
type Store interface {
	Setting(ctx context.Context, name string) (json.RawMessage, error)
	SaveSetting(ctx context.Context, name string, doc json.RawMessage, at time.Time) error
}

// Setting is the name under which [Applied] is kept.
const Setting = "config"

// Applied is what the last apply left: what commands and the hub go by.
type Applied struct {
	File        string                       `json:"file"`
	At          time.Time                    `json:"at"`
	Connections map[string]map[string]string `json:"connections"` // the fields of each, without secrets
	Registries  []Registry                   `json:"registries,omitempty"`
	Schedules   []Schedule                   `json:"schedules,omitempty"`
	Posture     Posture                      `json:"posture,omitzero"`
	Criticality []Criticality                `json:"criticality,omitempty"`
	Retention   *store.Retention             `json:"retention,omitempty"`
}

// Load gives what was applied; the zero value when nothing ever was.
func Load(ctx context.Context, s Store) (Applied, error) {
	var a Applied
	doc, err := s.Setting(ctx, Setting)
	if err != nil || doc == nil {
		return a, err
	}
	if err := json.Unmarshal(doc, &a); err != nil {
		return a, fmt.Errorf("read the applied configuration: %w", err)
	}
	return a, nil
}

// Action is what apply does with a thing.
type Action string

// Actions.
const (
	Add    Action = "add"
	Change Action = "change"
	Remove Action = "remove"
)

// Difference is one thing that apply changes.
type Difference struct {
	Action Action  `json:"action"`
	Kind   string  `json:"kind"` // connection, registry, schedule, posture, suppression, criticality, retention
	Name   string  `json:"name"`
	Fields []Field `json:"fields,omitempty"`
}

// Field is a property that changes. Secrets show as "(sealed)" and "(new value)".
type Field struct {
	Name string `json:"name"`
	Was  string `json:"was,omitempty"`
	Is   string `json:"is,omitempty"`
}

// Workspace is what a file is applied to.
type Workspace struct {
	Store       Store
	Connections connect.Connections
	Secrets     Resolver
}

// Plan is what apply would do.
type Plan struct {
	Differences []Difference `json:"differences"`

	file     *File
	requests map[string]connect.Request
	applied  Applied
}

// Plan resolves the file's secrets and compares it to what there is. Nothing
// is changed, and Azure is not asked. Things that were never applied from a
// file, such as a connection added by hand, are left alone.
func (w Workspace) Plan(ctx context.Context, f *File) (*Plan, error) {
	before, err := Load(ctx, w.Store)
	if err != nil {
		return nil, err
	}
	p := &Plan{file: f, requests: map[string]connect.Request{}, Differences: []Difference{}}
	p.applied, err = f.applied()
	if err != nil {
		return nil, err
	}
	for _, c := range f.Connections {
		if err := w.planConnection(ctx, p, c); err != nil {
			return nil, err
		}
	}
	for name := range before.Connections {
		if _, stays := p.requests[name]; stays {
			continue
		}
		switch _, err := w.Connections.Show(ctx, name); {
		case err == nil:
			p.Differences = append(p.Differences, Difference{Action: Remove, Kind: "connection", Name: name})
		case azward.KindOf(err) != azward.KindNotFound:
			return nil, err
		}
	}
	compare(p, "registry", before.Registries, p.applied.Registries, func(r Registry) string { return r.LoginServer })
	compare(p, "schedule", before.Schedules, p.applied.Schedules, func(s Schedule) string { return s.Name })
	compare(p, "suppression", before.Posture.Suppressions, p.applied.Posture.Suppressions, func(s Suppression) string { return s.Rule + " on " + s.Resource })
	compare(p, "criticality", before.Criticality, p.applied.Criticality, func(c Criticality) string { return c.Tag + "=" + c.Value })
	was, is := before.Posture, p.applied.Posture
	was.Suppressions, is.Suppressions = nil, nil
	compare(p, "posture", some(was), some(is), func(Posture) string { return "profile and rules" })
	compare(p, "retention", listed(before.Retention), listed(p.applied.Retention), func(store.Retention) string { return "what is kept" })
	slices.SortStableFunc(p.Differences, func(a, b Difference) int { return strings.Compare(a.Kind+"/"+a.Name, b.Kind+"/"+b.Name) })
	return p, nil
}

func some(p Posture) []Posture {
	if p.Profile == "" && len(p.Rules) == 0 {
		return nil
	}
	return []Posture{p}
}

func listed(r *store.Retention) []store.Retention {
	if r == nil {
		return nil
	}
	return []store.Retention{*r}
}

// applied is the part of the file that is kept as it stands, with full paths.
func (f *File) applied() (Applied, error) {
	a := Applied{
		Connections: map[string]map[string]string{}, Registries: f.Registries, Schedules: f.Schedules, Criticality: f.Criticality, Retention: f.Retention,
		Posture: Posture{Profile: f.Posture.Profile, Suppressions: f.Posture.Suppressions},
	}
	var err error
	if a.File, err = filepath.Abs(f.Name); err != nil {
		return a, fmt.Errorf("find %s: %w", f.Name, err)
	}
	for _, p := range f.Posture.Rules {
		a.Posture.Rules = append(a.Posture.Rules, f.path(a.File, p))
	}
	return a, nil
}

// path makes a path of the file, which is relative to it, a full one.
func (f *File) path(file, p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(file), filepath.FromSlash(p))
}

func (w Workspace) planConnection(ctx context.Context, p *Plan, c Connection) error {
	request, err := p.request(ctx, c, w.Secrets)
	if err != nil {
		return err
	}
	if err := request.Check(); err != nil {
		return p.file.wrongConnection(c, err)
	}
	p.requests[c.Name] = request
	wanted := fields(request)
	p.applied.Connections[c.Name] = wanted
	current, err := w.Connections.Show(ctx, c.Name)
	if azward.KindOf(err) == azward.KindNotFound {
		p.Differences = append(p.Differences, Difference{Action: Add, Kind: "connection", Name: c.Name, Fields: changed(nil, wanted)})
		return nil
	}
	if err != nil {
		return err
	}
	list := changed(fieldsOf(current), wanted)
	secret, err := w.secretChange(ctx, current, request.Secret)
	if err != nil {
		return err
	}
	if list = append(list, secret...); len(list) > 0 {
		p.Differences = append(p.Differences, Difference{Action: Change, Kind: "connection", Name: c.Name, Fields: list})
	}
	return nil
}

// secretChange compares secrets without showing them.
func (w Workspace) secretChange(ctx context.Context, current store.Connection, wanted seal.Secret) ([]Field, error) {
	if wanted.Empty() || current.Sealed == nil {
		if wanted.Empty() == (current.Sealed == nil) {
			return nil, nil
		}
		return []Field{{Name: "secret", Was: word(current.Sealed != nil, "(sealed)"), Is: word(!wanted.Empty(), "(new value)")}}, nil
	}
	_, kept, err := w.Connections.Credential(ctx, current.Name)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(kept.Reveal()), []byte(wanted.Reveal())) == 1 {
		return nil, nil
	}
	return []Field{{Name: "secret", Was: "(sealed)", Is: "(new value)"}}, nil
}

func word(is bool, s string) string {
	if is {
		return s
	}
	return ""
}

// request resolves what a connection needs.
func (p *Plan) request(ctx context.Context, c Connection, secrets Resolver) (connect.Request, error) {
	r := connect.Request{Name: c.Name, Auth: store.AuthMethod(c.Auth), Cloud: c.Cloud, CloudConfig: p.file.path(p.applied.File, c.CloudConfig)}
	for _, t := range []struct {
		text Text
		into *string
	}{{c.Tenant, &r.TenantID}, {c.Client, &r.ClientID}, {c.TokenFile, &r.CredentialFile}} {
		found, err := p.file.resolved(ctx, t.text, secrets)
		if err != nil {
			return r, err
		}
		*t.into = strings.TrimSpace(found.Reveal())
	}
	for _, t := range c.Subscriptions {
		found, err := p.file.resolved(ctx, t, secrets)
		if err != nil {
			return r, err
		}
		r.Subscriptions = append(r.Subscriptions, strings.FieldsFunc(found.Reveal(), func(c rune) bool { return strings.ContainsRune(", \n\t[]\"'", c) })...)
	}
	var err error
	r.Secret, err = p.file.resolved(ctx, c.Secret, secrets)
	return r, err
}

// wrongConnection says where in the file stands what a connection's check
// found. Its subject may come from a secret and is not repeated.
func (f *File) wrongConnection(c Connection, err error) error {
	p := Problem{File: f.Name, Line: c.at.line, Column: c.at.column, Path: "connections." + c.Name, Cause: err.Error()}
	remedy := ""
	if own, ok := err.(*azward.Error); ok { //nolint:errorlint // Check gives it as it is
		p.Cause, remedy = strings.TrimPrefix(own.Op, "read ")+": "+own.Cause, own.Remedy
	}
	return &azward.Error{Kind: azward.KindUsage, Op: "read configuration", Cause: p.String(), Remedy: remedy}
}

// fields are a request's properties as plan shows them.
func fields(r connect.Request) map[string]string {
	cloud := r.Cloud
	if cloud == "" && r.CloudConfig == "" {
		cloud = "public"
	}
	ids := make([]string, 0, len(r.Subscriptions))
	for _, s := range r.Subscriptions {
		if s = strings.ToLower(s); !slices.Contains(ids, s) {
			ids = append(ids, s)
		}
	}
	return present(map[string]string{
		"tenant": strings.ToLower(r.TenantID), "client": strings.ToLower(r.ClientID), "auth": string(r.Auth), "cloud": cloud,
		"cloudConfig": r.CloudConfig, "tokenFile": r.CredentialFile, "subscriptions": strings.Join(ids, ", "),
	})
}

func fieldsOf(c store.Connection) map[string]string {
	ids := make([]string, 0, len(c.Subscriptions))
	for _, s := range c.Subscriptions {
		ids = append(ids, strings.ToLower(string(s)))
	}
	return present(map[string]string{
		"tenant": strings.ToLower(string(c.TenantID)), "client": strings.ToLower(c.ClientID), "auth": string(c.Auth), "cloud": c.Cloud,
		"cloudConfig": c.CloudConfig, "tokenFile": c.CredentialFile, "subscriptions": strings.Join(ids, ", "),
	})
}

func present(m map[string]string) map[string]string {
	for k, v := range m {
		if v == "" {
			delete(m, k)
		}
	}
	return m
}

// changed lists the fields that differ, by name.
func changed(was, is map[string]string) []Field {
	var list []Field
	for _, name := range []string{"tenant", "client", "auth", "cloud", "cloudConfig", "tokenFile", "subscriptions"} {
		if was[name] != is[name] {
			list = append(list, Field{Name: name, Was: was[name], Is: is[name]})
		}
	}
	return list
}

// compare files the differences of two lists under the things' names.
func compare[T any](p *Plan, kind string, was, is []T, name func(T) string) {
	find := func(list []T, n string) *T {
		i := slices.IndexFunc(list, func(t T) bool { return name(t) == n })
		if i < 0 {
			return nil
		}
		return &list[i]
	}
	for i := range is {
		switch old := find(was, name(is[i])); old {
		case nil:
			p.Differences = append(p.Differences, Difference{Action: Add, Kind: kind, Name: name(is[i]), Fields: members(nil, &is[i])})
		default:
			if list := members(old, &is[i]); len(list) > 0 {
				p.Differences = append(p.Differences, Difference{Action: Change, Kind: kind, Name: name(is[i]), Fields: list})
			}
		}
	}
	for i := range was {
		if find(is, name(was[i])) == nil {
			p.Differences = append(p.Differences, Difference{Action: Remove, Kind: kind, Name: name(was[i])})
		}
	}
}

// members lists the exported fields of two values that differ, as text.
func members[T any](was, is *T) []Field {
	var list []Field
	now := reflect.ValueOf(is).Elem()
	for i := range now.NumField() {
		f := now.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		before := ""
		if was != nil {
			before = shown(reflect.ValueOf(was).Elem().Field(i))
		}
		if after := shown(now.Field(i)); before != after {
			list = append(list, Field{Name: name, Was: before, Is: after})
		}
	}
	return list
}

func shown(v reflect.Value) string {
	if v.IsZero() {
		return ""
	}
	if list, ok := v.Interface().([]string); ok {
		return strings.Join(list, ", ")
	}
	return fmt.Sprint(v.Interface())
}
