"""What every test starts from: an engineer without a git identity and without a vault password."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from mspctl.workspace import Client, Workspace
from tests import samples

settings.register_profile("mspctl", deadline=None, max_examples=60)  # shared machines are slow at times
settings.load_profile("mspctl")

# A shell that starts tests in the background makes them, and what they start, deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def vault_password() -> Iterator[None]:
    """Keep the vault password of one module, which tests.workspace puts there, from the next."""
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("ANSIBLE_VAULT_PASSWORD_FILE", "")
        shell.delenv("ANSIBLE_VAULT_PASSWORD_FILE")
        yield


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the developer's machine says out of the tests."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("ANSIBLE_CONFIG", raising=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with the client `acme`."""
    return samples.workspace(tmp_path / "northwind")


@pytest.fixture
def client(workspace: Workspace) -> Client:
    """The client `acme`."""
    return workspace.client("acme")


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, for what happens when a disk is full."""
    import os
    import subprocess

    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
