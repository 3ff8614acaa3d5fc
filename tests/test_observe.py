"""The program that says how things stand on a host, asked about packages of rpm; molecule asks a real one."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parent.parent / "mspctl/data/gate/observe.py"
# In the form of the program's question: three names, one of them not installed.
ANSWER = """example-agent\tnoarch\t0:1.0-1\t6d41ee1a5a5a9f9e4d2b0a7f5b3d4c7c9e8f1a2b
package nothere is not installed
example-library\tnoarch\t2:1.0-1\t0d41ee1a5a5a9f9e4d2b0a7f5b3d4c7c9e8f1a2b
"""
TWICE = "kernel\tx86_64\t0:5.14.0-1\taa\nkernel\tx86_64\t0:5.14.0-2\tbb\n"


def observer(folder: Path, answer: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the program on a host of Red Hat's family, whose rpm prints this."""
    specification = importlib.util.spec_from_file_location("observe", PROGRAM)
    assert specification and specification.loader
    program = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(program)
    (folder / "answer").write_text(answer)
    (folder / "rpm").write_text(f"#!/bin/sh\ncat {folder}/answer\nexit 1\n")
    (folder / "rpm").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setattr(program, "REDHAT", str(folder / "rpm"))
    return program


def test_packages_of_rpm_are_known_by_version_and_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = observer(tmp_path, ANSWER, monkeypatch)
    agent, nothing, library, conf = program.observed(
        [("package", name, []) for name in ("example-agent", "nothere", "example-library")]
        + [("path", "/nonexistent", [])]
    )
    assert agent["version"] == "0:1.0-1" and agent["status"] == "installed" and agent["header"]
    assert nothing == {"status": "absent"}
    assert library["version"] == "2:1.0-1"
    assert conf == {"type": "absent"}


def test_a_package_that_is_there_twice_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = observer(tmp_path, TWICE, monkeypatch)
    assert program.observed([("package", "kernel", [])]) == [None]


def test_without_rpm_nothing_is_known_of_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = observer(tmp_path, ANSWER, monkeypatch)
    (tmp_path / "rpm").chmod(0o644)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program.observed([("package", "example-agent", [])]) == [None]
