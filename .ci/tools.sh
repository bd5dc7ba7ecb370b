#!/usr/bin/env bash
# Installs the linters that lint.sh calls, at these versions, into GOBIN.
# What is there at the right version is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

golangci=v2.15.0
gofumpt=v0.12.0
deadcode=v0.52.0

bin=$(go env GOBIN)
bin=${bin:-$(go env GOPATH)/bin}

# module_version BINARY prints the version of the module that it was built from.
module_version() {
  [ -x "$bin/$1" ] || return 0
  go version -m "$bin/$1" 2>/dev/null | awk '$1 == "mod" { print $3 }'
}

# want BINARY PACKAGE VERSION
want() {
  if [ "$(module_version "$1")" = "$3" ]; then
    return 0
  fi
  echo "installing $1 $3"
  # -modfile is off and the directory is not ours, so that our go.mod plays no part.
  (cd / && go install "$2@$3")
}

want gofumpt mvdan.cc/gofumpt "$gofumpt"
want deadcode golang.org/x/tools/cmd/deadcode "$deadcode"
want golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint "$golangci"
