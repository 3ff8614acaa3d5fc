"""Many machines that share what bears few: none of them is lost."""

import asyncio
import threading
import time

from benchmarks.recorded import answer
from mspctl.discovery.pace import Talks
from mspctl.discovery.probes import snmp
from mspctl.facts.snmp import OBJECTS
from tests.discovery.test_snmp import HOST, SWITCH, agent, recording


def test_room_grows_while_all_answer_and_halves_once_where_some_do_not() -> None:
    talks = Talks()
    first = talks.room
    for _ in range(10):
        talks.ended(silences=0)
    assert talks.room == first + 10 and not talks.is_strained
    for _ in range(50):
        talks.ended(silences=1)
    halved = talks.room
    assert halved <= (first + 10) // 2 + 1 and talks.is_strained
    for _ in range(10_000):
        talks.ended(silences=2)
    assert talks.room == 4
    for _ in range(10_000):
        talks.ended(silences=0)
    assert talks.room == 256


def test_no_more_talk_at_a_time_than_there_is_room_for_and_all_come_to_their_turn() -> None:
    async def all_talks() -> tuple[int, int]:
        talks, at_once, most = Talks(), 0, 0

        async def one(number: int) -> None:
            nonlocal at_once, most
            async with talks.turn():
                at_once += 1
                most = max(most, at_once)
                assert at_once <= talks.room
                await asyncio.sleep(0.001)
                at_once -= 1
                talks.ended(silences=0)

        await asyncio.gather(*(one(number) for number in range(400)))
        return most, talks.room

    most, room = asyncio.run(all_talks())
    assert most > 1 and room >= 4


def test_a_talk_that_is_given_up_while_it_waits_holds_nobody_up() -> None:
    async def given_up() -> bool:
        talks = Talks()
        talks.room = 1
        async with talks.turn():
            waiting = asyncio.create_task(talks.turn().__aenter__())
            other = asyncio.create_task(talks.turn().__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.sleep(0)
        await asyncio.wait_for(other, 1)
        return other.done()

    assert asyncio.run(given_up())


def test_a_device_that_was_drowned_out_is_asked_again_where_the_site_is_strained() -> None:
    calm = recording(SWITCH)
    began = time.monotonic()

    def late(data: bytes) -> bytes | None:
        return answer(calm, data) if time.monotonic() - began > 1.0 else None

    async def found(talks: Talks) -> object:
        return await snmp.collect(HOST, ["public"], 0.2, port, talks=talks)

    with agent(late) as port:
        assert asyncio.run(found(Talks())) is None, "silence is believed where all others answered"
        began = time.monotonic()
        strained = Talks()
        strained.ended(silences=1)
        raw = asyncio.run(found(strained))
    assert isinstance(raw, dict) and raw["values"][OBJECTS["snmp.name"]] == "sw-floor1"


def test_a_question_lost_on_the_way_is_put_again() -> None:
    calm, seen, lock = recording(SWITCH), set[bytes](), threading.Lock()

    def lossy(data: bytes) -> bytes | None:
        """Lose the first copy of every question but walks: those ask again by themselves."""
        with lock:
            asked = data[-40:]  # its objects, without its number
            if b"\xa0" in data[:20] and asked not in seen:
                seen.add(asked)
                return None
        return answer(calm, data)

    with agent(lossy) as port:
        raw = asyncio.run(snmp.collect(HOST, ["public"], 0.2, port))
    assert raw is not None
    assert isinstance(raw["values"], dict) and raw["values"][OBJECTS["snmp.bridge"]] == "0x3c5282000001"
