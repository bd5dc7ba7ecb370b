package advisory

import (
	"cmp"
	"slices"
	"strings"

	cvss20 "github.com/pandatix/go-cvss/20"
	cvss30 "github.com/pandatix/go-cvss/30"
	cvss31 "github.com/pandatix/go-cvss/31"
	cvss40 "github.com/pandatix/go-cvss/40"

	"github.com/azward/azward"
)

// score computes the base score of a CVSS vector; ok is false when it is none.
func score(vector string) (points float64, ok bool) {
	switch {
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		if v, err := cvss31.ParseVector(vector); err == nil {
			return v.BaseScore(), true
		}
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		if v, err := cvss30.ParseVector(vector); err == nil {
			return v.BaseScore(), true
		}
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		if v, err := cvss40.ParseVector(vector); err == nil {
			return v.Score(), true
		}
	case strings.HasPrefix(vector, "AV:"):
		if v, err := cvss20.ParseVector(vector); err == nil {
			return v.BaseScore(), true
		}
	}
	return 0, false
}

// best picks the vector to show first, see [sortScores].
func best(vectors []string) string {
	var all []azward.Score
	for _, v := range vectors {
		all = appendScore(all, "", v)
	}
	sortScores(all)
	if len(all) == 0 {
		return ""
	}
	return all[0].Vector
}

// appendScore adds a vector that is one and that the source has not given yet.
func appendScore(scores []azward.Score, source, vector string) []azward.Score {
	points, ok := score(vector)
	s := azward.Score{Source: source, Vector: vector, Score: points}
	if !ok || slices.Contains(scores, s) {
		return scores
	}
	return append(scores, s)
}

// sortScores puts the score that counts first: version 3 before 4 before 2,
// because 3 is what most records have, so that findings compare; within a
// version the highest, because of two sources that disagree the cautious one
// is followed. Then by text, so that the order of records does not matter.
func sortScores(scores []azward.Score) {
	slices.SortFunc(scores, func(a, b azward.Score) int {
		return cmp.Or(
			cmp.Compare(vectorRank(b.Vector), vectorRank(a.Vector)),
			cmp.Compare(b.Score, a.Score),
			cmp.Compare(a.Vector, b.Vector),
			cmp.Compare(a.Source, b.Source))
	})
}

func vectorRank(vector string) int {
	switch {
	case strings.HasPrefix(vector, "CVSS:3"):
		return 3
	case strings.HasPrefix(vector, "CVSS:4"):
		return 2
	case vector != "":
		return 1
	}
	return 0
}

// Rate gives the qualitative rating of a base score.
//
// Source: https://www.first.org/cvss/v3.1/specification-document §5
func Rate(points float64) azward.Severity {
	switch {
	case points >= 9:
		return azward.SeverityCritical
	case points >= 7:
		return azward.SeverityHigh
	case points >= 4:
		return azward.SeverityMedium
	case points > 0:
		return azward.SeverityLow
	}
	return azward.SeverityNone
}

// rating reads a database's own word.
func rating(word string) azward.Severity {
	switch strings.ToLower(word) {
	case "critical":
		return azward.SeverityCritical
	case "high", "important":
		return azward.SeverityHigh
	case "medium", "moderate":
		return azward.SeverityMedium
	case "low", "minor", "negligible":
		return azward.SeverityLow
	case "none":
		return azward.SeverityNone
	}
	return azward.SeverityUnknown
}
