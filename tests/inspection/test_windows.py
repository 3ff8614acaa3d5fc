# ruff: noqa: E501  strategies and rows on one line
"""The script for Windows, as far as it can be checked without Windows, and what its documents mean."""

import json
import re
from typing import Any

import msgspec
import pytest
import tree_sitter_powershell
from hypothesis import given
from hypothesis import strategies as st
from tree_sitter import Language, Node, Parser

from mspctl.facts import facts
from mspctl.inspection import inspections, script
from mspctl.inspection.summary import summary
from mspctl.records import (
    Account,
    Antivirus,
    FileSystem,
    Firewall,
    Inspection,
    Json,
    Listening,
    Observation,
    RunningService,
    Share,
)
from mspctl.workspace import encode
from tests.inspection.documents import AT, laptop, server, text
from tests.samples import HOSTILE, asset

# The script


def nodes(node: Node) -> list[Node]:
    return [node, *(each for child in node.children for each in nodes(child))]


def test_the_script_parses_and_only_reads() -> None:
    """No PowerShell was there to run it: a grammar reads it, and every command in it is one that reads."""
    tree = Parser(Language(tree_sitter_powershell.language())).parse(script.windows().encode())
    assert [each.start_point for each in nodes(tree.root_node) if each.is_error or each.is_missing] == []
    said = {(each.text or b"").decode() for each in nodes(tree.root_node) if each.type == "command_name"}
    assert all(re.match(r"Get-|New-Object$|Test-Path$|ConvertTo-Json$|\$Block$", name) for name in said), said
    assert "Set-" not in script.windows() and "Invoke-" not in script.windows()


def test_a_broken_script_would_be_noticed() -> None:
    parser = Parser(Language(tree_sitter_powershell.language()))
    for broken in (script.windows().replace("{", "", 1), script.windows() + "\n@{ a = "):
        assert parser.parse(broken.encode()).root_node.has_error


def test_the_script_goes_through_any_code_page_and_one_message() -> None:
    sent = script.windows_text("@0123")
    assert sent.isascii() and sent.startswith("$mark = '@0123'\n")
    assert len(sent) < 60_000  # in base64 within the smallest envelope, 150 kB


@pytest.mark.parametrize(
    "output",
    [b"", b"#< CLIXML <Objs/>", b"@m{}", b"@m{}@m@m", b"@mnot json@m", bytes(range(256)), b"@x{}@x"],
)
def test_what_is_no_document_is_none(output: bytes) -> None:
    assert script.windows_answer(output, "@m") == ""


def test_a_document_is_found_among_what_a_profile_prints() -> None:
    assert script.windows_answer(b'Welcome\r\n@m{"a":1}@m\r\nbye', "@m") == '{"a":1}'


# What it means


def seen(document: dict[str, Any] | str) -> Observation:
    raw: dict[str, Json] = {
        "tls_key": "a" * 64,
        "document": document if isinstance(document, str) else text(document),
    }
    return Observation(
        scan="20261121T093000Z", address="192.0.2.10", probe="winrm_login", at=AT, port=5986, raw=raw
    )


def inspected(document: dict[str, Any] | str) -> Inspection:
    (found,) = inspections([asset("ws1", os="windows", os_version="11", kind="")], [seen(document)])
    return found


