"""What proves remote access by SSH: a technician's login, straight or through a bastion, on real servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mspctl import technicians
from mspctl.logins import LeftOut, Login
from mspctl.records import Connection, SessionAnswer
from mspctl.records.workspace import Bastion, Technician
from tests.sshd import CLIENT_KEY, OTHER_KEY, Server, serving

MACHINE_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve a machine whose /etc/machine-id is ours to choose: the shell reads another file."""
    file = tmp_path_factory.mktemp("machine") / "machine-id"
    file.write_text(MACHINE_ID + "\n")
    shell = ("/bin/sh", "-c", f'exec /bin/sh -c "$(printf %s "$2" | sed "s,/etc/machine-id,{file},")"', "sh")
    with serving(shell) as found:
        yield found


def login(server: Server, name: str = "web", pin: str | None = None, port: int | None = None) -> Login:
    return Login(
        asset=f"a-{name}",
        name=name,
        address="127.0.0.1",
        by="ssh",
        port=port or server.port,
        connection=Connection(user="root"),
        pin=server.host_key if pin is None else pin,
    )


def bastion(server: Server, user: str = "bastion", host_key: str | None = None) -> Bastion:
    return Bastion(host="127.0.0.1", port=server.port, host_key=host_key or server.host_key, user=user)


def ask(technician: Technician, *planned: Login | LeftOut) -> dict[str, SessionAnswer]:
    return technicians.ask(technician, CLIENT_KEY, planned)


def test_a_machine_says_which_it_is(server: Server) -> None:
    gone = LeftOut(asset="a-db", name="db", reason="does not answer on SSH")
    found = ask(Technician(user="anna"), login(server), gone)
    assert found["web"] == SessionAnswer(host="web", machine_id=MACHINE_ID)
    assert found["db"] == SessionAnswer(host="db", detail="does not answer on SSH")


def test_a_machine_is_reached_through_the_bastion(server: Server) -> None:
    before = len(server.commands)
    found = ask(Technician(user="anna", bastion=bastion(server)), login(server), login(server, "db"))
    assert {each.machine_id for each in found.values()} == {MACHINE_ID}
    assert len(server.commands) == before + 2  # one command a host, none on the bastion


@pytest.mark.parametrize(
    ("user", "host_key", "said"),
    [
        ("anna", None, "the bastion does not let us through to 127.0.0.1 port"),
        ("stranger", None, "the bastion: refused the login of stranger: check user and key in mspctl.yml"),
        ("bastion", OTHER_KEY.strip(), "the bastion: its SSH host key is not the pinned one"),
    ],
    ids=["no-way-on", "stranger", "other-key"],  # the key is new in every process
)
def test_a_bastion_that_is_no_way_through(server: Server, user: str, host_key: str | None, said: str) -> None:
    key = " ".join(host_key.split()[:2]) if host_key else None
    found = ask(Technician(user="anna", bastion=bastion(server, user, key)), login(server))
    assert found["web"].machine_id == ""
    assert said in found["web"].detail


def test_the_host_behind_the_bastion_is_held_to_its_own_pin(server: Server) -> None:
    technician = Technician(user="anna", bastion=bastion(server))
    found = ask(technician, login(server, pin=" ".join(OTHER_KEY.split()[:2])))
    assert "not the pinned one" in found["web"].detail


@pytest.mark.parametrize("user", ["forced", "binary", "flood"])
def test_what_is_no_machine_s_id_proves_nothing(server: Server, user: str) -> None:
    found = ask(Technician(user=user), login(server))
    assert found["web"].machine_id == ""
    assert found["web"].detail.isprintable()


def test_a_key_file_that_is_not_there_is_told(server: Server, tmp_path: Path) -> None:
    technician = Technician(user="anna", key_file=str(tmp_path / "absent"))
    found = technicians.ask(technician, None, (login(server),))
    assert "absent" in found["web"].detail
