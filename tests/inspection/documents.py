# ruff: noqa: E501, S104  a row a line
"""Documents as Windows machines would answer with; written by hand after Microsoft's pages, not recorded."""

import json
from datetime import UTC, datetime
from typing import Any

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
SECONDS = int(AT.timestamp())
DAY = 86_400


def laptop() -> dict[str, Any]:
    """A laptop with Windows 11 in a domain: Defender, BitLocker, a user who is an administrator."""
    return {
        "computer": {
            "Name": "WS-FRONT", "DNSHostName": "ws-front", "Manufacturer": "LENOVO", "Model": "21HMCTO1WW",
            "Domain": "ad.harbour.example", "PartOfDomain": True, "DomainRole": 1,
            "TotalPhysicalMemory": 16_850_000_000, "NumberOfLogicalProcessors": 12,
        },
        "product": {"UUID": "4C4C4544-0052-4210-8035-B5C04F4D5432", "IdentifyingNumber": "PF4ABCDE"},
        "firmware": {"SerialNumber": "PF4ABCDE", "SMBIOSBIOSVersion": "N3XET55W"},
        "chassis": {"ChassisTypes": [10]},
        "system": {
            "Caption": "Microsoft Windows 11 Pro", "Version": "10.0.22631", "OSArchitecture": "64-bit",
            "ProductType": 1, "Booted": SECONDS - 3 * DAY, "Now": SECONDS + 5, "TimeZone": "W. Europe Standard Time",
        },
        "processors": {"Name": "13th Gen Intel(R) Core(TM) i7-1365U"},
        "disks": {"DeviceId": "0", "FriendlyName": "SAMSUNG MZVL2512HCJQ", "Size": 512_110_190_592,
                  "MediaType": "SSD", "HealthStatus": "Healthy"},
        "volumes": [{"DeviceID": "C:", "FileSystem": "NTFS", "Size": 511_000_000_000, "FreeSpace": 40_000_000_000},
                    {"DeviceID": "D:", "FileSystem": "NTFS", "Size": 100_000_000_000, "FreeSpace": 90_000_000_000}],
        "bitlocker": [{"DriveLetter": "C:", "ProtectionStatus": 1, "ConversionStatus": 1},
                      {"DriveLetter": "D:", "ProtectionStatus": 0, "ConversionStatus": 0}],
        "interfaces": [
            {"Description": "Intel(R) Wi-Fi 6E AX211", "MACAddress": "3C:52:82:11:22:33",
             "IPAddress": ["192.0.2.21", "fe80::1"], "IPSubnet": ["255.255.255.0", "64"], "TcpipNetbiosOptions": 0},
            {"Description": "Hyper-V Virtual Ethernet Adapter", "MACAddress": "00:15:5D:00:00:01",
             "IPAddress": ["172.20.0.1"], "IPSubnet": ["255.255.240.0"], "TcpipNetbiosOptions": 0},
        ],
        "software": [
            {"DisplayName": "7-Zip 23.01 (x64)", "DisplayVersion": "23.01", "Publisher": "Igor Pavlov"},
            {"DisplayName": "ScreenConnect Client (0a1b2c3d)", "DisplayVersion": "23.9", "Publisher": "ScreenConnect"},
        ],
        "updates": {
            "Pending": [
                {"Title": "2026-11 Cumulative Update (KB5046633)", "Severity": "Critical",
                 "Kinds": ["0FA1201D-4330-4FA8-8AE9-B877473B6441"], "Numbers": ["5046633"]},
                {"Title": "Intel - Net - 23.60", "Severity": None, "Kinds": ["ebfc1fc5-71a4-4f7b-9aca-3b9a503104a0"],
                 "Numbers": []},
                {"Title": "Security Intelligence Update", "Severity": None,
                 "Kinds": ["e0789628-ce08-4437-be74-2495b842f43b"], "Numbers": ["2267602"]},
            ],
            "Searched": SECONDS - DAY,
        },
        "reboot": {"Reasons": ["updates"]},
        "accounts": [
            {"Name": "Administrator", "SID": "S-1-5-21-1-2-3-500", "Disabled": True, "PasswordExpires": False,
             "PasswordRequired": True, "LastLogin": None},
            {"Name": "jane", "SID": "S-1-5-21-1-2-3-1001", "Disabled": False, "PasswordExpires": False,
             "PasswordRequired": False, "LastLogin": SECONDS - 60 * DAY},
        ],
        "administrators": [
            {"Domain": "WS-FRONT", "Name": "Administrator", "SID": "S-1-5-21-1-2-3-500"},
            {"Domain": "WS-FRONT", "Name": "jane", "SID": "S-1-5-21-1-2-3-1001"},
            {"Domain": "HARBOUR", "Name": "Domain Admins", "SID": "S-1-5-21-9-9-9-512"},
        ],
        "defender": {"Enabled": True, "Running": True, "RealTime": False, "Mode": "Normal",
                     "Signatures": SECONDS - 10 * DAY, "TamperProtected": True},
        "scanners": {"displayName": "Windows Defender", "productState": 397568},
        "firewall": [{"Name": "Domain", "Enabled": "True"}, {"Name": "Private", "Enabled": "True"},
                     {"Name": "Public", "Enabled": "False"}],
        "services": [
            {"Name": "W32Time", "DisplayName": "Windows Time", "State": "Running", "StartMode": "Auto", "ExitCode": 0},
            {"Name": "CDPUserSvc_3f2a1", "DisplayName": "Connected Devices", "State": "Running", "StartMode": "Auto",
             "ExitCode": 0},
            {"Name": "BackupSvc", "DisplayName": "Backup", "State": "Stopped", "StartMode": "Auto", "ExitCode": 1067},
            {"Name": "wuauserv", "DisplayName": "Windows Update", "State": "Running", "StartMode": "Manual",
             "ExitCode": 0},
            {"Name": "ScreenConnect Client (0a1b2c3d)", "DisplayName": "ScreenConnect Client (0a1b2c3d)",
             "State": "Running", "StartMode": "Auto", "ExitCode": 0},
        ],
        "processes": [{"Id": 4, "ProcessName": "System"}, {"Id": 900, "ProcessName": "svchost"}],
        "tcp": [{"LocalAddress": "::", "LocalPort": 445, "OwningProcess": 4},
                {"LocalAddress": "0.0.0.0", "LocalPort": 135, "OwningProcess": 900},
                {"LocalAddress": "127.0.0.1", "LocalPort": 50_001, "OwningProcess": 900}],
        "udp": {"LocalAddress": "0.0.0.0", "LocalPort": 5355, "OwningProcess": 900},
        "shares": {"Name": "scans", "Path": "C:\\scans", "Open": True},
        "smb": {"EnableSMB1Protocol": False, "RequireSecuritySignature": True},
        "policy": {"MinimumLength": 7, "MaximumAgeSeconds": 3_628_800, "LockedAfter": 0},
        "settings": {"RemoteDesktopDenied": 0, "RemoteDesktopNla": 1, "Multicast": None, "AccountControl": 1,
                     "AutomaticLogin": None, "Laps": None, "LapsState": None, "LapsPolicy": None,
                     "LapsLegacy": None, "TimeType": "NT5DS"},
    }  # fmt: skip


