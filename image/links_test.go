package image_test

import (
	"archive/tar"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A package file is found where a process in the container would find it,
// whatever its own name is.
func TestLinksAreFollowed(t *testing.T) {
	t.Parallel()
	link := func(name, target string) entry { return entry{name: name, kind: tar.TypeSymlink, link: target} }
	hard := func(name, target string) entry { return entry{name: name, kind: tar.TypeLink, link: target} }
	const (
		status = "Package: bash\nStatus: install ok installed\nVersion: 5.2\n"
		npm    = `{"name":"x","version":"1"}`
		file   = "node_modules/x/package.json"
		isNpm  = "npm x 1 /node_modules/x/package.json"
	)
	for _, tc := range []struct {
		name   string
		layers [][]entry
		want   []string
		gaps   []string
	}{
		{"release", [][]entry{{
			link("etc/os-release", "../usr/lib/os-release"), {name: "usr/lib/os-release", body: debian}, {name: "var/lib/dpkg/status", body: status},
		}}, []string{"Debian:12 bash 5.2 /var/lib/dpkg/status"}, nil},
		{"release_elsewhere", [][]entry{{
			link("etc/os-release", "/etc/initrd-release"), {name: "etc/initrd-release", body: debian}, {name: "var/lib/dpkg/status", body: status},
		}}, []string{"Debian:12 bash 5.2 /var/lib/dpkg/status"}, nil},
		{"database_moved", [][]entry{
			{{name: "etc/os-release", body: debian}, {name: "srv/dpkg/status", body: status}},
			{link("var/lib/dpkg", "/srv/dpkg")},
		}, []string{"Debian:12 bash 5.2 /srv/dpkg/status"}, nil},
		{"database_behind_two_links", [][]entry{{
			{name: "etc/os-release", body: debian},
			link("var", "volume"), link("volume/lib", "../state"),
			{name: "state/dpkg/status", body: status},
		}}, []string{"Debian:12 bash 5.2 /state/dpkg/status"}, nil},
		{"link_that_is_removed", [][]entry{
			{{name: "srv/dpkg/status", body: status}, link("var/lib/dpkg", "/srv/dpkg")},
			{{name: "var/lib/.wh.dpkg"}},
		}, []string{}, nil},
		{"entries_placed_through_a_link", [][]entry{{link("srv", "opt/shop"), {name: "srv/" + file, body: npm}}}, []string{"npm x 1 /opt/shop/node_modules/x/package.json"}, nil},
		{"telling_link", [][]entry{{link(file, "../../data.txt"), {name: "data.txt", body: npm}}}, []string{"npm x 1 /data.txt"}, nil},
		{"telling_link_to_a_lower_layer", [][]entry{{{name: "data.txt", body: npm}}, {link(file, "/data.txt")}}, []string{"npm x 1 /data.txt"}, nil},
		{"telling_link_to_what_is_replaced", [][]entry{{{name: "data.txt", body: npm}, link(file, "/data.txt")}, {{name: "data.txt", body: `{"name":"x","version":"2"}`}}}, []string{"npm x 2 /data.txt"}, nil},
		{"link_that_leads_nowhere", [][]entry{{link(file, "/gone")}}, []string{}, nil},
		{"hard_link_to_a_file_without_a_telling_name", [][]entry{{{name: "data.txt", body: npm}, hard(file, "data.txt")}}, []string{isNpm}, nil},
		{"hard_link_to_a_lower_layer", [][]entry{{{name: "a/" + file, body: npm}}, {hard(file, "a/"+file)}}, []string{"npm x 1 /a/node_modules/x/package.json", isNpm}, nil},
		{"hard_link_to_what_is_nowhere", [][]entry{{hard(file, "a/"+file)}}, []string{}, []string{"hard link"}},
		{"hard_links_before_what_they_lead_to", [][]entry{{
			hard("c/"+file, "b/"+file), hard("b/"+file, "a/"+file), {name: "a/" + file, body: npm},
		}}, []string{"npm x 1 /a/node_modules/x/package.json,/b/node_modules/x/package.json,/c/node_modules/x/package.json"}, nil},
		{"hard_links_in_a_row_to_an_untelling_name", [][]entry{{
			hard(file, "b/"+file), hard("b/"+file, "data.txt"), {name: "data.txt", body: npm},
		}}, []string{"npm x 1 /b/node_modules/x/package.json,/node_modules/x/package.json"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var tars [][]byte
			for _, l := range tc.layers {
				tars = append(tars, tarOf(t, l...))
			}
			img := scan(t, gzipped(t, tars...).layout(t))
			if diff := cmp.Diff(tc.want, brief(img)); diff != "" {
				t.Error(diff)
			}
			gapsAre(t, img.Gaps, tc.gaps)
		})
	}
}
