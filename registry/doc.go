// Package registry keeps a container registry in view: which repositories and
// tags it has, what each image holds, what the base image brought, how tags
// moved over their versions, and where each digest runs.
//
// [Scan.Run] reads a registry: every distinct image once and every distinct
// layer once, whatever the number of tags; what is stored is not read again.
// [View.Load] answers from the store alone, with the advisories of the moment,
// so that a new advisory needs no pull.
package registry
