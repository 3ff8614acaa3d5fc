"""`mspctl schedule`."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mspctl.cli import main
from mspctl.cli.schedule import JOBS, units_of
from mspctl.workspace import Client


def run(client: Client, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["schedule", "acme", *arguments, "-C", str(client.workspace.root)])


def unit(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


@pytest.mark.parametrize("job", JOBS)
def test_each_job_is_a_service_with_a_timer(client: Client, tmp_path: Path, job: str) -> None:
    done = run(client, "--job", job, "--directory", str(tmp_path))
    assert done.exit_code == 0, done.stderr
    service = unit((tmp_path / f"mspctl-acme-{job}.service").read_text())
    timer = unit((tmp_path / f"mspctl-acme-{job}.timer").read_text())
    assert " acme" in service["Service"]["ExecStart"]
    assert service["Service"]["WorkingDirectory"] == str(client.workspace.root)
    assert timer["Timer"]["OnCalendar"] == JOBS[job].calendar
    if shutil.which("systemd-analyze"):
        program = service["Service"]["ExecStart"].split()[0]
        assert Path(program).is_absolute()
        subprocess.run(["systemd-analyze", "calendar", JOBS[job].calendar], check=True, capture_output=True)


def test_hosts_that_were_off_come_in_with_missing(client: Client) -> None:
    printed = run(client).stdout
    assert "rollout acme --apply --missing" in printed and "[Timer]" in printed


def test_a_line_of_one_s_own_cannot_be_smuggled_in(client: Client) -> None:
    refused = run(client, "--calendar", "daily\nExecStart=/bin/evil")
    assert refused.exit_code == 3 and "no calendar expression" in refused.stderr
    assert run(client, "--directory", "/nowhere/at/all").exit_code == 3


def test_a_folder_with_odd_characters_is_one_word(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/opt/my tools/100%/{name}")
    text = units_of(client, "verify", "daily")["mspctl-acme-verify.service"]
    assert 'ExecStart="/opt/my tools/100%%/mspctl" verify acme' in text
