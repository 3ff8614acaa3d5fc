"""Pins are made at first sight and replaced by nobody but the engineer."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mspctl.assets import merge
from mspctl.hostkeys import pin
from mspctl.records import Ambiguous, Asset, OverridesFile, ScanRecord
from tests.discovery.evidence import KEYS, UNIVERSAL, client, overrides, scan

NONE = OverridesFile()


def seen(key: str, address: str = "192.0.2.5", number: int = 0) -> list[ScanRecord]:
    """Return a scan in which one address shows a key."""
    return scan(number, {address: {"key": key, "arp": UNIVERSAL[0]}})


def test_the_first_key_is_pinned_and_another_one_later_is_a_doubt() -> None:
    text, doubts = pin("", seen(KEYS[0]), NONE)
    assert (text, doubts) == (f"192.0.2.5 {KEYS[0]}\n", ())
    again, doubts = pin(text, [*seen(KEYS[0]), *seen(KEYS[1], number=1)], NONE)
    assert again == text and doubts[0].subject == "192.0.2.5"


def test_a_pin_outlives_the_log_it_was_made_of() -> None:
    text, doubts = pin(f"192.0.2.5 {KEYS[0]}\n", seen(KEYS[1]), NONE)
    assert text == f"192.0.2.5 {KEYS[0]}\n" and doubts


def test_an_accepted_key_replaces_the_pins_of_its_asset_and_of_no_other() -> None:
    log = [
        *scan(0, {"192.0.2.5": {"key": KEYS[0], "arp": UNIVERSAL[0]}, "192.0.2.6": {"key": KEYS[1]}}),
        *scan(
            1,
            {
                "192.0.2.5": {"key": KEYS[2], "arp": UNIVERSAL[0]},
                "192.0.2.6": {"key": KEYS[2], "arp": UNIVERSAL[1]},
            },
        ),
    ]
    found = merge(log, client(), NONE)
    (id_,) = {each.id for each in found if isinstance(each, Asset) and "192.0.2.5" in each.addresses}
    text, doubts = pin("", [*log, *found], overrides(asset=id_, trusted_host_key=f"{KEYS[2]} a comment"))
    assert text == f"192.0.2.5 {KEYS[2]}\n192.0.2.6 {KEYS[1]}\n"
    assert [doubt.subject for doubt in doubts] == ["192.0.2.6"]


def test_the_doubt_is_told_in_the_same_words_as_by_the_merge() -> None:
    log = [*seen(KEYS[0]), *seen(KEYS[1], number=1)]
    assert set(pin("", log, NONE)[1]) == {e for e in merge(log, client(), NONE) if isinstance(e, Ambiguous)}


def test_lines_that_are_no_plain_pin_are_kept_and_hostile_keys_are_not_pinned() -> None:
    text = f"# by hand\n@cert-authority *.example {KEYS[3]}\n192.0.2.9 {KEYS[1]}\n"
    hostile: list[Any] = [f"{KEYS[0]}\n192.0.2.1 {KEYS[2]}", "ssh-ed25519 %%%", "x" * 100_000, None, ["a"]]
    for number, key in enumerate(hostile):
        log = scan(number, {"192.0.2.5": {"key": key}})
        lines = pin(text, log, NONE)[0].splitlines()
        assert set(lines) <= {*text.splitlines(), f"192.0.2.5 {KEYS[0]}"}


def test_another_port_has_a_pin_of_its_own() -> None:
    from msgspec.structs import replace

    log = [replace(each, port=2222) if getattr(each, "port", 0) == 22 else each for each in seen(KEYS[0])]
    assert pin("", log, NONE)[0] == f"[192.0.2.5]:2222 {KEYS[0]}\n"


@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from(KEYS)), max_size=12), st.randoms())
def test_pins_do_not_depend_on_order_and_settle_at_once(pairs: list[tuple[int, str]], random: Any) -> None:
    log = [line for number, (host, key) in enumerate(pairs) for line in seen(key, f"192.0.2.{host}", number)]
    text, doubts = pin("", log, NONE)
    shuffled = list(log)
    random.shuffle(shuffled)
    assert pin("", shuffled, NONE) == (text, doubts)
    assert pin(text, log, NONE) == (text, doubts)
