// Package azward names the things azward talks about: resources, evidence,
// conditions, verdicts, gaps and errors. It holds no behaviour beyond what
// these nouns mean (how answers combine, how identifiers compare, what an
// error costs), imports the standard library alone, and every other package
// is built around it.
//
// A reader new to the code starts with [Verdict]: one question (is this
// vulnerability exploitable in this workload?), its [Answer], and the
// [Condition] values with [Evidence] that decided it.
package azward
