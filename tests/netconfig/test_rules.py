"""Rules over configurations: what is wrong, what would be typed, who is let off."""

from datetime import date

import pytest
from msgspec.structs import replace

from mspctl import catalog
from mspctl.errors import BadInput
from mspctl.handwritten import dump, parse
from mspctl.netconfig import copies, rules, trees
from mspctl.netconfig.plan import Task, permits, plan
from mspctl.netconfig.rules import Seen
from mspctl.netconfig.trees import Change, Node
from mspctl.records import Aaa, BaselineRule, NetworkChoices, NetworkDevice, VerdictState, Waiver
from tests.netconfig.devices import PARAMETERS, SECRETS, TODAY, task

CONFIGURED = sorted(name for name, each in catalog.platforms().items() if each.configured)
AAA = Aaa(protocol="radius", servers=("192.0.2.30",), key="vault:k")
START = {
    "ios": "hostname sw1\nusername technician secret 9 x\nline con 0\nline vty 0 4\n transport input all\n",
    "eos": "hostname sw1\nusername technician secret sha512 x\nmanagement telnet\n   no shutdown\nend\n",
    "frr": "hostname rtr1\nline vty\n exec-timeout 0 0\nexit\nend\n",
    "fortios": (
        "config system admin\n edit admin\n next\nend\n"
        "config system interface\n edit wan1\n  set allowaccess ping telnet http\n next\nend\n"
    ),
    "routeros": "# by RouterOS\n/system identity set name=r\n",
    "aos-s": 'hostname "sw1"\npassword manager\n',
}


def whole(name: str) -> Task:
    parameters = replace(PARAMETERS, aaa=AAA)
    work = task(name, parameters=parameters, accept_risk=True, hostname="new-name")
    device = NetworkDevice(hostname="new-name", outside=("wan1",))
    secrets = {**SECRETS, "vault:k": "Radius-Key-99"}
    given = rules.values(parameters, device, secrets, TODAY)
    choices = replace(work.choices, rules=("NB-18",))
    return work._replace(device=device, given=given, choices=choices)


def typed_into(tree: tuple[Node, ...], changes: tuple[Change, ...]) -> tuple[Node, ...]:
    """Return a configuration after lines were typed into it, on a device that shows what it was told."""
    for change in changes:
        tree = trees.after(tree, [change]) if change.old else _put(tree, change.path, change.line)
    return tree


def _put(tree: tuple[Node, ...], path: tuple[str, ...], line: str) -> tuple[Node, ...]:
    if not path:
        return (*tree, Node(line))
    if not any(node.line == path[0] for node in tree):
        tree = (*tree, Node(path[0]))
    return tuple(
        Node(node.line, _put(node.below, path[1:], line)) if node.line == path[0] else node for node in tree
    )


@pytest.mark.parametrize("name", CONFIGURED)
def test_what_is_typed_is_what_was_lacking(name: str) -> None:
    work = whole(name)
    tree = trees.parse(START[name], work.platform.syntax)
    made = plan(work, Seen(tree), "127.0.0.1")
    assert made.changes
    assert made.refused == {}
    extras = (Node("= show snmp user", (Node("User name: mspctl"),)),)
    after = typed_into((*tree, *extras), (*made.first, *made.changes))
    again = plan(work, Seen(after), "127.0.0.1")
    assert copies.difference((*again.first, *again.changes), work.platform) == ""


@pytest.mark.parametrize("name", CONFIGURED)
def test_no_secret_is_shown_and_every_secret_is_typed(name: str) -> None:
    work = whole(name)
    made = plan(work, Seen(trees.parse(START[name], work.platform.syntax)), "127.0.0.1")
    shown = copies.difference((*made.first, *made.changes), work.platform)
    typed = "\n".join(trees.commands(made.changes, work.platform.syntax))
    secrets = [*SECRETS.values(), "Radius-Key-99"]
    assert [secret for secret in secrets if secret in shown] == []
    wanted = [secret for secret in SECRETS.values() if name != "frr"]
    assert [secret for secret in wanted if secret not in typed] == []
    assert "<removed>" not in typed


def test_a_line_nobody_names_is_never_touched() -> None:
    work = whole("ios")
    tree = trees.parse(
        "ip route 0.0.0.0 0.0.0.0 192.0.2.1\ninterface Gi0/1\n shutdown\n" + START["ios"], "indent"
    )
    typed = " ".join(trees.commands(plan(work, Seen(tree), "127.0.0.1").changes, "indent"))
    assert "ip route" not in typed
    assert "Gi0/1" not in typed


def test_bindings_come_after_what_they_bind_and_logins_last() -> None:
    lines = [
        change.line
        for change in plan(whole("ios"), Seen(trees.parse(START["ios"], "indent")), "127.0.0.1").changes
    ]
    assert lines.index("permit 127.0.0.0 0.255.255.255") < lines.index("access-class MSPCTL-MGMT in")
    assert lines.index("ip ssh version 2") < lines.index("aaa new-model")


