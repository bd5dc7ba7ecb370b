package image

import (
	"path"
	"strings"
)

// extractor reads packages out of one kind of file. It must not keep the
// input's bytes. A nil file means that there is nothing in it; an error and a
// file together mean that the file tells less than it should.
type extractor struct {
	kind      string
	max       int64 // bytes; a larger file is a gap
	skipEmpty bool
}

// Every extractor, by the files it reads. [byName] chooses, [extractor.read] reads.
var (
	dpkgStatus    = &extractor{kind: "dpkg", max: maxDatabase}
	dpkgList      = &extractor{kind: "dpkg-list", max: maxText}
	apkInstalled  = &extractor{kind: "apk", max: maxDatabase}
	rpmSQLite     = &extractor{kind: "rpm", max: maxDatabase}
	rpmManifest   = &extractor{kind: "rpm-manifest", max: maxText}
	rpmOther      = &extractor{kind: "rpm-other", max: maxDatabase, skipEmpty: true}
	osRelease     = &extractor{kind: "os-release", max: maxText}
	npmPackage    = &extractor{kind: "npm", max: maxText}
	pythonPackage = &extractor{kind: "python", max: maxText, skipEmpty: true}
	javaArchive   = &extractor{kind: "java", max: maxArchive}
	goBinary      = &extractor{kind: "go", max: maxBinary}
	dotnetDeps    = &extractor{kind: "dotnet", max: maxText}
	gemSpec       = &extractor{kind: "gem", max: maxText}
	composer      = &extractor{kind: "composer", max: maxText}
)

func (x *extractor) read(in *input) (*File, error) {
	switch x {
	case dpkgStatus:
		return readDpkg(in)
	case dpkgList:
		return readDpkgList(in)
	case apkInstalled:
		return readApk(in)
	case rpmSQLite:
		return readRpmSQLite(in)
	case rpmManifest:
		return readRpmManifest(in)
	case rpmOther:
		return readRpmOther(in)
	case osRelease:
		return readOSRelease(in)
	case npmPackage:
		return readNpm(in)
	case pythonPackage:
		return readPython(in)
	case javaArchive:
		return readJava(in)
	case goBinary:
		return readGo(in)
	case dotnetDeps:
		return readDotnet(in)
	case gemSpec:
		return readGem(in)
	default:
		return readComposer(in)
	}
}

// byName gives the extractor that wants the path, nil when none does. It runs
// for every entry of every layer, so it looks at the base name first.
func byName(p string) *extractor {
	base := path.Base(p)
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
	case "status":
		if p == "var/lib/dpkg/status" {
			return dpkgStatus
		}
		return nil
	case "installed":
		if p == "lib/apk/db/installed" || p == "usr/lib/apk/db/installed" {
			return apkInstalled
		}
		return nil
	case "installed.json":
		if strings.HasSuffix(p, "vendor/composer/installed.json") {
			return composer
		}
		return nil
	case "os-release":
		if p == "etc/os-release" || p == "usr/lib/os-release" {
			return osRelease
		}
		return nil
	case "rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages", "Packages.db", "container-manifest-2":
		return rpmByName(p, base)
	}
	switch path.Ext(base) {
	case ".jar", ".war", ".ear":
		return javaArchive
	case ".egg-info":
		return pythonPackage
	case ".gemspec":
		if path.Base(path.Dir(p)) == "specifications" {
			return gemSpec
		}
	case ".json":
		if strings.HasSuffix(base, ".deps.json") {
			return dotnetDeps
		}
	case ".list":
		if strings.HasPrefix(p, "var/lib/dpkg/info/") {
			return dpkgList
		}
	}
	if rest, ok := strings.CutPrefix(p, "var/lib/dpkg/status.d/"); ok && !strings.HasSuffix(rest, ".md5sums") {
		return dpkgStatus
	}
	return nil
}

func rpmByName(p, base string) *extractor {
	if base == "container-manifest-2" {
		if p == "var/lib/rpmmanifest/container-manifest-2" {
			return rpmManifest
		}
		return nil
	}
	switch path.Dir(p) {
	case "var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm":
		if base == "rpmdb.sqlite" {
			return rpmSQLite
		}
		return rpmOther
	}
	return nil
}

// ownable says whether an OS package's file could be a language package that
// we find, so that the owner is worth keeping.
func ownable(p string) bool {
	switch x := byName(p); x {
	case nil:
	case npmPackage, pythonPackage, javaArchive, dotnetDeps, gemSpec, composer:
		return true
	default:
		return false
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
