#!/usr/bin/env bash
# Runs the tests of the packages that keep golden files; with -update they
# rewrite them. Read the diff like code.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t packages < <(
  git grep -lE --untracked 'flag\.Bool(Var)?\(.*"update"' -- '*_test.go' | xargs -r -n 1 dirname | sort -u | sed 's|^|./|'
)
if [ "${#packages[@]}" -eq 0 ]; then
  echo "no package keeps golden files"
  exit 0
fi
for package in "${packages[@]}"; do
  go test "$package" -count=1 "$@"
done
