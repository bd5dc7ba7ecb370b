package foreign_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/foreign"
	"github.com/azward/azward/sbom"
)

const (
	digestA = azward.Digest("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	digestB = azward.Digest("sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
	digestC = azward.Digest("sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc")
	machine = azward.ResourceID("/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-1")
	scale   = azward.ResourceID("/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/vmss")
)

func places() *foreign.Places {
	return foreign.NewPlaces([]foreign.Place{
		{Workload: "/w/cart", Container: "cart", Image: "acr.io/shop/cart@" + string(digestA), Digest: digestA, Digests: []azward.Digest{digestB}, References: []string{"acr.io/shop/cart:1"}, Layers: []azward.Digest{digestC, digestA}},
		{Workload: "/w/nginx", Container: "nginx", Image: "nginx:1.27", References: []string{"nginx:1.27"}},
		{Workload: "/w/app", Container: "app", Image: "team/app", References: []string{"team/app"}},
		{Workload: machine},
		{Workload: scale},
	})
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		target foreign.Target
		at     azward.ResourceID // "" for none
		by     foreign.By
		why    string
	}{
		"by_manifest":           {foreign.Target{Digests: []azward.Digest{digestA}}, "/w/cart", foreign.ByDigest, ""},
		"by_index":              {foreign.Target{Digests: []azward.Digest{digestC, digestB}}, "/w/cart", foreign.ByDigest, ""},
		"by_configuration":      {foreign.Target{ImageID: digestB}, "/w/cart", foreign.ByImageID, ""},
		"by_layers":             {foreign.Target{Layers: []azward.Digest{digestC, digestA}, Names: []string{"other:1"}}, "/w/cart", foreign.ByLayers, ""},
		"layers_turned_round":   {foreign.Target{Layers: []azward.Digest{digestA, digestC}, Names: []string{"acr.io/shop/cart:1"}}, "", "", "another build runs under this name: the report's digest or layers are not those that run"},
		"tag_of_another_digest": {foreign.Target{Digests: []azward.Digest{digestC}, Names: []string{"acr.io/shop/cart:1"}}, "", "", "another build runs under this name: the report's digest or layers are not those that run"},
		"by_tag":                {foreign.Target{Names: []string{"ACR.io/shop/cart:1"}}, "/w/cart", foreign.ByTag, ""},
		"other_tag":             {foreign.Target{Names: []string{"acr.io/shop/cart:2"}}, "", "", "no container of the last scan runs this image"},
		"docker_hub_in_full":    {foreign.Target{Names: []string{"index.docker.io/library/nginx:1.27"}}, "/w/nginx", foreign.ByTag, ""},
		"tag_left_out":          {foreign.Target{Names: []string{"docker.io/team/app:latest"}}, "/w/app", foreign.ByTag, ""},
		"name_with_digest":      {foreign.Target{Names: []string{"docker.io/team/app@" + string(digestC)}}, "", "", "no container of the last scan runs this image"},
		"unknown_digest":        {foreign.Target{Digests: []azward.Digest{digestC}}, "", "", "no container of the last scan runs an image of this digest"},
		"machine":               {foreign.Target{Resource: "/subscriptions/S/resourcegroups/RG/providers/microsoft.compute/virtualmachines/VM-1"}, machine, foreign.ByResource, ""},
		"instance_of_scale_set": {foreign.Target{Resource: scale + "/virtualMachines/3"}, scale, foreign.ByResource, ""},
		"machine_that_is_gone":  {foreign.Target{Resource: machine + "x"}, "", "", "no machine of the last scan has this resource ID"},
		"nothing":               {foreign.Target{Other: "filesystem ."}, "", "", "it names neither an image nor a machine"},
	} {
		found, by, why := places().Of(tc.target)
		var at azward.ResourceID
		if len(found) > 0 {
			at = found[0].Workload
		}
		if at != tc.at || by != tc.by || why != tc.why {
			t.Errorf("%s: %s by %s: %s", name, at, by, why)
		}
	}
}

func TestHeld(t *testing.T) {
	t.Parallel()
	deb := func(name, version, source string) azward.Package {
		return azward.Package{PURL: "pkg:deb/debian/" + name + "@" + version + "?arch=amd64&distro=debian-12", Name: name, Version: version, Ecosystem: "Debian:12", Source: source}
	}
	at := &foreign.Place{Packages: []azward.Package{
		deb("libssl3", "3.0.11-1~deb12u1", "openssl"), deb("openssl", "3.0.11-1~deb12u1", ""), deb("zlib1g", "1:1.2.13", "zlib"),
		{PURL: "pkg:pypi/ruamel-yaml@0.17.1", Name: "ruamel-yaml", Version: "0.17.1", Ecosystem: "PyPI"},
		{PURL: "pkg:golang/golang.org/x/net@v0.15.0", Name: "golang.org/x/net", Version: "v0.15.0", Ecosystem: "Go"},
		{PURL: "pkg:npm/%40angular/core@16.0.0", Name: "@angular/core", Version: "16.0.0", Ecosystem: "npm"},
		{PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", Name: "org.apache.logging.log4j:log4j-core", Version: "2.14.1", Ecosystem: "Maven"},
	}}
	for name, tc := range map[string]struct {
		purl  string
		holds []string
		other string
	}{
		"escaped_and_other_qualifiers": {"pkg:deb/debian/openssl@3.0.11-1%7Edeb12u1?distro=debian-12.5&arch=arm64&x=%2F", []string{"openssl"}, ""},
		"epoch_as_qualifier":           {"pkg:deb/debian/zlib1g@1.2.13?epoch=1", []string{"zlib1g"}, ""},
		"epoch_left_out":               {"pkg:deb/debian/zlib1g@1.2.13", []string{"zlib1g"}, ""},
		"by_source_package":            {"pkg:deb/debian/zlib@1.2.13", []string{"zlib1g"}, ""},
		"other_version":                {"pkg:deb/debian/libssl3@3.0.15-1~deb12u1", nil, "libssl3 3.0.11-1~deb12u1"},
		"pypi_spelling":                {"pkg:pypi/Ruamel.Yaml@0.17.1", []string{"ruamel-yaml"}, ""},
		"go_version_without_v":         {"pkg:golang/golang.org/x/net@0.15.0", []string{"golang.org/x/net"}, ""},
		"npm_scope":                    {"pkg:npm/%40angular%2Fcore@16.0.0", []string{"@angular/core"}, ""},
		"maven_without_group":          {"pkg:maven/log4j-core/log4j-core@2.14.1", []string{"org.apache.logging.log4j:log4j-core"}, ""},
		"name_alone":                   {"pkg:generic/log4j-core@2.14.1", []string{"org.apache.logging.log4j:log4j-core"}, ""},
		"no_version":                   {"pkg:deb/debian/openssl", []string{"openssl"}, ""},
		"other_type":                   {"pkg:npm/openssl@3.0.11-1~deb12u1", nil, ""},
	} {
		same, other := foreign.NewPlaces(nil).Held(at, parsed(t, tc.purl))
		var names []string
		for _, p := range same {
			names = append(names, p.Name)
		}
		if diff := cmp.Diff(tc.holds, names); diff != "" || other != tc.other {
			t.Errorf("%s: other %q (-want +got):\n%s", name, other, diff)
		}
	}
}

// parsed is what reading a report makes of a package URL.
func parsed(t *testing.T, purl string) azward.Package {
	t.Helper()
	p, err := sbom.PackageOf(purl, sbom.OS{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
