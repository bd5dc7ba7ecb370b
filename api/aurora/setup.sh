#!/usr/bin/env bash
# Creates a service principal that may read, and prints what to paste into
# azward. It gives the role Reader and nothing else.
#
#   bash setup-azward-access.sh                      the subscription az has chosen
#   bash setup-azward-access.sh all                  every enabled subscription
#   bash setup-azward-access.sh SUBSCRIPTION-ID ...  these subscriptions
#
# AZWARD_SP_NAME names the principal (default: azward-reader-DATE). To take it
# all back:  az ad sp delete --id APP-ID
set -euo pipefail
IFS=$'\n'

fail() { printf 'azward: %s\n' "$1" >&2; exit 1; }

command -v az >/dev/null 2>&1 || fail 'the Azure CLI (az) is not here: https://learn.microsoft.com/cli/azure/install-azure-cli'
az account show --output none 2>/dev/null || fail 'nobody is signed in: az login'

guid='^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'
name="${AZWARD_SP_NAME:-azward-reader-$(date -u +%Y%m%d%H%M%S)}"
[[ "$name" =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,90}$ ]] || fail 'AZWARD_SP_NAME has letters, digits, dots, - and _ alone'

subscriptions=()
if [[ $# -eq 0 ]]; then
  subscriptions=("$(az account show --query id --output tsv)")
elif [[ $# -eq 1 && "$1" == 'all' ]]; then
  while IFS= read -r id; do
    [[ -n "$id" ]] && subscriptions+=("$id")
  done < <(az account list --query "[?state=='Enabled'].id" --output tsv)
else
  subscriptions=("$@")
fi
[[ ${#subscriptions[@]} -gt 0 ]] || fail 'there is no enabled subscription'

scopes=()
for id in "${subscriptions[@]}"; do
  [[ "$id" =~ $guid ]] || fail "this is no subscription ID: $(printf '%q' "$id")"
  scopes+=("/subscriptions/$id")
done

printf 'Creating %s with Reader on %d subscription(s)...\n' "$name" "${#scopes[@]}" >&2
made="$(az ad sp create-for-rbac --name "$name" --role Reader --scopes "${scopes[@]}" \
  --query '[appId, password, tenant]' --output tsv --only-show-errors)"
{ IFS= read -r app && IFS= read -r secret && IFS= read -r tenant; } <<<"$made" \
  || fail 'az did not print what it created: look at az ad sp list --show-mine'
[[ "$app" =~ $guid && "$tenant" =~ $guid && -n "$secret" ]] \
  || fail 'az did not print what it created: look at az ad sp list --show-mine'

first="${subscriptions[0]}"
label="$(az account show --subscription "$first" --query name --output tsv)"

# JSON's escapes for a text; the other values are checked above.
escape() {
  local s="$1"
  s="${s//\\/\\\\}"
  s="${s//\"/\\\"}"
  printf '%s' "${s//[[:cntrl:]]/ }"
}

printf 'Paste this into azward. The secret is shown once:\n' >&2
printf '{"tenantId": "%s", "clientId": "%s", "clientSecret": "%s", "subscriptionId": "%s", "subscriptionName": "%s"}\n' \
  "$tenant" "$app" "$(escape "$secret")" "$first" "$(escape "$label")"
