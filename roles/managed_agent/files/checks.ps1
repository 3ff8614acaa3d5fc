# Runs the checks of a record, each by itself, and says as one line of JSON how each came out.
param([string] $Checks)

$ErrorActionPreference = 'Stop'
$list = ConvertFrom-Json -InputObject $Checks
$answers = @()
foreach ($check in $list) {
    $values = @{}
    foreach ($property in $check.parameters.PSObject.Properties) {
        $values[$property.Name] = $property.Value
    }
    try {
        $script = [ScriptBlock]::Create($check.script)
        $said = @(& $script @values) -join "`n"
        $answers += @{ id = $check.id; code = 0; said = $said }
    } catch {
        $answers += @{ id = $check.id; code = 1; said = [string] $_ }
    }
}
ConvertTo-Json -InputObject $answers -Depth 3 -Compress
