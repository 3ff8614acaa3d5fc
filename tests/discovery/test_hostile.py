"""No server, whatever it sends, can hold, break or flood a probe; nothing raises in what reads answers."""

import asyncio
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mspctl.discovery.datagrams import Datagrams, datagrams
from mspctl.discovery.probes import (
    banner,
    http,
    ipp,
    kerberos,
    ldap,
    modbus,
    mqtt,
    rdp,
    sip,
    smb,
    ssdp,
    web,
    winrm,
)
from mspctl.discovery.probes.reading import unverified_context
from mspctl.discovery.scope import Scope
from mspctl.discovery.services import BY_DATAGRAM
from mspctl.errors import MspctlError
from mspctl.facts import banner as banner_facts
from mspctl.facts import dns_message, facts, markup, ntlm
from mspctl.facts import ipp as ipp_facts
from mspctl.facts import ldap as ldap_facts
from mspctl.facts import sip as sip_facts
from mspctl.facts import ssdp as ssdp_facts
from mspctl.facts import wsd as wsd_facts
from mspctl.records import Observation

HOST = "127.0.0.9"
SECONDS = 0.3
MOST_RAW = 200_000  # characters of one answer in the log

ESCAPES = b"\x1b]0;owned\x07{{ 7*7 }}"
STREAMS: dict[str, tuple[bytes, int, float]] = {  # what is said, how often, the pause between
    "silent": (b"", 1, 30),
    "hangs up": (b"", 1, 0),
    "garbage": (os.urandom(4096), 1, 0),
    "huge": (b"A" * 65_536, 200, 0),
    "endless zeros": (b"\0" * 65_536, 200, 0),
    "drip": (b"\x30", 400, 0.1),
    "half a packet": (b"\x00\x00\xff\xff\xfeSMB" + b"\xff" * 60, 1, 30),
    "tpkt": (b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x124\x00\x02\x00\x08\x00\x02\x00\x00\x00" + ESCAPES, 1, 0),
    "asks for a login": (
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate TlRMTVNTUAACAAAA" + b"/" * 999 + b"\r\n\r\n",
        1,
        0,
    ),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n" + ESCAPES, 50, 0),
    "negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + ESCAPES, 1, 0),
    "escapes": (b"220 " + ESCAPES + b"\r\n", 1, 0),
    "telnet options": (b"\xff\xfd\x18\xff\xfa\x18\x01" + b"\xff" * 500, 1, 0),
    "sip": (b"SIP/2.0 200 OK\r\nServer: " + ESCAPES * 90 + b"\r\n\r\n", 1, 0),
    "mqtt": (b"\x20\x02\x00\xff" * 9, 1, 0),
}


@asynccontextmanager
async def server(said: bytes, times: int, pause: float) -> AsyncIterator[int]:
    """Yield the port of a server that says something to everyone."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for _ in range(times):
                writer.write(said)
                await writer.drain()
                await asyncio.sleep(pause)
        except OSError:
            return
        finally:
            writer.close()

    started = await asyncio.start_server(serve, HOST, 0)
    try:
        yield started.sockets[0].getsockname()[1]
    finally:
        started.close()


@pytest.mark.parametrize("name", STREAMS)
def test_no_server_can_hold_or_break_a_probe(name: str) -> None:
    context = unverified_context()
    probes: dict[str, Callable[[int], Awaitable[Any]]] = {
        "smb": lambda port: smb.collect(HOST, port, SECONDS),
        "ldap": lambda port: ldap.collect(HOST, port, SECONDS),
        "kerberos": lambda port: kerberos.collect(HOST, port, SECONDS),
        "rdp": lambda port: rdp.collect(HOST, port, SECONDS, context),
        "winrm": lambda port: winrm.collect(HOST, port, SECONDS),
        "ipp": lambda port: ipp.collect(HOST, port, SECONDS),
        "mqtt": lambda port: mqtt.collect(HOST, port, SECONDS),
        "modbus": lambda port: modbus.collect(HOST, port, SECONDS),
        "sip": lambda port: sip.collect_tcp(HOST, port, SECONDS),
        "banner": lambda port: banner.collect(HOST, port, SECONDS, "telnet"),
    }

    async def ask() -> list[Any]:
        async with server(*STREAMS[name]) as port:
            return list(await asyncio.gather(*(probe(port) for probe in probes.values())))

    began = time.monotonic()
    answers = dict(zip(probes, asyncio.run(ask()), strict=True))
    assert time.monotonic() - began < SECONDS * 12
    for probe, raw in answers.items():
        if raw is not None:
            check(probe, raw)


def check(probe: str, raw: dict[str, Any]) -> None:
    """Check that an answer fits into a log and means only harmless text."""
    assert len(json.dumps(raw)) < MOST_RAW
    at = datetime(2026, 1, 1, tzinfo=UTC)
    said = facts(Observation(scan="test", address=HOST, probe=probe, at=at, raw=raw))
    for name, text in said.items():
        assert isinstance(text, str) and 0 < len(text) <= 512 and text.isprintable(), (name, text)


class Responder(asyncio.DatagramProtocol):
    """Answers every datagram with all it has."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers
        self.transport: Any = None
        self.asked: list[tuple[bytes, Any]] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, source: Any) -> None:
        self.asked.append((data, source))
        for answer in self.answers:
            self.transport.sendto(answer, source)