def server() -> dict[str, Any]:
    """A domain controller in Hyper-V; a part of it could not be read."""
    return {
        **laptop(),
        "computer": {
            "Name": "DC1", "DNSHostName": "dc1", "Manufacturer": "Microsoft Corporation", "Model": "Virtual Machine",
            "Domain": "ad.harbour.example", "PartOfDomain": True, "DomainRole": 5,
            "TotalPhysicalMemory": 8_589_934_592, "NumberOfLogicalProcessors": 4,
        },
        "product": {"UUID": "11111111-2222-3333-4444-555555555555", "IdentifyingNumber": "0000-0001"},
        "firmware": {"SerialNumber": "1234-5678-9012-3456-7890-12", "SMBIOSBIOSVersion": "Hyper-V UEFI"},
        "chassis": {"ChassisTypes": [3]},
        "system": {
            "Caption": "Microsoft Windows Server 2022 Standard", "Version": "10.0.20348", "OSArchitecture": "64-bit",
            "ProductType": 2, "Booted": SECONDS - 30 * DAY, "Now": SECONDS - 600, "TimeZone": "UTC",
        },
        "accounts": None, "bitlocker": None, "scanners": None, "updates": None,
    }  # fmt: skip


def text(document: dict[str, Any]) -> str:
    """Return a document as the script writes it: in ASCII."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":"))
