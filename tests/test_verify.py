import pytest
from msgspec.structs import replace

from mspctl.inventory import Host, Inventory
from mspctl.records import (
    ConsoleAnswer,
    Coverage,
    CoverageState,
    HostStatus,
    Json,
    RunRecord,
    SessionAnswer,
    SystemChoice,
    TaskResult,
)
from mspctl.verify import Answers, Sessions, awaited, is_complete, judge
from tests.samples import coverage, outcome, zabbix

C = CoverageState
ZABBIX = ("monitoring", "zabbix")
FRESH = ConsoleAnswer(host="web", known=True, fresh=True, detail="newest value 12 s old")
STALE = ConsoleAnswer(host="web", known=True, fresh=False, detail="newest value 900 s old")
STRANGER = ConsoleAnswer(host="web", known=False, fresh=False, detail="not registered at Zabbix")


def inventory(*groups: str, left_alone: str = "", excluded: str = "") -> Inventory:
    host = Host(
        name="web",
        groups=groups,
        left_alone=left_alone,
        excluded={"monitoring": excluded} if excluded else {},
    )
    return Inventory(hosts=(host,), group_variables={}, services={"monitoring": zabbix()})


def report(
    host: str = "web", installed: bool = True, capability: str = "monitoring", **ok: bool
) -> TaskResult:
    checks: list[Json] = [
        {"id": name, "title": f"Is {name}", "ok": fine, "detail": "said so", "optional": name == "optional"}
        for name, fine in ok.items()
    ]
    said: dict[str, Json] = {"capability": capability, "installed": installed, "checks": checks}
    return TaskResult(wave=1, host=host, play="p", task="Report", status=HostStatus.OK, report=said)


def one(built: Inventory, run: tuple[RunRecord, ...], answers: Answers) -> Coverage:
    (found,) = judge(built, run, answers, (), "r1")
    return found


@pytest.mark.parametrize(
    ("built", "run", "answers", "state", "reason"),
    [
        (inventory("monitoring"), (report(running=True),), {}, C.COVERED, ""),
        (inventory("monitoring"), (report(running=True),), {ZABBIX: {"web": FRESH}}, C.COVERED, ""),
        (inventory("monitoring"), (report(running=True, optional=False),), {}, C.COVERED, ""),
        (inventory("monitoring"), (report(running=False, fine=True),), {}, C.FAILING, "Is running"),
        (inventory("monitoring"), (report(a=False, b=False),), {}, C.FAILING, "Is a; Is b"),
        (
            inventory("monitoring"),
            (report(running=True),),
            {ZABBIX: {"web": STALE}},
            C.FAILING,
            "The server has fresh data of the host",
        ),
        (
            inventory("monitoring"),
            (report(running=True),),
            {ZABBIX: {"web": STRANGER}},
            C.FAILING,
            "The server knows the host; The server has fresh data of the host",
        ),
        (
            inventory("monitoring"),
            (report(running=True),),
            {ZABBIX: "zabbix at https://x: no answer"},
            C.UNKNOWN,
            "zabbix at https://x: no answer",
        ),
        (
            inventory("monitoring"),
            (report(running=True),),
            {ZABBIX: {}},
            C.UNKNOWN,
            "the server said nothing of it",
        ),
        (inventory("monitoring"), (report(),), {}, C.UNKNOWN, "nothing was asked of it"),
        (inventory("monitoring"), (report(installed=False),), {}, C.MISSING, "not installed"),
        (
            inventory("monitoring"),
            (report(installed=False),),
            {ZABBIX: {"web": FRESH}},
            C.MISSING,
            "not installed",
        ),
        (inventory("monitoring"), (), {ZABBIX: {"web": FRESH}}, C.UNKNOWN, "not asked in this run"),
        (
            inventory("monitoring"),
            (outcome("web", HostStatus.UNREACHABLE, detail="Ask: timed out"),),
            {},
            C.UNKNOWN,
            "Ask: timed out",
        ),
        (inventory("monitoring"), (outcome("web", HostStatus.FAILED),), {}, C.UNKNOWN, "failed"),
        (inventory("monitoring"), (report(host="other", a=True),), {}, C.UNKNOWN, "not asked in this run"),
        (
            inventory("monitoring"),
            (report(capability="antivirus", a=True),),
            {},
            C.UNKNOWN,
            "not asked in this run",
        ),
        (
            inventory("monitoring"),
            (report(a=True), outcome("web", HostStatus.FAILED, detail="antivirus broke")),
            {},
            C.COVERED,
            "",
        ),
        (inventory("server"), (report(a=True),), {}, C.EXCLUDED, "not chosen by the client for this host"),
        (
            inventory("printer", left_alone="takes no agent: printer"),
            (),
            {},
            C.EXCLUDED,
            "takes no agent: printer",
        ),
        (inventory("unclassified", left_alone="too little"), (), {}, C.UNKNOWN, "too little"),
        (
            inventory("unclassified", left_alone="too little", excluded="leased (JD, until 2027-01-01)"),
            (),
            {},
            C.EXCLUDED,
            "leased (JD, until 2027-01-01)",
        ),
    ],
)
def test_each_state_has_its_reason(
    built: Inventory, run: tuple[RunRecord, ...], answers: Answers, state: CoverageState, reason: str
) -> None:
    found = one(built, run, answers)
    assert (found.asset, found.service, found.provider) == ("web", "monitoring", "zabbix")
    assert (found.state, found.reason) == (state, reason)
    assert found.since == "r1"


