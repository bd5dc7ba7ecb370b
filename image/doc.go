// Package image reads container images: it streams each distinct layer once,
// finds the packages in it, and merges the layers into what a container of the
// image would see. Most callers need [Scanner.ScanReference].
//
// An image comes from a registry, an OCI layout directory or a tarball
// ([ParseReference]); nothing is unpacked to disk. Results are kept by layer
// digest in a [Cache], so that images that share a base cost the base once. A
// layer that is damaged or hostile leaves a gap in the image rather than losing
// it. Everything read is bounded by the constants in limits.go.
//
// DESIGN.md beside this file has the data flow and what was rejected.
package image
