"""What was seen → what it is; blank when unsure."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspctl.errors import BadInput
from mspctl.facts.enterprises import owner
from mspctl.fingerprints import FIELDS, Fingerprints, Rule, read, shipped
from mspctl.identify import THRESHOLD, candidates, identify
from mspctl.records import Observation
from tests.discovery.evidence import KEYS, scan

DEBIAN = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"
DESCRIPTION, OBJECT, NAME = (f"1.3.6.1.2.1.1.{n}.0" for n in (1, 2, 5))


def seen(machine: dict[str, Any]) -> list[Observation]:
    """Return the observations of one machine."""
    return [line for line in scan(0, {"192.0.2.5": machine}) if isinstance(line, Observation)]


def profile(machine: dict[str, Any], holds: str | None = None, networks: int = 1) -> dict[str, str]:
    """Return the profile of one machine, values only."""
    return {name: value.value for name, value in identify(seen(machine), holds, networks).items()}


def part(
    machine: dict[str, Any], *names: str, holds: str | None = None, networks: int = 1
) -> tuple[str, ...]:
    """Return some values of a profile."""
    found = profile(machine, holds, networks)
    return tuple(found.get(name, "") for name in names)


@pytest.mark.parametrize(
    ("banner", "os", "version"),
    [
        (DEBIAN, "debian", "12"),
        ("SSH-2.0-OpenSSH_9.2p1 Debian-2", "debian", "12"),
        ("SSH-2.0-OpenSSH_8.4p1 Raspbian-5+deb11u3", "debian", "11"),
        ("SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.5", "ubuntu", "24.04"),
        ("SSH-2.0-OpenSSH_for_Windows_8.1", "windows", ""),
        ("SSH-2.0-OpenSSH_9.2p1", "", ""),
        ("SSH-2.0-dropbear_2022.83", "", ""),
        ("{{ Debian-2+deb12u3 }}", "", ""),
    ],
)
def test_an_ssh_banner_names_the_system(banner: str, os: str, version: str) -> None:
    assert part({"banner": banner}, "os", "os_version") == (os, version)


@pytest.mark.parametrize(
    ("ports", "role"),
    [
        ([139, 445], "file-server"),
        ([5432], "database-server"),
        ([3306], "database-server"),
        ([53], "dns-dhcp-server"),
        ([25, 993], "mail-server"),
        ([88, 389, 445, 53], "directory-server"),
    ],
)
def test_open_ports_of_a_general_system_give_the_role_and_make_it_a_server(
    ports: list[int], role: str
) -> None:
    assert part({"banner": DEBIAN, "ports": ports}, "role", "kind", holds="workstation") == (role, "server")


def test_what_a_network_holds_decides_only_where_nothing_else_does() -> None:
    assert part({"banner": DEBIAN}, "kind", "role", holds="workstation") == ("workstation", "")
    assert part({"banner": DEBIAN}, "kind", "role") == ("", "")
    assert part({"ping": True}, "kind", "role", holds="workstation") == ("", "")
    value = identify(seen({"banner": DEBIAN}), "workstation")["kind"]
    assert THRESHOLD <= value.confidence <= 0.7 and value.probe == "client"


def test_a_windows_computer_is_no_file_server_for_its_open_445() -> None:
    windows = {"ports": [135, 139, 445, 3389]}
    assert part(windows, "os", "role", "kind", holds="workstation") == ("windows", "", "workstation")
    assert part({"ports": [445]}, "role") == ("",)


def test_a_router_is_one_by_evidence_only() -> None:
    assert part({"banner": DEBIAN, "gateway": "198.51.100.0/24"}, "kind", "role", holds="workstation") == (
        "router",
        "router",
    )
    assert part({"banner": DEBIAN, "ptr": "rtr1.example"}, "kind", networks=4) == ("router",)
    assert part({"banner": DEBIAN, "ptr": "rtr1.example"}, "kind") == ("",)


def test_printers_and_power_supplies_say_what_they_are() -> None:
    printer = {"1.3.6.1.2.1.43.5.1.1.17.1": "SN-0001", "1.3.6.1.2.1.25.3.2.1.3.1": "Larkspur LP-4200"}
    assert part({"snmp": printer, "ports": [80, 631]}, "kind", "role", "model", "serial", "os") == (
        *("printer", "printer", "Larkspur LP-4200", "SN-0001", ""),
    )
    ups = {"1.3.6.1.2.1.33.1.1.1.0": "APC by Schneider Electric", "1.3.6.1.2.1.33.1.1.2.0": "Smart-UPS 1500"}
    assert part({"snmp": ups | {OBJECT: "1.3.6.1.4.1.318.1.3.27"}}, "kind", "vendor", "model") == (
        *("ups", "APC", "Smart-UPS 1500"),
    )
    assert part({"ports": [631]}, "kind") == ("printer",)
    assert part({"ports": [631], "banner": DEBIAN}, "kind", holds="workstation") == ("workstation",)


@pytest.mark.parametrize(
    ("number", "description", "expected"),
    [
        ("9.6.1.95", "SG350-10 10-Port Gigabit Managed Switch", ("switch", "switch", "Cisco", "SG350-10")),
        ("318.1.3.27", "", ("ups", "ups", "APC", "")),
        ("318.1.3.4.5", "", ("pdu", "pdu", "APC", "")),
        ("14988.1", "RouterOS RB4011iGS+", ("router", "router", "MikroTik", "RB4011iGS+")),
        ("6574.1", "", ("nas", "nas", "Synology", "")),
        ("32473.9", "Brookvale laser printer", ("printer", "printer", "", "")),
        ("32473.9", "", ("", "", "", "")),
        ("259.1", "", ("network-device", "network-device", "Edgecore", "")),
        ("2011.1", "", ("", "", "Huawei", "")),  # of many sorts
        ("674.10895.5001", "", ("wireless-controller", "wireless-controller", "Dell", "")),
        ("32473.9", "Larkspur LS-48, 3.2.1", ("", "", "", "LS-48")),
        ("32473.9", "Larkspur Connect 731", ("", "", "", "Larkspur Connect 731")),
        ("32473.9", "Ethernet adapter, SNMPv2 agent 10/100", ("", "", "", "")),
        ("8072.3.2.10", "Linux web 4.18.0-425.el8.x86_64 #1 SMP Tue Feb 21 04:20:52 EST 2023 x86_64",
         ("server", "", "", "")),
        ("62000.9", "Linux box 4.18.0-425.el8.x86_64 #1 SMP Tue Feb 21 04:20:52 EST 2023 x86_64",
         ("", "", owner("62000"), "")),  # a maker's own device may run a distribution
        ("311.1.1.3.1.3", "Hardware: x - Software: Windows Version 6.3 (Build 20348 Multiprocessor Free)",
         ("server", "domain-controller", "Microsoft", "")),
        ("311.1.1.3.1.1", "Hardware: x - Software: Windows Version 6.3 (Build 22631 Multiprocessor Free)",
         ("workstation", "", "Microsoft", "")),
    ],
)  # fmt: skip
def test_a_number_in_a_makers_tree_and_a_description_tell_what_a_device_is(
    number: str, description: str, expected: tuple[str, ...]
) -> None:
    said = {OBJECT: f"1.3.6.1.4.1.{number}", DESCRIPTION: description}
    assert part({"snmp": said}, "kind", "role", "vendor", "model") == expected


@pytest.mark.parametrize(
    ("description", "version"),
    [
        ("Brookvale box;hardware version:V2.2.4;software version:V2.3.0.54;boot 1", "2.3.0.54"),
        ("Brookvale (R) Software, Version V210R240, built", "V210R240"),
        ("Brookvale B-8 Ver. 20_2_1 (17875)", "20_2_1 (17875)"),
        ("Brookvale radio, Version 50670-02-00", "50670-02-00"),
        ("Brookvale switch", ""),
    ],
)
def test_a_version_is_read_out_of_a_description(description: str, version: str) -> None:
    assert part({"snmp": {DESCRIPTION: description}}, "os_version") == (version,)


@pytest.mark.parametrize(
    ("software", "os"),
    [
        (
            "Software [Cupertino], Catalyst L3 Switch Software (CAT9K_IOSXE), Version 17.9.4a,",
            "ios-xe",
        ),
        ("Software, IOS-XE Software, Catalyst L3 Switch Software, Version 17.9.4a,", "ios-xe"),
        ("Software, C2960X Software (C2960X-UNIVERSALK9-M), Version 17.9.4a,", "ios"),
    ],
)
def test_ios_and_ios_xe_are_told_apart(software: str, os: str) -> None:
    assert part({"snmp": {DESCRIPTION: f"Cisco IOS {software}"}}, "os", "os_version") == (os, "17.9.4a")


def test_what_standard_objects_tell() -> None:
    switch = {"1.3.6.1.2.1.16.19.2.0": "6.20.B05", "1.3.6.1.2.1.105.1.3.1.1.2.1": 370}
    assert part({"snmp": switch}, "os_version", "kind") == ("6.20.B05", "switch")
    modem = {"1.3.6.1.2.1.69.1.1.1.0": 1, "1.3.6.1.2.1.69.1.1.4.0": "M123456"}
    assert part({"snmp": modem}, "kind", "serial") == ("modem", "M123456")
    med = "1.0.8802.1.1.2.1.5.4795.1.2."
    phone = {med + "5.0": "P-0001", med + "6.0": "Larkspur", med + "7.0": "LP-7"}
    assert part({"snmp": phone}, "serial", "vendor", "model") == ("P-0001", "Larkspur", "LP-7")


def test_a_makers_number_nobody_wrote_a_rule_for_is_looked_up() -> None:
    assert part({"snmp": {OBJECT: "1.3.6.1.4.1.62000.1"}}, "vendor", "kind") == (owner("62000"), "")
    assert owner("62000") and not owner("8072") and not owner("32473")


def test_the_listing_of_owners_repeats_nothing_that_the_rules_name() -> None:
    (tree,) = (tree for tree in shipped().trees if tree.id == "snmp-maker")
    assert not [number for number in tree.values if owner(number)]


def test_a_kind_that_says_less_contradicts_none_that_says_more() -> None:
    switch = {OBJECT: "1.3.6.1.4.1.171.10.1", DESCRIPTION: "managed switch"}
    alone = identify(seen({"snmp": {OBJECT: "1.3.6.1.4.1.32473.1", DESCRIPTION: "managed switch"}}))["kind"]
    assert identify(seen({"snmp": switch}))["kind"].confidence == alone.confidence


def test_the_maker_of_a_card_is_a_modest_word_on_the_maker_of_a_device() -> None:
    value = identify(seen({"arp": "b8:27:eb:00:00:01"}))["vendor"]
    assert value.value == "Raspberry Pi" and value.confidence < 0.6


def test_probes_that_agree_are_surer_than_one_and_contradictions_leave_a_blank() -> None:
    kernel = "Linux web 6.1.0 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 x86_64"
    alone = identify(seen({"banner": "SSH-2.0-OpenSSH_9.2p1 Debian-2"}))["os"].confidence
    both = identify(seen({"banner": "SSH-2.0-OpenSSH_9.2p1 Debian-2", "snmp": {DESCRIPTION: kernel}}))
    assert both["os"].confidence > alone
    windows = {
        "banner": "SSH-2.0-OpenSSH_9.2p1 Debian-2",
        "snmp": {DESCRIPTION: "Hardware: x Software: Windows"},
    }
    assert "os" not in identify(seen(windows))


def test_a_value_tells_how_it_was_reached() -> None:
    value = identify(seen({"banner": DEBIAN}))["os_version"]
    assert (value.probe, value.rule) == ("ssh", "ssh-debian-release")
    assert DEBIAN in value.evidence and value.confidence > 0.9


def test_hostile_text_stays_bounded_and_printable() -> None:
    machine = {"snmp": {DESCRIPTION: "Linux \x1b[2J" * 50_000, NAME: "{{ 7*7 }}"}, "ptr": "a\x07.example"}
    for value in identify(seen(machine)).values():
        assert value.value.isprintable() and value.evidence.isprintable() and len(value.evidence) <= 200


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=6,
)
OBSERVATIONS = seen(
    {
        "banner": DEBIAN,
        "key": KEYS[0],
        "arp": "3c:52:82:00:00:01",
        "ptr": "web.example",
        "ports": [80, 443, 5432, 445],
        "snmp": {DESCRIPTION: "Linux web", NAME: "web"},
    }
)


@given(st.permutations(OBSERVATIONS), st.randoms())
def test_the_order_of_observations_does_not_matter(observations: list[Observation], random: Any) -> None:
    assert identify(observations, "server") == identify(OBSERVATIONS, "server")


@given(
    st.sampled_from(["arp", "http", "ping", "ptr", "route", "snmp", "ssh", "tcp", "tls", "new"]), json, json
)
def test_no_raw_answer_raises(probe: str, first: Any, second: Any) -> None:
    keys = (*("mac", "ttl", "state", "network", "names", "banner", "host_key", "status", "server", "title"),
            *("values", "subject", "spki_sha256", "realm"))  # fmt: skip
    raw = {key: first if place % 2 else second for place, key in enumerate(keys)}
    observation = msgspec.structs.replace(OBSERVATIONS[0], probe=probe, raw=raw)
    assert all(value.confidence >= THRESHOLD for value in identify([observation]).values())


# The shipped rules


def test_the_shipped_rules_are_sound() -> None:
    rules = shipped().rules
    assert len(rules) > 40 and {field for rule in rules for field in rule.sets} <= set(FIELDS)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            "rules: [{id: x, sets: {os: a}, confidence: 0.9, when: {ssh.banner: '('}}]",
            "no regular expression",
        ),
        ("rules: [{id: x, sets: {colour: a}, confidence: 0.9, ports: [1]}]", "colour: no such field"),
        ("rules: [{id: x, sets: {os: a}, given: {kind: b}, confidence: 0.9}]", "before what it is given"),
        ("rules: [{id: x, sets: {os: a}, confidence: 0.9}]", "no condition"),
        ("rules: [{id: x, sets: {os: a}, confidence: 9, ports: [1]}]", "<= 1"),
        (
            "trees: [{id: x, fact: f, under: '1', confidence: {os: 0.9}, values: {'1': {kind: ups}}}]",
            "no conf",
        ),
        ("rules: {", "mine.yml"),
    ],
)
def test_a_mistake_in_a_rule_is_named(text: str, mistake: str) -> None:
    with pytest.raises(BadInput, match=r"mine\.yml") as caught:
        read("mine.yml", text)
    assert mistake in str(caught.value)


def test_rules_are_data_that_a_caller_may_bring() -> None:
    rule = Rule(id="x", sets={"os": "{name}"}, when={"ssh.banner": "(?P<name>Debian)"}, confidence=0.9)
    assert (
        identify(seen({"banner": DEBIAN}), fingerprints=Fingerprints(rules=(rule,)))["os"].value == "Debian"
    )


def test_every_candidate_is_told_with_what_became_of_it() -> None:
    rules = read(
        "x.yml",
        """
