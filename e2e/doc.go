// Package e2e lets clients that know nothing of azward judge the simulator:
// azure-cli registers it as a cloud, kubectl reads a cluster, crane pulls an
// image. Its tests are built with the tag e2e alone and run by
// `make e2e-clients`. A client that is not installed skips its tests, unless
// AZWARD_REQUIRE_CLIENTS is set.
package e2e
