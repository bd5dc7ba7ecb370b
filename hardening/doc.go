// Package hardening says what weakens an image besides its vulnerabilities:
// what it runs as, what lies in it, what was built into it. It judges facts
// that were read, by a profile of controls, and answers Yes, No or Unknown for
// each, with evidence.
package hardening
