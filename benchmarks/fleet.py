"""`mspctl discover` on recorded SNMP devices, each on an address of its own, served by snmpsim.

    python -m benchmarks.fleet --devices DIR [--count 200] [--keep WORKSPACE] [--json]

DIR is as in benchmarks.identification, which measures all devices with the product's probe alone; here a
client is onboarded as an engineer does it: sweep, probes, merge, topology, page. The devices are the first by
the hash of their names. Needs root (namespaces) and snmpsim: `pip install --group bench`.
"""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sized
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from benchmarks.cable import ROOT, Ends, inside
from benchmarks.figures import Figure, show
from benchmarks.identification import FIELDS, Recorded, is_right, truths
from mspctl.handwritten import dump, load

NETWORK = "10.79.0.0/23"
SCANNER = "10.79.1.250"
COMMUNITY = "public"
_SERVERS = 4  # snmpsim answers one request at a time
_START_SECONDS = 300
_OWNER = "root"  # to be said, or snmpsim refuses; another may not be able to read this Python


def chosen(folder: Path, count: int) -> dict[str, Recorded]:
    """Return the recordings to serve by address: whole ones, the first by the hash of their names."""
    every = [json.loads(line) for line in (folder / "devices.jsonl").read_text("utf-8").splitlines()]
    whole = [each for each in every if each["walk"]]
    whole.sort(key=lambda each: hashlib.sha256(each["device"].encode()).digest())
    return {f"10.79.{place // 250}.{place % 250 + 1}": each for place, each in enumerate(whole[:count])}


@contextmanager
def snmpsim(ends: Ends, folder: Path, devices: Mapping[str, Recorded]) -> Iterator[None]:
    """Serve each device at its address, on port 161; yield when all are listening."""
    program = Path(sys.executable).parent / "snmpsim-command-responder"
    if not program.exists():
        raise click.ClickException("no snmpsim here: pip install --group bench")
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for address, each in devices.items():
            (place / address).mkdir()
            walk = folder / "walks" / f"{each['device']}.snmprec"
            shutil.copyfile(walk, place / address / f"{COMMUNITY}.snmprec")
        addresses = list(devices)
        servers = []
        for number in range(_SERVERS):
            mine = addresses[number::_SERVERS]
            engines = [
                argument
                for address in mine
                for argument in (
                    "--v3-engine-id=auto",
                    f"--data-dir={place / address}",
                    f"--agent-udpv4-endpoint={address}:161",
                )
            ]
            cache = place / f"cache-{number}"
            cache.mkdir()
            argv = [str(program), "--process-user", _OWNER, "--process-group", _OWNER]
            argv += ["--logging-method=null", f"--cache-dir={cache}", *engines]
            serving = subprocess.Popen(inside(ends.target, argv))
            stack.callback(serving.wait)
            stack.callback(serving.kill)
            servers.append(serving)
        _await(ends, servers, len(addresses))
        yield


def _await(ends: Ends, servers: list[subprocess.Popen[bytes]], count: int) -> None:
    for _ in range(_START_SECONDS):
        if any(serving.poll() is not None for serving in servers):
            raise click.ClickException("snmpsim did not start; what it said stands above")
        bound = ends.run(ends.target, ["ss", "-Huln", "sport = :161"], capture_output=True, check=True)
        if bound.stdout.count("\n") >= count:
            return
        time.sleep(1)
    raise click.ClickException(f"snmpsim did not listen at {count} addresses in {_START_SECONDS} s")


