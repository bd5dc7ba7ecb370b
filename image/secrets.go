package image

import (
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/hardening"
	"github.com/azward/azward/hardening/secret"
)

// clean takes the secrets out of a configuration: from here on, nothing of it
// that is kept or shown holds a value.
func (m *Manifest) clean(c configFile) {
	m.Facts = &hardening.Facts{Healthcheck: healthcheck(c)}
	for _, env := range c.Config.Env {
		name, value, _ := strings.Cut(env, "=")
		if name == "PATH" {
			for dir := range strings.SplitSeq(value, ":") {
				if strings.HasPrefix(dir, "/") && len(m.Facts.Path) < maxPathDirs {
					m.Facts.Path = append(m.Facts.Path, secret.Redact(dir))
				}
			}
		}
		m.secrets(secret.Variable(name, value), hardening.Place{In: hardening.InEnvironment, Name: secret.Redact(name)})
	}
	for name, value := range m.Labels {
		m.secrets(secret.Variable(name, value), hardening.Place{In: hardening.InLabel, Name: secret.Redact(name)})
	}
	for _, command := range [][]string{m.Config.Entrypoint, m.Config.Cmd} {
		m.secrets(secret.Line(strings.Join(command, " ")), hardening.Place{In: hardening.InCommand})
	}
	m.history(c)
	m.Labels = redactValues(m.Labels)
	m.Config.Entrypoint, m.Config.Cmd = redactCommand(m.Config.Entrypoint), redactCommand(m.Config.Cmd)
	for i := range m.Config.EnvKeys {
		m.Config.EnvKeys[i] = secret.Redact(m.Config.EnvKeys[i])
	}
	for i := range m.Layers {
		m.Layers[i].CreatedBy = secret.Redact(m.Layers[i].CreatedBy)
	}
	m.Secrets = hardening.Join(m.Secrets)
}

// history looks at every build step, those that made no layer as well.
func (m *Manifest) history(c configFile) {
	layer := 0
	for i, h := range c.History {
		if i == maxHistory {
			break
		}
		place := hardening.Place{In: hardening.InHistory}
		if !h.EmptyLayer {
			if layer < len(m.Layers) && m.Layers[layer].CreatedBy == h.CreatedBy {
				place.Layer = m.Layers[layer].Digest
			}
			layer++
		}
		found := secret.Line(h.CreatedBy)
		if len(found) > 0 {
			place.Step = oneLine(h.CreatedBy)
		}
		m.secrets(found, place)
	}
}

func (m *Manifest) secrets(found []secret.Found, place hardening.Place) {
	for _, f := range found {
		if len(m.Secrets) < maxSecrets {
			m.Secrets = append(m.Secrets, hardening.Secret{Found: f, Places: []hardening.Place{place}})
		}
	}
}

func healthcheck(c configFile) azward.Answer {
	if h := c.Config.Healthcheck; h != nil && len(h.Test) > 0 && h.Test[0] != "NONE" {
		return azward.Yes
	}
	return azward.No
}

// redactCommand keeps the words of a command. A secret may be in two of them:
// "--password", "x".
func redactCommand(words []string) []string {
	line := strings.Join(words, " ")
	if secret.Redact(line) == line {
		return words
	}
	return []string{secret.Redact(line)}
}

func redactValues(values map[string]string) map[string]string {
	for name, value := range values {
		clean := secret.Redact(value)
		if found := secret.Variable(name, value); len(found) > 0 && clean == value {
			clean = found[0].Redacted
		}
		values[name] = clean
	}
	return values
}
