package image

import (
	"path"
	"strings"
)

// extractor reads packages out of one kind of file. Its read must not keep the
// input's bytes. A nil file means that there is nothing in it; an error and a
// file together mean that the file tells less than it should.
type extractor struct {
	kind      string
	max       int64 // bytes; a larger file is a gap
	skipEmpty bool
	read      func(*input) (*File, error)
}

// What distributions install. [osByName] chooses by the file's path.
var (
	dpkgStatus   = &extractor{kind: "dpkg", max: maxDatabase, read: readDpkg}
	dpkgList     = &extractor{kind: "dpkg-list", max: maxText, read: readDpkgList}
	apkInstalled = &extractor{kind: "apk", max: maxDatabase, read: readApk}
	rpmSQLite    = &extractor{kind: "rpm", max: maxDatabase, read: readRpmSQLite}
	rpmManifest  = &extractor{kind: "rpm-manifest", max: maxText, read: readRpmManifest}
	rpmOther     = &extractor{kind: "rpm-other", max: maxDatabase, skipEmpty: true, read: readRpmOther}
	pacmanDesc   = &extractor{kind: "pacman", max: maxText, skipEmpty: true, read: readPacman}
	pacmanFiles  = &extractor{kind: "pacman-list", max: maxText, read: readPacmanFiles}
	osRelease    = &extractor{kind: "os-release", max: maxText, read: readOSRelease}
)

// What languages install. [langByName] chooses by the file's path.
var (
	npmPackage    = &extractor{kind: "npm", max: maxText, read: readNpm}
	pythonPackage = &extractor{kind: "python", max: maxText, skipEmpty: true, read: readPython}
	pythonEgg     = &extractor{kind: "egg", max: maxArchive, skipEmpty: true, read: readEgg}
	javaArchive   = &extractor{kind: "java", max: maxArchive, read: readJava}
	dotnetDeps    = &extractor{kind: "dotnet", max: maxText, read: readDotnet}
	gemSpec       = &extractor{kind: "gem", max: maxText, read: readGem}
	composer      = &extractor{kind: "composer", max: maxText, read: readComposer}
	condaMeta     = &extractor{kind: "conda", max: maxText, skipEmpty: true, read: readConda}
	nodeHeader    = &extractor{kind: "node", max: maxText, read: readNodeHeader}
	pythonHeader  = &extractor{kind: "cpython", max: maxText, read: readPythonHeader}
	javaRelease   = &extractor{kind: "jre", max: maxText, read: readJavaRelease}
	// program is for whatever starts like one, see [isBinary].
	program = &extractor{kind: "program", max: maxBinary, read: readProgram}
)

// What projects ask for: counts where it was not installed, see [uninstalled].
var (
	npmLock      = &extractor{kind: "npm-lock", max: maxText, skipEmpty: true, read: readNpmLock}
	pnpmLock     = &extractor{kind: "pnpm-lock", max: maxText, skipEmpty: true, read: readPnpmLock}
	yarnLock     = &extractor{kind: "yarn-lock", max: maxText, skipEmpty: true, read: readYarnLock}
	poetryLock   = &extractor{kind: "poetry-lock", max: maxText, skipEmpty: true, read: readPoetryLock}
	pipfileLock  = &extractor{kind: "pipfile-lock", max: maxText, skipEmpty: true, read: readPipfileLock}
	requirements = &extractor{kind: "requirements", max: maxText, skipEmpty: true, read: readRequirements}
	gemLock      = &extractor{kind: "gem-lock", max: maxText, skipEmpty: true, read: readGemLock}
	composerLock = &extractor{kind: "composer-lock", max: maxText, skipEmpty: true, read: readComposerLock}
	nugetLock    = &extractor{kind: "nuget-lock", max: maxText, skipEmpty: true, read: readNugetLock}
)

// byName gives the extractor that wants the path, nil when none does. It runs
// for every entry of every layer, so it looks at the base name first.
func byName(p string) *extractor {
	base := path.Base(p)
	if x := osByName(p, base); x != nil {
		return x
	}
	if x := langByName(p, base); x != nil {
		return x
	}
	return lockByName(p, base)
}

