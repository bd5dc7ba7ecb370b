#!/usr/bin/env bash
# Fails when `go mod tidy` would change go.mod. Two things are left out of the
# comparison, because they depend on which modules the proxy of this machine
# serves and not on us: go.sum, and indirect modules that tidy would add for
# the tests of our dependencies' dependencies (-e goes on without them).
set -euo pipefail
cd "$(dirname "$0")/.."

changes=$(go mod tidy -e -diff 2>/dev/null |
  awk '/^diff / { mod = ($2 == "current/go.mod") } mod && /^[-+]/ && !/^(---|\+\+\+)/' |
  grep -vE '^\+.*// indirect$|^[-+][[:space:]]*$|^[-+](require \(|\))$' || true)
if [ -n "$changes" ]; then
  printf 'tidy: go.mod is not tidy; run: go mod tidy -e\n%s\n' "$changes" >&2
  exit 1
fi