async def at_responder(
    answers: list[bytes],
    ask: Callable[[Datagrams, int], Awaitable[Any]],
    guard: Callable[[str], None] | None = None,
) -> tuple[Any, Responder]:
    """Return what a question to a responder brings, and the responder."""
    loop = asyncio.get_running_loop()
    transport, responder = await loop.create_datagram_endpoint(lambda: Responder(answers), (HOST, 0))
    try:
        async with datagrams(guard or (lambda address: None), SECONDS) as post:
            return await ask(post, transport.get_extra_info("sockname")[1]), responder
    finally:
        transport.close()


SSDP = b"HTTP/1.1 200 OK\r\nLOCATION: %b\r\nSERVER: \x1b[2J x\r\nUSN: uuid:1\r\n\r\n"
PACKETS = {
    "nothing": [],
    "empty": [b""],
    "garbage": [os.urandom(800)],
    "huge": [b"A" * 60_000] * 40,
    "zeros": [b"\0" * 1_400],
    "ones": [b"\xff" * 1_400],
    "dns loop": [b"\0\0\x84\0\0\1\0\xff\0\0\0\0" + b"\xc0\x0c" * 700],
    "dns promises": [b"ms\x84\0\xff\xff\xff\xff\xff\xff\xff\xff" + b"\1a" * 600],
    "ssdp elsewhere": [SSDP % b"http://203.0.113.9/x.xml"],
    "ssdp print queue": [SSDP % b"http://127.0.0.9:9100/"],
    "ssdp broken": [SSDP % b"http://[::1"],
    "wsd bomb": [b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 900 + b'">]><a>' + b"&b;" * 300 + b"</a>"],
    "sip": [b"SIP/2.0 200 \r\nServer: " + ESCAPES * 40],
}


@pytest.mark.parametrize("name", PACKETS)
@pytest.mark.parametrize("probe", BY_DATAGRAM)
def test_no_packet_can_hold_or_break_a_probe(probe: str, name: str) -> None:
    collect: Any = BY_DATAGRAM[probe][1]
    began = time.monotonic()
    raw, _ = asyncio.run(at_responder(PACKETS[name], lambda post, port: collect(post, HOST, port)))
    assert time.monotonic() - began < SECONDS * 9
    if raw is not None:
        check(probe, raw)