class Workspace:
    """A provider's workspace with one client: the fleet."""

    def __init__(self, root: Path, ends: Ends) -> None:
        """Make it as an engineer would."""
        self.root, self._ends = root, ends
        self.mspctl("init", str(root), "--provider", "Northwind IT", cwd=root.parent)
        password = root / ".vault-password"
        password.write_text(secrets.token_urlsafe(24))
        password.chmod(0o600)
        self.mspctl("client", "add", "fleet", "--title", "The fleet", "--authorised-by", "The authors",
                    "--network", f"lan={NETWORK}")  # fmt: skip
        file = root / "inventories" / "fleet" / "client.yml"
        content: Any = load(file.read_text("utf-8"), file.name)
        content["sites"][0]["networks"][0]["exclude"] = [SCANNER]
        content["discovery"] = {"snmp": {"communities": ["vault:community"]}}
        file.write_text(dump(content), "utf-8")
        self.mspctl("secret", "set", "fleet", "community", text=COMMUNITY)

    def mspctl(self, *arguments: str, text: str | None = None, cwd: Path | None = None) -> str:
        """Return what a command answers; it runs where the scanner stands."""
        argv = [str(Path(sys.executable).parent / "mspctl"), *arguments]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "ANSIBLE_VAULT_PASSWORD_FILE": str(self.root / ".vault-password"),
        }
        done = subprocess.run(
            inside(self._ends.scanner, argv),
            cwd=cwd or self.root,
            env=environment,
            input=text,
            text=True,
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            raise click.ClickException(f"mspctl {' '.join(arguments)}: exit code {done.returncode}")
        return done.stdout


def figures(devices: Mapping[str, Recorded], found: list[dict[str, Any]], seconds: float) -> Iterator[Figure]:
    """Yield how much of the fleet was found, and how much of it known rightly."""
    assets = [each for each in found if each["record"] == "asset"]
    at = {address: asset for asset in assets for address in asset["addresses"]}
    yield Figure("devices served", len(devices), "")
    yield Figure(
        "addresses found", len(set(at) & set(devices)), "", float(len(devices)), "served", goal="all"
    )
    yield Figure("assets, where devices were recorded twice fewer", len(assets), "")
    for field, name in FIELDS.items():
        known = {address: each for address, each in devices.items() if truths(each)[field]}
        answers = {address: _said(at.get(address), name) for address in known}
        answered = [address for address, answer in answers.items() if answer]
        right = [
            address
            for address in answered
            if is_right(
                field, known[address]["expected"]["os"], truths(known[address])[field], answers[address]
            )
        ]
        yield Figure(f"{field} answered of {len(known)}", _share(answered, known), "%")
        yield Figure(f"{field} right of {len(answered)}", _share(right, answered), "%")
    yield Figure("discover", round(seconds, 1), "s")


def _said(asset: Mapping[str, Any] | None, name: str) -> str:
    """Return a value of an asset's profile, "" where it is blank."""
    profile = asset.get("profile", {}) if asset else {}
    return str(profile[name]["value"]) if name in profile else ""


def _share(some: Sized, of: Sized) -> float:
    return round(100 * len(some) / len(of), 1) if len(of) else 0.0


@click.command()
@click.option("--devices", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--count", default=200, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Leave the workspace here, with its page.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON a figure.")
def main(devices: Path, count: int, keep: Path | None, as_json: bool) -> None:
    """Discover a fleet of recorded devices."""
    fleet = chosen(devices, count)
    ends = Ends()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        stack.callback(ends.remove)
        ends.join()
        ends.ip(ends.scanner, f"addr add {SCANNER}/23 dev cable")
        ends.ip(ends.target, *(f"addr add {address}/23 dev cable" for address in fleet))
        stack.enter_context(snmpsim(ends, devices, fleet))
        workspace = Workspace((keep or Path(scratch) / "workspace").absolute(), ends)
        began = time.monotonic()
        workspace.mspctl("discover", "fleet")
        seconds = time.monotonic() - began
        workspace.mspctl("topology", "fleet")
        workspace.mspctl("report", "fleet", "discovery")
        found = json.loads(workspace.mspctl("assets", "list", "fleet", "--json"))
    show("Fleet", figures(fleet, found, seconds), as_json=as_json)


if __name__ == "__main__":
    main()
