#!/usr/bin/env bash
# Lets clients that know nothing of azward judge the simulator: azure-cli logs
# in and lists, kubectl reads the cluster, crane pulls from the registry. A
# client that isn't installed is left out with a message; one that is there and
# fails, fails.
#
# AZWARD_E2E_CLIENTS=1 asks for the slow tests too; AZWARD_REQUIRE_CLIENTS=1
# makes a test fail whose client is missing, and is set when none is.
set -euo pipefail
cd "$(dirname "$0")/.."

export AZWARD_E2E_CLIENTS=1 AZWARD_REQUIRE_CLIENTS=1
for client in az kubectl; do
  if command -v "$client" >/dev/null; then
    echo "e2e-clients: $client is $(command -v "$client")"
  else
    echo "e2e-clients: $client is not installed, its tests are left out" >&2
    unset AZWARD_REQUIRE_CLIENTS
  fi
done
# crane is part of a module that we build with, so it is always there.
go test -v -run 'Client|Kubectl|AzureCLI|Crane|Pull' -count=1 -timeout 10m ./azuresim/... |
  grep -E '^(=== NAME|--- |    --- (FAIL|SKIP)|\s+\S+_test\.go:|FAIL|ok|panic)' | grep -v 'no tests to run'
