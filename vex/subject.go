package vex

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
)

// Product is what statements are about.
type Product string

const (
	// Deployments is what runs, with the image and the package beneath it. A
	// verdict holds there and nowhere else.
	Deployments Product = ""
	// Images is for readers that know images alone. A vulnerability in an image
	// is as bad as in the worst of the deployments that were given; of others
	// nothing is known, and the document says nothing of them.
	Images Product = "image"
)

// subject is one statement: a vulnerability of a package, in a deployment or in
// an image.
type subject struct {
	id       string // "urn:azward:verdict:v-…"
	verdict  azward.Verdict
	position position
	// others are the deployments of the same image that decided less, images all
	// its names: one digest may lie in several repositories.
	others int
	images []string
}

// decided is the time of the statement, nil where it is not known.
func (s subject) decided() *time.Time {
	if s.verdict.DecidedAt.IsZero() {
		return nil
	}
	at := s.verdict.DecidedAt.UTC()
	return &at
}

// subjects gives the statements in the order of the verdicts, and how many
// verdicts have no place in a document: with [Images] those of images that are
// known by a tag alone, since a tag names another image tomorrow, and those of
// packages without a package URL, which would speak for the whole image. What
// is said twice is said once, as the worst of it.
func subjects(verdicts []azward.Verdict, product Product) (list []subject, without int) {
	at := map[string]int{}
	for _, v := range verdicts {
		id := "urn:azward:verdict:" + string(v.ID)
		if product == Images {
			_, image := splitImage(v.Image)
			if image == "" || packageOf(v) != v.Finding.PURL {
				without++
				continue
			}
			// As readers match: by digest, and by the package without qualifiers.
			id = "urn:azward:image:" + strings.TrimPrefix(string(azward.NewVerdictID("", image, v.Vulnerability, spellings(v.Finding.PURL)[0])), "v-")
		}
		p := positionOf(v)
		n, known := at[id]
		switch {
		case !known:
			at[id] = len(list)
			list = append(list, subject{id: id, verdict: v, position: p, images: []string{v.Image}})
			continue
		case p.worse(list[n].position):
			list[n].verdict, list[n].position = v, p
			fallthrough
		default:
			list[n].others++
		}
		if !slices.Contains(list[n].images, v.Image) {
			list[n].images = append(list[n].images, v.Image)
		}
	}
	if product == Images {
		for i := range list {
			s := &list[i]
			among := "the only deployment known to azward"
			if s.others > 0 {
				among = fmt.Sprintf("the worst of %d deployments known to azward", s.others+1)
			}
			s.position.notes = fmt.Sprintf("in %s, %s: %s", among, s.verdict.Workload.Name, s.position.notes)
		}
	}
	return list, without
}

// stated is the position as a format without a word for a network block says it.
func (s subject) stated(o Options) position {
	if o.AssertNotAffected {
		return s.position
	}
	return s.position.unasserted()
}

// aliases are the other names of the vulnerability, each once.
func (s subject) aliases() []string {
	var list []string
	for _, id := range s.verdict.Finding.Aliases {
		if id = plain(id); id != "" && id != plain(s.verdict.Vulnerability) && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// impact says why the product is not affected.
func (s subject) impact(p position) string {
	if p.reason != perimeter {
		return plain(p.notes)
	}
	asOf := ""
	if at := s.decided(); at != nil {
		asOf = " as of " + at.Format(time.RFC3339)
	}
	return plain("nobody outside of its own network can send it packets" + asOf + "; this is a property of the deployment's network, not of the software: " + p.notes)
}

// LeftOut counts the verdicts that have no place in a document about the
// product: with [Images] those whose image is known by a tag alone, or whose
// package has no package URL.
func LeftOut(verdicts []azward.Verdict, product Product) int {
	_, without := subjects(verdicts, product)
	return without
}
