package advisory_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/osv-scalibr/semantic"

	"github.com/azward/azward/advisory"
)

// ecosystems are all whose versions azward orders, with versions that are
// close to each other, and what versions of that kind are made of.
var ecosystems = []struct {
	name, library string // library is the name that the library knows; "" the same
	versions      string
	parts         string
}{
	{"Go", "", "0 1.2.3 v1.2.3 1.2.3-rc.1 1.2.3-0 1.14.0-0 1.21rc2 0.0.0-20180218175443-cbe0f9307d01 v0.0.0-20190125091013-d26f9f9a57f3 2.0.0+incompatible 1.2", ". - 0 1 9 10 rc beta v + a"},
	{"npm", "", "4.17.11 4.17.4 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.0+build 1.0.0--5", ". - 0 1 9 10 rc beta + a"},
	{"crates.io", "", "0.3.1-0 0.3.1 1.0.0-alpha.1 1.0.0", ". - 0 1 9 10 rc alpha +"},
	{"Bitnami", "", "2.4.58 2.4.58-3 10.1.0", ". - 0 1 9 10"},
	{"kubernetes", "Go", "1.27.0 1.27.0-alpha.1 1.26.13", ". - 0 1 9 10 alpha"},
	{"Maven", "", "2.14.1 2.0-beta9 1.0-alpha-1 1.0-SNAPSHOT 1.0-rc1 1.0.RC2 1.0.Final 5.2.20.RELEASE 1-sp 1-ga 1.0.0 1 1-1 1.1 1.x 31.1-jre 4.1.100.Final 9.4.43.v20210629 1.0-beta-9-sp1", ". - 0 1 9 10 alpha beta a m x rc snapshot final ga sp jre RELEASE"},
	{"PyPI", "", "1.0 1.0.0 1.0rc1 1.0a1 1.0.dev1 1.0.post1 1.0+local.1 1.0+5 1!0.1 1.0-1 1.0a1.dev2 1.0.post1.dev3 v1.2", ". - 0 1 9 10 rc a b .dev .post + !"},
	{"NuGet", "", "1.2.3 1.2.3.4 1.2.3-beta 1.2.3-BETA.1 13.0.1", ". - 0 1 9 10 beta B +"},
	{"RubyGems", "", "1.0 1.0.0 1.0.a 1.0.b1 1.0.0.pre1 1.0-1 7.0.4.1 2.2.3.rc1", ". - 0 1 9 10 a b pre rc"},
	{"Packagist", "", "1.0 1.0.0 1.0-dev 1.0alpha 1.0b1 1.0RC1 1.0p1 v1.0.0 2.x", ". - 0 1 9 10 a b RC dev p pl alpha #"},
	{"Debian", "", "1.1.1n-0+deb11u4 1.1.1n-0+deb11u4~bpo1 1:0.9 1.0~rc1-1 2.36-9+deb12u3 0 1.0-1 1.0-1+b1 1.0-1.1 1.0+dfsg-1 2:1.0", ". - 0 1 9 10 ~ + deb12u rc a Z :"},
	{"Ubuntu", "", "5.6.1+really5.4.5-1 1.06-6.2~deb10u1build0.14.04.1+esm1 2.35-0ubuntu3.4 3.13.0-206.257", ". - 0 1 9 10 ~ + ubuntu esm"},
	{"Alpine", "", "1.2.3-r0 1.2.3-r10 1.2.3_rc1-r0 1.2.3_p1-r0 1.2.3a-r1 1.02 1.2.03 1.2 0.6.21-r0 10.4.25-r0 1.2.3_git20200101-r0 1.2.3~abc12-r0", ". -r 0 1 9 10 _rc _p _git a ~ab 01"},
	{"Red Hat", "", "0:2.13.3-3.el8_6.1 1:11.0.13.0.8-1.el8_4 5.4.1-1.module+el8.5.0+10613+59a13ec4 1.0~rc1-1 1.0^git1-1 1.0 1.0-1 2.6.7-3.azl3", ". - 0 1 9 10 ~ ^ el a _ + :"},
	{"Azure Linux:3", "Red Hat", "2.6.7-3.azl3 2.6.7-10.azl3 1:5.6.0-1.azl3 5.3.5-9.cm1", ". - 0 1 9 10 ~ ^ azl cm :"},
	{"AlmaLinux", "", "3:10.3.39-1.module_el8.8.0+3609+204d4ab0 2.7.6-11.el8", ". - 0 1 9 10 ~ ^ el _ + :"},
	{"Rocky Linux", "", "102.11.0-2.el8_7 3.3.1-2.module+el9.4.0+20787+4c237fd3", ". - 0 1 9 10 ~ ^ el _ + :"},
	{"openSUSE", "", "1.2.3-150400.3.1 1.2.3-lp153.2", ". - 0 1 9 10 ~ ^ lp"},
	{"Pub", "", "1.2.3 1.2.3-dev.1 1.2.3+1", ". - 0 1 9 10 dev +"},
	{"Hex", "", "1.2.3 1.2.3-rc.1", ". - 0 1 9 10 rc"},
	{"CRAN", "", "1.2.3 1.2-3 0.9", ". - 0 1 9 10"},
	{"Hackage", "", "1.2.3 1.2.3.4 0.9", ". 0 1 9 10"},
}

