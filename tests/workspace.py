"""A provider's workspace for the lab client, made as an engineer would: by the command line and an editor."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "inventories" / "example" / "client.yml"
CLIENT = "harbour"


@dataclass(frozen=True)
class Engineer:
    """Runs mspctl in a workspace; `say` is told each command before it runs."""

    root: Path
    say: Callable[[str], None] = lambda _line: None
    program: Path = Path(sys.executable).parent / "mspctl"

    def mspctl(
        self, *arguments: str, text: str | None = None, show: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Return how `mspctl ARGUMENTS` ended; with `show` its output goes to the terminal."""
        self.say(f"$ {'…  | ' if text is not None else ''}mspctl {' '.join(map(_quoted, arguments))}")
        return subprocess.run(
            [str(self.program), *arguments],
            cwd=self.root,
            input=text,
            text=True,
            capture_output=not show,
            check=False,
        )

    def must(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Return how a command ended that has to succeed. Raise RuntimeError with what it said otherwise."""
        done = self.mspctl(*arguments, text=text)
        if done.returncode:
            raise RuntimeError(f"mspctl {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done


def build(root: Path, lab: Mapping[str, Any], say: Callable[[str], None] = lambda _line: None) -> Engineer:
    """Make a workspace at `root`, replacing what is there, with the lab client in it, not yet scanned."""
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    Engineer(root.parent, say).must("init", root.name, "--provider", "Northwind IT")
    engineer = Engineer(root, say)
    _keep_password(root)
    networks = [argument for net in _client_networks() for argument in ("--network", net)]
    engineer.must(
        "client",
        "add",
        CLIENT,
        "--title",
        "Harbour Dental",
        "--authorised-by",
        "Dr Jane Holt, owner",
        *networks,
    )
    say(f"$ $EDITOR mspctl.yml inventories/{CLIENT}/client.yml")
    shutil.copyfile(EXAMPLE, root / "inventories" / CLIENT / "client.yml")
    (root / "mspctl.yml").write_text(_settings(lab))
    shutil.copyfile(lab["directory"]["ca_file"], root / "harbour-ca.pem")
    git(root, "add", "mspctl.yml", "harbour-ca.pem")
    git(
        root,
        "commit",
        "--quiet",
        "--message",
        "mspctl.yml: our servers; the authority of the client's directory",
    )
    for scope, name, value in (
        (CLIENT, "technician_key", Path(lab["ssh"]["key_file"]).read_text()),
        (CLIENT, "sudo_password", lab["ssh"]["become_password"]),
        (CLIENT, "snmp_community", lab["snmp"]["community"]),
        (CLIENT, "zabbix_psk", lab["zabbix"]["psk"]),
        (CLIENT, "directory_password", lab["directory"]["password"]),
        (CLIENT, "switch_password", _device(lab, "sw-office")["password"]),
        (CLIENT, "switch_enable", _device(lab, "sw-office")["enable_password"]),
        (CLIENT, "core_switch_enable", _device(lab, "sw-servers")["enable_password"]),
        ("provider", "zabbix_api_password", lab["zabbix"]["password"]),
        ("provider", "our_key", Path(lab["ssh"]["key_file"]).read_text()),
        ("provider", "our_sudo_password", lab["ssh"]["become_password"]),
        ("provider", "depot_certificate_key", Path(lab["depot"]["key_file"]).read_text()),
        ("provider", "meshcentral_password", secrets.token_urlsafe(24)),
    ):
        engineer.must("secret", "set", scope, name, text=value)
    return engineer


def _device(lab: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(each for each in lab["network"]["devices"] if each["name"] == name)
    return found


def git(root: Path, *arguments: str) -> str:
    """Return what git says in the workspace."""
    done = subprocess.run(
        ["git", "-c", "user.name=Sam Field", "-c", "user.email=sam@northwind.example", *arguments],
        cwd=root,
        text=True,
        capture_output=True,
        check=True,
    )
    return done.stdout


def _keep_password(root: Path) -> None:
    path = root / ".vault-password"
    path.write_text(secrets.token_urlsafe(24) + "\n")
    path.chmod(0o600)
    # As the engineer's own choice would come: from the environment of the shell.
    os.environ["ANSIBLE_VAULT_PASSWORD_FILE"] = str(path)


def _client_networks() -> list[str]:
    return ["office=10.203.10.0/24", "servers=10.203.20.0/24", "annexe=10.203.21.0/24"]


def _settings(lab: Mapping[str, Any]) -> str:
    """Return the provider's mspctl.yml; JSON strings are YAML, so that any value is quoted rightly."""
    zabbix, depot, ssh = lab["zabbix"], lab["depot"], lab["ssh"]
    return f"""\
# yaml-language-server: $schema=.schema/mspctl.json
provider: Northwind IT

team:
  - name: Sam Field
    role: onboarding engineer
    email: sam@northwind.example

vault_password_file: .vault-password

# What every client with this service gets, unless its own client.yml says otherwise.
services:
  monitoring:
    provider: zabbix
    settings:
      server: {json.dumps(zabbix["server"])}
      psk_identity: {json.dumps(zabbix["psk_identity"])}
      refresh_seconds: 60
    secrets:
      psk: vault:zabbix_psk
  remote_access:
    provider: meshcentral
    settings:
      server: https://{depot["address"]}
      ca_file: {json.dumps(depot["ca_file"])}
  backup:
    provider: restic
    settings:
      server: https://{depot["address"]}:8000
      ca_file: {json.dumps(depot["ca_file"])}

# Our own hosts, which serve those of our clients: `mspctl provider-side up` makes them what their roles say.
hosts:
  - name: depot
    address: {depot["address"]}
    host_key: {depot["host_key"]}
    connection:
      user: {ssh["user"]}
      key: vault:our_key
      become_password: vault:our_sudo_password
    roles:
      backup_repository:
        settings:
          certificate_file: {json.dumps(depot["certificate_file"])}
        secrets:
          certificate_key: vault:depot_certificate_key
      remote_access_server:
        settings:
          name: {depot["address"]}
          certificate_file: {json.dumps(depot["certificate_file"])}
        secrets:
          certificate_key: vault:depot_certificate_key
          account_password: vault:meshcentral_password

consoles:
  meshcentral:
    url: https://{depot["address"]}
    user: mspctl
    password: vault:meshcentral_password
    ca_file: {json.dumps(depot["ca_file"])}
  zabbix:
    url: {json.dumps(zabbix["url"])}
    user: {json.dumps(zabbix["user"])}
    password: vault:zabbix_api_password
    ca_file: {json.dumps(zabbix["ca_file"])}
"""


def _quoted(argument: str) -> str:
    return f'"{argument}"' if " " in argument else argument