rules:
  - {id: firm, when: {ssh.banner: Alpha}, sets: {vendor: Alpha, kind: switch}, confidence: 0.9}
  - {id: against, when: {ping.alive: .}, sets: {vendor: Beta}, confidence: 0.6}
  - {id: weak, when: {ping.alive: .}, sets: {model: Maybe}, confidence: 0.2}
  - {id: last, when: {ping.alive: .}, sets: {vendor: Gamma}, confidence: 0.9, fallback: true}
  - {id: general, when: {ping.alive: .}, sets: {kind: network-device}, confidence: 0.8}
broader: {network-device: [switch]}
""",
    )
    machine = {"banner": "SSH-2.0-Alpha", "ping": True}
    found = candidates(seen(machine), fingerprints=rules)
    told = {(each.field, each.value): (each.strength, each.outcome) for each in found}
    assert told == {
        ("vendor", "Alpha"): (0.9, "stands"),
        ("vendor", "Beta"): (0.6, "contradicts"),
        ("vendor", "Gamma"): (0.9, "last resort"),
        ("model", "Maybe"): (0.2, "too unsure"),
        ("kind", "switch"): (0.9, "stands"),
        ("kind", "network-device"): (0.8, "less exact"),
        ("role", "switch"): (0.9, "stands"),
        ("role", "network-device"): (0.8, "less exact"),
    }
    (why,) = next(each for each in found if each.value == "Alpha").grounds
    assert (why.rule, why.probe, why.evidence) == ("firm", "ssh", "ssh.banner: SSH-2.0-Alpha")
    assert identify(seen(machine), fingerprints=rules)["vendor"].confidence == round(0.9 * (1 - 0.6 * 0.6), 2)


def test_candidates_and_profile_never_disagree() -> None:
    for machine in ({"banner": DEBIAN, "ports": [25, 5432]}, {"ping": True}, {}):
        stands = {e.field: e.value for e in candidates(seen(machine)) if e.outcome == "stands"}
        assert stands == {f: v.value for f, v in identify(seen(machine)).items()}
