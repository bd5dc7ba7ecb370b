package estate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// ServiceTags is a dated list of Azure's service tags: which public addresses
// each of them stands for. It goes into an estate tag by tag, so that an answer
// keeps, and cites, those that it looked up alone.
//
// Source: https://learn.microsoft.com/azure/virtual-network/service-tags-overview
type ServiceTags struct {
	Cloud        string // "Public", "AzureGovernment", "AzureChina"
	ChangeNumber string
	SHA256       string // of the file, in hexadecimal
	tags         []listedTag
}

type listedTag struct {
	Name       string `json:"name"`
	Properties struct {
		ChangeNumber    json.RawMessage `json:"changeNumber,omitempty"`
		Region          string          `json:"region"`
		SystemService   string          `json:"systemService"`
		AddressPrefixes []string        `json:"addressPrefixes"`
	} `json:"properties"`
}

// Bounds of a list. Microsoft's has about 3,500 tags and 110,000 prefixes in
// 4 MB.
const (
	maxTagListBytes = 64 << 20
	maxTags         = 50_000
	maxTagPrefixes  = 2_000_000 // in the whole list
	maxTagName      = 128       // bytes
)

// ServiceTagType is the type under which an estate holds a tag. Its ID is
// [ServiceTagID].
const ServiceTagType = "Microsoft.Network/serviceTags"

// ServiceTagID is where an estate holds the tag of this name, in any case.
func ServiceTagID(name string) azward.ResourceID {
	return azward.ResourceID("/providers/" + ServiceTagType + "/" + name)
}

// ReadServiceTags reads Microsoft's list: the file ServiceTags_Public_*.json
// or the answer of the Service Tag Discovery API, which has the same shape. A
// list that holds an address which cannot be read is refused as a whole.
//
// Source: https://learn.microsoft.com/rest/api/virtualnetwork/service-tags/list
func ReadServiceTags(r io.Reader) (ServiceTags, error) {
	raw, err := io.ReadAll(bound.Reader(r, maxTagListBytes, "the list of service tags"))
	if err != nil {
		return ServiceTags{}, badTags(err.Error(), err)
	}
	var v struct {
		ChangeNumber json.RawMessage `json:"changeNumber"`
		Cloud        string          `json:"cloud"`
		Values       []listedTag     `json:"values"`
		NextLink     string          `json:"nextLink"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return ServiceTags{}, badTags(mismatch(err), err)
	}
	sum := sha256.Sum256(raw)
	list := ServiceTags{Cloud: v.Cloud, ChangeNumber: strings.Trim(string(v.ChangeNumber), `"`), SHA256: hex.EncodeToString(sum[:]), tags: v.Values}
	switch {
	case len(v.Values) == 0:
		return ServiceTags{}, badTags("it holds no tags", nil)
	case v.NextLink != "":
		return ServiceTags{}, badTags("it is one page of several", nil)
	case list.ChangeNumber == "" || list.Cloud == "":
		return ServiceTags{}, badTags("it does not say its change number and cloud", nil)
	}
	return list, list.check()
}

func badTags(cause string, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read service tags", Cause: cause, Err: err,
		Remedy: "download \"Azure IP Ranges and Service Tags\" from Microsoft, or save the output of `az network list-service-tags --location westeurope`",
	}
}

func (l ServiceTags) check() error {
	if len(l.tags) > maxTags {
		return badTags(fmt.Sprintf("it holds more than %d tags", maxTags), nil)
	}
	prefixes := 0
	for _, t := range l.tags {
		if t.Name == "" || len(t.Name) > maxTagName || !pathSafe(t.Name) {
			return badTags(fmt.Sprintf("%.60q is no name of a tag", t.Name), nil)
		}
		if prefixes += len(t.Properties.AddressPrefixes); prefixes > maxTagPrefixes {
			return badTags(fmt.Sprintf("it holds more than %d prefixes", maxTagPrefixes), nil)
		}
		if _, err := tagPrefixes(t.Properties.AddressPrefixes); err != nil {
			return badTags(fmt.Sprintf("tag %s: %v", t.Name, err), err)
		}
	}
	return nil
}

// Len is the number of tags.
func (l ServiceTags) Len() int { return len(l.tags) }

// AddServiceTags adds a list. Of two lists the one from the better source
// stays, then the later one.
func (b *Builder) AddServiceTags(l ServiceTags, from Provenance) error {
	from.APIVersion = cmp.Or(from.APIVersion, l.Cloud+" "+l.ChangeNumber)
	for _, t := range l.tags {
		body, err := json.Marshal(map[string]any{
			"id": ServiceTagID(t.Name), "name": t.Name, "type": ServiceTagType,
			"properties": map[string]any{
				"changeNumber": t.Properties.ChangeNumber, "region": t.Properties.Region, "systemService": t.Properties.SystemService,
				"addressPrefixes": t.Properties.AddressPrefixes,
				"list":            map[string]string{"cloud": l.Cloud, "changeNumber": l.ChangeNumber, "sha256": l.SHA256},
			},
		})
		if err != nil {
			return fmt.Errorf("write service tag %s: %w", t.Name, err)
		}
		if err := b.AddARM(body, from); err != nil {
			return err
		}
	}
	return nil
}

// ServiceTag is the view of one tag: what it stands for, and in which list.
type ServiceTag struct {
	Prefixes []netip.Prefix
	List     struct{ Cloud, ChangeNumber, SHA256 string }
}

// UnmarshalJSON reads a tag as [Builder.AddServiceTags] writes it.
func (t *ServiceTag) UnmarshalJSON(body []byte) error {
	var v struct {
		Properties struct {
			AddressPrefixes []string `json:"addressPrefixes"`
			List            struct {
				Cloud, ChangeNumber, SHA256 string
			} `json:"list"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	if v.Properties.AddressPrefixes == nil {
		return errors.New("the tag holds no addressPrefixes")
	}
	t.List = v.Properties.List
	var err error
	t.Prefixes, err = tagPrefixes(v.Properties.AddressPrefixes)
	return err
}

func tagPrefixes(list []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil || p.Masked() != p || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%.60q is no prefix in CIDR form", s)
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}
