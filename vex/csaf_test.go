package vex_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	openvex "github.com/openvex/go-vex/pkg/vex"

	"github.com/azward/azward"
	"github.com/azward/azward/vex"
)

// advisory is what the standard's tests look at beside the schema.
type advisory struct {
	Tree struct {
		Products      []product `json:"full_product_names"`
		Relationships []struct {
			Product   product `json:"full_product_name"`
			Reference string  `json:"product_reference"`
			RelatesTo string  `json:"relates_to_product_reference"`
		} `json:"relationships"`
	} `json:"product_tree"`
	Vulnerabilities []struct {
		CVE    string              `json:"cve"`
		Status map[string][]string `json:"product_status"`
		Flags  []struct {
			Label    string   `json:"label"`
			Products []string `json:"product_ids"`
		} `json:"flags"`
		Threats, Remediations []struct {
			Category string   `json:"category"`
			Products []string `json:"product_ids"`
		}
	} `json:"vulnerabilities"`
}

type product struct {
	ID     string `json:"product_id"`
	Helper *struct {
		PURL string `json:"purl"`
	} `json:"product_identification_helper"`
}

// TestCSAFMandatory holds the documents against the standard's mandatory tests
// that a schema cannot say: 6.1.1 and 6.1.2 (products are defined, once),
// 6.1.6 (a product has one status), 6.1.27.9 (not affected has an impact
// statement), 6.1.27.10 (affected has an action statement), 6.1.32 (one flag a
// product).
//
// Source: https://docs.oasis-open.org/csaf/csaf/v2.0/os/csaf-v2.0-os.html#61-mandatory-tests
func TestCSAFMandatory(t *testing.T) {
	t.Parallel()
	for _, product := range []vex.Product{vex.Deployments, vex.Images} {
		for _, assert := range []bool{false, true} {
			o := options
			o.Product, o.AssertNotAffected = product, assert
			var doc advisory
			if err := json.Unmarshal(written(t, formats()[1], verdicts(), o), &doc); err != nil {
				t.Fatal(err)
			}
			doc.check(t, assert)
		}
	}
}

func (a advisory) check(t *testing.T, asserted bool) {
	t.Helper()
	defined := map[string]int{}
	for _, p := range a.Tree.Products {
		defined[p.ID]++
	}
	for _, r := range a.Tree.Relationships {
		defined[r.Product.ID]++
		if r.Product.Helper != nil {
			t.Errorf("%s can be mistaken for a package: it has an identifier", r.Product.ID)
		}
		if defined[r.Reference] == 0 || defined[r.RelatesTo] == 0 {
			t.Errorf("%s is made of what is not defined", r.Product.ID)
		}
	}
	for id, times := range defined {
		if times != 1 {
			t.Errorf("%s is defined %d times", id, times)
		}
	}
	for _, v := range a.Vulnerabilities {
		status := map[string]string{}
		for s, products := range v.Status {
			for _, p := range products {
				if status[p] != "" || defined[p] == 0 {
					t.Errorf("%s is %s and %s, defined %d times", p, status[p], s, defined[p])
				}
				status[p] = s
			}
		}
		flags := map[string]string{}
		for _, f := range v.Flags {
			for _, p := range f.Products {
				if flags[p] != "" {
					t.Errorf("%s has two flags", p)
				}
				flags[p] = f.Label
			}
			if f.Label == "vulnerable_code_cannot_be_controlled_by_adversary" && !asserted {
				t.Error("a network block is asserted without being asked for")
			}
		}
		for p, s := range status {
			impact, act := 0, 0
			for _, x := range v.Threats {
				if x.Category == "impact" && slices.Contains(x.Products, p) {
					impact++
				}
			}
			for _, x := range v.Remediations {
				if slices.Contains(x.Products, p) {
					act++
				}
			}
			if wantImpact, wantAct := s == "known_not_affected", s == "known_affected"; impact > 0 != wantImpact || act > 0 != wantAct || (flags[p] != "") != wantImpact {
				t.Errorf("%s is %s with %d impacts, %d actions and the flag %q", p, s, impact, act, flags[p])
			}
		}
	}
}

func TestNothingToState(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	err := vex.CSAF(&b, nil, options)
	if e, ok := errors.AsType[*azward.Error](err); !ok || e.Remedy == "" {
		t.Errorf("CSAF without statements: %v", err)
	}
	written(t, formats()[2], nil, options)
	// OpenVEX' schema wants a statement, its readers do not: a pipeline without
	// findings goes on.
	b.Reset()
	if err := vex.OpenVEX(&b, nil, options); err != nil {
		t.Fatal(err)
	}
	if doc, err := openvex.Parse(b.Bytes()); err != nil || doc.Statements == nil || len(doc.Statements) != 0 {
		t.Errorf("OpenVEX without statements: %+v, %v", doc, err)
	}
}
