package image_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
)

const arch = "NAME=\"Arch Linux\"\nID=arch\n"

// elf is a file that starts as a Linux program does.
func elf(text string) string { return "\x7fELF\x02\x01\x01\x00" + text }

// elfWith is a program of 64 bits with one section of the name.
func elfWith(name string, content []byte) string {
	names := "\x00" + name + "\x00.shstrtab\x00"
	const head, section = 64, 64
	var b bytes.Buffer
	put := func(v ...any) {
		for _, x := range v {
			_ = binary.Write(&b, binary.LittleEndian, x) // a buffer takes all
		}
	}
	at := uint64(head + len(content) + len(names))
	b.WriteString("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	put(uint16(2), uint16(62), uint32(1), uint64(0), uint64(0), at, uint32(0), uint16(head), uint16(0), uint16(0), uint16(section), uint16(3), uint16(2))
	b.Write(content)
	b.WriteString(names)
	entry := func(name, kind uint32, offset, size uint64) {
		put(name, kind, uint64(0), uint64(0), offset, size, uint32(0), uint32(0), uint64(1), uint64(0))
	}
	entry(0, 0, 0, 0)
	entry(1, 1, head, uint64(len(content)))
	entry(uint32(2+len(name)), 3, head+uint64(len(content)), uint64(len(names)))
	return b.String()
}

// peWith is a Windows program with one section of the name.
func peWith(name string, content []byte) string {
	var b bytes.Buffer
	put := func(v ...any) {
		for _, x := range v {
			_ = binary.Write(&b, binary.LittleEndian, x) // a buffer takes all
		}
	}
	b.WriteString("MZ" + strings.Repeat("\x00", 58))
	put(uint32(64))
	b.WriteString("PE\x00\x00")
	put(uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(0), uint16(0))
	b.WriteString(name + strings.Repeat("\x00", 8-len(name)))
	put(uint32(len(content)), uint32(0x1000), uint32(len(content)), uint32(64+24+40), uint32(0), uint32(0), uint16(0), uint16(0), uint32(0))
	b.Write(content)
	return b.String()
}

func deflated(tb testing.TB, s string) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestFormats(t *testing.T) {
	t.Parallel()
	crates := `{"packages":[{"name":"app","version":"0.1.0","source":"local","root":true},{"name":"rand_core","version":"0.6.1","source":"crates.io"},{"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"}]}`
	for _, tc := range []struct {
		name    string
		entries []entry
		want    []string
		purls   []string
	}{
		{"pacman", []entry{
			{name: "usr/lib/os-release", body: arch},
			{name: "var/lib/pacman/local/openssl-3.1.4-1/desc", body: "%NAME%\nopenssl\n\n%VERSION%\n3.1.4-1\n\n%BASE%\nopenssl\n\n%ARCH%\nx86_64\n\n%DEPENDS%\nglibc\n"},
			{name: "var/lib/pacman/local/python-idna-3.4-3/desc", body: "%NAME%\npython-idna\n\n%VERSION%\n3.4-3\n\n%ARCH%\nany\n"},
			{name: "var/lib/pacman/local/python-idna-3.4-3/files", body: "%FILES%\nusr/\nusr/lib/python3.11/site-packages/idna-3.4.dist-info/METADATA\n"},
			{name: "usr/lib/python3.11/site-packages/idna-3.4.dist-info/METADATA", body: "Name: idna\nVersion: 3.4\n"},
		}, []string{
			"Arch Linux openssl 3.1.4-1 /var/lib/pacman/local/openssl-3.1.4-1/desc",
			"Arch Linux python-idna 3.4-3 /var/lib/pacman/local/python-idna-3.4-3/desc",
			"PyPI idna 3.4 /usr/lib/python3.11/site-packages/idna-3.4.dist-info/METADATA owned by python-idna",
		}, []string{"pkg:alpm/arch/openssl@3.1.4-1?arch=x86_64", "pkg:alpm/arch/python-idna@3.4-3?arch=any"}},
		{"conda", []entry{
			{name: "opt/conda/conda-meta/openssl-3.0.12-h7f8727e_0.json", body: `{"name":"openssl","version":"3.0.12","subdir":"linux-64","build":"h7f8727e_0"}`},
			{name: "opt/conda/conda-meta/history", body: "# cmd: conda install\n"},
		}, []string{"conda openssl 3.0.12 /opt/conda/conda-meta/openssl-3.0.12-h7f8727e_0.json"}, []string{"pkg:conda/openssl@3.0.12?subdir=linux-64"}},
		{"egg_archive", []entry{{name: "srv/six-1.16.0-py3.9.egg", body: jarOf(t, "EGG-INFO/PKG-INFO", "Name: six\nVersion: 1.16.0\n", "six.py", "")}}, []string{"PyPI six 1.16.0 /srv/six-1.16.0-py3.9.egg"}, nil},
		{"cargo_auditable", []entry{
			{name: "usr/local/bin/app", body: elfWith(".dep-v0", deflated(t, crates))},
			{name: "usr/local/bin/scanner", body: elfWith(".data", []byte("looks for .dep-v0 in others"))},
			{name: "srv/app.exe", body: peWith(".dep-v0", append(deflated(t, crates), make([]byte, 100)...))}, // sections are padded
		}, []string{"crates.io rand_core 0.6.1 /srv/app.exe,/usr/local/bin/app"}, []string{"pkg:cargo/rand_core@0.6.1"}},
		{"runtimes", []entry{
			{name: "usr/local/bin/node", body: elf("https://nodejs.org/download/release/v20.11.0/node-v20.11.0.tar.gz")},
			{name: "usr/local/include/node/node_version.h", body: "#define NODE_MAJOR_VERSION 20\n#define NODE_MINOR_VERSION 11\n#define NODE_PATCH_VERSION 0\n"},
			{name: "usr/local/lib/libpython3.12.so.1.0", body: elf("x\x003.12.\x00%d\x003.12.0rc1\x00y")},
			{name: "usr/local/bin/python3.11", body: elf("x\x003.11.4+\x00y")},
			{name: "opt/python/lib/libpython3.6m.so.1.0", body: elf("\x00/opt/python/3.6.15/lib\x00/opt/python/3.6.15\x00EXEC_PREFIX")}, // one copy of two texts
			{name: "usr/local/include/python3.11/patchlevel.h", body: "#define PY_MAJOR_VERSION\t3\n#define PY_VERSION      \t\"3.11.4\"\n"},
			{name: "opt/java/openjdk/release", body: "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_VERSION=\"17.0.9\"\n"},
			{name: "opt/java/8/release", body: "JAVA_VERSION=\"1.8.0_392\"\n"},
			{name: "usr/src/linux/release", body: "6.1.0\n"},
			{name: "usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/Microsoft.NETCore.App.deps.json", body: `{"libraries":{"Microsoft.NETCore.App.Runtime.linux-x64/8.0.1":{"type":"package"}}}`},
			{name: "usr/sbin/nginx", body: elf("\x00nginx version: nginx/1.25.3\n")},
			{name: "usr/local/bin/php", body: elf("X-Powered-By: PHP/8.2.13\x00")},
			{name: "usr/local/lib/libruby.so.3.2.2", body: elf("ruby 3.2.2 (2023-03-30)")},
			{name: "usr/local/apache2/bin/httpd", body: elf("Apache/2.4.58 (Unix)")},
			{name: "usr/local/bin/postgres", body: elf("postgres (PostgreSQL) 16.1\n")},
			{name: "usr/local/bin/other", body: elf("nginx version: nginx/1.0.0")},
		}, []string{
			"Bitnami apache 2.4.58 /usr/local/apache2/bin/httpd",
			"Bitnami dotnet 8.0.1 /usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/Microsoft.NETCore.App.deps.json",
			"Bitnami java 17.0.9 /opt/java/openjdk/release",
			"Bitnami java 8.0.392 /opt/java/8/release",
			"Bitnami nginx 1.25.3 /usr/sbin/nginx",
			"Bitnami node 20.11.0 /usr/local/bin/node,/usr/local/include/node/node_version.h",
			"Bitnami php 8.2.13 /usr/local/bin/php",
			"Bitnami postgresql 16.1 /usr/local/bin/postgres",
			"Bitnami python 3.11.4 /usr/local/bin/python3.11,/usr/local/include/python3.11/patchlevel.h",
			"Bitnami python 3.12.0rc1 /usr/local/lib/libpython3.12.so.1.0",
			"Bitnami python 3.6.15 /opt/python/lib/libpython3.6m.so.1.0",
			"Bitnami ruby 3.2.2 /usr/local/lib/libruby.so.3.2.2",
			"NuGet Microsoft.NETCore.App.Runtime.linux-x64 8.0.1 /usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/Microsoft.NETCore.App.deps.json",
		}, []string{"pkg:generic/apache@2.4.58"}},
		{"runtime_of_the_distribution", []entry{
			{name: "etc/os-release", body: debian},
			{name: "var/lib/dpkg/status", body: "Package: python3.11-minimal\nStatus: install ok installed\nVersion: 3.11.2-6\n"},
			{name: "var/lib/dpkg/info/python3.11-minimal.list", body: "/usr/bin/python3.11\n"},
			{name: "usr/bin/python3.11", body: elf("\x003.11.2\x00")},
		}, []string{"Debian:12 python3.11-minimal 3.11.2-6 /var/lib/dpkg/status", "Bitnami python 3.11.2 /usr/bin/python3.11 owned by python3.11-minimal"}, nil},
		{"gem_default", []entry{{name: "usr/local/lib/ruby/gems/3.2.0/specifications/default/json-2.6.3.gemspec", body: "x"}}, []string{"RubyGems json 2.6.3 /usr/local/lib/ruby/gems/3.2.0/specifications/default/json-2.6.3.gemspec"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			img := scan(t, gzipped(t, tarOf(t, tc.entries...)).layout(t))
			if diff := cmp.Diff(tc.want, brief(img)); diff != "" {
				t.Error(diff)
			}
			if len(img.Gaps) > 0 {
				t.Errorf("gaps: %+v", img.Gaps)
			}
			for i, want := range tc.purls {
				if img.Packages[i].PURL != want {
					t.Errorf("purl %s, want %s", img.Packages[i].PURL, want)
				}
			}
		})
	}
}

// names are the packages without the place, which is the same for all.
func names(img *image.Image) []string {
	out := []string{}
	for _, p := range img.Packages {
		out = append(out, p.Name+" "+p.Version)
	}
	return out
}

func TestLockFiles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, file, body string
		want             []string
	}{
		{
			"npm_v1", "app/package-lock.json",
			`{"name":"app","version":"1.0.0","lockfileVersion":1,"dependencies":{"lodash":{"version":"4.17.4"},"express":{"version":"4.16.0","dependencies":{"debug":{"version":"2.6.9"}}},"mocha":{"version":"5.0.0","dev":true},"ours":{"version":"file:../ours"},"old":{"version":"npm:lodash@3.10.1"}}}`,
			[]string{"debug 2.6.9", "express 4.16.0", "lodash 3.10.1", "lodash 4.17.4"},
		},
		{
			"npm_v2_and_v3", "app/package-lock.json",
			`{"lockfileVersion":3,"packages":{"":{"name":"app","version":"1.0.0"},"node_modules/lodash":{"version":"4.17.4"},"node_modules/a/node_modules/@babel/core":{"version":"7.0.0"},"node_modules/mocha":{"version":"5.0.0","dev":true},"node_modules/ours":{"link":true,"resolved":"packages/ours"},"packages/ours":{"version":"2.0.0"},"node_modules/alias":{"name":"real","version":"1.1.1"}}}`,
			[]string{"@babel/core 7.0.0", "lodash 4.17.4", "real 1.1.1"},
		},
		{"npm_shrinkwrap", "app/npm-shrinkwrap.json", `{"lockfileVersion":1,"dependencies":{"lodash":{"version":"4.17.4"}}}`, []string{"lodash 4.17.4"}},
		{
			"pnpm_v5", "app/pnpm-lock.yaml",
			"lockfileVersion: 5.4\n\ndependencies:\n  lodash: 4.17.4\n\npackages:\n\n  /@babel/core/7.0.0_peer@1.0.0:\n    resolution: {integrity: sha512-x}\n    dev: false\n\n  /lodash/4.17.4:\n    resolution: {integrity: sha512-x}\n    dev: false\n\n  /mocha/5.0.0:\n    resolution: {integrity: sha512-x}\n    dev: true\n",
			[]string{"@babel/core 7.0.0", "lodash 4.17.4"},
		},
		{
			"pnpm_v6", "app/pnpm-lock.yaml",
			"lockfileVersion: '6.0'\n\npackages:\n\n  /@babel/core@7.0.0(supports-color@5.0.0):\n    resolution: {integrity: sha512-x}\n    dev: false\n\n  /lodash@4.17.4:\n    dev: false\n",
			[]string{"@babel/core 7.0.0", "lodash 4.17.4"},
		},
		{
			"pnpm_v9", "app/pnpm-lock.yaml",
			"lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      lodash:\n        specifier: ^4\n        version: 4.17.4\n\npackages:\n\n  '@babel/core@7.0.0':\n    resolution: {integrity: sha512-x}\n\n  lodash@4.17.4:\n    resolution: {integrity: sha512-x}\n    engines: {node: '>=4'}\n\nsnapshots:\n\n  lodash@4.17.4: {}\n",
			[]string{"@babel/core 7.0.0", "lodash 4.17.4"},
		},
		{
			"yarn_v1", "app/yarn.lock",
			"# yarn lockfile v1\n\n\"@babel/core@^7.0.0\", \"@babel/core@^7.0.1\":\n  version \"7.0.1\"\n  resolved \"https://x\"\n  dependencies:\n    lodash \"^4\"\n\nlodash@^4.17.0, lodash@^4.17.4:\n  version \"4.17.4\"\n",
			[]string{"@babel/core 7.0.1", "lodash 4.17.4"},
		},
		{
			"yarn_berry", "app/yarn.lock",
			"__metadata:\n  version: 6\n  cacheKey: 8\n\n\"app@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"app@workspace:.\"\n\n\"@babel/core@npm:^7.0.0\":\n  version: 7.0.1\n  resolution: \"@babel/core@npm:7.0.1\"\n\n\"old@npm:lodash@4.17.4\":\n  version: 4.17.4\n  resolution: \"lodash@npm:4.17.4\"\n",
			[]string{"@babel/core 7.0.1", "lodash 4.17.4"},
		},
		{
			"poetry", "app/poetry.lock",
			"[[package]]\nname = \"Django\"\nversion = \"3.2.13\"\ndescription = \"version = 9\"\ncategory = \"main\"\n\n[package.dependencies]\nasgiref = \">=3\"\n\n[[package]]\nname = \"pytest\"\nversion = \"7.0.0\"\ncategory = \"dev\"\n\n[[package]]\nname = \"mypy\"\nversion = \"1.0\"\ngroups = [\"dev\"]\n\n[metadata]\nlock-version = \"2.0\"\n",
			[]string{"Django 3.2.13"},
		},
		{"uv", "app/uv.lock", "version = 1\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\nsource = { virtual = \".\" }\n\n[[package]]\nname = \"idna\"\nversion = \"3.4\"\nsource = { registry = \"https://pypi.org/simple\" }\n", []string{"idna 3.4"}},
		{"pipenv", "app/Pipfile.lock", `{"default":{"django":{"version":"==3.2.13"},"ours":{"path":"."}},"develop":{"pytest":{"version":"==7.0.0"}}}`, []string{"django 3.2.13"}},
		{"requirements", "app/requirements.txt", "# pinned\n-r base.txt\nDjango==3.2.13 \\\n    --hash=sha256:00\nrequests[security] == 2.19.0 ; python_version > '3'\nflask>=1.0\nidna==3.*\nsix===1.16.0  # why\n", []string{"Django 3.2.13", "requests 2.19.0", "six 1.16.0"}},
		{
			"bundler", "app/Gemfile.lock",
			"PATH\n  remote: .\n  specs:\n    ours (0.1.0)\n\nGEM\n  remote: https://rubygems.org/\n  specs:\n    nokogiri (1.13.0-x86_64-linux)\n      racc (~> 1.4)\n    rails-html-sanitizer (1.4.2)\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  nokogiri (= 1.13.0)\n",
			[]string{"nokogiri 1.13.0", "rails-html-sanitizer 1.4.2"},
		},
		{"composer", "app/composer.lock", `{"packages":[{"name":"symfony/http-kernel","version":"v5.0.1"}],"packages-dev":[{"name":"phpunit/phpunit","version":"9.0.0"}]}`, []string{"symfony/http-kernel v5.0.1"}},
		{"nuget", "app/packages.lock.json", `{"version":1,"dependencies":{"net6.0":{"Newtonsoft.Json":{"type":"Direct","resolved":"12.0.1"},"ours":{"type":"Project"}}}}`, []string{"Newtonsoft.Json 12.0.1"}},
		{"of_a_package", "app/node_modules/x/package-lock.json", `{"dependencies":{"lodash":{"version":"4.17.4"}}}`, []string{}},
		{"go_mod_is_no_program", "app/go.mod", "module x\nrequire golang.org/x/net v0.5.0\n", []string{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			img := scan(t, gzipped(t, tarOf(t, entry{name: tc.file, body: tc.body})).layout(t))
			if diff := cmp.Diff(tc.want, names(img)); diff != "" || len(img.Gaps) > 0 {
				t.Error(diff, img.Gaps)
			}
		})
	}
}

