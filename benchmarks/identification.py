"""How much the product finds out about recorded SNMP devices, and how often it is right.

    python -m benchmarks.identification --devices DIR [--json]

DIR holds `devices.jsonl` (one device a line: what a person confirmed it to be) and `walks/NAME.snmprec`.
Every device is served live over UDP at an address of its own on loopback and found out with the product's
own probe and rules. Devices are parted by a hash of their operating system's name: rules were tuned on the
systems of one half; of the other half nothing was looked at but counts: how often each rule erred, about
whose devices, and what it took for what. So that half is not untouched either; what stands under "unseen"
is a second measure: every device identified without the rules that spoke for no other system than its own.
What a right answer is stands in identification.yml.

Peers are quoted, not run, as measured on the same recordings: recog's patterns on sysDescr match 30.6 % of
the devices, GLPI's list of sysObjectIDs 31 % exactly, LibreNMS's rules on sysDescr and sysObjectID name
89.3 % of the systems, which they were written for.
"""

import asyncio
import hashlib
import json
import multiprocessing
import re
import resource
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import click
import yaml
from msgspec import structs

from benchmarks.figures import Figure, show
from benchmarks.recorded import Device, device, load, serve
from mspctl.discovery.probes import snmp
from mspctl.discovery.probes.snmp_agent import Agent
from mspctl.discovery.request import SnmpLogin
from mspctl.facts.snmp import SYSTEM
from mspctl.fingerprints import shipped
from mspctl.identify import identify
from mspctl.records import Json, Observation, Value

PORT = 16_161
AT_ONCE = 32  # devices
GETS = 2_000  # to measure one
SECONDS = 3.0  # for an answer; the machine may be busy
HALVES = ("tuned", "held-out")
FIELDS = {"role": "kind", "vendor": "vendor", "model": "model", "version": "os_version", "serial": "serial"}
"""What is scored, and the field of a profile it is."""

_NOT_RECORDED = re.compile(r"|<.*>|private|none|n/a|unknown|redacted", re.IGNORECASE)
_TRUTH: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text("utf-8"))
_VENDOR = {system: name for name, systems in _TRUTH["vendors"].items() for system in systems.split()}
_ALIKE = {frozenset(pair) for pair in _TRUTH["alike"]}

Recorded = Mapping[str, Any]  # a line of devices.jsonl
Raw = dict[str, Json] | None  # what a device answered, None for silence
Profile = dict[str, Value]


class Score(NamedTuple):
    """One field over one half."""

    known: int
    answered: int
    right: int


def half(system: str) -> str:
    """Return which half an operating system belongs to."""
    return HALVES[hashlib.sha256(system.encode()).digest()[0] & 1]


def is_right(field: str, system: str, expected: str, answer: str) -> bool:
    """Return whether an answer fits what was recorded; `expected` is text, or a role."""
    if field == "role":
        return answer in (*_TRUTH["kinds"].get(expected, ()), *_TRUTH["besides"].get(system, ()))
    if field == "vendor":
        return frozenset((answer, expected)) in _ALIKE or _contains(answer, expected)
    if field == "serial":
        return _plain(answer) == _plain(expected)
    return _contains(answer, expected)


def _contains(one: str, other: str) -> bool:
    """Return whether two texts are alike word by word, or the shorter stands whole in the longer."""
    first, second = (re.sub(r"\bv(?=\d)", "", _plain(text)) for text in (one, other))
    shorter, longer = sorted((first, second), key=len)
    return first == second or (len(shorter) >= 3 and f" {shorter} " in f" {longer} ")


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", " ", text.lower()).strip()


def truths(each: Recorded) -> dict[str, str]:
    """Return what is known to be right of each field; "" where nothing was recorded."""
    expected = each["expected"] | {"vendor": _VENDOR.get(each["expected"]["os"])}
    texts = {field: expected[field] or "" for field in FIELDS}
    return {field: "" if _NOT_RECORDED.fullmatch(text) else text for field, text in texts.items()}


def scores(recorded: list[Recorded], profiles: list[Profile]) -> dict[tuple[str, str], Score]:
    """Return each field's score in each half."""
    found: dict[tuple[str, str], Score] = {}
    for each, profile in zip(recorded, profiles, strict=True):
        system = each["expected"]["os"]
        for field, truth in truths(each).items():
            if not truth:
                continue
            name = FIELDS[field]
            answer = profile[name].value if name in profile else ""
            right = bool(answer) and is_right(field, system, truth, answer)
            known, answered, rights = found.get((half(system), field), Score(0, 0, 0))
            found[half(system), field] = Score(known + 1, answered + bool(answer), rights + right)
    return found


def known(raws: list[Raw]) -> list[Profile]:
    """Return what all rules conclude of each device."""
    return [identify([_observation(raw)]) if raw else {} for raw in raws]


