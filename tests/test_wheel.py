"""The wheel, installed into an environment of its own and used from a folder far from the checkout."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.wheel


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build the wheel, install it into a fresh environment; yield that environment's folder of programs."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("mspctl-*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    programs = folder / "venv" / "bin"
    constraints = ROOT / ".config" / "constraints.txt"
    install = [str(programs / "pip"), "install", "--quiet", "--constraint", str(constraints), str(wheel)]
    subprocess.run(install, check=True)
    yield programs


def run(programs: Path, folder: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE", "PYTHON"))
    }
    return subprocess.run(
        [str(programs / "mspctl"), *arguments],
        cwd=folder,
        env={**environment, "PATH": os.defpath},
        input=text,
        text=True,
        capture_output=True,
        check=False,
    )


def test_content_travels_in_the_wheel(installed: Path) -> None:
    code = "from mspctl import catalog; print(catalog.content('roles')); print(catalog.playbook('rollout'))"
    said = subprocess.run(
        [str(installed / "python"), "-c", code], text=True, capture_output=True, check=True, cwd="/"
    )
    for line in said.stdout.splitlines():
        assert Path(line).exists()
        assert not Path(line).is_relative_to(ROOT)
    folder = Path(said.stdout.splitlines()[0])
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in (ROOT / "roles").iterdir()
    )


def test_main_commands_from_another_folder(installed: Path, tmp_path: Path) -> None:
    assert run(installed, tmp_path, "init", "northwind").returncode == 0
    home = tmp_path / "northwind"
    network = ("--network", "nothing=127.99.99.0/30", "--authorised-by", "the test", "--user", "technician")
    added = run(installed, home, "client", "add", "acme", "--title", "Acme", *network)
    assert added.returncode == 0, added.stderr
    client = home / "inventories" / "acme" / "client.yml"
    client.write_text(client.read_text() + "services:\n  antivirus:\n    provider: clamav\n")
    for arguments, code in (
        (("discover", "acme"), 0),
        (("assets", "list", "acme"), 0),
        (("inventory", "acme"), 0),
        (("status", "acme"), 0),
        (("report", "acme"), 0),
        (("schema", "client"), 0),
        (("doctor", "acme"), 0),
    ):
        done = run(installed, home, *arguments)
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
    assert (home / "inventories" / "acme" / "hosts.json").is_file()


def test_playbooks_run_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """Ansible of the wheel's environment finds roles and plugins: the syntax check reads them all."""
    code = "from mspctl import catalog; print(catalog.playbook('rollout')); print(catalog.content('roles'))"
    playbook, roles = subprocess.run(
        [str(installed / "python"), "-c", code], text=True, capture_output=True, check=True, cwd="/"
    ).stdout.splitlines()
    environment = {**os.environ, "ANSIBLE_ROLES_PATH": roles, "PATH": f"{installed}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(installed / "ansible-playbook"), "--syntax-check", playbook],
        cwd=tmp_path,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
