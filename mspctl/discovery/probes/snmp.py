"""SNMP versions 1, 2c and 3: what a device says of itself, its tables and its neighbours.

A GET of many single objects comes first; tables are walked only where those tell that there is something
to find. What is asked for and what it means stand in mspctl/facts/snmp*.py. Communities, users and
passwords are neither part of what is returned nor of any message.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic

from mspctl.discovery.pace import Talks
from mspctl.discovery.probes.snmp_agent import SILENT, Agent, GaveUp, Walk
from mspctl.discovery.request import SnmpLogin
from mspctl.facts.snmp import (
    BINARY,
    ENTERPRISES,
    SYSTEM,
    answers_bridge,
    branches,
    details,
    first_below,
    is_router,
    may_be_anybodys,
)
from mspctl.facts.snmp_tables import CHASSIS, ENTITY, ENTITY_COLUMNS, STACK, TABLES, entity
from mspctl.records import Json

PORT = 161
_PATIENCE = 2  # times as long an answer is waited for at the second try
_STRAINED = 3  # times as long where machines fell silent that had been heard
_MOST_SECONDS = 30.0  # for one device
_MOST_ENTITIES = 1_024  # looked through for chassis
_MOST_ROWS_WITHOUT_CHASSIS = 16
_MOST_CHASSIS = 12  # of a stack
_MANY_INTERFACES = 3  # a machine with as many may know neighbours

Raw = dict[str, Json]


async def collect(
    address: str,
    communities: Iterable[str],
    seconds: float,
    port: int = PORT,
    users: Iterable[SnmpLogin] = (),
    most_seconds: float = _MOST_SECONDS,
    talks: Talks | None = None,
) -> Raw | None:
    """Return what a device answers under the first user or community it knows; None for silence.

    All are tried at once: most machines speak no SNMP, and each silence costs its time. Version 1 is
    spoken where 2c is not answered. What it is asked then waits for its turn among `talks`; what was heard
    until `most_seconds` of its own have passed is kept.
    """
    logins = (*users, *(SnmpLogin(community=each) for each in communities))
    room = talks or Talks()
    agent, values = await _met(address, port, logins, seconds)
    if agent is None:
        await room.those_under_way()
        if room.is_strained:  # what the others were asked may have drowned this one out
            async with room.turn():
                agent, values = await _met(address, port, logins, _STRAINED * seconds)
    elif agent.was_late:
        room.is_strained = True
    if agent is None:
        return None
    raw: Raw = {"values": values}
    async with room.turn():
        with suppress(TimeoutError, GaveUp):
            async with asyncio.timeout(most_seconds):
                await _asked(agent, values, raw)
        room.ended(silences=agent.silences)
    return raw


async def _met(
    address: str, port: int, logins: Iterable[SnmpLogin], seconds: float
) -> tuple[Agent | None, dict[str, Json]]:
    """Return a device under the first login it knows, and its system group; {} for silence."""
    answers = await asyncio.gather(*(_greeted(address, port, each, seconds) for each in logins))
    return next((answer for answer in answers if answer[1]), (None, {}))


async def _greeted(
    address: str, port: int, login: SnmpLogin, seconds: float
) -> tuple[Agent | None, dict[str, Json]]:
    """Return a device under one login, and its system group; {} for silence.

    Silence is asked again with twice the patience, and so is whoever took long all the time after.
    """
    objects = tuple(SYSTEM.values())
    began = monotonic()
    try:
        quick = Agent(address, port, login, seconds)
        patient = [Agent(address, port, login, _PATIENCE * seconds)]
        if not login.user:
            patient.append(Agent(address, port, login, _PATIENCE * seconds, is_old=True))
        async with asyncio.timeout(
            2 * seconds * (1 + _PATIENCE)
        ):  # to be greeted takes version 3 two questions
            if found := await quick.greet(objects):
                return (patient[0] if monotonic() - began > seconds / 4 else quick), found
            async with asyncio.TaskGroup() as both:
                greetings = [both.create_task(each.greet(objects)) for each in patient]
                for agent, greeting in zip(patient, greetings, strict=True):
                    if found := await greeting:
                        greetings[-1].cancel()  # version 1 refuses whole questions, and takes many for one
                        agent.was_late = agent is patient[0]  # or it never spoke but version 1
                        return agent, found
    except SILENT:
        pass
    return None, {}


async def _asked(agent: Agent, values: dict[str, Json], raw: Raw) -> None:
    """Put all that is worth asking into `values` and `raw`, the most telling first."""
    if may_be_anybodys(values):
        values |= await _below_makers(agent)
    for group in details(values):
        values |= await agent.get(group, BINARY)
    for oid in first_below(values):
        values |= _named(oid, await agent.walk(oid, 1))
    await _entities(agent, raw)
    await _walked(agent, raw, "interfaces", "addresses")
    if answers_bridge(values) or is_router(values) or _interfaces(raw) >= _MANY_INTERFACES:
        await _neighbours(agent, raw)


async def _below_makers(agent: Agent) -> dict[str, Json]:
    """Return the first object below each maker's number that has one; a silence ends the questions."""
    found: dict[str, Json] = {}
    for number in branches():
        walk = await agent.walk(ENTERPRISES + number, 1)
        if walk.is_cut and not walk.rows:
            break
        found |= _named(ENTERPRISES + number, walk)
    return found


