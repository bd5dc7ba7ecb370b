#!/usr/bin/env bash
# Lets clients that know nothing of azward judge the simulator: azure-cli logs
# in and lists, kubectl reads the cluster, crane pulls from the registry. A
# client that isn't installed is left out with a message; one that is there and
# fails, fails.
set -euo pipefail
cd "$(dirname "$0")/.."

# crane always runs: it is part of a module that we build with.
found=crane
for client in az kubectl; do
  if command -v "$client" >/dev/null; then
    found=$client,$found
  else
    echo "e2e-clients: $client is not installed, its tests are left out" >&2
  fi
done
echo "e2e-clients: $found"
# The tests that must not skip.
export AZWARD_E2E_CLIENTS=$found
go test -tags e2e -v -count=1 -timeout 15m ./e2e |
  grep -E '^(--- |    --- (FAIL|SKIP)|[[:space:]]+[a-z_]+_test\.go:|FAIL|ok|panic)'
