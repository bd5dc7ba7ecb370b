package hardening

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
)

// maxEvidence bounds the evidence of one control: the reason has the number.
const maxEvidence = 50

func (s *Subject) secrets(files bool) (live []Secret, evidence []azward.Evidence) {
	for _, x := range s.Secrets {
		for _, p := range x.Places {
			if (p.In == InFile) != files {
				continue
			}
			meaning := fmt.Sprintf("%s of %d bytes in %s", x.Kind, x.Length, p)
			switch {
			case x.Expired(s.At):
				meaning += ", expired " + x.Expires.Format(time.DateOnly)
			case x.Guess():
				meaning += ", by its name alone"
			}
			if !x.Expired(s.At) && (len(live) == 0 || live[len(live)-1].Fingerprint != x.Fingerprint || x.Fingerprint == "") {
				live = append(live, x)
			}
			if len(evidence) < maxEvidence {
				evidence = append(evidence, s.fact(s.pointer(p), x.Redacted, meaning))
			}
		}
	}
	return live, evidence
}

// pointer says where in the image's documents a place is.
func (s *Subject) pointer(p Place) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	switch p.In {
	case InEnvironment:
		return "/config/Env/" + escape.Replace(p.Name)
	case InLabel:
		return "/config/Labels/" + escape.Replace(p.Name)
	case InHistory:
		return "/history"
	case InCommand:
		return "/config/Cmd"
	}
	return "/layers/" + string(p.Layer) + "/" + escape.Replace(p.Path)
}

func secretsInConfiguration(s *Subject) judgement {
	live, evidence := s.secrets(false)
	switch {
	case len(live) > 0:
		return judgement{azward.No, plural(len(live), "secret") + " in what everybody who pulls can read", evidence}
	case s.Facts == nil:
		return unknown(notRead)
	}
	return judgement{azward.Yes, "none found", append(evidence, s.fact("/config", nil, "no value has the shape or the name of a secret"))}
}

func secretsInFiles(s *Subject) judgement {
	live, evidence := s.secrets(true)
	if len(live) > 0 {
		deleted := 0
		for _, x := range live {
			if !slices.ContainsFunc(x.Places, func(p Place) bool { return p.In == InFile && !p.Deleted }) {
				deleted++
			}
		}
		reason := plural(len(live), "secret")
		if deleted > 0 {
			reason += fmt.Sprintf(", %d of them deleted by a later layer and still pullable", deleted)
		}
		return judgement{azward.No, reason, evidence}
	}
	j := s.absent("secrets")
	if j.met != azward.Yes {
		return j
	}
	j.evidence = append(evidence, s.fact("/layers", s.Facts.Searched, "files that could hold secrets were searched, none has one"))
	if s.Facts.Skipped > 0 {
		return judgement{azward.Unknown, plural(s.Facts.Skipped, "file") + " too large to be searched", j.evidence}
	}
	j.reason = plural(s.Facts.Searched, "file") + " searched"
	return j
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func rootUser(s *Subject) judgement {
	if s.Facts == nil {
		return unknown(notRead)
	}
	user, _, _ := strings.Cut(s.User, ":")
	evidence := []azward.Evidence{s.fact("/config/User", s.User, "the user that containers start as, where the workload names no other")}
	switch user {
	case "":
		return judgement{azward.No, "no user is set: root", evidence}
	case "root", "0":
		return judgement{azward.No, "the user is root", evidence}
	}
	if strings.Trim(user, "0") == "" {
		return judgement{azward.No, "the user is root", evidence}
	}
	return judgement{azward.Yes, "user " + user, evidence}
}

// loginServices are the ports by which people log in.
var loginServices = map[string]string{"22": "SSH", "23": "Telnet", "512": "rexec", "513": "rlogin", "514": "rsh", "2222": "SSH", "3389": "RDP", "5900": "VNC"}

func loginPorts(s *Subject) judgement {
	if s.Facts == nil {
		return unknown(notRead)
	}
	var found []string
	for _, port := range s.Ports {
		number, protocol, _ := strings.Cut(port, "/")
		if service := loginServices[number]; service != "" && protocol != "udp" {
			found = append(found, number+" ("+service+")")
		}
	}
	evidence := []azward.Evidence{s.fact("/config/ExposedPorts", s.Ports, "ports that the image says it listens on")}
	if len(found) > 0 {
		return judgement{azward.No, "port " + strings.Join(found, ", "), evidence}
	}
	return judgement{azward.Yes, "none among " + plural(len(s.Ports), "exposed port"), evidence}
}

func healthcheck(s *Subject) judgement {
	if s.Facts == nil {
		return unknown(notRead)
	}
	evidence := []azward.Evidence{s.fact("/config/Healthcheck", s.Facts.Healthcheck, "Kubernetes ignores it")}
	if s.Facts.Healthcheck == azward.Yes {
		return judgement{azward.Yes, "it has one", evidence}
	}
	return judgement{s.Facts.Healthcheck, "none; Kubernetes would ignore it", evidence}
}

var (
	addURL    = regexp.MustCompile(`(?i)\bADD\s+(?:--\S+\s+)*(?:https?|ftp)://`)
	checked   = regexp.MustCompile(`(?i)\bADD\s+(?:--\S+\s+)*--checksum=`)
	updates   = regexp.MustCompile(`\b(?:apt-get|apt|apk|yum|dnf|tdnf|microdnf|zypper)\s+(?:-\S+\s+)*(?:update|makecache|refresh|check-update)\b`)
	installs  = regexp.MustCompile(`\b(?:install|upgrade|dist-upgrade|add|full-upgrade|groupinstall)\b`)
	refreshes = regexp.MustCompile(`\b(?:yum|dnf|tdnf|microdnf)\s+(?:-\S+\s+)*update\b`) // these install, too
)

// steps judges the layers' build steps.
func (s *Subject) steps(bad func(step string) bool, meaning string) judgement {
	if s.Facts == nil {
		return unknown(notRead)
	}
	var evidence []azward.Evidence
	told := 0
	for _, l := range s.Layers {
		if l.CreatedBy != "" {
			told++
		}
		if bad(l.CreatedBy) {
			evidence = append(evidence, s.fact("/history", fmt.Sprintf("%.200s", l.CreatedBy), meaning+" in layer "+string(l.Digest)))
		}
	}
	switch {
	case len(evidence) > 0:
		return judgement{azward.No, plural(len(evidence), "build step"), evidence[:min(len(evidence), maxEvidence)]}
	case told < len(s.Layers):
		return unknown("the history does not tell how each layer was made")
	}
	return judgement{azward.Yes, "no such build step", []azward.Evidence{s.fact("/history", told, "build steps, none of which does")}}
}

func remoteAdd(s *Subject) judgement {
	return s.steps(func(step string) bool { return addURL.MatchString(step) && !checked.MatchString(step) }, "adds from a URL without a checksum")
}

func updateAlone(s *Subject) judgement {
	return s.steps(func(step string) bool {
		return updates.MatchString(step) && !installs.MatchString(step) && !refreshes.MatchString(step)
	}, "updates package lists alone")
}

// marks gives the marks of the kinds.
func (s *Subject) marks(kinds ...MarkKind) []Mark {
	if s.Facts == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.Facts.Marks), func(m Mark) bool { return !slices.Contains(kinds, m.Kind) })
}

