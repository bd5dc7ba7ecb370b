package config

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/azward/azward/store"
)

// Version of the file that this program reads.
const Version = "1"

// Parse reads azward.yaml, or a jit-integration.yml as it stands. The file is
// usable when there are no problems.
func Parse(in io.Reader, name string) (*File, []Problem) {
	root, problems := document(in, name)
	if root == nil || len(problems) > 0 {
		return nil, problems
	}
	r := &reader{file: name}
	f := &File{Name: name, Secrets: map[string]Source{}}
	if isIntegration(root) {
		r.integration(root, f)
	} else {
		r.own(root, f)
	}
	r.check(root, f)
	return f, r.problems
}

func (r *reader) own(root *yaml.Node, f *File) {
	version := ""
	r.mapping(root, "", map[string]take{
		"version":     r.word(&version, Version),
		"connections": func(n *yaml.Node, path string) { r.each(n, path, r.connection(f)) },
		"registries":  func(n *yaml.Node, path string) { r.each(n, path, r.registry(f)) },
		"schedules":   func(n *yaml.Node, path string) { r.each(n, path, r.schedule(f)) },
		"posture":     r.posture(&f.Posture),
		"retention":   r.retention(f),
		"criticality": r.list(r.criticality(f)),
		"secrets":     func(n *yaml.Node, path string) { r.each(n, path, r.source(f)) },
	})
	if version == "" && len(r.problems) == 0 {
		r.wrong(root, "version", "the file does not say its version", "begin it with: version: "+Version)
	}
}

type entry = func(key, value *yaml.Node, path string)

func (r *reader) connection(f *File) entry {
	return func(key, n *yaml.Node, path string) {
		c := Connection{Name: key.Value, Auth: string(store.AuthClientSecret), at: placeOf(key)}
		r.mapping(n, path, map[string]take{
			"tenant": r.value(&c.Tenant), "client": r.value(&c.Client), "secret": r.secret(&c.Secret),
			"auth":      r.word(&c.Auth, methods...),
			"tokenFile": r.value(&c.TokenFile),
			"cloud":     r.word(&c.Cloud, "public", "usgovernment", "china"), "cloudConfig": r.text(&c.CloudConfig),
			"subscriptions": r.list(func(n *yaml.Node, path string) {
				var t Text
				r.value(&t)(n, path)
				c.Subscriptions = append(c.Subscriptions, t)
			}),
		})
		f.Connections = append(f.Connections, c)
	}
}

var methods = []string{
	string(store.AuthClientSecret), string(store.AuthCertificate), string(store.AuthFederatedToken), string(store.AuthManagedIdentity), string(store.AuthAzureCLI),
}

func (r *reader) registry(f *File) entry {
	return func(key, n *yaml.Node, path string) {
		g := Registry{LoginServer: key.Value, at: placeOf(key)}
		r.mapping(n, path, map[string]take{"connection": r.text(&g.Connection), "repositories": r.texts(&g.Repositories)})
		f.Registries = append(f.Registries, g)
	}
}

func (r *reader) schedule(f *File) entry {
	return func(key, n *yaml.Node, path string) {
		s := Schedule{Name: key.Value, at: placeOf(key)}
		r.mapping(n, path, map[string]take{
			"cron": r.text(&s.Cron), "timezone": r.text(&s.Timezone), "scan": r.texts(&s.Scan), "registries": r.texts(&s.Registries),
			"jitter": func(n *yaml.Node, path string) {
				d, err := time.ParseDuration(n.Value)
				if err != nil || d < 0 || d > 24*time.Hour {
					r.wrong(n, path, fmt.Sprintf("%.40q is no duration up to a day", n.Value), "write it as 10m or 1h")
				}
				s.Jitter = d
			},
		})
		f.Schedules = append(f.Schedules, s)
	}
}

func (r *reader) posture(p *Posture) take {
	return func(n *yaml.Node, path string) {
		r.mapping(n, path, map[string]take{
			"profile": r.text(&p.Profile), "rules": r.texts(&p.Rules),
			"suppressions": r.list(func(n *yaml.Node, path string) {
				s := Suppression{at: placeOf(n)}
				r.mapping(n, path, map[string]take{
					"rule": r.text(&s.Rule), "resource": r.text(&s.Resource), "reason": r.text(&s.Reason), "by": r.text(&s.By), "expires": r.day(&s.Expires),
				})
				for _, need := range []struct{ name, value string }{{"rule", s.Rule}, {"resource", s.Resource}, {"reason", s.Reason}, {"expires", s.Expires}} {
					if need.value == "" {
						r.wrong(n, path+"."+need.name, "a suppression needs it", "a suppression has rule, resource, reason and expires")
					}
				}
				p.Suppressions = append(p.Suppressions, s)
			}),
		})
	}
}

func (r *reader) day(into *string) take {
	return func(n *yaml.Node, path string) {
		r.text(into)(n, path)
		if _, err := time.Parse(time.DateOnly, *into); err != nil {
			r.wrong(n, path, fmt.Sprintf("%.40q is no day", n.Value), "write it as 2027-03-31")
		}
	}
}

