package image

import (
	"path"
	"strings"
	"testing"
)

// Each parser of a language's or a project's files, with a file as it is
// written and one that nearly is.

func FuzzPacman(f *testing.F) {
	fuzzExtractor(f, "var/lib/pacman/local/a-1-1/desc", "%NAME%\na\n\n%VERSION%\n1-1\n", "%NAME%\n%VERSION%\n1")
}

func FuzzConda(f *testing.F) {
	fuzzExtractor(f, "conda-meta/a.json", `{"name":"a","version":"1","subdir":"noarch"}`, `{"name":{}}`)
}

func FuzzEgg(f *testing.F) {
	fuzzExtractor(f, "a.egg", "PK\x05\x06"+strings.Repeat("\x00", 18))
}

func FuzzDotnet(f *testing.F) {
	fuzzExtractor(f, "shared/Microsoft.NETCore.App/8.0.1/Microsoft.NETCore.App.deps.json", `{"libraries":{"a/1":{"type":"package"}}}`, `{"libraries":{"/":{"type":"package"}}}`)
}

func FuzzComposer(f *testing.F) {
	fuzzExtractor(f, "vendor/composer/installed.json", `{"packages":[{"name":"a/b","version":"1"}]}`, `[{"name":"a/b","version":"1"}]`, `[{}]`, `[{"name":"a/b"}]`)
}

func FuzzNodeHeader(f *testing.F) {
	fuzzExtractor(f, "node_version.h", "#define NODE_MAJOR_VERSION 20\n#define NODE_MINOR_VERSION 1\n#define NODE_PATCH_VERSION 2\n", "#define\n")
}

func FuzzJavaRelease(f *testing.F) {
	fuzzExtractor(f, "release", "JAVA_VERSION=\"1.8.0_392\"\n", "JAVA_VERSION=\n")
}

func FuzzProgram(f *testing.F) {
	x := []string{"\x7fELF.dep-v0", "MZ.dep-v0", "\x7fELF\xff Go buildinf:", "\x7fELFx\x003.11.4\x00"}
	for _, s := range x {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, _ := program.read(memory("usr/bin/python3.11", data))
		if file == nil {
			return
		}
		for _, p := range file.Packages {
			if p.Type == "generic" && (!strings.HasPrefix(p.Version, "3.11.") || len(p.Version) > maxVersion+5) {
				t.Fatalf("%+v", p)
			}
		}
	})
}

// fuzzLock: a lock file names packages, each once, and says that it is one.
func fuzzLock(f *testing.F, name, kind string, seeds ...string) {
	f.Helper()
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	x := byName(name)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, _ := x.read(memory(name, data))
		if file == nil {
			return
		}
		if !file.Lock || len(file.Packages) == 0 {
			t.Fatalf("%+v", file)
		}
		seen := map[string]bool{}
		for _, p := range file.Packages {
			if p.Type != kind || p.Name == "" || p.Version == "" || seen[p.key()] {
				t.Fatalf("%+v", p)
			}
			seen[p.key()] = true
		}
	})
}

func FuzzNpmLock(f *testing.F) {
	fuzzLock(f, "package-lock.json", "npm", `{"packages":{"node_modules/a":{"version":"1"}}}`, `{"dependencies":{"a":{"version":"npm:b@1","dependencies":{"c":{"version":"2"}}}}}`)
}

func FuzzPnpmLock(f *testing.F) {
	fuzzLock(f, "pnpm-lock.yaml", "npm", "packages:\n\n  /a/1.0.0:\n    dev: false\n", "packages:\n  '@a/b@1.0.0(c@2)':\n    dev: true\n")
}

func FuzzYarnLock(f *testing.F) {
	fuzzLock(f, "yarn.lock", "npm", "a@^1, a@^2:\n  version \"1.0.0\"\n", "\"@a/b@npm:^1\":\n  version: 1.0.0\n", "\"a@npm:b@1\":\n  version: 1\n")
}

func FuzzPoetryLock(f *testing.F) {
	fuzzLock(f, "poetry.lock", "pypi", "[[package]]\nname = \"a\"\nversion = \"1\"\n", "[[package]]\nsource = { editable = \".\" }\n")
}

func FuzzPipfileLock(f *testing.F) {
	fuzzLock(f, "Pipfile.lock", "pypi", `{"default":{"a":{"version":"==1"}}}`)
}

func FuzzRequirements(f *testing.F) {
	fuzzLock(f, "requirements.txt", "pypi", "a==1\n", "a[b] === 1 ; c\n", "a==1 --hash=sha256:0\n")
}

func FuzzGemLock(f *testing.F) {
	fuzzLock(f, "Gemfile.lock", "gem", "GEM\n  specs:\n    a (1.0-x86_64-linux)\n      b (~> 1)\n")
}

func FuzzComposerLock(f *testing.F) {
	fuzzLock(f, "composer.lock", "composer", `{"packages":[{"name":"a/b","version":"v1"}]}`)
}

func FuzzNugetLock(f *testing.F) {
	fuzzLock(f, "packages.lock.json", "nuget", `{"dependencies":{"net6.0":{"a":{"resolved":"1"}}}}`)
}

// FuzzByName: a path has at most one kind, and links to it do not change that.
func FuzzByName(f *testing.F) {
	for _, p := range []string{"var/lib/dpkg/status", "a/node_modules/b/package.json", "x/yarn.lock", "x.jar", "opt/conda/conda-meta/a.json"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		x := byName(p)
		if x == nil {
			return
		}
		if x.kind == "" || x.read == nil || x.max <= 0 {
			t.Fatalf("%q: %+v", p, x)
		}
		if lockByName(p, path.Base(p)) != nil && langByName(p, path.Base(p)) != nil {
			t.Fatalf("%q is a lock file and a package", p)
		}
	})
}
