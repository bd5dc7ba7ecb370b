package verdict

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/azward/azward"
)

// Piece is a part of a document. The document is all its pieces, one after the
// other; Shared ones occur in many documents, byte for byte, and need to be
// kept once.
type Piece struct {
	Text   []byte
	Shared bool
}

// Document is a verdict as JSON and its proof document, in pieces.
type Document struct {
	Verdict azward.Verdict
	// Own is the verdict's JSON, Proof the document that [Verify] replays.
	Own, Proof []Piece
}

// Document decides a subject and writes its documents. What all verdicts of a
// workload share is encoded once.
func (d *Decider) Document(subject Subject) (Document, error) {
	v := d.Decide(subject)
	doc := Document{Verdict: v}
	s := d.surroundings(subject.Workload, subject.Attacker)
	var err error
	if doc.Own, err = s.verdictPieces(v, presenceKeyOf(subject)); err != nil {
		return doc, err
	}
	looked, err := s.looked()
	if err != nil {
		return doc, fmt.Errorf("write the facts of %s: %w", v.ID, err)
	}
	p := Proof{Format: ProofFormat, Verdict: v, Subject: subject}
	if p.Image, err = d.imageLine(subject); err != nil {
		return doc, err
	}
	var own bytes.Buffer
	for _, piece := range doc.Own {
		own.Write(piece.Text)
	}
	asked, err := encode(subject)
	if err != nil {
		return doc, err
	}
	p.SHA256 = p.sumOver(own.Bytes(), asked, looked.sum)
	doc.Proof = p.pieces(doc.Own, asked, looked.joined)
	return doc, nil
}

// pieces are the proof document around its verdict and the workload's facts.
func (p Proof) pieces(verdict []Piece, subject, facts []byte) []Piece {
	image := []byte{}
	if p.Image != nil {
		image = fmt.Appendf(nil, `,"image":%s`, p.Image)
	}
	pieces := make([]Piece, 0, len(verdict)+4)
	pieces = append(pieces, Piece{Text: fmt.Appendf(nil, `{"format":%q,"verdict":`, p.Format)})
	pieces = append(pieces, verdict...)
	return append(pieces,
		Piece{Text: fmt.Appendf(nil, `,"subject":%s,"estate":[`, subject)},
		Piece{Text: facts, Shared: true},
		Piece{Text: fmt.Appendf(nil, `]%s,"sha256":"%s"}`+"\n", image, p.SHA256)},
	)
}

// conditionsMark stands in an encoded verdict without conditions. Within a
// JSON string its quotes would be escaped.
const conditionsMark = `"conditions":[]`

// verdictPieces encodes a verdict: its own part, and those that it shares with
// others of the workload.
func (s *surroundings) verdictPieces(v azward.Verdict, key presenceKey) ([]Piece, error) {
	bare := v
	bare.Conditions, bare.Mitigations, bare.Impact = []azward.Condition{}, nil, nil
	raw, err := encode(bare)
	if err != nil {
		return nil, err
	}
	head, tail, ok := bytes.Cut(raw, []byte(conditionsMark))
	if !ok || len(v.Conditions) != 4 {
		return nil, fmt.Errorf("encode verdict %s: it has %d conditions", v.ID, len(v.Conditions))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.encoded == nil {
		s.encoded = map[presenceKey]shared{}
	}
	parts, ok := s.encoded[key]
	if !ok {
		if parts, err = encodeShared(v); err != nil {
			return nil, err
		}
		s.encoded[key] = parts
	}
	affected, err := encode(v.Conditions[1])
	if err != nil {
		return nil, err
	}
	asks, err := encode(v.Conditions[3])
	if err != nil {
		return nil, err
	}
	return []Piece{
		{Text: append(head, `"conditions":[`...)},
		{Text: parts.deployed, Shared: true},
		{Text: fmt.Appendf(nil, ",%s,", affected)},
		{Text: parts.reachable, Shared: true},
		{Text: fmt.Appendf(nil, ",%s]", asks)},
		{Text: parts.context, Shared: true},
		{Text: tail},
	}, nil
}

// shared are the parts of a verdict's JSON that others have too.
type shared struct{ deployed, reachable, context []byte }

func encodeShared(v azward.Verdict) (s shared, err error) {
	if s.deployed, err = encode(v.Conditions[0]); err != nil {
		return s, err
	}
	if s.reachable, err = encode(v.Conditions[2]); err != nil {
		return s, err
	}
	for _, part := range []struct {
		name string
		list []azward.Condition
	}{{"mitigations", v.Mitigations}, {"impact", v.Impact}} {
		if len(part.list) == 0 {
			continue
		}
		raw, err := encode(part.list)
		if err != nil {
			return s, err
		}
		s.context = fmt.Appendf(s.context, `,"%s":%s`, part.name, raw)
	}
	return s, nil
}

// encode writes JSON with the characters of HTML as they are: raw documents in
// it keep their bytes, and so their hashes.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