func osByName(p, base string) *extractor {
	switch base {
	case "status":
		if p == "var/lib/dpkg/status" {
			return dpkgStatus
		}
	case "installed":
		if p == "lib/apk/db/installed" || p == "usr/lib/apk/db/installed" {
			return apkInstalled
		}
	case "os-release":
		if p == "etc/os-release" || p == "usr/lib/os-release" {
			return osRelease
		}
	case "rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages", "Packages.db":
		return rpmByName(p, base)
	case "container-manifest-2":
		if p == "var/lib/rpmmanifest/container-manifest-2" {
			return rpmManifest
		}
	case "desc":
		if path.Dir(path.Dir(p)) == pacmanLocal {
			return pacmanDesc
		}
	case "files":
		if path.Dir(path.Dir(p)) == pacmanLocal {
			return pacmanFiles
		}
	}
	rest, ok := strings.CutPrefix(p, "var/lib/dpkg/")
	switch {
	case !ok:
	case strings.HasPrefix(rest, "info/") && path.Ext(base) == ".list":
		return dpkgList
	case strings.HasPrefix(rest, "status.d/") && path.Ext(base) != ".md5sums":
		return dpkgStatus
	}
	return nil
}

// pacmanLocal is where pacman keeps a directory for each installed package.
const pacmanLocal = "var/lib/pacman/local"

func rpmByName(p, base string) *extractor {
	switch path.Dir(p) {
	case "var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm":
		if base == "rpmdb.sqlite" {
			return rpmSQLite
		}
		return rpmOther
	}
	return nil
}

func langByName(p, base string) *extractor {
	switch base {
	case "package.json":
		if isNpmPackage(p) {
			return npmPackage
		}
		return nil
	case "METADATA", "PKG-INFO":
		if dir := path.Base(path.Dir(p)); strings.HasSuffix(dir, ".dist-info") || strings.HasSuffix(dir, ".egg-info") || dir == "EGG-INFO" {
			return pythonPackage
		}
		return nil
	case "installed.json":
		if strings.HasSuffix(p, "vendor/composer/installed.json") {
			return composer
		}
		return nil
	case "node_version.h":
		return nodeHeader
	case "patchlevel.h":
		if strings.HasPrefix(path.Base(path.Dir(p)), "python") {
			return pythonHeader
		}
		return nil
	case "release":
		return javaRelease
	}
	switch path.Ext(base) {
	case ".jar", ".war", ".ear":
		return javaArchive
	case ".egg-info":
		return pythonPackage
	case ".egg":
		return pythonEgg
	case ".gemspec":
		if path.Base(path.Dir(p)) == "specifications" || strings.HasSuffix(path.Dir(p), "specifications/default") {
			return gemSpec
		}
	case ".json":
		if strings.HasSuffix(base, ".deps.json") {
			return dotnetDeps
		}
		if path.Base(path.Dir(p)) == "conda-meta" {
			return condaMeta
		}
	}
	return nil
}

func lockByName(p, base string) *extractor {
	var x *extractor
	switch base {
	case "package-lock.json", "npm-shrinkwrap.json":
		x = npmLock
	case "pnpm-lock.yaml":
		x = pnpmLock
	case "yarn.lock":
		x = yarnLock
	case "poetry.lock", "uv.lock":
		x = poetryLock
	case "Pipfile.lock":
		x = pipfileLock
	case "requirements.txt":
		x = requirements
	case "Gemfile.lock", "gems.locked":
		x = gemLock
	case "composer.lock":
		x = composerLock
	case "packages.lock.json":
		x = nugetLock
	}
	if x == nil || inPackage(p) {
		return nil
	}
	return x
}

// inPackage says whether the file came with a package: the lock file that its
// author worked with says nothing about the image.
func inPackage(p string) bool {
	for dir := range strings.SplitSeq(path.Dir(p), "/") {
		switch dir {
		case "node_modules", "bower_components", "site-packages", "dist-packages", "gems", "vendor", "doc", "docs", "test", "tests", "testdata":
			return true
		}
	}
	return false
}

// ownable says whether an OS package's file could be a language package that
// we find, so that the owner is worth keeping.
func ownable(p string) bool {
	base := path.Base(p)
	if langByName(p, base) != nil || productOf(base) != nil {
		return true
	}
	switch path.Base(path.Dir(p)) {
	case "bin", "sbin", "libexec", "games": // a Go program has no telling name
		return true
	}
	return strings.Contains(p, "/libexec/") || strings.HasPrefix(p, "usr/lib/") && path.Ext(p) == ""
}

// mergedUsr gives the path that both spellings of a file have in common: with
// a merged /usr the package's list says lib/x and the image has usr/lib/x.
func mergedUsr(p string) string {
	if rest, ok := strings.CutPrefix(p, "usr/"); ok {
		switch first, _, _ := strings.Cut(rest, "/"); first {
		case "bin", "sbin", "lib", "lib64", "lib32":
			return rest
		}
	}
	return p
}
