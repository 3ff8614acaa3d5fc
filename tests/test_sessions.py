"""Many hosts, each with its own way to be trouble: one line each, and the others go on."""

import time
from collections.abc import Iterator

import asyncssh
import pytest

from mspctl import sessions
from mspctl.sessions import CHANGED_KEY, Door, Errand, Lost, Said
from tests.sshd import CLIENT_KEY, MEGABYTE, OTHER_KEY, PASSWORD, Server, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


def door(server: Server, user: str = "real", **other: object) -> Door:
    known = {"host_key": server.host_key, "private_key": CLIENT_KEY, **other}
    return Door(host=user, address="127.0.0.1", port=server.port, user=user, **known)  # type: ignore[arg-type]


def come_out(*errands: Errand, seconds: float = 5, most: int = 2 * MEGABYTE) -> dict[str, Said | Lost]:
    found: dict[str, Said | Lost] = {}
    sessions.run(
        errands, lambda errand, said: found.update({errand.door.host: said}), seconds=seconds, most_bytes=most
    )
    return found


def reason(said: Said | Lost) -> str:
    assert isinstance(said, Lost), said
    assert said.reason.isprintable() and len(said.reason) < 300
    return said.reason


def test_what_a_host_is_told_and_says_passes_through_its_streams(server: Server) -> None:
    text = bytes(range(256)) * 4_096
    said = come_out(Errand(door(server), "cat; echo oops >&2; exit 7", text))["real"]
    assert said == Said(text, b"oops\n", 7)


def test_a_password_opens_where_there_is_no_key(server: Server) -> None:
    said = come_out(Errand(door(server, private_key=None, password=PASSWORD), "echo in"))["real"]
    assert said == Said(b"in\n", b"", 0)


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("hang", "not done after 2 s"),
        ("drip", "not done after 2 s"),
        ("flood", "answers with more than 2048 KiB"),
        ("cut", "closed the connection in the middle"),
        ("stranger", "refused the login of stranger: check user and key in client.yml"),
        ("dies", "127.0.0.1"),
    ],
)
def test_a_host_that_misbehaves_is_one_line(server: Server, user: str, words: str) -> None:
    told = reason(come_out(Errand(door(server, user), "x", b"mark\n\n"), seconds=2)[user])
    assert words in told or (user == "dies" and "ended the SSH session" in told)


def test_what_it_says_on_the_other_stream_is_bounded(server: Server) -> None:
    said = come_out(Errand(door(server, "errors"), "x"))["errors"]
    assert isinstance(said, Said) and len(said.errors) <= 4_096 and said.exit_status == 1


def test_troublemakers_do_not_hold_up_the_others(server: Server) -> None:
    users = ["hang", "drip", "flood", "cut", "binary", "forced", "banner", "stranger", "dies", *("real",)]
    began = time.monotonic()
    found = come_out(*(Errand(door(server, user), "cat", b"mark\n") for user in users), seconds=3)
    assert time.monotonic() - began < 10  # the slowest alone takes 3
    assert found.keys() == set(users)
    assert found["real"] == Said(b"mark\n", b"", 0) == found["banner"]


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_than_so_many_at_once(server: Server, at_once: int) -> None:
    began = time.monotonic()
    errands = [Errand(door(server), "sleep 0.4") for _ in range(6)]
    told: list[Said | Lost] = []
    sessions.run(errands, lambda _, said: told.append(said), seconds=20, at_once=at_once)
    assert len(told) == 6 and {type(each) for each in told} == {Said}
    assert time.monotonic() - began >= 6 / at_once * 0.4


@pytest.mark.parametrize("key", [OTHER_KEY, ""], ids=["changed", "unknown"])
def test_nothing_is_said_to_who_is_not_known(server: Server, key: str) -> None:
    before = len(server.commands)
    told = reason(come_out(Errand(door(server, host_key=" ".join(key.split()[:2])), "id", b"secret"))["real"])
    assert told == (CHANGED_KEY if key else "no SSH host key is known to check it by")
    assert len(server.commands) == before


def test_a_server_without_the_pinned_kind_of_key_is_not_logged_in_to(server: Server) -> None:
    """Both sides notice; where the server hangs up first, there is nothing more to be told."""
    before = len(server.commands)
    rsa = asyncssh.generate_private_key("ssh-rsa", key_size=2048).export_public_key("openssh").decode()
    told = reason(come_out(Errand(door(server, host_key=" ".join(rsa.split()[:2])), "id"))["real"])
    assert CHANGED_KEY in told or "ended the SSH session before the login" in told
    assert len(server.commands) == before


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n",
            "no key SSH knows",
        ),
        ("hunter2", "no key SSH knows"),
        (
            asyncssh.generate_private_key("ssh-ed25519")
            .export_private_key("pkcs8-pem", passphrase="x")
            .decode(),
            "wants a passphrase",
        ),
    ],
    ids=["broken", "text", "locked"],
)
def test_a_private_key_that_is_none_is_said_without_it(server: Server, key: str, words: str) -> None:
    told = reason(come_out(Errand(door(server, private_key=key), "id"))["real"])
    assert words in told and "hunter2" not in told and "c2Vj" not in told


def test_a_missing_key_file_is_named(server: Server) -> None:
    told = reason(come_out(Errand(door(server, private_key=None, key_file="/no/such/key"), "id"))["real"])
    assert "/no/such/key" in told


def test_nobody_there_is_one_line() -> None:
    gone = Door(host="gone", address="127.0.0.1", port=9, user="x", host_key=" ".join(OTHER_KEY.split()[:2]))
    assert "does not answer at 127.0.0.1 port 9" in reason(come_out(Errand(gone, "id"))["gone"])


def test_no_secret_shows_in_what_is_printed_of_an_errand(server: Server) -> None:
    errand = Errand(door(server, password=PASSWORD), "id", b"sudo-password")
    assert PASSWORD not in repr(errand) and "PRIVATE" not in repr(errand) and "sudo" not in repr(errand)


def test_what_is_told_may_fail_and_says_so_itself(server: Server) -> None:
    def full(_errand: Errand, _said: Said | Lost) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        sessions.run([Errand(door(server), "id"), Errand(door(server, "hang"), "id")], full, seconds=3)