def test_every_host_is_judged_under_every_service_in_a_fixed_order() -> None:
    hosts = tuple(Host(name=name, groups=("monitoring",)) for name in ("a", "b"))
    built = Inventory(
        hosts=hosts, group_variables={}, services={"monitoring": zabbix(), "antivirus": zabbix()}
    )
    assert [(each.asset, each.service) for each in judge(built, (), {}, (), "r")] == [
        (host, service) for host in ("a", "b") for service in ("antivirus", "monitoring")
    ]


def test_a_proof_tells_what_it_saw_only_where_it_failed() -> None:
    found = one(inventory("monitoring"), (report(a=True, b=False, optional=False),), {ZABBIX: {"web": STALE}})
    assert [
        (proof.check, proof.source, proof.ok, proof.optional, proof.detail) for proof in found.proofs
    ] == [
        ("a", "host", True, False, ""),
        ("b", "host", False, False, "said so"),
        ("optional", "host", False, True, "said so"),
        ("known", "console", True, False, ""),
        ("fresh", "console", False, False, "newest value 900 s old"),
    ]


@pytest.mark.parametrize("checks", [None, "text", ["text", 5], [{}]])
def test_an_odd_report_proves_nothing(checks: Json) -> None:
    odd = TaskResult(
        wave=1,
        host="web",
        play="p",
        task="t",
        status=HostStatus.OK,
        report={"capability": "monitoring", "installed": True, "checks": checks},
    )
    assert one(inventory("monitoring"), (odd,), {}).state in (C.UNKNOWN, C.FAILING)


def test_what_did_not_change_keeps_its_since() -> None:
    built, run = inventory("monitoring"), (report(running=True),)
    (first,) = judge(built, run, {ZABBIX: {"web": FRESH}}, (), "r1")
    later = ConsoleAnswer(host="web", known=True, fresh=True, detail="newest value 3 s old")
    (second,) = judge(built, run, {ZABBIX: {"web": later}}, (first,), "r2")
    assert second == first
    (third,) = judge(built, run, {ZABBIX: {"web": STALE}}, (second,), "r3")
    assert (third.state, third.since) == (C.FAILING, "r3")
    (fourth,) = judge(built, run, {ZABBIX: {"web": FRESH}}, (third,), "r4")
    assert (fourth.state, fourth.since) == (C.COVERED, "r4")
    assert judge(built, run, {ZABBIX: {"web": FRESH}}, (coverage("other"), fourth), "r5") == (fourth,)