// present is the answer when marks were found, absent otherwise.
func (s *Subject) present(what, meaning string, list []Mark) judgement {
	if len(list) == 0 {
		return s.absent(what)
	}
	var names []string
	var evidence []azward.Evidence
	for _, m := range list {
		if len(evidence) == maxEvidence {
			break
		}
		names = append(names, m.Path)
		text := meaning + ", in layer " + string(m.Layer)
		if m.Mode != 0 {
			text = "mode " + m.Mode.String() + ": " + text
		}
		evidence = append(evidence, s.fact("/layers/"+string(m.Layer), m.Path, text))
	}
	return judgement{azward.No, some(names, len(list)), evidence}
}

// some names the first of a list.
func some(names []string, all int) string {
	const shown = 3
	if all <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), all-shown)
}

func marked(kind MarkKind, meaning string) func(*Subject) judgement {
	return func(s *Subject) judgement { return s.present(string(kind), meaning, s.marks(kind)) }
}

func setuidFiles(s *Subject) judgement {
	return s.present("setuid and setgid files", "runs with its owner's or group's rights", s.marks(Setuid, Setgid))
}

// defaultPath is what runtimes set where an image does not.
//
// Source: https://github.com/containerd/containerd/blob/main/pkg/oci/spec.go
var defaultPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// writablePath: bin and usr/bin are the same in most images.
func writablePath(s *Subject) judgement {
	if s.Facts == nil {
		return unknown(notRead)
	}
	dirs := s.Facts.Path
	if len(dirs) == 0 {
		dirs = defaultPath
	}
	var list []Mark
	for _, m := range s.marks(Directory) {
		for _, dir := range dirs {
			dir = path.Clean(dir)
			if m.Path == dir || m.Path == "/usr"+dir || "/usr"+m.Path == dir {
				list = append(list, m)
				break
			}
		}
	}
	return s.present("directories of PATH that everybody can write to", "is in PATH, and everybody can write to it", list)
}

// minCache is what caches may take, in bytes, before they are told of.
const minCache = 1 << 20