func (r *reader) criticality(f *File) take {
	return func(n *yaml.Node, path string) {
		c := Criticality{at: placeOf(n)}
		r.mapping(n, path, map[string]take{"tag": r.text(&c.Tag), "value": r.text(&c.Value), "is": r.word(&c.Is, "low", "medium", "high")})
		if c.Tag == "" || c.Value == "" || c.Is == "" {
			r.wrong(n, path, "it needs tag, value and is", "such as {tag: env, value: prod, is: high}")
		}
		f.Criticality = append(f.Criticality, c)
	}
}

func (r *reader) source(f *File) entry {
	return func(key, n *yaml.Node, path string) {
		s := Source{at: placeOf(key)}
		var v Vault
		r.mapping(n, path, map[string]take{
			"env": r.text(&s.Env), "file": r.text(&s.File), "sealed": r.text(&s.Sealed),
			"vault": func(n *yaml.Node, path string) {
				r.mapping(n, path, map[string]take{"path": r.text(&v.Path), "field": r.text(&v.Field)})
				if !strings.Contains(v.Path, "/") || v.Field == "" {
					r.wrong(n, path, "it needs path and field", "such as {path: secret/azward/prod, field: client_secret}")
				}
				s.Vault = &v
			},
		})
		set := 0
		for _, is := range []bool{s.Env != "", s.File != "", s.Sealed != "", s.Vault != nil} {
			if is {
				set++
			}
		}
		if set != 1 {
			r.wrong(key, path, "a secret is found in exactly one place", "give one of env, file, sealed, vault")
		}
		f.Secrets[key.Value] = s
	}
}

var hostForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?$`)

// check holds the parts against each other. What Azure needs of a connection
// is checked when its secrets are resolved.
func (r *reader) check(root *yaml.Node, f *File) {
	at := func(p place) *yaml.Node { return &yaml.Node{Line: p.line, Column: p.column} }
	known := map[string]bool{}
	for _, c := range f.Connections {
		known[c.Name] = true
	}
	servers := map[string]bool{}
	for _, g := range f.Registries {
		servers[g.LoginServer] = true
		if !hostForm.MatchString(g.LoginServer) {
			r.wrong(at(g.at), "registries."+g.LoginServer, "it is no login server", "name it as contoso.azurecr.io")
		}
		if g.Connection != "" && len(f.Connections) > 0 && !known[g.Connection] {
			r.wrong(at(g.at), "registries."+g.LoginServer+".connection", fmt.Sprintf("the file has no connection %.60q", g.Connection), "name one of its connections")
		}
	}
	for _, s := range f.Schedules {
		r.checkSchedule(at(s.at), s, known, servers)
	}
	for name := range f.Secrets {
		if !ValidSecretName(name) {
			r.wrong(at(f.Secrets[name].at), "secrets."+name, "a secret's name has letters, digits and _ alone", "rename it")
		}
	}
	if len(r.problems) == 0 && f.empty() {
		r.wrong(root, "", "the file describes nothing", "azward config init prints one to begin with")
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return a.Line - b.Line })
}

func (f *File) empty() bool {
	return len(f.Connections) == 0 && len(f.Registries) == 0 && len(f.Schedules) == 0 && len(f.Criticality) == 0 &&
		f.Retention == nil && f.Posture.Profile == "" && len(f.Posture.Rules) == 0 && len(f.Posture.Suppressions) == 0
}

func (r *reader) checkSchedule(n *yaml.Node, s Schedule, connections, servers map[string]bool) {
	path := "schedules." + s.Name
	if s.Cron == "" {
		r.wrong(n, path+".cron", "a schedule needs its times", `such as "0 3 * * *", every night at three`)
	} else if fields := len(strings.Fields(s.Cron)); fields != 5 && !strings.HasPrefix(s.Cron, "@") {
		r.wrong(n, path+".cron", fmt.Sprintf("it has %d fields and not five", fields), `minute, hour, day of the month, month, day of the week: "0 3 * * *"`)
	}
	if s.Timezone != "" {
		if _, err := time.LoadLocation(s.Timezone); err != nil {
			r.wrong(n, path+".timezone", fmt.Sprintf("%.40q is no time zone", s.Timezone), "name it as Europe/Vienna, or leave it out for UTC")
		}
	}
	if len(s.Scan)+len(s.Registries) == 0 {
		r.wrong(n, path, "it says nothing to scan", "name connections with scan, or registries")
	}
	for _, name := range s.Scan {
		if len(connections) > 0 && !connections[name] {
			r.wrong(n, path+".scan", fmt.Sprintf("the file has no connection %.60q", name), "name one of its connections")
		}
	}
	for _, name := range s.Registries {
		if !servers[name] {
			r.wrong(n, path+".registries", fmt.Sprintf("the file has no registry %.60q", name), "name one of its registries")
		}
	}
}
