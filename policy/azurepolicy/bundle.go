package azurepolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// maxCatalogBytes bounds a file of definitions: all that Azure has built in
// are 60 MB.
const maxCatalogBytes = 512 << 20

// Documents calls with every definition and initiative of a file: JSON
// documents one after another, lists of them, or {"value": […]} as Resource
// Manager answers. Where names file and position, for errors.
func Documents(r io.Reader, name string, call func(raw json.RawMessage, where string) error) error {
	in := json.NewDecoder(bound.Reader(r, maxCatalogBytes, name))
	for n := 1; ; n++ {
		var raw json.RawMessage
		err := in.Decode(&raw)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return &azward.Error{
				Kind: azward.KindBadInput, Op: "read policy definitions", Subject: fmt.Sprintf("%s, document %d", name, n), Cause: err.Error(), Err: err,
				Remedy: `give what "az policy definition list" prints, or one definition a line`,
			}
		}
		for i, one := range unpack(raw) {
			where := fmt.Sprintf("%s, document %d", name, n)
			if i > 0 {
				where += fmt.Sprintf(", item %d", i+1)
			}
			if err := call(one, where); err != nil {
				return err
			}
		}
	}
}

// unpack takes a list, or an answer's value, apart.
func unpack(raw json.RawMessage) []json.RawMessage {
	var all []json.RawMessage
	if json.Unmarshal(raw, &all) == nil {
		return all
	}
	var page struct {
		Value []json.RawMessage `json:"value"`
	}
	if json.Unmarshal(raw, &page) == nil && page.Value != nil {
		return page.Value
	}
	return []json.RawMessage{raw}
}

// AddDocument adds a definition or an initiative, whichever the document is.
func (c *Catalog) AddDocument(raw json.RawMessage, where string) error {
	var shape struct {
		PolicyRule        json.RawMessage `json:"policyRule"`
		PolicyDefinitions json.RawMessage `json:"policyDefinitions"`
		Properties        struct {
			PolicyRule        json.RawMessage `json:"policyRule"`
			PolicyDefinitions json.RawMessage `json:"policyDefinitions"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(raw, &shape); err != nil {
		return located(err, where)
	}
	if len(shape.PolicyDefinitions)+len(shape.Properties.PolicyDefinitions) > 0 {
		s, err := ParseInitiative(raw)
		if err == nil {
			c.AddInitiative(s)
		}
		return located(err, where)
	}
	d, err := ParseDefinition(raw)
	if err != nil {
		return located(err, where)
	}
	if d.ID == "" && d.Name == "" {
		d.Name = where
	}
	c.Add(d)
	return nil
}

// located says where a document stands that could not be read.
func located(err error, where string) error {
	if err == nil {
		return nil
	}
	cause, subject := err.Error(), where
	if own := (*azward.Error)(nil); errors.As(err, &own) {
		cause = own.Cause
		if own.Subject != "" {
			subject = strings.TrimSpace(own.Subject + " (" + where + ")")
		}
	}
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read policy definition", Subject: subject, Cause: cause, Err: err,
		Remedy: `give it as "az policy definition show" prints it; the other definitions are evaluated`,
	}
}