def _named(oid: str, walk: Walk) -> dict[str, Json]:
    """Return a walk's values by the full names of their objects."""
    return {f"{oid}.{'.'.join(map(str, index))}": value for index, value in walk.rows.items()}


async def _neighbours(agent: Agent, raw: Raw) -> None:
    """Add what a switch or router knows of the machines around it."""
    await _walked(agent, raw, "lldp", "cdp")
    if "lldp" in raw:
        await _walked(agent, raw, "lldp_ports")
    await _walked(agent, raw, "fdb")
    if "fdb" not in raw:
        await _walked(agent, raw, "fdb_old")
    if "fdb" in raw:
        await _walked(agent, raw, "ports")
    await _walked(agent, raw, "arp")


async def _entities(agent: Agent, raw: Raw) -> None:
    """Add the chassis and the members of a stack."""
    classes = await agent.walk(f"{ENTITY}.5", _MOST_ENTITIES)
    wanted = [index for index, kind in classes.rows.items() if kind in (CHASSIS, STACK) and len(index) == 1]
    if not wanted:  # some agents put their one device under another class
        models = await agent.walk(f"{ENTITY}.13", _MOST_ROWS_WITHOUT_CHASSIS)
        wanted = [index for index, model in models.rows.items() if model and len(index) == 1][:1]
    rows: list[Json] = []
    for index in wanted[:_MOST_CHASSIS]:
        objects = {f"{oid}.{index[0]}": name for name, oid in ENTITY_COLUMNS.items()}
        found = await agent.get(objects)
        if row := entity(index, {objects[oid]: value for oid, value in found.items()}):
            rows.append({name: value for name, value in row.items() if value not in ("", None)})
    if rows:
        raw["entities"] = rows


async def _walked(agent: Agent, raw: Raw, *names: str) -> None:
    """Add tables; further columns are asked for only where the first one holds something."""
    for name in names:
        table = TABLES[name]
        columns: dict[str, Walk] = {}
        for column, oid in table.columns.items():
            columns[column] = await agent.walk(oid, table.most, is_binary=column in table.binary)
            if not columns[column].rows and len(columns) == 1:
                break
        shown = "fdb" if name == "fdb_old" else name
        if rows := table.rows({column: walk.rows for column, walk in columns.items()}):
            raw[shown] = list[Json](rows)
        if any(walk.is_cut for walk in columns.values()):
            raw["cut"] = list[Json](sorted({*_names(raw.get("cut")), shown}))


def _interfaces(raw: Raw) -> int:
    found = raw.get("interfaces")
    return len(found) if isinstance(found, list) else 0


def _names(value: Json) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