// A lock file says what was asked for: what was installed says more.
func TestLockFilesOfWhatIsInstalled(t *testing.T) {
	t.Parallel()
	lock := entry{name: "app/package-lock.json", body: `{"dependencies":{"lodash":{"version":"4.17.4"},"express":{"version":"4.16.0"}}}`}
	lodash := func(dir string) entry {
		return entry{name: dir + "node_modules/lodash/package.json", body: `{"name":"lodash","version":"4.17.4"}`}
	}
	other := entry{name: "node_modules/other/package.json", body: `{"name":"other","version":"1.0.0"}`}
	poetry := entry{name: "app/poetry.lock", body: "[[package]]\nname = \"zope.interface\"\nversion = \"5.0\"\n[[package]]\nname = \"pytest\"\nversion = \"7\"\n"}
	many := entry{name: "app/requirements.txt", body: "setuptools==65.5.0\ndjango==3.2.13\nrequests==2.19.0\n"}
	wheel := func(name, version string) entry {
		return entry{name: "usr/lib/python3/site-packages/" + name + ".dist-info/METADATA", body: "Name: " + name + "\nVersion: " + version + "\n"}
	}
	for _, tc := range []struct {
		name   string
		layers [][]entry
		want   []string
	}{
		{"beside_it", [][]entry{{lock, lodash("app/")}}, []string{"lodash 4.17.4"}},
		{"in_a_later_layer", [][]entry{{lock}, {lodash("app/")}}, []string{"lodash 4.17.4"}},
		{"above_it", [][]entry{{lock, lodash("")}}, []string{"lodash 4.17.4"}},
		{"above_it_for_another", [][]entry{{lock, other}}, []string{"express 4.16.0", "lodash 4.17.4", "other 1.0.0"}},
		{"beside_it_something_else", [][]entry{{lock, {name: "app/node_modules/other/package.json", body: `{"name":"other","version":"1.0.0"}`}}}, []string{"other 1.0.0"}},
		{"removed_again", [][]entry{{lock, lodash("app/")}, {{name: "app/.wh.node_modules"}}}, []string{"express 4.16.0", "lodash 4.17.4"}},
		{"lock_removed", [][]entry{{lock}, {{name: "app/.wh.package-lock.json"}}}, []string{}},
		{"python_other_spelling", [][]entry{{poetry, wheel("Zope_Interface", "5.0")}}, []string{"Zope_Interface 5.0"}},
		{"python_upgraded", [][]entry{{poetry, wheel("zope.interface", "6.0")}}, []string{"zope.interface 6.0"}},
		{"python_of_the_base_image", [][]entry{{many, wheel("setuptools", "65.5.0")}}, []string{"django 3.2.13", "requests 2.19.0", "setuptools 65.5.0"}},
		{"python_of_the_distribution", [][]entry{{
			{name: "etc/os-release", body: debian},
			{name: "var/lib/dpkg/status", body: "Package: python3-x\nStatus: install ok installed\nVersion: 1\n"},
			{name: "var/lib/dpkg/info/python3-x.list", body: "/usr/lib/python3/site-packages/zope.interface.dist-info/METADATA\n"},
			poetry, wheel("zope.interface", "5.0"),
		}}, []string{"python3-x 1", "pytest 7", "zope.interface 5.0", "zope.interface 5.0"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var tars [][]byte
			for _, entries := range tc.layers {
				tars = append(tars, tarOf(t, entries...))
			}
			img := scan(t, gzipped(t, tars...).layout(t))
			if diff := cmp.Diff(tc.want, names(img)); diff != "" || len(img.Gaps) > 0 {
				t.Error(diff, img.Gaps)
			}
		})
	}
}

