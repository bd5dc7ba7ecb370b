#!/usr/bin/env bash
# Lets a real browser use the hub on the simulated tenant: sign-in, connections
# with their errors, consent, scans, filters, dismissals; the keyboard alone, no
# scripts, and each page for all eyes, screens and settings. It takes two minutes
# on two idle cores. SHOTS=folder keeps pictures of every page, light, dark,
# narrow and in forced colours. Without Chromium or Node it is left out, loudly.
set -euo pipefail
cd "$(dirname "$0")/.."

chromium=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$chromium" ] || ! command -v npm >/dev/null; then
  echo "browser: chromium or node is not installed; its tests are left out: apt-get install chromium nodejs npm" >&2
  exit 0
fi
make --no-print-directory build
cd web/browser
if ! timeout 120 npm ci --silent --no-audit --no-fund; then
  echo "browser: playwright-core and axe-core do not install here; its tests are left out" >&2
  exit 0
fi
CHROMIUM=$chromium AZWARD=$PWD/../../bin/azward timeout 900 npm test --silent