def test_nothing_leaves_for_an_address_out_of_scope() -> None:
    scope = Scope([(0x7F000009, 0x7F000009)])

    async def ask(post: Datagrams, port: int) -> Any:
        with pytest.raises(MspctlError, match="outside the networks"):
            await post.ask("127.0.0.10", port, b"hello")
        return await post.ask(HOST, port, b"hello")

    answers, responder = asyncio.run(at_responder([b"hi"], ask, scope.guard))
    assert answers == [b"hi"] and len(responder.asked) == 1


def test_only_the_machine_that_was_asked_is_listened_to() -> None:
    async def ask() -> tuple[list[bytes], int]:
        loop = asyncio.get_running_loop()
        silent, _ = await loop.create_datagram_endpoint(lambda: Responder([]), (HOST, 0))
        async with datagrams(lambda address: None, SECONDS) as post:
            port = silent.get_extra_info("sockname")[1]
            asking = asyncio.create_task(post.ask(HOST, port, b"?"))
            await asyncio.sleep(0.05)
            mine = post._transport.get_extra_info("sockname")[1]  # type: ignore[union-attr]
            stray, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=("127.0.0.10", port), remote_addr=("127.0.0.1", mine)
            )
            stray.sendto(b"a lie")
            answers = await asking
            silent.close()
            stray.close()
            return answers, post.strays

    assert asyncio.run(ask()) == ([], 1)


def test_an_answer_that_was_lost_is_asked_for_again() -> None:
    class Deaf(Responder):
        def datagram_received(self, data: bytes, source: Any) -> None:
            self.asked.append((data, source))
            if len(self.asked) == 2:
                self.transport.sendto(b"at last", source)

    async def ask() -> list[bytes]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Deaf([]), (HOST, 0))
        async with datagrams(lambda address: None, SECONDS) as post:
            answers = await post.ask(HOST, transport.get_extra_info("sockname")[1], b"?")
        transport.close()
        return answers

    assert asyncio.run(ask()) == [b"at last"]


def test_all_questions_to_many_machines_are_waited_for_once() -> None:
    async def ask() -> float:
        began = time.monotonic()
        async with datagrams(lambda address: None, SECONDS) as post:
            hosts = [f"127.1.{index // 250}.{index % 250 + 1}" for index in range(500)]
            probes = [partial(collect, post, host) for host in hosts for _, collect in BY_DATAGRAM.values()]
            await asyncio.gather(*(probe() for probe in probes))
        return time.monotonic() - began

    one_after_the_other = 500 * len(BY_DATAGRAM) * SECONDS * 1.5
    assert (
        asyncio.run(ask()) < one_after_the_other / 5
    )  # a busy machine takes ten times as long as a quiet one


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("http://127.0.0.9:5000/d.xml?x=1", (5000, "/d.xml?x=1")),
        ("http://127.0.0.9", (80, "/")),
        ("https://127.0.0.9/d.xml", None),
        ("http://127.0.0.10/d.xml", None),
        ("http://127.0.0.9@203.0.113.9/", None),
        ("http://127.0.0.9:9100/", None),
        ("http://127.0.0.9:515/", None),
        ("http://127.0.0.9:99999/", None),
        ("http://127.0.0.9/a b", None),
        ("http://127.0.0.9/\r\nX: y", None),
        ("file:///etc/passwd", None),
        ("", None),
    ],
)
def test_a_description_is_fetched_from_the_machine_itself_only(location: str, place: Any) -> None:
    found = ssdp.own_place(location, HOST)
    assert found == place or (found and "\r" not in found[1] and place is None and "X: y" in location)


def test_entities_are_never_made() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><r><c>&b;</c></r>'
    assert markup.elements(bomb) == []
    assert markup.elements(b"<r>" * 10_000) == []
    assert len(markup.elements(b"<r>" + b"<a>1</a>" * 9_000)) < 2_100
    assert markup.elements(b"<x:r><y:a> 1 </y:a><b>2") == [(("r", "a"), "1")]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.binary(max_size=200).map(bytes.hex),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
