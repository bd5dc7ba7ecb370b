// Package advisory answers which vulnerabilities a package version has, from
// one local index file that many processes read at once. Most readers need
// [Open] and [Index.MatchAll].
//
// The index is compiled by package advisory/feed from OSV records, CISA's
// catalogue of known exploited vulnerabilities and EPSS. It holds what
// matching needs (ranges, versions, identifiers, scores, a one-line summary)
// and no texts. A look-up by (ecosystem, package) is one probe of a hash table
// and a walk of the blocks chained to it; every block carries a checksum, so
// that a damaged file is an error and never "no vulnerability".
//
// Order of versions is that of each ecosystem. A version that has no place in
// that order gives a finding whose Affected is Unknown, with the reason.
//
// DESIGN.md beside this file has the file format and the reasons.
package advisory
