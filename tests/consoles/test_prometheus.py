"""The client of Prometheus against a server on loopback that answers as the real one of the molecule scenario
`managed_agent_exporter` does, and worse."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mspctl import consoles
from mspctl.errors import MspctlError
from mspctl.records import Console, DrillAnswer
from mspctl.records.provider import ConsoleQuery
from tests.consoles.server import certificate
from tests.samples import WRITABLE

QUERY = ConsoleQuery(client="prometheus", parameters={"host_name": "{client}.{host}"})
BASIC, BEARER = "Basic bXNwY3RsOlByb20tUGE1NXdvcmQ=", "Bearer Prom-Pa55word"
SECRET = "Prom-Pa55word"
NOW = 1795319284.2


def evaluated(seconds: float) -> str:
    """Return how Prometheus says that it evaluated a rule so many seconds ago."""
    return datetime.fromtimestamp(NOW - seconds, UTC).isoformat().replace("+00:00", "123Z")


@dataclass
class Prometheus:
    """What the server answers, and what it was asked."""

    up: list[dict[str, Any]] = field(default_factory=list)
    groups: Any = field(default_factory=list)
    body: bytes | None = None
    moved: str = ""
    asked: list[str] = field(default_factory=list)

    def target(self, host: str, value: Any = "1", client: str = "acme") -> None:
        labels = {"client": client, "host": host, "instance": "192.0.2.3:9100", "__name__": "up"}
        self.up.append({"metric": labels, "value": [NOW, value]})

    def unit(self, host: str, value: Any = "1", alerts: Any = (), **rule: Any) -> None:
        """Know how a host's unit stands, and the rule that watches it."""
        self.target(host)
        series = {**self.up[-1]["metric"], "__name__": "node_systemd_unit_state"}
        self.up.append({"metric": series, "value": [NOW, value]})
        rule = {"health": "ok", "lastEvaluation": evaluated(5), "labels": {"mspctl": "drill"}, **rule}
        self.groups = [{"name": "mspctl acme", "interval": 60, "rules": [{**rule, "alerts": alerts}]}]

    def answer(self, query: str) -> bytes:
        if query == "rules":
            told = {"status": "success", "data": {"groups": self.groups}}
            return json.dumps(told).encode() if self.body is None else self.body
        wanted = [each for each in self.up if f'client="{each["metric"]["client"]}"' in query]
        said = {"status": "success", "data": {"resultType": "vector", "result": wanted}}
        return json.dumps(said).encode() if self.body is None else self.body


@contextmanager
def serving(prometheus: Prometheus, made: Path, key: Path) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers["Authorization"] not in (BASIC, BEARER):
                return self.send_error(401)
            if prometheus.moved:
                self.send_response(302)
                self.send_header("Location", prometheus.moved)
                return self.end_headers()
            asked = urlsplit(self.path)
            query = "rules" if asked.path.endswith("/rules") else parse_qs(asked.query)["query"][0]
            prometheus.asked.append(query)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(prometheus.answer(query))
            return None

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its own name
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up distrusts us
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Lab:
    prometheus: Prometheus
    url: str
    ca_file: Path

    def server(self, user: str | None = "mspctl", secret: str = SECRET) -> tuple[Console, str, Path, str]:
        return Console(url=self.url, user=user), secret, self.ca_file, "acme"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def lab(certificates: tuple[Path, Path]) -> Iterator[Lab]:
    prometheus = Prometheus()
    with serving(prometheus, *certificates) as url:
        yield Lab(prometheus, url, certificates[0])


@pytest.mark.parametrize("user", ["mspctl", None])
def test_what_prometheus_says_of_each_host(lab: Lab, user: str | None) -> None:
    lab.prometheus.target("web")
    lab.prometheus.target("down", "0")
    lab.prometheus.target("other", client="other")
    found = consoles.ask(QUERY, *lab.server(user), ("web", "down", "other"))
    assert {host: (said.known, said.fresh) for host, said in found.items()} == {
        "web": (True, True),
        "down": (True, False),
        "other": (False, False),
    }
    assert found["web"].address == "192.0.2.3"
    assert lab.prometheus.asked == ['up{client="acme"}']


def test_a_census_is_of_the_client_alone(lab: Lab) -> None:
    lab.prometheus.target("web")
    lab.prometheus.target("web", client="other")
    assert [each.host for each in consoles.census(QUERY, *lab.server())] == ["web"]


def test_what_it_asks_is_a_file_s_to_forget(lab: Lab) -> None:
    assert consoles.forget(QUERY, *lab.server()) == ()
    lab.prometheus.target("web")
    assert "still asks 1 hosts" in refusal(lambda: consoles.forget(QUERY, *lab.server()))


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(MspctlError) as caught:
        call()
    said = str(caught.value)
    assert said.startswith("prometheus at https://127.0.0.1:") and said.isprintable() and len(said) < 400
    assert SECRET not in said and "bXNwY3Rs" not in said
    return said


