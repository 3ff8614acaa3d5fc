# What a Windows machine is and has, as one JSON document: read only, nothing written, nothing fetched.
#
# mspctl sends this through standard input to PowerShell 5.1 after a line that sets $mark, which stands before
# and after the document. Kept to plain statements, so that a grammar can check it where no PowerShell is: no
# classes, no splatting, no pipelines of script blocks longer than a filter. A part that fails is left out.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'

function Get-Part {
    param($Block)
    try { & $Block } catch { $null }
}

function Get-Columns {
    param($Items, $Names)
    foreach ($item in $Items) {
        $row = @{}
        foreach ($name in $Names.Split(' ')) {
            $value = $item.$name
            if ($value -is [Enum]) { $value = [string]$value }
            $row[$name] = $value
        }
        $row
    }
}

function Get-Seconds {
    param($Time)
    if ($null -eq $Time) { return $null }
    $epoch = New-Object DateTime -ArgumentList 1970, 1, 1, 0, 0, 0, 'Utc'
    return [int64]($Time.ToUniversalTime() - $epoch).TotalSeconds
}

function Get-Setting {
    param($Path, $Name)
    try { return (Get-ItemProperty -Path $Path -Name $Name).$Name } catch { return $null }
}

$document = @{}

$document['computer'] = Get-Part {
    Get-Columns (Get-CimInstance -ClassName Win32_ComputerSystem) 'Name DNSHostName Manufacturer Model Domain PartOfDomain DomainRole TotalPhysicalMemory NumberOfLogicalProcessors'
}

$document['product'] = Get-Part {
    Get-Columns (Get-CimInstance -ClassName Win32_ComputerSystemProduct) 'UUID IdentifyingNumber'
}

$document['firmware'] = Get-Part {
    Get-Columns (Get-CimInstance -ClassName Win32_BIOS) 'SerialNumber SMBIOSBIOSVersion'
}

$document['chassis'] = Get-Part {
    Get-Columns (Get-CimInstance -ClassName Win32_SystemEnclosure) 'ChassisTypes'
}

$document['system'] = Get-Part {
    $system = Get-CimInstance -ClassName Win32_OperatingSystem
    @{
        Caption = $system.Caption
        Version = $system.Version
        OSArchitecture = $system.OSArchitecture
        ProductType = $system.ProductType
        Booted = Get-Seconds $system.LastBootUpTime
        Now = Get-Seconds (Get-Date)
        TimeZone = (Get-CimInstance -ClassName Win32_TimeZone).StandardName
    }
}

$document['processors'] = Get-Part {
    Get-Columns (Get-CimInstance -ClassName Win32_Processor) 'Name'
}

$document['disks'] = Get-Part {
    Get-Columns (Get-PhysicalDisk) 'DeviceId FriendlyName Size MediaType HealthStatus'
}

$document['volumes'] = Get-Part {
    Get-Columns (Get-CimInstance -ClassName Win32_LogicalDisk -Filter 'DriveType = 3') 'DeviceID FileSystem Size FreeSpace'
}

$document['bitlocker'] = Get-Part {
    Get-Columns (Get-CimInstance -Namespace 'root/cimv2/Security/MicrosoftVolumeEncryption' -ClassName Win32_EncryptableVolume) 'DriveLetter ProtectionStatus ConversionStatus'
}

$document['interfaces'] = Get-Part {
    Get-Columns (Get-CimInstance -ClassName Win32_NetworkAdapterConfiguration -Filter 'IPEnabled = True') 'Description MACAddress IPAddress IPSubnet TcpipNetbiosOptions'
}

$document['software'] = Get-Part {
    $keys = 'HKLM:\Software\Microsoft\Windows\CurrentVersion\Uninstall\*', 'HKLM:\Software\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall\*'
    $found = @()
    foreach ($key in $keys) {
        foreach ($entry in (Get-ItemProperty -Path $key -ErrorAction SilentlyContinue)) {
            if ($entry.DisplayName -and -not $entry.SystemComponent) { $found += Get-Columns $entry 'DisplayName DisplayVersion Publisher' }
        }
    }
    $found
}

$document['updates'] = Get-Part {
    $session = New-Object -ComObject Microsoft.Update.Session
    $searcher = $session.CreateUpdateSearcher()
    $searcher.Online = $false
    $found = $searcher.Search('IsInstalled = 0 and IsHidden = 0')
    $pending = @()
    foreach ($update in $found.Updates) {
        $kinds = @()
        foreach ($category in $update.Categories) { $kinds += $category.CategoryID }
        $numbers = @()
        foreach ($number in $update.KBArticleIDs) { $numbers += $number }
        $pending += @{ Title = $update.Title; Severity = $update.MsrcSeverity; Kinds = $kinds; Numbers = $numbers }
    }
    $results = (New-Object -ComObject Microsoft.Update.AutoUpdate).Results
    @{ Pending = $pending; Searched = Get-Seconds $results.LastSearchSuccessDate }
}

$document['reboot'] = Get-Part {
    $reasons = @()
    if (Test-Path -Path 'HKLM:\Software\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending') { $reasons += 'servicing' }
    if (Test-Path -Path 'HKLM:\Software\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired') { $reasons += 'updates' }
    if (Get-Setting 'HKLM:\System\CurrentControlSet\Control\Session Manager' 'PendingFileRenameOperations') { $reasons += 'files to be renamed' }
    @{ Reasons = $reasons }
}

$controller = $document['computer'].DomainRole -ge 4