// What cannot be read leaves a gap that says so.
func TestHostileFormatsAreGaps(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]entry{
		"crates_cut":       {name: "bin/a", body: elfWith(".dep-v0", deflated(t, `{"packages":[]}`)[:6])},
		"crates_no_json":   {name: "bin/a", body: elfWith(".dep-v0", deflated(t, "x"))},
		"crates_no_elf":    {name: "bin/a", body: elf(".dep-v0")},
		"npm_no_json":      {name: "package-lock.json", body: "{"},
		"npm_line_break":   {name: "package-lock.json", body: `{"dependencies":{"a\nb":{"version":"1"}}}`},
		"pipenv_no_json":   {name: "Pipfile.lock", body: "[]"},
		"composer_no_json": {name: "composer.lock", body: "[]"},
		"nuget_no_json":    {name: "packages.lock.json", body: "[]"},
		"poetry_noname":    {name: "poetry.lock", body: "[[package]]\nversion = \"1\"\n"},
		"conda_noname":     {name: "conda-meta/x.json", body: "{}"},
		"pacman_noname":    {name: "var/lib/pacman/local/x-1-1/desc", body: "%VERSION%\n1\n"},
		"egg_no_archive":   {name: "x.egg", body: "x"},
		"egg_empty":        {name: "x.egg", body: jarOf(t, "x.py", "")},
		"rpm_short":        {name: "var/lib/rpm/Packages", body: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img := scan(t, gzipped(t, tarOf(t, e)).layout(t))
			if len(img.Gaps) != 1 || img.Gaps[0].Kind != azward.GapUnparsed || !strings.Contains(img.Gaps[0].Reads, e.name) || len(img.Packages) > 0 {
				t.Errorf("%v %+v", brief(img), img.Gaps)
			}
		})
	}
}
