#!/usr/bin/env bash
# Lets clients that know nothing of azward judge the simulator: azure-cli logs
# in and lists, kubectl reads the cluster, crane pulls from the registry. A
# client that isn't installed is left out with a message; one that is there and
# fails, fails. AZWARD_E2E_CLIENTS names the clients that the tests must run.
set -euo pipefail
cd "$(dirname "$0")/.."

found=()
for client in az kubectl; do
  if command -v "$client" >/dev/null; then
    found+=("$client")
  else
    echo "e2e-clients: $client is not installed, its tests are left out" >&2
  fi
done
# crane is part of a module that we build with, so it always runs.
found+=(crane)

export AZWARD_E2E_CLIENTS
AZWARD_E2E_CLIENTS=$(IFS=,; echo "${found[*]}")
echo "clients: $AZWARD_E2E_CLIENTS"
go test -run 'Client' -count=1 -timeout 10m ./azuresim/...