def test_the_manager_is_not_shut_out() -> None:
    work = whole("ios")
    seen = Seen(trees.parse(START["ios"], "indent"))
    assert "NB-07" in plan(work, seen, "198.51.100.9").refused
    assert "NB-07" in plan(work, seen, "").refused
    denied = "ip access-list standard MSPCTL-MGMT\n 5 deny 127.0.0.0 0.255.255.255\n" + START["ios"]
    assert "would not permit" in plan(work, Seen(trees.parse(denied, "indent")), "127.0.0.1").refused["NB-07"]
    nobody = START["ios"].replace("username technician secret 9 x\n", "")
    assert "no local account" in plan(work, Seen(trees.parse(nobody, "indent")), "127.0.0.1").refused["NB-03"]


def test_without_a_timer_what_could_lock_out_needs_a_word() -> None:
    seen = Seen(trees.parse(START["aos-s"], "indent"))
    work = whole("aos-s")
    assert plan(work, seen, "127.0.0.1").refused == {}
    assert "--accept-risk" in plan(work._replace(accept_risk=False), seen, "127.0.0.1").refused["NB-07"]


@pytest.mark.parametrize(
    ("entries", "source", "expected"),
    [
        (["permit 10.0.0.0 0.0.0.255"], "10.0.0.7", True),
        (["10 permit 10.0.0.0, wildcard bits 0.0.0.255"], "10.0.1.7", False),
        (["20 permit any", "10 deny host 10.0.0.7"], "10.0.0.7", False),
        (["permit 10.0.0.0/24"], "10.0.0.7", True),
        (["permit host 10.0.0.7"], "10.0.0.7", True),
        ([], "10.0.0.7", False),
    ],
)
def test_access_lists_are_read_as_devices_read_them(entries: list[str], source: str, expected: bool) -> None:
    assert permits(entries, source) is expected


def test_waivers_let_off_until_they_expire() -> None:
    waiver = Waiver(
        rule="NB-05", reason="old console server", owner="J. Doe", expires="2026-11-21", devices=("sw1",)
    )
    work = whole("ios")
    work = work._replace(choices=replace(work.choices, waivers=(waiver,)))
    seen = Seen(trees.parse(START["ios"], "indent"))

    def state(today: date) -> VerdictState:
        found = plan(work._replace(today=today), seen, "127.0.0.1").verdicts
        return next(each.state for each in found if each.rule == "NB-05")

    assert state(date(2026, 11, 21)) is VerdictState.WAIVED
    assert state(date(2026, 11, 22)) is VerdictState.FAIL


def test_a_missing_parameter_is_no_pass() -> None:
    work = task("ios", parameters=replace(PARAMETERS, syslog_servers=()))
    found = plan(work, Seen(trees.parse("service timestamps log datetime\n", "indent")), "127.0.0.1").verdicts
    verdict = next(each for each in found if each.rule == "NB-12")
    assert verdict.state is VerdictState.UNDETERMINED
    assert "syslog_servers" in verdict.reason


@pytest.mark.parametrize("rule", catalog.baseline(), ids=lambda rule: rule.id)
def test_rules_hold_together(rule: BaselineRule) -> None:
    platforms = catalog.platforms()
    for name, spec in rule.platforms.items():
        assert platforms[name].configured
        assert spec.set or spec.forbid or spec.saved
        for item in spec.set:  # what is typed hashed must be known again by a pattern
            if any(word in item.line for word in ("snmp_authentication", "aaa_key")):
                assert item.matches
            assert not item.last or spec.lockout or "vty" in str(item.under)


def test_banners_are_one_line_however_they_are_shown() -> None:
    shown = {
        "ios": "banner login ^C\nHarbour # only\n^C\nhostname x\n",
        "eos": "banner login\nHarbour # only\nEOF\nhostname x\n",
        "aos-s": 'banner login "Harbour # only"\nhostname x\n',
    }
    for name, text in shown.items():
        found = [node.line for node in trees.parse(text, catalog.platforms()[name].syntax)]
        assert found == ["banner login\nHarbour # only", "hostname x"]


def test_routeros_is_read_in_sections_and_in_whole_lines() -> None:
    terse = "/ip service set telnet disabled=yes port=23\n/user add name=a group=full\n"
    sections = "/ip service\nset telnet disabled=yes \\\n    port=23\n/user\nadd name=a group=full\n"
    assert trees.parse(terse, "routeros") == trees.parse(sections, "routeros")
    assert [node.line for node in trees.parse(terse, "routeros")] == [
        "/ip service set telnet disabled=yes",
        "/ip service set telnet port=23",
        "/user add name=a group=full",
    ]


def test_a_secret_that_would_be_a_command_of_its_own_is_refused() -> None:
    for text in ("abc\nno username technician", "what?now"):
        with pytest.raises(BadInput, match="cannot be typed") as caught:
            rules.values(PARAMETERS, NetworkDevice(), {"vault:a": text, "vault:p": "fine"}, TODAY)
        assert text not in str(caught.value)


@pytest.mark.parametrize("text", ['say "hello"', "a ~ b", "two\nlines", "cost $HOME", "what?"])
def test_a_banner_that_devices_would_misread_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="banner"):
        parse(dump({"parameters": {"banner": text}}), NetworkChoices, "client.yml")
