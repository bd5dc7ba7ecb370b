package main

import (
	"strings"
	"testing"
)

// TestExposureServices lists the endpoints of data services after the
// workloads, and asks one flow of one.
func TestExposureServices(t *testing.T) {
	t.Parallel()
	_, estate := demoData(t)
	code, plain, errs := runIn(t, t.TempDir(), "exposure", "--estate", estate)
	if code != 0 || strings.Contains(plain, "Microsoft.") {
		t.Errorf("exit code %d, without --services:\n%s%s", code, plain, errs)
	}
	for _, ladder := range []bool{false, true} {
		args := []string{"exposure", "--estate", estate, "--services"}
		if ladder {
			args = append(args, "--ladder")
		}
		code, out, errs := runIn(t, t.TempDir(), args...)
		if code != 0 || !strings.Contains(out, "Microsoft.ContainerService/managedClusters") {
			t.Errorf("exit code %d:\n%s%s", code, out, errs)
		}
	}
}