PROBES = {
    "smb": ("negotiate", "challenge", "version1"),
    "netbios": ("answer",),
    "ldap": ("attributes",),
    "kerberos": ("answer",),
    "rdp": ("answer", "certificate", "challenge"),
    "winrm": ("status", "schemes", "server", "challenge"),
    "mdns": ("packets",),
    "ssdp": ("server", "usn", "st", "device"),
    "wsd": ("endpoint", "types", "scopes", "device"),
    "sip": ("status", "server", "user_agent"),
    "ipp": ("server", "attributes"),
    "banner": ("service", "text"),
    "ntp": ("answer", "variables"),
    "ipmi": ("pong", "capabilities"),
    "mqtt": ("answer",),
    "bacnet": ("packets",),
    "modbus": ("answer",),
    "dns": ("answer",),
}


@pytest.mark.parametrize("probe", PROBES)
@given(data=st.data())
def test_no_raw_material_breaks_a_parser(probe: str, data: st.DataObject) -> None:
    raw = {key: data.draw(JUNK | st.lists(st.binary(max_size=300).map(bytes.hex))) for key in PROBES[probe]}
    check(probe, raw)


HEADS = [
    *(
        b"NTLMSSP\0\2\0\0\0",
        b"\xfeSMB",
        b"\x81\x0a\0\x20\1\0\x30\1\x0c\x0c",
        b"\x06\0\xff\7",
        b"ms\x84\0\0\0\0\1",
    ),
    *(b"ms\0\0\0\x20\xff\x2b\x0e\1\1\0\0\3", b"\x7e\x82\1\0\x30", b"\x20\2\0", b"\x24", b""),
]


@pytest.mark.parametrize(
    "probe", ["smb", "netbios", "kerberos", "rdp", "ntp", "ipmi", "mqtt", "modbus", "dns"]
)
@given(head=st.sampled_from(HEADS), tail=st.binary(max_size=300))
def test_no_packet_breaks_a_parser(probe: str, head: bytes, tail: bytes) -> None:
    value = (head + tail).hex()
    check(probe, dict.fromkeys(PROBES[probe], value))


@given(head=st.sampled_from(HEADS), tail=st.binary(max_size=300))
def test_no_list_of_packets_breaks_a_parser(head: bytes, tail: bytes) -> None:
    for probe in ("mdns", "bacnet"):
        check(probe, {"packets": [(head + tail).hex(), tail.hex()]})


@given(st.binary(max_size=600))
@example(b"\x30\x84\xff\xff\xff\xff\x64")
def test_nothing_that_comes_over_the_wire_breaks_a_reader(data: bytes) -> None:
    assert len(dns_message.records(data)) <= 128
    markup.elements(b"<a>" + data)
    ldap_facts.attributes(data)
    ldap_facts.is_whole(data)
    ipp_facts.answer(b"\1\1\0\0\0\0\0\1" + data)
    sip_facts.answer(b"SIP/2.0 200 OK\n" + data)
    ssdp_facts.headers(b"HTTP/1.1 200 OK\n" + data)
    ssdp_facts.device(data)
    wsd_facts.match(data)
    ntlm.challenge(data)
    web.decode(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data, 512)
    banner_facts.text_of("telnet", data)


def test_a_sites_icon_is_summed_and_a_page_in_its_place_is_not() -> None:
    async def ask(icon: bytes) -> Any:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked = await reader.readline()
            body = icon if b"favicon" in asked else b"<title>Printer</title>"
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            writer.close()

        started = await asyncio.start_server(serve, HOST, 0)
        async with started:
            return await http.collect(HOST, started.sockets[0].getsockname()[1], SECONDS)

    icon = b"\x89PNG" + bytes(range(200))
    assert asyncio.run(ask(icon))["favicon"] == hashlib.md5(icon, usedforsecurity=False).hexdigest()
    assert asyncio.run(ask(b"<title>Not here</title>")) == {"status": 200, "title": "Printer"}