def test_a_wrong_login_and_a_strange_certificate(lab: Lab) -> None:
    console, secret, _, client = lab.server()
    assert "refused the login" in refusal(lambda: consoles.ask(QUERY, *lab.server(secret="wrong"), ("web",)))
    assert "certificate verify failed" in refusal(
        lambda: consoles.ask(QUERY, console, secret, None, client, ("web",))
    )
    assert "no such file" in refusal(
        lambda: consoles.ask(QUERY, console, secret, Path("/absent.pem"), client, ("web",))
    )


def test_the_password_is_not_taken_elsewhere(lab: Lab, certificates: tuple[Path, Path]) -> None:
    with serving(elsewhere := Prometheus(), *certificates) as url:
        lab.prometheus.moved = f"{url}/api/v1/query?query=up"
        assert "answers with 302" in refusal(lambda: consoles.ask(QUERY, *lab.server(), ("web",)))
        assert elsewhere.asked == []


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b"[" * 200_000, b'{"data": {"result": 7}}'])
def test_no_prometheus_is_one_line(lab: Lab, body: bytes) -> None:
    lab.prometheus.body = body
    refusal(lambda: consoles.ask(QUERY, *lab.server(), ("web",)))


@pytest.mark.parametrize("value", [None, "NaN", [1], "one", {}, True])
def test_a_value_that_is_not_one_is_not_up(lab: Lab, value: Any) -> None:
    lab.prometheus.target("web", value if value is not True else "0x1")
    assert not consoles.ask(QUERY, *lab.server(), ("web",))["web"].fresh


@pytest.mark.parametrize("text", WRITABLE, ids=range(len(WRITABLE)))
def test_labels_are_only_text(lab: Lab, text: str) -> None:
    lab.prometheus.target(text)
    lab.prometheus.up[0]["metric"]["instance"] = text
    (found,) = consoles.census(QUERY, *lab.server())
    assert found.host.isprintable() and len(found.host) <= 128
    assert found.address.isprintable() and len(found.address) <= 128


def drilled(lab: Lab, host: str = "web") -> DrillAnswer:
    (found,) = consoles.drill(QUERY, *lab.server(), (host,)).values()
    return found


WEB = {"client": "acme", "host": "web", "alertname": "MspctlDrill"}
FIRING = {"state": "firing", "labels": WEB}


def test_only_an_alert_that_fires_for_this_host_of_this_client_counts(lab: Lab) -> None:
    """A real server says so in test_prometheus_drills.py; it cannot be had to go wrong as this one does."""
    lab.prometheus.unit("web", "0", [FIRING])
    assert drilled(lab) == DrillAnswer(host="web", is_watched=True, is_firing=True)
    for other in (
        {**FIRING, "state": "pending"},
        {**FIRING, "labels": {**WEB, "client": "other"}},
        {**FIRING, "labels": {**WEB, "host": "db"}},
    ):
        lab.prometheus.unit("web", "0", [other])
        assert drilled(lab) == DrillAnswer(
            host="web", is_watched=False, is_firing=False, detail="its unit is not active"
        )


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"lastEvaluation": evaluated(179)}, ""),
        ({"lastEvaluation": evaluated(181)}, "the server has not evaluated the alert for 181 s: it is late"),
        ({"lastEvaluation": "0001-01-01T00:00:00Z"}, "the server has not evaluated the alert yet"),
        ({"lastEvaluation": "yesterday"}, "the server has not evaluated the alert yet"),
        (
            {"health": "err", "lastError": "\x1b[31mmany-to-many"},
            "the server cannot evaluate the alert: [31mmany-to-many",
        ),
        (
            {"labels": {}},
            "the server lacks the client's alerts: name its prometheus.rules.yml below rule_files in "
            "prometheus.yml, and reload the server",
        ),
    ],
)
def test_an_alert_that_the_server_does_not_evaluate_tells_nothing(
    lab: Lab, rule: dict[str, Any], said: str
) -> None:
    lab.prometheus.unit("web", **rule)
    assert drilled(lab) == DrillAnswer(host="web", is_watched=not said, is_firing=False, detail=said)


@pytest.mark.parametrize(
    "groups",
    [
        [None, 7, "x"],
        [{"name": "mspctl acme"}],
        [{"name": "mspctl acme", "rules": "x"}],
        [{"name": "mspctl acme", "rules": [None, {"labels": "drill"}, {"labels": {"mspctl": ["drill"]}}]}],
        [{"name": "mspctl acme", "rules": [{"labels": {"mspctl": "drill"}, "alerts": 7}]}],
        [
            {
                "name": "mspctl acme",
                "interval": {},
                "rules": [{"labels": {"mspctl": "drill"}, "alerts": [[], {}]}],
            }
        ],
    ],
)
def test_alerts_that_are_none_are_nobody_s(lab: Lab, groups: Any) -> None:
    lab.prometheus.unit("web")
    lab.prometheus.groups = groups
    found = drilled(lab)
    assert not found.is_watched and not found.is_firing and found.detail.startswith("the server ")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": {"result": [], "groups": 7}}'])
def test_a_drill_of_no_prometheus_is_one_line(lab: Lab, body: bytes) -> None:
    lab.prometheus.body = body
    refusal(lambda: consoles.drill(QUERY, *lab.server(), ("web",)))
