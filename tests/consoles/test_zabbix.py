import contextlib
import copy
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mspctl import consoles
from mspctl.consoles import zabbix as client
from mspctl.errors import MspctlError
from mspctl.records import Console, ConsoleAnswer, DrillAnswer, Introduction
from mspctl.records.provider import ConsoleQuery
from tests.consoles.server import PASSWORD, TOKEN, USER, Zabbix, certificate, serving

QUERY = ConsoleQuery(client="zabbix", parameters={"host_name": "{client}.{host}"})


@dataclass
class Lab:
    zabbix: Zabbix
    url: str
    ca_file: Path

    def ask(self, *hosts: str, query: ConsoleQuery = QUERY) -> dict[str, ConsoleAnswer]:
        return consoles.ask(query, Console(url=self.url, user=USER), PASSWORD, self.ca_file, "acme", hosts)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def lab(certificates: tuple[Path, Path]) -> Iterator[Lab]:
    zabbix = Zabbix()
    with serving(zabbix, *certificates) as url:
        yield Lab(zabbix, url, certificates[0])


def know(zabbix: Zabbix, name: str, *ages: int, status: str = "0") -> None:
    """Let the server know a host whose items got their newest values `ages` seconds ago; 0: none yet."""
    number = str(10_000 + len(zabbix.hosts))
    zabbix.hosts.append({"hostid": number, "host": name, "status": status})
    now = int(time.time())
    zabbix.items += [{"hostid": number, "lastclock": str(now - age) if age else "0"} for age in ages]


