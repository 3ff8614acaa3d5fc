"""The client of MeshCentral against a server on loopback that says what a real 1.1.55 said in the molecule
scenario `remote_access_server`, and worse."""

import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from mspctl import consoles
from mspctl.consoles import meshcentral
from mspctl.consoles.meshcentral import WINDOWS_COMMAND
from mspctl.errors import MspctlError
from mspctl.records import Console, ConsoleAnswer, Introduction, SessionAnswer
from mspctl.records.provider import ConsoleQuery
from tests.consoles.server import certificate
from tests.samples import HOSTILE

QUERY = ConsoleQuery(client="meshcentral", parameters={"host_name": "{client}.{host}"})
USER, PASSWORD = "mspctl", "Mesh-Pa55word!"
MACHINE = "0123456789abcdef0123456789abcdef"
GROUP = "mesh//3g4FUIlE5xWW2sZTu2jQdsH5NA4azteFKWo$Wuy4SbU9yQmhwwNUdBDq1ZlVw1ZN"
KEY = "3dlLexXq8xCJbls1OiBf4mSAtt4ufr7Nuf5R0B80pKPjzaOQkDAJK8S0XvFnP8bF"


@dataclass
class Mesh:
    """What the server knows, and what it was told."""

    groups: dict[str, str] = field(default_factory=dict)  # id: name
    devices: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by group's id
    answers: dict[str, str | None] = field(default_factory=dict)  # by device's id; None: never
    told: list[dict[str, Any]] = field(default_factory=list)
    greeting: Any = field(default_factory=lambda: {"agentCertHash": KEY})

    def device(
        self, name: str, *, conn: Any = 1, answer: str | None = MACHINE, group: str = GROUP, kind: int = 6
    ) -> str:
        node = f"node//{len(self.answers)}"
        made = {"_id": node, "name": name, "conn": conn, "ip": "192.0.2.7", "agent": {"id": kind}}
        self.devices.setdefault(group, []).append(made)
        self.answers[node] = answer
        return node

    def talk(self, connection: ServerConnection) -> None:
        """Serve one session."""
        assert connection.request
        given = [
            base64.b64decode(each).decode() for each in connection.request.headers["x-meshauth"].split(",")
        ]
        if given != [USER, PASSWORD]:
            cause = "tokenrequired" if given[0] == "second" else "noauth-2d"
            return connection.send(json.dumps({"action": "close", "cause": "noauth", "msg": cause}))
        connection.send(json.dumps({"action": "event", "responseid": "mspctl-1"}))
        connection.send(json.dumps({"action": "serverinfo", "serverinfo": self.greeting}))
        for text in connection:
            message = json.loads(text)
            self.told.append(message)
            for said in self.say(message):
                connection.send(json.dumps(said))
        return None

    def say(self, message: dict[str, Any]) -> Iterator[Any]:
        """Yield what the server says to a message."""
        number = {"responseid": message.get("responseid")}
        if message["action"] == "meshes":
            yield {
                "action": "meshes",
                "meshes": [{"_id": i, "name": name} for i, name in self.groups.items()],
            }
        elif message["action"] == "nodes":
            group = message["meshid"]
            yield {"action": "nodes", "nodes": {group: self.devices.get(group, [])}, **number}
        elif message["action"] == "createmesh":
            self.groups[GROUP] = message["meshname"]
            yield {"action": "createmesh", "result": "ok", "meshid": GROUP, **number}
        elif message["action"] == "removedevices":
            for devices in self.devices.values():
                devices[:] = [each for each in devices if each["_id"] not in message["nodeids"]]
        elif message["action"] == "runcommands":
            answer = self.answers[message["nodeids"][0]]
            if answer is not None:
                yield {"action": "msg", "type": "runcommands", "result": answer, **number}


