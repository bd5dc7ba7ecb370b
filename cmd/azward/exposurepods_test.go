package main

import (
	"strings"
	"testing"
)

// TestExposurePods asks who reaches whom in the demo's cluster.
func TestExposurePods(t *testing.T) {
	t.Parallel()
	_, estate := demoData(t)
	for _, tc := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"table", []string{"--cluster", "aks-prod"}, 0, []string{"REACHED FROM", "shop/recommend", "tcp "}},
		{"json", []string{"--cluster", "aks-prod", "--to", "shop/recommend", "--output", "json"}, 0, []string{`"name": "shop/recommend"`, `"answer": "no"`}},
		{"json_nothing", []string{"--cluster", "aks-prod", "--to", "nowhere", "--output", "json"}, 0, []string{"[]"}},
		{"dot", []string{"--cluster", "aks-prod", "--output", "dot"}, 0, []string{"digraph pods", `label="shop"`}},
		{"no_such_cluster", []string{"--cluster", "aks-none"}, 2, []string{"name one of them with --cluster", "aks-prod"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := runIn(t, t.TempDir(), append([]string{"exposure", "pods", "--estate", estate}, tc.args...)...)
			if code != tc.code {
				t.Errorf("exit code %d, want %d:\n%s", code, tc.code, errs)
			}
			for _, want := range tc.want {
				if !strings.Contains(out+errs, want) {
					t.Errorf("no %q in\n%s%s", want, out, errs)
				}
			}
		})
	}
}