def test_what_the_environment_says_of_another_server_is_not_used(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TOKEN", "another"), ("USER", "another"), ("PASSWORD", "another")):
        monkeypatch.setenv(f"ZABBIX_{name}", value)
    know(lab.zabbix, "acme.fresh", 20)
    assert lab.ask("fresh")["fresh"].fresh
    assert lab.zabbix.asked.count("user.login") == 1


def test_what_the_server_says_of_each_host(lab: Lab) -> None:
    know(lab.zabbix, "acme.fresh", 4000, 0, 20)
    know(lab.zabbix, "acme.stale", 4000, 900)
    know(lab.zabbix, "acme.silent", 0, 0)
    know(lab.zabbix, "acme.disabled", 20, status="1")
    know(lab.zabbix, "other.unknown", 20)
    found = lab.ask("disabled", "fresh", "silent", "stale", "unknown")
    assert {name: (said.known, said.fresh) for name, said in found.items()} == {
        "disabled": (True, False),
        "fresh": (True, True),
        "silent": (True, False),
        "stale": (True, False),
        "unknown": (False, False),
    }
    details = {name: said.detail for name, said in found.items()}
    assert details["disabled"] == "disabled at Zabbix"
    assert details["silent"] == "no value received yet"
    assert details["unknown"] == "not registered at Zabbix"
    assert details["stale"].startswith("newest value 90")
    assert lab.zabbix.asked == ["apiinfo.version", "user.login", "host.get", "item.get", "user.logout"]


def test_how_fresh_is_the_provider_s_choice(lab: Lab) -> None:
    know(lab.zabbix, "acme.web", 100)
    patient = ConsoleQuery(client="zabbix", parameters={**QUERY.parameters, "fresh_seconds": "60"})
    assert lab.ask("web")["web"].fresh
    assert not lab.ask("web", query=patient)["web"].fresh


def test_a_clock_that_is_ahead_is_fresh(lab: Lab) -> None:
    know(lab.zabbix, "acme.web", -30)
    assert lab.ask("web")["web"] == ConsoleAnswer(
        host="web", known=True, fresh=True, detail="newest value 0 s old"
    )


def test_a_server_without_our_hosts_is_not_asked_for_their_items(lab: Lab) -> None:
    assert not lab.ask("web")["web"].known
    assert "item.get" not in lab.zabbix.asked


def test_a_token_logs_in_without_a_session(lab: Lab) -> None:
    know(lab.zabbix, "acme.web", 10)
    found = consoles.ask(QUERY, Console(url=lab.url), TOKEN, lab.ca_file, "acme", ("web",))
    assert found["web"].fresh
    assert "user.logout" not in lab.zabbix.asked


def refusal(lab: Lab, console: Console, secret: str, ca_file: Path | None) -> str:
    with pytest.raises(MspctlError) as caught:
        consoles.ask(QUERY, console, secret, ca_file, "acme", ("web",))
    said = str(caught.value)
    assert said.startswith(f"zabbix at {console.url}: ")
    assert "\n" not in said
    assert len(said) < 300
    assert caught.value.__cause__ is None
    return said


def test_a_certificate_that_is_not_trusted_ends_it_before_the_password_is_sent(lab: Lab) -> None:
    said = refusal(lab, Console(url=lab.url, user=USER), PASSWORD, None)
    assert "certificate verify failed" in said
    assert lab.zabbix.asked == []


def test_a_wrong_login_is_told_without_the_password(lab: Lab) -> None:
    said = refusal(lab, Console(url=lab.url, user=USER), "Wrong-Pa55word-here", lab.ca_file)
    assert "Incorrect user name or password" in said
    assert "Wrong-Pa55word-here" not in said
    assert "user.logout" not in lab.zabbix.asked


def test_a_wrong_or_missing_token_is_told_readably(lab: Lab) -> None:
    assert "re-login" in refusal(lab, Console(url=lab.url), "b" * 16, lab.ca_file)
    assert "********" not in refusal(lab, Console(url=lab.url), "", lab.ca_file)


def test_a_server_that_is_not_there(lab: Lab) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{closed.getsockname()[1]}"
        assert "refused" in refusal(lab, Console(url=url, user=USER), PASSWORD, lab.ca_file)


def test_a_file_of_authorities_that_is_not_there_is_named(lab: Lab, tmp_path: Path) -> None:
    said = refusal(lab, Console(url=lab.url, user=USER), PASSWORD, tmp_path / "absent.pem")
    assert "absent.pem" in said


def test_a_console_of_an_unknown_kind() -> None:
    with pytest.raises(MspctlError, match="no client for a console of kind 'nagios'"):
        consoles.ask(ConsoleQuery(client="nagios"), Console(url="https://x"), "", None, "acme", ())


def test_a_mistake_in_a_provider_s_record_is_told(lab: Lab) -> None:
    odd = ConsoleQuery(client="zabbix", parameters={"fresh_seconds": "five"})
    with pytest.raises(MspctlError, match="fresh_seconds: not a whole number: 'five'"):
        lab.ask("web", query=odd)


def test_only_the_two_names_are_filled_in(lab: Lab) -> None:
    know(lab.zabbix, "{client.__class__}/{x}/acme/web", 10)
    odd = ConsoleQuery(client="zabbix", parameters={"host_name": "{client.__class__}/{x}/{client}/{host}"})
    assert lab.ask("web", query=odd)["web"].known


def test_a_census_names_what_the_server_knows_of_the_client_and_of_no_other(lab: Lab) -> None:
    know(lab.zabbix, "acme.web", 20)
    know(lab.zabbix, "acme.old", 4000)
    know(lab.zabbix, "acmed.web", 20)
    know(lab.zabbix, "other.web", 20)
    lab.zabbix.hosts[0]["interfaces"] = [{"ip": "192.0.2.9", "main": "0"}, {"ip": "192.0.2.8", "main": "1"}]
    console = Console(url=lab.url, user=USER)
    found = consoles.census(QUERY, console, PASSWORD, lab.ca_file, "acme")
    assert [(each.host, each.fresh, each.address) for each in found] == [
        ("web", True, "192.0.2.8"),
        ("old", False, ""),
    ]
    nameless = ConsoleQuery(client="zabbix", parameters={})
    assert consoles.census(nameless, console, PASSWORD, lab.ca_file, "acme") == ()


def test_a_client_that_leaves_is_forgotten_and_no_other(lab: Lab) -> None:
    for name in ("acme.web", "acme.db", "other.web"):
        know(lab.zabbix, name, 20)
    console = Console(url=lab.url, user=USER)
    assert sorted(consoles.forget(QUERY, console, PASSWORD, lab.ca_file, "acme")) == ["acme.db", "acme.web"]
    assert [host["host"] for host in lab.zabbix.hosts] == ["other.web"]
    assert consoles.forget(QUERY, console, PASSWORD, lab.ca_file, "acme") == ()


TEMPLATES = "all: Linux by Zabbix agent active\nweb_server: our web server\nmail_server: our mail server\n"
ENROLS = ConsoleQuery(client="zabbix", parameters={**QUERY.parameters, "templates": TEMPLATES})
HOSTS = {"web": ("linux", "web_server"), "db": ("database_server", "linux"), "new": ("linux", "mail_server")}


def enrol(lab: Lab, query: ConsoleQuery = ENROLS, name: str = "acme") -> Introduction:
    return consoles.enrol(query, Console(url=lab.url, user=USER), PASSWORD, lab.ca_file, name, HOSTS)


def furnished(lab: Lab) -> None:
    """Let the server have two templates and two hosts that registered before, one of them set up by hand."""
    lab.zabbix.made["template"] = [
        {"templateid": "1", "host": "Linux by Zabbix agent active"},
        {"templateid": "2", "host": "our web server"},
    ]
    know(lab.zabbix, "acme.web", 20)
    know(lab.zabbix, "acme.db", 20)
    know(lab.zabbix, "other.web", 20)
    lab.zabbix.hosts[0] |= {"groups": ["77"], "templates": ["1", "99"]}


def matching(lab: Lab, metadata: str) -> set[str]:
    """Return the actions that agents with such metadata set off."""
    return {
        each["name"]
        for each in lab.zabbix.made["action"]
        if re.search(each["filter"]["conditions"][0]["value"], metadata)
    }


def test_a_client_is_given_its_group_its_action_and_the_templates_of_its_roles(lab: Lab) -> None:
    furnished(lab)
    made = enrol(lab)
    assert made.settings == {}
    assert lab.zabbix.all("hostgroup") == ["mspctl/acme", "Templates/mspctl"]
    web, db, other = lab.zabbix.hosts
    drill = next(each for each in lab.zabbix.made["template"] if each["host"] == "mspctl drill")["templateid"]
    group = lab.zabbix.made["hostgroup"][0]["groupid"]
    assert web["groups"] == ["77", group] and web["templates"] == ["1", "99", drill, "2"]
    assert db["groups"] == [group] and db["templates"] == [drill, "1"]
    assert "groups" not in other and "templates" not in other
    assert "the server lacks: our mail server" in made.made
    assert [each["key_"] for each in lab.zabbix.items if "key_" in each] == [
        "systemd.unit.info[mspctl-drill.service,ActiveState]"
    ]
    everybody = {"mspctl: mspctl drill for all", "mspctl: Linux by Zabbix agent active for all"}
    assert matching(lab, "mspctl acme linux debian server web_server") == {
        *everybody,
        "mspctl acme",
        "mspctl: our web server for web_server",
    }
    assert matching(lab, "mspctl acmes linux") == everybody
    assert matching(lab, "mspctl web_server linux") == everybody
    assert matching(lab, "mspctl acme linux old_web_server web_servers") == {*everybody, "mspctl acme"}
    assert matching(lab, "something of another's") == set()


def test_a_second_time_nothing_is_made_and_what_people_changed_stays(lab: Lab) -> None:
    furnished(lab)
    enrol(lab)
    lab.zabbix.made["action"][0]["operations"] = ["changed by hand"]
    before = copy.deepcopy((lab.zabbix.made, lab.zabbix.hosts, lab.zabbix.items))
    assert enrol(lab).made == ("the server lacks: our mail server",)
    assert (lab.zabbix.made, lab.zabbix.hosts, lab.zabbix.items) == before
    del lab.zabbix.made["trigger"][:]  # as one that was killed in the middle leaves it
    enrol(lab)
    assert lab.zabbix.all("trigger", "description") == [client._DRILL_TRIGGER]


def test_a_template_that_collides_is_told_and_the_rest_goes_on(lab: Lab) -> None:
    furnished(lab)
    lab.zabbix.refused = "1"
    made = enrol(lab).made
    assert any(
        each.startswith("acme.db: template 'Linux by Zabbix agent active' not linked: ") for each in made
    )
    assert "acme.web: template 'our web server'" in made


def test_newer_servers_have_groups_of_templates(lab: Lab) -> None:
    lab.zabbix.version = "7.0.0"
    enrol(lab)
    assert lab.zabbix.all("templategroup") == ["Templates/mspctl"]


def test_a_client_that_leaves_takes_its_action_and_its_empty_group_along(lab: Lab) -> None:
    furnished(lab)
    enrol(lab)
    enrol(lab, name="other")
    consoles.forget(ENROLS, Console(url=lab.url, user=USER), PASSWORD, lab.ca_file, "acme")
    assert [host["host"] for host in lab.zabbix.hosts] == ["other.web"]
    assert "mspctl/acme" not in lab.zabbix.all("hostgroup") and "mspctl/other" in lab.zabbix.all("hostgroup")
    assert "mspctl acme" not in lab.zabbix.all("action") and "mspctl other" in lab.zabbix.all("action")
    consoles.forget(ENROLS, Console(url=lab.url, user=USER), PASSWORD, lab.ca_file, "acme")


@pytest.mark.parametrize(
    "line", ["web_server", "web_server:", "Web Server: x", "a|b: x", ": x", "\x1b[31m: x"]
)
def test_a_line_of_templates_that_is_none_is_told(lab: Lab, line: str) -> None:
    with pytest.raises(MspctlError, match="templates: not 'group: template'") as caught:
        enrol(lab, ConsoleQuery(client="zabbix", parameters={"templates": line}))
    assert str(caught.value).isprintable() and lab.zabbix.asked == []


def watch(
    lab: Lab, name: str, age: int, value: str, state: str = "0", error: str = "", firing: bool = False
) -> None:
    """Let the server watch the unit of a host."""
    know(lab.zabbix, f"acme.{name}", 20)
    host = lab.zabbix.hosts[-1]["hostid"]
    item = {"hostid": host, "key_": client._DRILL_UNIT, "lastvalue": value, "state": state, "error": error}
    lab.zabbix.items.append({**item, "lastclock": str(int(time.time()) - age) if age else "0"})
    trigger = {"triggerid": f"t{host}", "description": client._DRILL_TRIGGER, "hosts": [{"hostid": host}]}
    lab.zabbix.made.setdefault("trigger", []).append(trigger)
    if firing:
        lab.zabbix.made.setdefault("problem", []).append({"eventid": f"e{host}", "objectid": f"t{host}"})


def test_how_the_unit_that_drills_stop_stands_on_each_host(lab: Lab) -> None:
    watch(lab, "calm", 20, "active")
    watch(lab, "firing", 20, "inactive", firing=True)
    watch(lab, "late", 20, "inactive")
    watch(lab, "old", 900, "active")
    watch(lab, "fresh", 0, "")
    watch(lab, "odd", 20, "", state="1", error="\x1b[31mno bus")
    know(lab.zabbix, "acme.plain", 20)
    names = ("calm", "firing", "late", "old", "fresh", "odd", "plain", "nobody")
    found = consoles.drill(QUERY, Console(url=lab.url, user=USER), PASSWORD, lab.ca_file, "acme", names)
    assert found["calm"] == DrillAnswer(host="calm", is_watched=True, is_firing=False)
    assert found["firing"] == DrillAnswer(host="firing", is_watched=True, is_firing=True)
    assert {name: said.detail for name, said in found.items() if not said.is_watched} == {
        "late": "its unit is inactive",
        "old": found["old"].detail,
        "fresh": "no value received yet",
        "odd": found["odd"].detail,
        "plain": "the server does not watch its unit: `mspctl enrol` links the template",
        "nobody": "the server does not watch its unit: `mspctl enrol` links the template",
    }
    assert found["old"].detail.startswith("newest value 90") and found["odd"].detail.isprintable()
    assert consoles.drill(QUERY, Console(url=lab.url, user=USER), PASSWORD, lab.ca_file, "acme", ()) == {}


@pytest.mark.parametrize(
    "said", [7, "x", [7], [{}], [None], {"a": 1}, [{"hostid": []}], [{"triggerid": "1", "hosts": []}]]
)
def test_a_server_that_answers_nonsense_is_one_line(
    lab: Lab, said: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(lab.zabbix, "acme.web", 20)
    answer = lab.zabbix.answer

    def lies(method: str, params: Any, token: str | None) -> dict[str, Any]:
        return {"result": said} if method.endswith((".get", ".create")) else answer(method, params, token)

    monkeypatch.setattr(lab.zabbix, "answer", lies)
    for call in (
        lambda: enrol(lab),
        lambda: consoles.drill(
            QUERY, Console(url=lab.url, user=USER), PASSWORD, lab.ca_file, "acme", ("web",)
        ),
    ):
        with contextlib.suppress(MspctlError):
            call()


def test_a_server_without_what_it_was_asked_for_is_told_so(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = lab.zabbix.answer
    monkeypatch.setattr(
        lab.zabbix,
        "answer",
        lambda method, params, token: (
            {"result": [{}]} if method.endswith(".get") else answer(method, params, token)
        ),
    )
    with pytest.raises(MspctlError, match="answers otherwise than Zabbix does"):
        enrol(lab)
