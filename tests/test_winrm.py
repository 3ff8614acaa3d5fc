"""Remote management against simulated hosts: every way to log in, and every way to be trouble."""

import time
from contextlib import ExitStack

import pytest

from mspctl import winrm
from mspctl.sessions import Lost, Said
from mspctl.winrm import CHANGED_CERTIFICATE, Door, Errand
from tests.wsman import PASSWORD, USER, Host, serving

MEGABYTE = 1 << 20


def door(host: Host, **other: object) -> Door:
    known: dict[str, object] = {"user": USER, "password": PASSWORD, "key_sha256": host.key_sha256, **other}
    return Door(host="ws1", address="127.0.0.1", port=host.port, **known)  # type: ignore[arg-type]


def come_out(*doors: Door, seconds: float = 20, most: int = 2 * MEGABYTE) -> list[Said | Lost]:
    found: dict[int, Said | Lost] = {}
    errands = [Errand(each, f"$mark = '@{number:08x}'\n'hello'") for number, each in enumerate(doors)]
    winrm.run(
        errands,
        lambda errand, said: found.update({errands.index(errand): said}),
        seconds=seconds,
        most_bytes=most,
        at_once=8,
    )
    return [found[number] for number in range(len(doors))]


def reason(said: Said | Lost) -> str:
    assert isinstance(said, Lost), said
    assert said.reason.isprintable() and len(said.reason) < 300 and PASSWORD not in said.reason
    return said.reason


@pytest.mark.parametrize("login", ["ntlm", "basic"])
def test_a_host_is_logged_in_to_over_tls(login: str) -> None:
    with serving(Host(answer=b"MARK{}MARK", login=login)) as host:
        (said,) = come_out(door(host, transport=login))
    assert said == Said(b"@00000000{}@00000000", b"", 0)
    assert host.scripts == ["$mark = '@00000000'\n'hello'"]
    assert host.commands == [winrm.command()]
    assert host.actions == ["Create", "Command", "Send", "Receive", "Receive", "Delete"]


def test_without_tls_every_message_is_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Host(answer=b"MARK" + b"x" * 50_000 + b"MARK"), tls=False) as host:
        monkeypatch.setattr(winrm, "PLAIN_PORT", host.port)
        (said,) = come_out(door(host))
        assert isinstance(said, Said) and len(said.output) > 50_000
        assert (host.encrypted, host.plain) == (6, 0)
        assert "without TLS" in reason(come_out(door(host, transport="basic"))[0])
    assert host.encrypted == 6


def test_the_channel_is_part_of_the_login() -> None:
    """Who sits in between, with a certificate of its own, hands on a login bound to another channel."""
    with serving(Host(answer=b"MARK{}MARK", binding=b"tls-server-end-point:another")) as host:
        assert "refused the login of technician" in reason(come_out(door(host))[0])


def test_a_wrong_password_is_refused_and_not_told() -> None:
    for login in ("ntlm", "basic"):
        with serving(Host(login=login)) as host:
            told = reason(come_out(door(host, password="hunter2-hunter2", transport=login))[0])
        assert told == "refused the login of technician: check connection.windows in client.yml"


def test_another_certificate_hears_nothing() -> None:
    with serving(Host()) as host:
        assert reason(come_out(door(host, key_sha256="0" * 64))[0]) == CHANGED_CERTIFICATE
        assert "never pinned" in reason(come_out(door(host, key_sha256=""))[0])
    assert host.actions == []


def test_a_certificate_of_the_named_authority_is_the_host_s_or_nobody_s() -> None:
    with serving(Host(answer=b"MARK{}MARK")) as host, serving(Host()) as other:
        mine = door(host, key_sha256="", ca_file=host.ca_file, names=("WS1.harbour.example",))
        assert isinstance(come_out(mine)[0], Said)
        told = reason(come_out(door(host, key_sha256="", ca_file=host.ca_file, names=("ws2",)))[0])
        assert "another host's: ws1.harbour.example" in told
        told = reason(come_out(door(host, key_sha256="", ca_file=other.ca_file, names=("ws1",)))[0])
        assert "its certificate is not one of" in told
        assert "no certificates of an authority" in reason(
            come_out(door(host, key_sha256="", ca_file="/no/such/file"))[0]
        )
    assert other.actions == []


def test_a_script_that_takes_long_is_waited_for() -> None:
    with serving(Host(answer=b"MARK{}MARK", trouble="silent-first")) as host:
        (said,) = come_out(door(host))
    assert isinstance(said, Said) and host.actions.count("Receive") == 3


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("hang", "not done after 3 s"),
        ("drip", "not done after 3 s"),
        ("flood", "answers with more than"),
        ("cut", "closed the connection"),
        ("elsewhere", "sends us elsewhere"),
        ("page", "no message of remote management"),
        ("entities", "no message of remote management"),
        ("fault", "refused to run PowerShell: fault 2150859174"),
    ],
)
def test_a_host_that_misbehaves_is_one_line(trouble: str, words: str) -> None:
    with serving(Host(trouble=trouble)) as host:
        assert words in reason(come_out(door(host), seconds=3)[0])


def test_troublemakers_do_not_hold_up_the_others() -> None:
    troubles = ("hang", "drip", "flood", "cut", "", "page")
    with ExitStack() as stack:
        hosts = [stack.enter_context(serving(Host(answer=b"MARK{}MARK", trouble=each))) for each in troubles]
        began = time.monotonic()
        found = come_out(*(door(host) for host in hosts), seconds=4)
        assert time.monotonic() - began < 12
    assert [type(each) for each in found] == [Lost, Lost, Lost, Lost, Said, Lost]


def test_nobody_there_is_one_line() -> None:
    host = Host(port=9, key_sha256="0" * 64)
    assert reason(come_out(door(host))[0]).startswith("does not answer at 127.0.0.1 port 9")


def test_no_secret_shows_in_what_is_printed_of_an_errand() -> None:
    errand = Errand(door(Host()), "secret script")
    assert PASSWORD not in repr(errand) and "secret" not in repr(errand)
