"""`mspctl network`: devices backed up, judged, brought to the baseline, brought back."""

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from mspctl.cli import devices as stage
from mspctl.cli.baseline import baseline, check, restored
from mspctl.cli.devices import FOLDER, Scene, scene
from mspctl.cli.options import client_argument, json_option
from mspctl.cli.output import answer, note, progress, table
from mspctl.errors import BadInput, ExitCode, Interrupted
from mspctl.netconfig import fleet, push
from mspctl.netconfig.door import Lost
from mspctl.netconfig.shelf import SEALED
from mspctl.records import Record
from mspctl.workspace import Client

at_once_option = click.option(
    "--at-once", default=fleet.AT_ONCE, show_default=True, type=click.IntRange(1, 100),
    help="Devices worked on at the same time.",
)  # fmt: skip


class Kept(Record, frozen=True, kw_only=True):
    """How a backup of one device came out."""

    device: str
    platform: str = ""
    result: str  # changed | unchanged | lost | left out
    detail: str = ""


@click.group()
def network() -> None:
    """Back up, check and configure the client's switches, routers and firewalls."""


@network.command()
@click.option("--again", is_flag=True, help="Ask devices again that were asked before.")
@json_option
@client_argument
def detect(client: Client, again: bool, as_json: bool) -> None:
    """Find out which platform each network device is: from the scans, else by asking the device.

    \b
        mspctl network detect acme
    """
    with client.lock(f"mspctl network detect {client.name}"):
        chosen = stage.choices(client)
        found = stage.known_members(client, chosen)
        secrets = stage.opened(client, chosen, found)
        detected = stage.detection(client, found, secrets, anew=again)
        client.commit(f"network: {sum(1 for each in detected if each.platform)} platforms known")
    rows = [
        (each.name, f"{each.address}:{each.port}", each.platform or "-", each.reason) for each in detected
    ]
    answer(detected, table(("device", "address", "platform", "how"), rows), as_json)


@network.command()
@at_once_option
@json_option
@client_argument
@click.argument("names", metavar="[DEVICE]...", nargs=-1)
def backup(client: Client, names: tuple[str, ...], at_once: int, as_json: bool) -> None:
    """Keep running and startup configuration of every device: without secrets in git, whole in the vault.

    A device with a line that may still hold a secret is not written down; the line's number is told.
    Exit code 5: some devices were not backed up.

    \b
        mspctl network backup acme
        mspctl network backup acme sw-office
    """
    with client.lock(f"mspctl network backup {client.name}"):
        found = scene(client, names)
        kept, stopped = _backed_up(client, found, at_once)
        changed = sorted(each.device for each in kept if each.result == "changed")
        client.commit(f"network: backup, {', '.join(changed) if changed else 'nothing'} changed")
    if stopped:
        raise Interrupted(f"{client.name}: stopped; what was backed up is kept")
    rows = [(each.device, each.platform, each.result, each.detail) for each in kept]
    answer(kept, table(("device", "platform", "result", "detail"), rows), as_json)
    sys.exit(ExitCode.HOSTS_FAILED if any(each.result == "lost" for each in kept) else ExitCode.OK)


def _backed_up(client: Client, found: Scene, at_once: int) -> tuple[list[Kept], bool]:
    shelf = stage.shelf(client, found.choices)
    kept = [Kept(device=name, result="left out", detail=reason) for name, reason in found.left_out.items()]

    def work(each: stage.Ready) -> str:
        try:
            copy, _ = push.look(each.door, each.platform, shelf.newest(each.name))
        except Lost as error:
            return str(error)
        return shelf.keep(each.name, each.platform)(copy)

    with progress("backup") as report:

        def take(each: stage.Ready, problem: str) -> None:
            result = "lost" if problem else "changed" if each.name in shelf.changed else "unchanged"
            kept.append(Kept(device=each.name, platform=each.platform.name, result=result, detail=problem))
            report(each.name, len(kept), len(found.members))
            if problem:
                note(f"{each.name}: {problem}")

        stopped = fleet.each(found.ready, work, take, at_once)
    return sorted(kept, key=lambda each: each.device), stopped


@network.command()
@client_argument
@click.argument("device", required=False)
def diff(client: Client, device: str | None) -> None:
    """Show how what runs differs from what is saved, as last backed up; nothing where it does not.

    \b
        mspctl network diff acme
    """
    for name in _kept(client, device):
        folder = client.path / FOLDER / name
        saved, running = (
            (folder / file).read_text(encoding="utf-8").splitlines() if (folder / file).exists() else []
            for file in ("startup.conf", "running.conf")
        )
        if saved:
            for line in difflib.unified_diff(
                saved, running, f"{name}/startup", f"{name}/running", lineterm="", n=2
            ):
                click.echo(line)


@network.command()
@json_option
@client_argument
@click.argument("device")
def log(client: Client, device: str, as_json: bool) -> None:
    """List the versions of a device's configuration, newest first.

    \b
        mspctl network log acme sw-office
    """
    (name,) = _kept(client, device)
    found = client.versions(f"{FOLDER}/{name}")
    rows = [{"revision": commit, "at": when, "message": said} for commit, when, said in found]
    answer(rows, table(("revision", "at (UTC)", "what was done"), found), as_json)


@network.command()
@click.option(
    "--at", "revision", default="", metavar="REV", help="As of this commit; `network log` lists them."
)
@click.option(
    "--to", "target", type=click.Path(path_type=Path), metavar="FILE", help="Write it there, mode 600."
)
@click.option("--startup", is_flag=True, help="What was saved, not what ran.")
@click.option(
    "--apply", "apply_", is_flag=True, help="Onto the device; without it and --to it is only looked."
)
@click.option("--check", is_flag=True, help="Say what would be typed: what happens without --apply.")
@client_argument
@click.argument("device")
def restore(
    client: Client,
    device: str,
    revision: str,
    target: Path | None,
    startup: bool,
    apply_: bool,
    check: bool,
) -> None:
    """Bring a configuration back: to a file, with its secrets, or onto the device with the same guards.

    \b
        mspctl network restore acme sw-office --to sw-office.cfg
        mspctl network restore acme sw-office --at 3f1c2aa --check
        mspctl network restore acme sw-office --at 3f1c2aa --apply
    """
    if apply_ and (check or target):
        raise click.UsageError("--apply changes the device; --check and --to do not go with it")
    with client.lock(f"mspctl network restore {client.name}"):
        (name,) = _kept(client, device)
        shelf = stage.shelf(client, stage.choices(client))
        copy = shelf.opened(stage.sealed(client, name, revision), client.shown(FOLDER, name, SEALED))
        text = copy.startup if startup else copy.running
        if not text:
            raise BadInput(f"{name}: its platform keeps no startup configuration of its own")
        if target:
            _write_private(target, text)
            note(f"{target}: written, secrets and all")
            return
        code = restored(client, name, text, apply_=apply_)
    sys.exit(code)


def _write_private(target: Path, text: str) -> None:
    from mspctl.handwritten import write_atomically

    write_atomically(target, text, mode=0o600)


def _kept(client: Client, device: str | None) -> Sequence[str]:
    """Return the devices that copies are there of, or the one named. Raise BadInput where there is none."""
    names = sorted(path.name for path in (client.path / FOLDER).glob("*") if path.is_dir())
    if device is None:
        return names
    if device not in names:
        raise BadInput(f"{device}: no copy of it; `mspctl network backup {client.name}` makes one")
    return [device]


network.add_command(check)
network.add_command(baseline)