// order checks that three versions are in an order at all: each is itself, two
// are the other way round the other way round, and what is below the second is
// below the third when that is not below the second. A version without a place
// must have none beside any other.
func order(t *testing.T, eco string, v [3]string) {
	t.Helper()
	compare := func(a, b string) (int, bool) {
		c, err := advisory.Compare(eco, a, b)
		return c, err == nil
	}
	for _, a := range v {
		if c, ok := compare(a, a); ok && c != 0 {
			t.Errorf("%s: %q is not itself: %d", eco, a, c)
		}
		for _, b := range v {
			ab, ok := compare(a, b)
			ba, ok2 := compare(b, a)
			if ok && ok2 && ab != -ba {
				t.Errorf("%s: %q to %q is %d, the other way round %d", eco, a, b, ab, ba)
			}
			for _, c := range v {
				bc, ok2 := compare(b, c)
				ac, ok3 := compare(a, c)
				if ok && ok2 && ok3 && ab <= 0 && bc <= 0 && (ac > 0 || ac == 0 && ab+bc < 0) {
					t.Errorf("%s: %q to %q is %d and %q to %q is %d, but %q to %q is %d", eco, a, b, ab, b, c, bc, a, c, ac)
				}
			}
		}
	}
}

// TestVersionsAreInTotalOrder draws versions that are close to each other:
// taken as they are, cut, glued, with a part put in.
func TestVersionsAreInTotalOrder(t *testing.T) {
	t.Parallel()
	const rounds = 1_000
	for _, e := range ecosystems {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, uint64(len(e.versions)))) // the same in every run
			versions, parts := strings.Fields(e.versions), strings.Fields(e.parts)
			for range rounds {
				base := versions[random.IntN(len(versions))]
				var triple [3]string
				for i := range triple {
					triple[i] = mutate(random, base, versions, parts)
				}
				if order(t, e.name, triple); t.Failed() {
					return
				}
			}
		})
	}
}

func mutate(random *rand.Rand, v string, versions, parts []string) string {
	for range random.IntN(3) {
		at := random.IntN(len(v) + 1)
		part := parts[random.IntN(len(parts))]
		switch random.IntN(5) {
		case 0:
			v = v[:at] + part + v[at:]
		case 1:
			v += part
		case 2:
			v = v[:at]
		case 3:
			v = versions[random.IntN(len(versions))]
		default:
			v = v[:at] + part + v[min(at+1, len(v)):]
		}
	}
	return v
}

// TestQuickComparisonAgreesWithLibrary: wherever azward gives an order, it is
// the library's for versions that the library reads as they stand.
func TestQuickComparisonAgreesWithLibrary(t *testing.T) {
	t.Parallel()
	const rounds = 1_000
	for _, e := range ecosystems {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(2, uint64(len(e.versions)))) // the same in every run
			versions, parts := strings.Fields(e.versions), strings.Fields(e.parts)
			for range rounds {
				base := versions[random.IntN(len(versions))]
				agree(t, e.name, e.library, mutate(random, base, versions, parts), mutate(random, base, versions, parts))
				if t.Failed() {
					return
				}
			}
		})
	}
}

func agree(t *testing.T, eco, library, a, b string) {
	t.Helper()
	got, err := advisory.Compare(eco, a, b)
	if err != nil {
		return
	}
	if library == "" {
		library, _, _ = strings.Cut(eco, ":")
	}
	v, err := semantic.Parse(a, library)
	if err != nil {
		t.Fatalf("%s: the library does not read %q: %v", eco, a, err)
	}
	want, err := v.CompareStr(b)
	if err != nil {
		t.Fatalf("%s: the library does not read %q: %v", eco, b, err)
	}
	if got != want {
		t.Errorf("%s: %q to %q is %d, the library has %d", eco, a, b, got, want)
	}
}

// FuzzOrder holds every ecosystem to the properties of a total order.
func FuzzOrder(f *testing.F) {
	for i, e := range ecosystems {
		v := strings.Fields(e.versions)
		for j := range v {
			f.Add(byte(i), v[j], v[(j+1)%len(v)], v[(j+2)%len(v)])
		}
	}
	f.Fuzz(func(t *testing.T, i byte, a, b, c string) {
		order(t, ecosystems[int(i)%len(ecosystems)].name, [3]string{a, b, c})
	})
}

func TestEveryOrderedEcosystemIsTested(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Go", "npm", "Maven", "PyPI", "NuGet", "Debian", "Ubuntu", "Alpine", "Red Hat", "Azure Linux:3", "AlmaLinux", "Rocky Linux", "RubyGems", "Packagist", "crates.io", "kubernetes", "Bitnami"} {
		if !slices.ContainsFunc(ecosystems, func(e struct{ name, library, versions, parts string }) bool { return e.name == name }) {
			t.Errorf("%s is not", name)
		}
	}
}
