#!/usr/bin/env bash
# Installs the Debian packages that the checks use, as far as this machine lets
# us: a C compiler for the race detector (required), azure-cli and kubectl for
# the tests with real clients, docker-registry for those with a real registry,
# chromium and node for those with a browser
# (wanted; without them those tests are left out, loudly).
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
as_root=()
if [ "$(id -u)" -ne 0 ] && command -v sudo >/dev/null; then
  as_root=(sudo -n)
fi

updated=
# install SECONDS PACKAGE… gives up after that long.
install() {
  local limit=$1
  shift
  command -v apt-get >/dev/null || return 1
  if [ -z "$updated" ]; then
    timeout 180 "${as_root[@]}" apt-get update -qq >/dev/null || return 1
    updated=yes
  fi
  timeout "$limit" "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

if ! command -v "${CC:-gcc}" >/dev/null; then
  install 300 gcc libc6-dev || { echo "packages: no C compiler, and the race detector needs one: apt-get install gcc libc6-dev" >&2; exit 1; }
fi
command -v make >/dev/null || install 120 make || { echo "packages: make is missing: apt-get install make" >&2; exit 1; }
command -v kubectl >/dev/null || install 180 kubernetes-client || echo "packages: kubectl does not install here; its tests are left out" >&2
command -v docker-registry >/dev/null || install 120 docker-registry || echo "packages: docker-registry does not install here; its tests are left out" >&2
command -v az >/dev/null || install 480 azure-cli || echo "packages: azure-cli does not install here; its tests are left out" >&2
command -v chromium >/dev/null || install 300 chromium || echo "packages: chromium does not install here; the tests with a browser are left out" >&2
command -v npm >/dev/null || install 240 nodejs npm || echo "packages: nodejs does not install here; the tests with a browser are left out" >&2
