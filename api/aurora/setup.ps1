<#
.SYNOPSIS
Creates a service principal that may read, and prints what to paste into azward.

.DESCRIPTION
It gives the role Reader and nothing else. To take it all back:
az ad sp delete --id APP-ID

.PARAMETER Subscription
IDs of the subscriptions to read; left out, the one that az has chosen.

.PARAMETER All
Every enabled subscription.

.PARAMETER Name
Name of the principal.

.EXAMPLE
./setup-azward-access.ps1 -All
#>
[CmdletBinding()]
param(
    [string[]] $Subscription = @(),
    [switch] $All,
    [ValidatePattern('^[A-Za-z0-9][A-Za-z0-9._-]{0,90}$')]
    [string] $Name = "azward-reader-$((Get-Date).ToUniversalTime().ToString('yyyyMMddHHmmss'))"
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Invoke-Az {
    param([Parameter(Mandatory)] [string[]] $Arguments)
    $output = & az @Arguments
    if ($LASTEXITCODE -ne 0) { throw "az $($Arguments[0]) $($Arguments[1]) failed" }
    return $output
}

if (-not (Get-Command -Name 'az' -ErrorAction SilentlyContinue)) {
    throw 'the Azure CLI (az) is not here: https://learn.microsoft.com/cli/azure/install-azure-cli'
}
$guid = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'

if ($All) {
    $listed = Invoke-Az -Arguments @('account', 'list', '--output', 'json') | Out-String | ConvertFrom-Json
    $Subscription = @($listed | Where-Object { $_.state -eq 'Enabled' } | ForEach-Object { $_.id })
} elseif ($Subscription.Count -eq 0) {
    $Subscription = @((Invoke-Az -Arguments @('account', 'show', '--output', 'json') | Out-String | ConvertFrom-Json).id)
}
if ($Subscription.Count -eq 0) { throw 'there is no enabled subscription' }
$scopes = @()
foreach ($id in $Subscription) {
    if ($id -notmatch $guid) { throw 'this is no subscription ID: ' + $id }
    $scopes += "/subscriptions/$id"
}

[Console]::Error.WriteLine("Creating $Name with Reader on $($scopes.Count) subscription(s)...")
$create = @('ad', 'sp', 'create-for-rbac', '--name', $Name, '--role', 'Reader', '--only-show-errors', '--output', 'json', '--scopes') + $scopes
$made = Invoke-Az -Arguments $create | Out-String | ConvertFrom-Json
$first = Invoke-Az -Arguments @('account', 'show', '--subscription', $Subscription[0], '--output', 'json') | Out-String | ConvertFrom-Json

[Console]::Error.WriteLine('Paste this into azward. The secret is shown once:')
[ordered]@{
    tenantId         = $made.tenant
    clientId         = $made.appId
    clientSecret     = $made.password
    subscriptionId   = $first.id
    subscriptionName = $first.name
} | ConvertTo-Json -Compress
