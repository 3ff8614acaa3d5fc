# What of an agent is on this machine, as one line of JSON. Reads only.
param([string] $Question)

$asked = ConvertFrom-Json -InputObject $Question

$products = @()
foreach ($view in 'SOFTWARE', 'SOFTWARE\WOW6432Node') {
    $root = "HKLM:\$view\Microsoft\Windows\CurrentVersion\Uninstall"
    foreach ($entry in (Get-ChildItem -LiteralPath $root -ErrorAction SilentlyContinue)) {
        $name = [string] $entry.GetValue('DisplayName')
        foreach ($product in $asked.products) {
            $isNamed = ($product.name -ne '') -and ($name -like $product.name)
            if ($isNamed -or ($entry.PSChildName -eq $product.id)) {
                $version = [string] $entry.GetValue('DisplayVersion')
                $products += @{ id = $entry.PSChildName; name = $name; version = $version }
            }
        }
    }
}

$known = @(Get-Service -ErrorAction SilentlyContinue | ForEach-Object { $_.Name })
$services = @($asked.services | Where-Object { $known -contains $_ })
$paths = @($asked.paths | Where-Object { Test-Path -LiteralPath $_ })

$tasks = @()
foreach ($wanted in $asked.tasks) {
    $task = Get-ScheduledTask -TaskPath '\mspctl\' -TaskName $wanted -ErrorAction SilentlyContinue
    if ($null -ne $task) { $tasks += $wanted }
}

$registry = @()
foreach ($wanted in $asked.values) {
    $key = Get-Item -LiteralPath $wanted.key -ErrorAction SilentlyContinue
    if (($null -ne $key) -and ($key.GetValueNames() -contains $wanted.name)) {
        $kind = ([string] $key.GetValueKind($wanted.name)).ToLower()
        $data = $key.GetValue($wanted.name, $null, 'DoNotExpandEnvironmentNames')
        $registry += @{ key = $wanted.key; name = $wanted.name; type = $kind; data = $data }
    }
}

$receipt = ''
if (Test-Path -LiteralPath $asked.receipt -PathType Leaf) {
    $receipt = [System.IO.File]::ReadAllText($asked.receipt)
}
$folder = Split-Path -Path $asked.receipt -Parent
$beside = @(Get-ChildItem -LiteralPath $folder -Force -ErrorAction SilentlyContinue | ForEach-Object { $_.Name })

$found = @{
    products = $products; services = $services; paths = $paths; tasks = $tasks; registry = $registry; receipt = $receipt
    beside = $beside
}
ConvertTo-Json -InputObject $found -Depth 5 -Compress
