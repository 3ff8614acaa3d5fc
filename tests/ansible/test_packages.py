"""What the role makes of the words of dnf 4.14 and rpm 4.18, recorded with a repository of our own."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ANSWERS: dict[str, tuple[int, str, str]] = {
    "rpm --query --queryformat": (
        1,
        "example-agent\t0:1.0-1\tnoarch\npackage nothere is not installed\n",
        "",
    ),
    "repoquery": (0, "0:1.0-1\n0:1.1-1\n0:2.0-1\n", ""),
    "found": (1, "Dependencies resolved.\nInstall  2 Packages\n\nTotal size: 12 k\n", "Operation aborted.\n"),
    "nothere": (1, "No match for argument: nothere\n", "Error: Unable to find a match: nothere\n"),
    "silent": (
        1,
        "Example                                         0.0  B/s |   0  B     00:00    \n",
        "Errors during downloading metadata for repository 'example':\n"
        "  - Curl error (37): Couldn't read a file:// file for file:///run/repository/repodata/repomd.xml "
        "[Couldn't open file /run/repository/repodata/repomd.xml]\n"
        "Error: Failed to download metadata for repo 'example': Cannot download repomd.xml: "
        "Cannot download repodata/repomd.xml: All mirrors were tried\n",
    ),
}


class Recorded:
    """In the place of the module: whoever runs a command gets the recorded answer."""

    def run_command(self, command: list[str]) -> tuple[int, str, str]:
        return next(answer for words, answer in ANSWERS.items() if words in " ".join(command))


def _load() -> Any:
    path = ROOT / "roles/managed_agent/module_utils/managed_agent_dnf.py"
    specification = importlib.util.spec_from_file_location("managed_agent_dnf", path)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


dnf = _load()
host = dnf.Dnf(Recorded())


def test_what_is_installed_and_in_which_version() -> None:
    assert host.installed(["example-agent", "nothere"]) == {"example-agent": ("1.0-1", "noarch")}
    assert host.installed([]) == {}


def test_versions_come_the_newest_first_and_are_asked_for_as_dnf_writes_them() -> None:
    assert host.versions("example-agent") == ["2.0-1", "1.1-1", "1.0-1"]
    assert host.candidate("example-agent") == "2.0-1"
    assert host.source("example-agent", "1.1-1", "noarch") == "example-agent-1.1-1"
    assert host.source("example-agent", "9.9-1", "noarch") == ""


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ("found", ""),
        ("nothere", "dnf cannot install nothere: Unable to find a match: nothere"),
        (
            "silent",
            "the package source example does not answer: Curl error (37): Couldn't read a file:// file",
        ),
    ],
)
def test_an_obstacle_is_said_in_one_line(package: str, said: str) -> None:
    found = host.obstacle([package])
    assert found.startswith(said) and bool(found) == bool(said) and "\n" not in found


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0-1", "1.0-2"),
        ("1.9-1", "1.10-1"),
        ("1.0~rc1-1", "1.0-1"),
        ("1.0-1", "1.0^git1-1"),
        ("1.0a-1", "1.0.1-1"),
        ("9.9-9", "1:0.1-1"),
        ("6.0.9-release1.el9", "6.0.30-release1.el9"),
    ],
)
def test_versions_are_ordered_as_rpm_orders_them(older: str, newer: str) -> None:
    assert host.is_newer(newer, older) and not host.is_newer(older, newer)


def test_a_lock_that_nobody_holds_any_more_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dnf, "PIDS", (tmp_path / "gone", tmp_path / "old", tmp_path / "ours"))
    monkeypatch.setitem(ANSWERS, "rpm --eval", (0, str(tmp_path / "no.lock"), ""))
    (tmp_path / "old").write_text("4194999")  # above every process number of a default kernel
    assert host.holder() == ""
    (tmp_path / "ours").write_text("1")
    assert host.holder().endswith("(process 1)")
