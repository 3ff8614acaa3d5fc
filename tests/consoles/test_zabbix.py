import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mspctl import consoles
from mspctl.errors import MspctlError
from mspctl.records import Console, ConsoleAnswer
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