@dataclass
class Lab:
    mesh: Mesh
    url: str
    ca_file: Path

    def server(self, user: str = USER, secret: str = PASSWORD) -> tuple[Console, str, Path | None, str]:
        return Console(url=self.url, user=user), secret, self.ca_file, "acme"

    def ask(self, *hosts: str) -> dict[str, ConsoleAnswer]:
        return consoles.ask(QUERY, *self.server(), hosts)

    def through(self, *hosts: str) -> dict[str, SessionAnswer]:
        return consoles.through(QUERY, *self.server(), hosts)


@contextmanager
def serving(talk: Callable[[ServerConnection], None], made: Path, key: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)

    def session(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            talk(connection)

    with serve(session, "127.0.0.1", 0, ssl=context, open_timeout=None) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def lab(certificates: tuple[Path, Path]) -> Iterator[Lab]:
    mesh = Mesh(groups={GROUP: "acme", "mesh//b3RoZXI=": "other"})
    with serving(mesh.talk, *certificates) as url:
        yield Lab(mesh, url, certificates[0])


def test_who_is_known_and_connected(lab: Lab) -> None:
    lab.mesh.device("web")
    lab.mesh.device("off", conn=0)
    lab.mesh.device("db", group="mesh//b3RoZXI=")
    found = lab.ask("web", "off", "db")
    assert {host: (said.known, said.fresh) for host, said in found.items()} == {
        "web": (True, True),
        "off": (True, False),
        "db": (False, False),
    }
    assert found["web"].address == "192.0.2.7"
    assert found["db"].detail == "not registered at MeshCentral"


def test_a_device_that_a_reinstalled_host_left_behind_does_not_count(lab: Lab) -> None:
    lab.mesh.device("web", conn=0)
    lab.mesh.device("web")
    assert lab.ask("web")["web"].fresh
    lab.mesh.device("web")
    assert lab.ask("web")["web"].detail == "3 devices of this name are connected"


def test_a_command_runs_where_the_host_is_connected(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meshcentral, "_TIMEOUT_SECONDS", 2)
    lab.mesh.device("web", answer=f"{MACHINE}\n")
    lab.mesh.device("off", conn=0)
    lab.mesh.device("mute", answer=None)
    lab.mesh.device("odd", answer=f"sh: 1: no\n{MACHINE}{MACHINE}")
    lab.mesh.device("two", answer=f"{MACHINE}\n{MACHINE[::-1]}")
    found = lab.through("web", "off", "mute", "odd", "two", "gone")
    assert found["web"] == SessionAnswer(host="web", machine_id=MACHINE)
    assert "not connected" in found["off"].detail and "not connected" in found["gone"].detail
    assert found["mute"].detail == "no answer to cat /etc/machine-id within 2 s"
    assert {found[host].machine_id for host in ("off", "mute", "two", "gone")} == {""}
    assert [each["cmds"] for each in lab.mesh.told if each["action"] == "runcommands"] == [
        "cat /etc/machine-id"
    ] * 4


def test_windows_is_asked_in_its_own_words_and_its_hyphens_are_no_difference(lab: Lab) -> None:
    guid = f"{MACHINE[:8]}-{MACHINE[8:12]}-{MACHINE[12:16]}-{MACHINE[16:20]}-{MACHINE[20:]}"
    said = f"Microsoft Windows\r\nC:\\>{WINDOWS_COMMAND}\r\n    MachineGuid    REG_SZ    {guid}\r\n"
    lab.mesh.device("desk", answer=said, kind=4)
    assert lab.through("desk")["desk"] == SessionAnswer(host="desk", machine_id=MACHINE)
    assert [each["cmds"] for each in lab.mesh.told if each["action"] == "runcommands"] == [WINDOWS_COMMAND]


def test_a_census_and_a_farewell(lab: Lab) -> None:
    lab.mesh.device("web")
    lab.mesh.device("old.box", conn=0)
    other = lab.mesh.device("web", group="mesh//b3RoZXI=")
    found = consoles.census(QUERY, *lab.server())
    assert {(said.host, said.fresh) for said in found} == {("web", True), ("old.box", False)}
    assert set(consoles.forget(QUERY, *lab.server())) == {"acme.web", "acme.old.box"}
    assert consoles.census(QUERY, *lab.server()) == ()
    assert [each["_id"] for each in lab.mesh.devices["mesh//b3RoZXI="]] == [other]


def test_a_client_is_enrolled_once(lab: Lab) -> None:
    del lab.mesh.groups[GROUP]
    made = consoles.enrol(QUERY, *lab.server(), {})
    assert made.made == ("device group 'acme'",)
    first = made.settings
    assert consoles.enrol(QUERY, *lab.server(), {}) == Introduction(settings=first)
    assert first["group_id"] == (
        "DE0E05508944E71596DAC653BB68D076C1F9340E1ACED785296A3F5AECB849B53DC909A1C303547410EAD59955C3564D"
    )
    assert first["server_id"].startswith("DDD94B7B15EAF310896E5B35")
    assert sum(each["action"] == "createmesh" for each in lab.mesh.told) == 1


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(MspctlError) as caught:
        call()
    said = str(caught.value)
    assert said.startswith("meshcentral at https://127.0.0.1:") and said.isprintable() and len(said) < 400
    assert PASSWORD not in said
    return said


def test_two_groups_of_a_name_are_for_a_person_to_tell_apart(lab: Lab) -> None:
    lab.mesh.groups["mesh//dHdv"] = "acme"
    assert "2 device groups are called 'acme'" in refusal(lambda: lab.ask("web"))


@pytest.mark.parametrize(
    ("user", "said"), [("other", "refused the login"), ("second", "give a login token of it")]
)
def test_a_refused_login_is_one_line(lab: Lab, user: str, said: str) -> None:
    assert said in refusal(lambda: consoles.ask(QUERY, *lab.server(user=user), ("web",)))


def test_a_certificate_that_is_not_trusted_ends_it_before_the_password_is_sent(lab: Lab) -> None:
    console, secret, _, client = lab.server()
    assert "certificate verify failed" in refusal(
        lambda: consoles.ask(QUERY, console, secret, None, client, ("web",))
    )
    assert "no such file" in refusal(
        lambda: consoles.ask(QUERY, console, secret, Path("/absent.pem"), client, ("web",))
    )
    assert lab.mesh.told == []


def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        console = Console(url=f"https://127.0.0.1:{taken.getsockname()[1]}", user=USER)
        assert "Connection refused" in refusal(
            lambda: consoles.ask(QUERY, console, PASSWORD, None, "acme", ("web",))
        )


@pytest.mark.parametrize(
    "greeting",
    [
        "no json \x1b[31m",
        "[]",
        '{"action": "serverinfo", "serverinfo": {"agentCertHash": "%%%"}}',
        "x" * 100_000,
    ],
)
def test_a_server_that_talks_nonsense_is_one_line(
    certificates: tuple[Path, Path], greeting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meshcentral, "_TIMEOUT_SECONDS", 1)

    def talk(connection: ServerConnection) -> None:
        connection.send(greeting)
        connection.send(json.dumps({"action": "meshes", "meshes": [7, {}, {"_id": GROUP, "name": "acme"}]}))
        connection.recv()

    with serving(talk, *certificates) as url:
        refusal(
            lambda: consoles.enrol(QUERY, Console(url=url, user=USER), PASSWORD, certificates[0], "acme", {})
        )


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_device_calls_itself_and_answers_is_only_text(lab: Lab, text: str) -> None:
    lab.mesh.devices[GROUP] = [{"_id": "node//h", "name": text, "conn": 1, "ip": ["x"]}]
    lab.mesh.answers["node//h"] = text
    (found,) = consoles.census(QUERY, *lab.server())
    assert found.host.isprintable() and len(found.host) <= 128 and found.address == ""
    lab.mesh.devices[GROUP][0]["name"] = "web"
    said = lab.through("web")["web"]
    assert said.machine_id == "" and said.detail.isprintable() and len(said.detail) < 300
