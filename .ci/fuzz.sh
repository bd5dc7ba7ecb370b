#!/usr/bin/env bash
# Runs every fuzz target for a while: .ci/fuzz.sh [TIME, default 10s].
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:-10s}
while IFS=: read -r file target; do
  package=./$(dirname "$file")
  echo "fuzz $package $target"
  go test "$package" -run '^$' -fuzz "^${target#func }\$" -fuzztime "$time"
done < <(git grep -oE --untracked '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go')