def test_when_waiting_may_help() -> None:
    def judged(answer: ConsoleAnswer | str, *run: RunRecord) -> tuple[Coverage, ...]:
        heard = answer if isinstance(answer, str) else {"web": answer}
        return judge(inventory("monitoring"), run, {ZABBIX: heard}, (), "r")

    assert awaited(judged(STRANGER, report(running=True, optional=False)))
    assert awaited(judged(STALE, report(running=True)))
    assert not awaited(judged(FRESH, report(running=True)))
    assert not awaited(judged(STALE, report(running=False)))
    assert not awaited(judged("no answer", report(running=True)))
    assert not awaited(judged(STRANGER, report(installed=False)))
    assert not awaited(judged(STRANGER))


def test_complete_is_covered_or_left_out_for_a_reason() -> None:
    assert is_complete([coverage("a"), coverage("b", C.EXCLUDED)])
    assert is_complete([])
    for state in (C.MISSING, C.FAILING, C.UNKNOWN):
        assert not is_complete([coverage("a"), coverage("b", state)])


MACHINE, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2


def through(answer: SessionAnswer | str | None) -> Coverage:
    """Return how a host stands that says it is MACHINE, and of which a session through it said `answer`."""
    checks: list[Json] = [{"id": "machine-id", "title": "It tells", "ok": True, "detail": MACHINE}]
    said: dict[str, Json] = {"capability": "monitoring", "installed": True, "checks": checks}
    run = TaskResult(wave=1, host="web", play="p", task="Report", status=HostStatus.OK, report=said)
    sessions: Sessions = {ZABBIX: answer if isinstance(answer, str) else {"web": answer} if answer else {}}
    (found,) = judge(inventory("monitoring"), (run,), {}, (), "r1", sessions)
    return found


def test_a_command_that_answers_from_the_right_machine_proves_the_way_in() -> None:
    found = through(SessionAnswer(host="web", machine_id=MACHINE))
    assert found.state is C.COVERED
    assert [(proof.check, proof.source, proof.ok) for proof in found.proofs] == [
        ("machine-id", "host", True),
        ("answers", "session", True),
    ]


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (
            SessionAnswer(host="web", machine_id=OTHER),
            f"the machine that answers calls itself {OTHER}, the host {MACHINE}",
        ),
        (SessionAnswer(host="web", detail="refused the login of anna"), "refused the login of anna"),
        (None, "nothing was run on it"),
    ],
)
def test_no_answer_or_another_machine_s_proves_nothing(answer: SessionAnswer | None, detail: str) -> None:
    found = through(answer)
    assert (found.state, found.reason) == (C.FAILING, "A command run through it answers")
    assert found.proofs[-1].detail == detail
    assert awaited([found])


def test_a_session_that_nobody_could_open_is_unknown() -> None:
    found = through("mspctl.yml: technician: missing")
    assert (found.state, found.reason) == (C.UNKNOWN, "mspctl.yml: technician: missing")


@pytest.mark.parametrize(
    ("named", "found"),
    [(["older (package older-agent)"], ("older (package older-agent)",)), ([], ()), ("odd", ()), (None, ())],
)
@pytest.mark.parametrize("installed", [True, False])
def test_other_products_on_the_host_are_kept_with_its_coverage(
    named: Json, found: tuple[str, ...], installed: bool
) -> None:
    said = report(installed=installed, running=True)
    run = (replace(said, report={**said.report, "incumbents": named}),)
    assert one(inventory("monitoring"), run, {}).incumbents == found


def test_each_host_is_judged_by_the_product_of_its_system() -> None:
    mixed = replace(zabbix(), windows=SystemChoice(provider="ninjaone"))
    hosts = tuple(
        Host(name=name, groups=groups, discovered={"os": system}, left_alone=left_alone)
        for name, system, groups, left_alone in (
            ("desk", "windows", ("monitoring",), ""),
            ("printer", "", (), "takes no agent: printer"),
            ("web", "debian", ("monitoring",), ""),
        )
    )
    built = Inventory(hosts=hosts, group_variables={}, services={"monitoring": mixed})
    run = (report("web", running=True), report("desk", running=True))
    desk, printer, web = judge(built, run, {ZABBIX: {"web": STALE}}, (), "r")
    assert (web.provider, web.state) == ("zabbix", C.FAILING)
    assert (desk.provider, desk.state) == ("ninjaone", C.COVERED), "no server of the other product is asked"
    assert (printer.provider, printer.state) == ("", C.EXCLUDED)
