#!/usr/bin/env bash
# Formatting, go vet, golangci-lint and code that nothing reaches. Silent when
# there is nothing to say.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$(go env GOBIN)
export PATH="${bin:-$(go env GOPATH)/bin}:$PATH"
for tool in gofumpt golangci-lint deadcode; do
  if ! command -v "$tool" >/dev/null; then
    echo "lint: $tool is not installed; run: make tools" >&2
    exit 1
  fi
done

status=0

untidy=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 -r ls 2>/dev/null | xargs -r gofumpt -l)
if [ -n "$untidy" ]; then
  printf 'lint: these files are not formatted; run: make format\n%s\n' "$untidy" >&2
  status=1
fi

golangci-lint run ./... || status=1

# Tests count as a way in: contract suites and test support have no other.
unreached=$(deadcode -test -tags e2e ./...)
if [ -n "$unreached" ]; then
  printf 'lint: nothing calls these; delete them:\n%s\n' "$unreached" >&2
  status=1
fi

exit "$status"
