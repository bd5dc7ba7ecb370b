package config

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/azward/azward"
	"github.com/azward/azward/seal"
)

// Text is a value of the file that may hold references to secrets.
type Text struct {
	raw  string
	at   place
	path string
}

// reference is ${{ secrets.NAME }}; integrations of others write jit_secrets.
var reference = regexp.MustCompile(`\$\{\{\s*(?:jit_)?secrets\.([A-Za-z_][A-Za-z0-9_]{0,127})\s*\}\}`)

var secretName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// ValidSecretName says whether a reference can name it.
func ValidSecretName(name string) bool { return secretName.MatchString(name) }

// Resolver finds secrets by name. Source is what the file says of it; nil when
// the file says nothing.
type Resolver interface {
	Resolve(ctx context.Context, name string, source *Source) (seal.Secret, error)
}

// String gives the text as the file has it: a reference, not the secret.
func (t Text) String() string { return t.raw }

// Refers says whether the text holds a reference.
func (t Text) Refers() bool { return strings.Contains(t.raw, "${{") }

// names are the secrets that the text refers to.
func (t Text) names() []string {
	var list []string
	for _, m := range reference.FindAllStringSubmatch(t.raw, -1) {
		if !slices.Contains(list, m[1]) {
			list = append(list, m[1])
		}
	}
	return list
}

func (r *reader) value(into *Text) take {
	return func(n *yaml.Node, path string) {
		r.text(&into.raw)(n, path)
		into.at, into.path = placeOf(n), path
		if rest := reference.ReplaceAllString(into.raw, ""); strings.Contains(rest, "${{") {
			r.wrong(n, path, "it holds ${{ that begins no reference to a secret", "write ${{ secrets.NAME }}, a name of letters, digits and _")
		}
	}
}

// secret reads a text that must be a reference and nothing else.
func (r *reader) secret(into *Text) take {
	return func(n *yaml.Node, path string) {
		r.value(into)(n, path)
		if n.Kind == yaml.ScalarNode && reference.FindString(into.raw) != strings.TrimSpace(into.raw) {
			// The value itself is not quoted: it may be the secret.
			r.wrong(n, path, "a secret never stands in this file", "refer to it: ${{ secrets.NAME }}; and take back the one that stands here, since others have read it")
		}
	}
}

// resolved gives the text with each reference replaced.
func (f *File) resolved(ctx context.Context, t Text, secrets Resolver) (seal.Secret, error) {
	out := t.raw
	for _, name := range t.names() {
		var source *Source
		if s, ok := f.Secrets[name]; ok {
			source = &s
		}
		found, err := secrets.Resolve(ctx, name, source)
		if err != nil {
			return seal.Secret{}, f.unresolved(t, name, err)
		}
		out = reference.ReplaceAllStringFunc(out, func(m string) string {
			if reference.FindStringSubmatch(m)[1] == name {
				return found.Reveal()
			}
			return m
		})
	}
	return seal.NewSecret(out), nil
}

func (f *File) unresolved(t Text, name string, err error) error {
	p := Problem{File: f.Name, Line: t.at.line, Column: t.at.column, Path: t.path, Cause: fmt.Sprintf("the secret %s cannot be had: %v", name, err)}
	remedy := "set it in the environment, or keep it sealed: azward secrets set " + name
	if own, ok := err.(*azward.Error); ok && own.Remedy != "" { //nolint:errorlint // only the outermost advice is ours to repeat
		p.Cause, remedy = fmt.Sprintf("the secret %s cannot be had: %s", name, own.Cause), own.Remedy
	}
	return &azward.Error{Kind: azward.KindUsage, Op: "read configuration", Cause: p.String(), Remedy: remedy, Err: err}
}
