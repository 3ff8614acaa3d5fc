"""What hosts, servers and the controller itself say, asked with tools that know nothing of mspctl."""

import json
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests import workspace
from tests.workspace import CLIENT, Engineer

Lab = dict[str, Any]
REPOSITORY = "/etc/mspctl-backup/repository"


class Zabbix:
    """The server's own API, spoken here by hand."""

    def __init__(self, lab: Lab) -> None:
        self.url = f"{lab['zabbix']['url']}/api_jsonrpc.php"
        self.context = ssl.create_default_context(cafile=lab["zabbix"]["ca_file"])
        self.token = ""
        self.token = self.call(
            "user.login", username=lab["zabbix"]["user"], password=lab["zabbix"]["password"]
        )

    def call(self, method: str, **parameters: Any) -> Any:
        body = {"jsonrpc": "2.0", "method": method, "params": parameters, "id": 1}
        if self.token:
            body["auth"] = self.token
        request = urllib.request.Request(
            self.url, json.dumps(body).encode(), {"Content-Type": "application/json-rpc"}
        )
        with urllib.request.urlopen(request, context=self.context, timeout=30) as answer:
            content = json.load(answer)
        assert "result" in content, content
        return content["result"]


def lab_command(*arguments: str) -> None:
    argv = [sys.executable, "-m", "tests.lab", *arguments]
    done = subprocess.run(argv, cwd=workspace.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def inside(host: str, *argv: str) -> str:
    """Return what a command says inside a lab host."""
    done = subprocess.run(
        ["podman", "exec", f"mspctl-lab-{host}", *argv], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def restic(host: str, repository: str, command: str) -> str:
    """Return what restic says to a command on a host, be it a refusal."""
    given = "--cacert /etc/mspctl-backup/authority.pem --password-file /etc/mspctl-backup/password --no-cache"
    return inside(
        host,
        "sh",
        "-c",
        f"restic --repo 'rest:{repository.removeprefix('rest:')}' {given} {command} 2>&1 || true",
    )


def restored(host: str, path: str) -> str:
    """Return a file of the newest snapshot of a host."""
    inside(host, "sh", "-c", "rm -rf /tmp/restored")
    restic(
        host,
        inside(host, "cat", REPOSITORY).strip(),
        f"restore latest --target /tmp/restored --include '{path}'",
    )
    return inside(host, "sh", "-c", f"cat /tmp/restored{path}; rm -rf /tmp/restored")


def packages(host: str) -> str:
    return inside(host, "dpkg-query", "--show", "--showformat", "${Package} ${Version} ${db:Status-Status}\n")


def planted(lab: Lab) -> list[str]:
    """Return the secrets that were handed over; of the key its longest line."""
    key = max(Path(lab["ssh"]["key_file"]).read_text().splitlines(), key=len)
    return [
        lab["ssh"]["become_password"],
        lab["zabbix"]["psk"],
        lab["zabbix"]["password"],
        lab["snmp"]["community"],
        lab["directory"]["password"],
        key,
    ]


def leaks(secrets: list[str]) -> list[str]:
    """Return the command lines of processes of mspctl and Ansible that hold a secret."""
    return [line for line in command_lines() if any(secret in line for secret in secrets)]


def command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue


def ansible_processes() -> list[str]:
    return [line for line in command_lines() if "ansible-playbook" in line and CLIENT in line]


def begun_waves(engineer: Engineer) -> int:
    return sum(1 for record in last_run(engineer, "rollout", unfinished=True) if record["record"] == "wave")


def finished_hosts(engineer: Engineer) -> set[str]:
    return {record["host"] for record in last_run(engineer, "rollout") if record["record"] == "host"}


def last_run(engineer: Engineer, playbook: str, unfinished: bool = False) -> list[dict[str, Any]]:
    """Return the records of the newest run that changes hosts; with `unfinished` none of a run that ended."""
    for path in sorted((engineer.root / "inventories" / CLIENT / "runs").glob("*.jsonl"), reverse=True):
        records = [
            json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")
        ]
        if records and records[0]["playbook"] == playbook:
            return [] if unfinished and records[-1]["record"] == "end" else records
    return []


def evidence(engineer: Engineer) -> Path:
    return engineer.root / "inventories" / CLIENT / "evidence.jsonl"


def observations(engineer: Engineer) -> str:
    logs = (engineer.root / "inventories" / CLIENT / "observations").glob("*.jsonl")
    return "".join(log.read_text() for log in logs)


def wait_for(
    is_so: Callable[[], bool], seconds: float, meanwhile: Callable[[], object] = lambda: None
) -> None:
    """Return when something is so; fail when it is not after `seconds`."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        meanwhile()
        time.sleep(0.2)
