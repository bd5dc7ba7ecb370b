package feed

import "github.com/azward/azward"

// fixWords are what a record says about a fix beside its ranges, each in its
// source's own words.
type fixWords struct {
	// patchable is Azure Linux's: "true", "false" (no patch yet) or "Not
	// Applicable" (the CVE "either no longer is or was never applicable").
	//
	// Source: https://github.com/microsoft/AzureLinuxVulnerabilityData
	patchable string
	// urgency is Debian's: "end-of-life" where its security team no longer
	// follows the package in that release.
	//
	// Source: https://security-team.debian.org/security_tracker.html
	urgency string
	// informational is RustSec's: "unmaintained" crates get no fixes.
	//
	// Source: https://github.com/rustsec/advisory-db#advisory-format
	informational string
}

// fix says what the words of an entry, and of the record that it is in, mean.
func fix(record, entry fixWords) azward.FixState {
	switch {
	case record.patchable == "Not Applicable":
		return azward.NotAffected
	case entry.urgency == "end-of-life", entry.informational == "unmaintained":
		return azward.WillNotFix
	case record.patchable == "false":
		return azward.NotFixed
	}
	return azward.FixUnknown
}