def test_a_laptop_from_inside() -> None:
    found = inspected(laptop())
    assert (found.by, found.is_privileged, found.not_told) == ("winrm", True, ())
    assert (found.hardware.serial, found.hardware.chassis, found.hardware.memory_gib) == (
        "PF4ABCDE",
        "laptop",
        16,
    )
    assert (found.system.name, found.system.domain, found.system.booted) == (
        *("Microsoft Windows 11 Pro", "ad.harbour.example", "2026-11-18"),
    )
    assert found.file_systems == (
        FileSystem(
            mount="C:", device="C:", kind="ntfs", size_gib=476, used="over-90", encryption="bitlocker"
        ),
        FileSystem(mount="D:", device="D:", kind="ntfs", size_gib=93, used="under-80", encryption="none"),
    )
    assert [(each.name, each.addresses) for each in found.interfaces] == [
        ("Hyper-V Virtual Ethernet Adapter", ("172.20.0.1/20",)),
        ("Intel(R) Wi-Fi 6E AX211", ("192.0.2.21/24",)),
    ]
    (updates,) = found.updates
    assert [(each.name, each.is_security, each.since) for each in updates.pending] == [
        ("Intel - Net - 23.60", False, "2026-11-21"),
        ("KB5046633", True, "2026-11-21"),
    ]
    assert (updates.lists, found.reboot_needed, found.reboot_because) == ("current", True, ("updates",))
    assert found.accounts == (
        Account(
            name="Administrator", is_enabled=False, can_log_in=False, is_administrator=True, password="set",
            password_expires=False, last_login="never",
        ),
        Account(
            name="jane", is_enabled=True, can_log_in=True, is_administrator=True, password="none",
            password_expires=False, last_login="old",
        ),
    )  # fmt: skip
    assert found.administrators == ("Administrator", "HARBOUR\\Domain Admins", "jane")
    assert found.antivirus == (
        Antivirus(product="Microsoft Defender", is_running=True, is_real_time=False, signatures="old"),
    )
    assert found.firewall == tuple(
        Firewall(name=name, is_active=state)
        for name, state in (("Domain", True), ("Private", True), ("Public", False))
    )
    assert (found.time_service, found.is_clock_right) == ("W32Time", True)
    assert found.services == (
        RunningService(name="BackupSvc", state="failed"),
        RunningService(name="CDPUserSvc", state="running"),
        RunningService(name="ScreenConnect Client (0a1b2c3d)", state="running"),
        RunningService(name="W32Time", state="running"),
    )
    assert found.listening == (
        Listening(port=135, protocol="tcp", reach="everywhere", process="svchost"),
        Listening(port=445, protocol="tcp", reach="everywhere", process="System"),
        Listening(port=5355, protocol="udp", reach="everywhere", process="svchost"),
    )
    assert found.shares == (Share(name="scans", kind="smb", path="C:\\scans", is_open=True),)
    (agent,) = found.agents
    assert agent.product == "ConnectWise ScreenConnect" and len(agent.artefacts) == 2
    assert found.settings == {
        "defender.tamper_protection": "yes",
        "laps": "off",
        "netbios": "on",
        "password.locked_after": "0",
        "password.maximum_days": "42",
        "password.minimum_length": "7",
        "rdp": "on",
        "rdp.nla": "1",
        "smb.signing_required": "yes",
        "smb1": "no",
        "time.source": "NT5DS",
        "uac": "1",
    }


def test_a_domain_controller_from_inside() -> None:
    found = inspected(server())
    assert found.hardware.machine == "microsoft"
    assert found.not_told == ("updates: the machine gave no answer",)
    assert (found.accounts, found.updates, found.is_clock_right) == ((), (), False)
    assert all(each.encryption == "" for each in found.file_systems)


def test_two_scanners_are_two_and_one_under_two_names_is_one() -> None:
    document = laptop() | {
        "scanners": [
            {"displayName": "Windows Defender", "productState": 393472},
            {"displayName": "Sophos Home", "productState": 0x51010},
        ],
        "services": [{"Name": "Sophos Health Service", "State": "Running", "StartMode": "Auto"}],
    }
    assert [(each.product, each.is_running, each.signatures) for each in inspected(document).antivirus] == [
        ("Microsoft Defender", True, "old"),
        ("Sophos Home", True, "old"),
    ]


@pytest.mark.parametrize(
    ("caption", "version"),
    [
        ("Microsoft Windows 11 Pro", "11"),
        ("Microsoft Windows 10 Enterprise LTSC", "10"),
        ("Microsoft Windows Server 2012 R2 Standard", "2012 R2"),
        ("Microsoft Windows Server 2025 Datacenter", "2025"),
        ("Microsoft Windows 8.1 Pro", "8.1"),
        ("Windows", ""),
    ],
)
def test_the_version_in_windows_own_name(caption: str, version: str) -> None:
    document = laptop() | {"system": {"Caption": caption}}
    assert facts(seen(document)).get("host.os_version", "") == version


# Laws

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 70), 1 << 70), st.floats(), st.sampled_from(HOSTILE[:-1]), st.text()
)  # fmt: skip
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))  # fmt: skip


@st.composite
def bent(draw: st.DrawFn) -> dict[str, Any]:
    """A document of which some parts, or some values in them, are not what they should be."""
    document: dict[str, Any] = json.loads(text(laptop()))
    for part in draw(st.lists(st.sampled_from(sorted(document)), max_size=6)):
        row = document[part]
        row = row[0] if isinstance(row, list) and row else row
        if isinstance(row, dict) and row and draw(st.booleans()):
            row[draw(st.sampled_from(sorted(row)))] = draw(values)
        else:
            document[part] = draw(values)
    return document


@given(bent())
def test_nothing_a_windows_machine_says_breaks_or_colours_a_terminal(document: dict[str, Any]) -> None:
    for told in (text(document), text(document)[:700], "[" * 5_000, "{" + text(document)):
        said = facts(seen(told))
        assert all(len(value) <= 512 and value.isprintable() for value in said.values())
        found = inspected(told)
        assert encode(found) == encode(inspected(told))
        assert all("\x1b" not in cell for row in summary(found) for cell in row)
        assert all(value.isprintable() for value in _strings(msgspec.to_builtins(found)))


def _strings(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [value for key, item in node.items() for value in (*_strings(key), *_strings(item))]
    if isinstance(node, list | tuple):
        return [value for item in node for value in _strings(item)]
    return [node] if isinstance(node, str) else []