$document['accounts'] = Get-Part {
    if ($controller) { return $null }
    $logins = @{}
    foreach ($user in (Get-LocalUser)) { $logins[$user.SID.Value] = Get-Seconds $user.LastLogon }
    $found = @()
    foreach ($user in (Get-CimInstance -ClassName Win32_UserAccount -Filter 'LocalAccount = True')) {
        $found += @{
            Name = $user.Name
            SID = $user.SID
            Disabled = $user.Disabled
            PasswordExpires = $user.PasswordExpires
            PasswordRequired = $user.PasswordRequired
            LastLogin = $logins[$user.SID]
        }
    }
    $found
}

$document['administrators'] = Get-Part {
    $group = Get-CimInstance -ClassName Win32_Group -Filter "SID = 'S-1-5-32-544'"
    Get-Columns (Get-CimAssociatedInstance -InputObject $group -Association Win32_GroupUser) 'Domain Name SID'
}

$document['defender'] = Get-Part {
    $status = Get-MpComputerStatus
    @{
        Enabled = $status.AntivirusEnabled
        Running = $status.AMServiceEnabled
        RealTime = $status.RealTimeProtectionEnabled
        Mode = [string]$status.AMRunningMode
        Signatures = Get-Seconds $status.AntivirusSignatureLastUpdated
        TamperProtected = $status.IsTamperProtected
    }
}

$document['scanners'] = Get-Part {
    Get-Columns (Get-CimInstance -Namespace 'root/SecurityCenter2' -ClassName AntiVirusProduct) 'displayName productState'
}

$document['firewall'] = Get-Part {
    Get-Columns (Get-NetFirewallProfile -PolicyStore ActiveStore) 'Name Enabled'
}

$document['services'] = Get-Part {
    Get-Columns (Get-CimInstance -ClassName Win32_Service) 'Name DisplayName State StartMode ExitCode'
}

$document['processes'] = Get-Part {
    Get-Columns (Get-Process) 'Id ProcessName'
}

$document['tcp'] = Get-Part {
    Get-Columns (Get-NetTCPConnection -State Listen) 'LocalAddress LocalPort OwningProcess'
}

$document['udp'] = Get-Part {
    Get-Columns (Get-NetUDPEndpoint) 'LocalAddress LocalPort OwningProcess'
}

$document['shares'] = Get-Part {
    $sid = New-Object Security.Principal.SecurityIdentifier -ArgumentList 'S-1-1-0'
    $everyone = $sid.Translate([Security.Principal.NTAccount]).Value
    $found = @()
    foreach ($share in (Get-SmbShare -Special $false)) {
        $open = $false
        foreach ($access in (Get-SmbShareAccess -Name $share.Name)) {
            if ($access.AccountName -eq $everyone -and [string]$access.AccessControlType -eq 'Allow') { $open = $true }
        }
        $found += @{ Name = $share.Name; Path = $share.Path; Open = $open }
    }
    $found
}

$document['smb'] = Get-Part {
    Get-Columns (Get-SmbServerConfiguration) 'EnableSMB1Protocol RequireSecuritySignature'
}

$document['policy'] = Get-Part {
    $machine = [ADSI]('WinNT://' + $env:COMPUTERNAME + ',computer')
    @{
        MinimumLength = $machine.MinPasswordLength.Value
        MaximumAgeSeconds = $machine.MaxPasswordAge.Value
        LockedAfter = $machine.MaxBadPasswordsAllowed.Value
    }
}

$document['settings'] = @{
    RemoteDesktopDenied = Get-Setting 'HKLM:\System\CurrentControlSet\Control\Terminal Server' 'fDenyTSConnections'
    RemoteDesktopNla = Get-Setting 'HKLM:\System\CurrentControlSet\Control\Terminal Server\WinStations\RDP-Tcp' 'UserAuthentication'
    Multicast = Get-Setting 'HKLM:\Software\Policies\Microsoft\Windows NT\DNSClient' 'EnableMulticast'
    AccountControl = Get-Setting 'HKLM:\Software\Microsoft\Windows\CurrentVersion\Policies\System' 'EnableLUA'
    AutomaticLogin = Get-Setting 'HKLM:\Software\Microsoft\Windows NT\CurrentVersion\Winlogon' 'AutoAdminLogon'
    Laps = Get-Setting 'HKLM:\Software\Microsoft\Policies\LAPS' 'BackupDirectory'
    LapsState = Get-Setting 'HKLM:\Software\Microsoft\Windows\CurrentVersion\LAPS\Config' 'BackupDirectory'
    LapsPolicy = Get-Setting 'HKLM:\Software\Microsoft\Windows\CurrentVersion\Policies\LAPS' 'BackupDirectory'
    LapsLegacy = Get-Setting 'HKLM:\Software\Policies\Microsoft Services\AdmPwd' 'AdmPwdEnabled'
    TimeType = Get-Setting 'HKLM:\System\CurrentControlSet\Services\W32Time\Parameters' 'Type'
}

$json = ConvertTo-Json -InputObject $document -Depth 5 -Compress
if ($json -match '[^\x20-\x7e]') {
    $ascii = New-Object Text.StringBuilder
    foreach ($character in $json.ToCharArray()) {
        $code = [int]$character
        if ($code -gt 126) { $null = $ascii.Append('\u' + $code.ToString('x4')) } else { $null = $ascii.Append($character) }
    }
    $json = $ascii.ToString()
}
[Console]::Out.Write($mark + $json + $mark)