def unseen(recorded: list[Recorded], raws: list[Raw], profiles: list[Profile]) -> list[Profile]:
    """Return what is concluded of each device without the rules that decided for its own system alone.

    Tables of numbers and of makers' objects stay: they are lists, not rules.
    """
    decided: dict[str, set[str]] = defaultdict(set)
    for each, profile in zip(recorded, profiles, strict=True):
        for value in profile.values():
            decided[value.rule].add(each["expected"]["os"])
    return [
        _without(each["expected"]["os"], raw, profile, decided)
        for each, raw, profile in zip(recorded, raws, profiles, strict=True)
    ]


def _without(system: str, raw: Raw, profile: Profile, decided: Mapping[str, set[str]]) -> Profile:
    """Return a device's profile without rules of its own, those that step in for them included."""
    left = shipped()
    while own := {value.rule for value in profile.values() if decided.get(value.rule, set()) <= {system}}:
        left = structs.replace(left, rules=tuple(rule for rule in left.rules if rule.id not in own))
        profile = identify([_observation(raw)], fingerprints=left) if raw else {}
    return profile


def _observation(raw: dict[str, Json]) -> Observation:
    at = datetime(2026, 1, 1, tzinfo=UTC)  # results do not depend on it
    return Observation(scan="benchmark", address="192.0.2.1", probe="snmp", at=at, raw=raw)


def figures(found: Mapping[tuple[str, str], Score], before: str = "") -> Iterator[Figure]:
    """Yield the figures of one way to identify."""
    goals = {"role answered": ">= 85", "role right": ">= 98", "vendor right": ">= 95"}
    for part in HALVES:
        for field in FIELDS:
            score = found.get((part, field), Score(0, 0, 0))
            for word, count, of in (
                ("answered", score.answered, score.known),
                ("right", score.right, score.answered),
            ):
                share = round(100 * count / of, 1) if of else 0.0
                goal = "" if before else goals.get(f"{field} {word}", "")
                yield Figure(f"{before}{part} {field} {word} of {of}", share, "%", goal=goal)


def costs(seconds: float, each_get: float) -> Iterator[Figure]:
    """Yield what a run took."""
    yield Figure("all devices asked", round(seconds, 2), "s")
    yield Figure("processor time of a GET", round(each_get * 1e6), "µs", 200.0, "bound", GETS, "< 200")


async def asked(addresses: list[str]) -> list[Raw]:
    """Return what each device answers to the product's probe."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(address: str) -> Raw:
        async with turn:
            return await snmp.collect(address, ["public"], SECONDS, PORT)

    return await asyncio.gather(*map(one, addresses))


async def one_get(address: str) -> float:
    """Return the seconds of processor time that a GET of three objects takes on our side."""
    objects = tuple(SYSTEM.values())[:3]
    agents = [Agent(address, PORT, SnmpLogin(community="public"), SECONDS) for _ in range(GETS // 1_000)]
    began = time.process_time()
    for agent in agents:
        for _ in range(1_000):
            await agent.get(objects)
    return (time.process_time() - began) / GETS


def served(folder: Path, each: Recorded) -> Device:
    """Return a device as it was recorded: whole, or what is known of its system group."""
    if each["walk"]:
        return load(folder / "walks" / f"{each['device']}.snmprec")
    lines = [f"{SYSTEM['snmp.description']}|4x|{(each['sys_descr'] or '').encode().hex()}"]
    if each["sys_object_id"]:
        lines.append(f"{SYSTEM['snmp.object_id']}|6|{each['sys_object_id']}")
    return device(lines)


def _serve(folder: Path, recorded: list[Recorded], addresses: list[str], ready: Any) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, len(addresses) + 64)), hard))
    devices = {address: served(folder, each) for address, each in zip(addresses, recorded, strict=True)}
    ready.set()
    serve(devices, PORT)


@click.command()
@click.option("--devices", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON a figure.")
def main(devices: Path, as_json: bool) -> None:
    """Measure identification on recorded SNMP devices."""
    recorded = [json.loads(line) for line in (devices / "devices.jsonl").read_text("utf-8").splitlines()]
    addresses = [f"127.77.{place // 250}.{place % 250 + 1}" for place in range(len(recorded))]
    ready = multiprocessing.Event()
    server = multiprocessing.Process(target=_serve, args=(devices, recorded, addresses, ready), daemon=True)
    server.start()
    try:
        ready.wait(300)
        time.sleep(1.0)  # until all sockets are bound
        began = time.monotonic()
        raws = asyncio.run(asked(addresses))
        seconds = time.monotonic() - began
        each_get = asyncio.run(one_get(addresses[0]))
    finally:
        server.terminate()
    profiles = known(raws)
    found = scores(recorded, profiles)
    alone = scores(recorded, unseen(recorded, raws, profiles))
    every = chain(figures(found), figures(alone, "unseen: "), costs(seconds, each_get))
    show("Identification", every, as_json=as_json)


if __name__ == "__main__":
    main()