func caches(s *Subject) judgement {
	if s.Facts == nil {
		return unknown(notRead)
	}
	var sum int64
	var names []string
	var evidence []azward.Evidence
	for _, c := range s.Facts.Caches {
		sum += c.Bytes
		if !slices.Contains(names, c.Manager) {
			names = append(names, c.Manager)
		}
		evidence = append(evidence, s.fact("/layers/"+string(c.Layer), c.Bytes, fmt.Sprintf("bytes in %s of %s's cache", plural(c.Files, "file"), c.Manager)))
	}
	if sum < minCache {
		j := s.absent("caches of package managers above 1 MB")
		j.evidence = append(j.evidence, evidence...)
		return j
	}
	return judgement{azward.No, fmt.Sprintf("%.0f MB of %s", float64(sum)/1e6, strings.Join(names, ", ")), evidence[:min(len(evidence), maxEvidence)]}
}

func endOfLife(s *Subject) judgement {
	if s.Release == "" {
		return s.withoutRelease()
	}
	day := ""
	if !s.EndOfLife.IsZero() {
		day = s.EndOfLife.Format(time.DateOnly)
	}
	evidence := []azward.Evidence{{
		Resource: azward.ResourceID(s.Release), Property: "/eolFrom", Value: azward.JSONValue(s.EndOfLife), Meaning: "the last day of security fixes, by endoflife.date",
		Source: azward.SourceAdvisory,
	}}
	if s.EndOfLife.IsZero() {
		evidence[0].Value = azward.JSONValue(nil)
	}
	switch s.Ended {
	case azward.Yes:
		return judgement{azward.No, strings.TrimSpace(s.Release + " has ended " + day), evidence}
	case azward.No:
		reason := s.Release + " is supported"
		if day != "" {
			reason += " until " + day
		}
		return judgement{azward.Yes, reason, evidence}
	}
	return unknown("no date is known for " + s.Release + ": azward advisory update")
}

// withoutRelease: an image of a program alone has no distribution that could
// end. One with a shell or a package manager has, and does not name it.
func (s *Subject) withoutRelease() judgement {
	if s.Facts == nil || s.Facts.Unread > 0 || len(s.marks(Shell, Manager)) > 0 {
		return unknown("the distribution is not known")
	}
	return judgement{azward.Yes, "it has no distribution", []azward.Evidence{
		s.fact("/layers", nil, "no os-release, no shell and no package manager in any layer"),
	}}
}

// floating are tags that move by their nature.
var floating = map[string]bool{
	"latest": true, "stable": true, "edge": true, "main": true, "master": true, "nightly": true, "dev": true, "rolling": true, "current": true,
	"lts": true, "mainline": true, "testing": true, "unstable": true, "next": true, "alpine": true, "slim": true,
}

func floatingBase(s *Subject) judgement {
	if s.Base == "" {
		return unknown("the base is not known: build with BuildKit's image annotations, or scan the base's registry")
	}
	name, _, pinned := strings.Cut(s.Base, "@")
	tag := "latest"
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		tag = name[i+1:]
	} else if pinned {
		tag = ""
	}
	evidence := []azward.Evidence{s.fact("/base", s.Base, "what the image was built on")}
	if floating[tag] {
		return judgement{azward.No, s.Base + " moves by its nature", evidence}
	}
	return judgement{azward.Yes, s.Base, evidence}
}

// maxAge is what an image may be old.
const maxAge = 90 * 24 * time.Hour

func age(s *Subject) judgement {
	// Builders that want the same bytes each time set the beginning of 1970 or 1980.
	if s.Created.Year() <= 1980 || s.At.IsZero() {
		return unknown("the image does not say when it was built")
	}
	evidence := []azward.Evidence{s.fact("/created", s.Created, "when the image was built, as it says itself")}
	days := int(s.At.Sub(s.Created) / (24 * time.Hour))
	if s.At.Sub(s.Created) > maxAge {
		return judgement{azward.No, "built " + plural(days, "day") + " ago", evidence}
	}
	return judgement{azward.Yes, "built " + s.Created.Format(time.DateOnly), evidence}
}

func attached(kind, none string) func(*Subject) judgement {
	return func(s *Subject) judgement {
		evidence := []azward.Evidence{{
			Resource: s.Scope, Property: "/referrers", Value: azward.JSONValue(s.Attached), Meaning: "what the registry says refers to the image; nothing is verified",
			Source: azward.SourceRegistry,
		}}
		switch {
		case slices.Contains(s.Attached, kind):
			return judgement{azward.Yes, "attached, not verified", evidence}
		case s.AskedAttached:
			return judgement{azward.No, none + " is attached", evidence}
		}
		return unknown("no registry said what is attached")
	}
}
