// Package feed compiles the advisory index from files: OSV exports (the
// per-ecosystem all.zip of osv.dev, or loose records), CISA's catalogue of known
// exploited vulnerabilities and EPSS scores. Most callers need [Build].
//
// Records pass through one by one; nothing is dropped silently: [Stats] counts
// what was read, what was left out and why.
package feed
