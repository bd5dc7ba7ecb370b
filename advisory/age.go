package advisory

import "time"

// StaleAfter is the age at which a part of an index is said to be old: its
// publishers renew it daily.
const StaleAfter = 7 * 24 * time.Hour

// withoutOverlay says what is not known without the overlays that decide
// something; the others only explain.
var withoutOverlay = map[string]string{
	"KEV":  "whether a vulnerability is known to be exploited is unknown",
	"EPSS": "how likely exploitation is, is unknown",
}

// Old says that what is newer than the part is not known: it is older than
// [StaleAfter], or nobody knows how old. Parts that only explain, and those that
// count for nothing anyway, are never old.
func (p Part) Old(now time.Time) bool {
	if p.Partial || p.Overlay && (withoutOverlay[p.Name] == "" || p.Entries == 0) {
		return false
	}
	return now.Sub(p.AsOf) > StaleAfter
}

// Missing says in a clause what is not known without the part; "" where it is
// there, or nothing rests on it.
func (p Part) Missing() string {
	if !p.Overlay || p.Entries > 0 {
		return ""
	}
	return withoutOverlay[p.Name]
}
