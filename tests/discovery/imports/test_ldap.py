"""A directory server that says strange things: one line names the server, nothing hangs, nothing leaks."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sansldap import (
    BindRequest,
    ExtendedRequest,
    LDAPMessage,
    LDAPResultCode,
    LDAPServer,
    PagedResultControl,
    PartialAttribute,
    SearchRequest,
)

from mspctl.discovery.imports.ldap import Asking, computers
from mspctl.errors import MspctlError
from mspctl.records import DirectoryAccess

SECRET = "s3cr3t-Larkspur"
Answer = Callable[[LDAPServer, LDAPMessage], bytes | None]


def ask(answer: Answer, encryption: str = "none", seconds: float = 1.0) -> list[dict[str, list[str]]]:
    """Return what is read from a server that answers so: by the server's own messages, or by bytes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = LDAPServer()
        with contextlib.suppress(Exception):
            while data := await reader.read(65_536):
                for message in server.receive(data):
                    said = answer(server, message)
                    writer.write(server.data_to_send() if said is None else said)
                    await writer.drain()
        writer.close()

    async def both() -> list[dict[str, list[str]]]:
        async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
            port: int = listening.sockets[0].getsockname()[1]
            access = DirectoryAccess(
                server="dc1.acme.example",
                user="reader",
                password="vault:x",
                encryption=encryption,  # type: ignore[arg-type]  # one of three words
                port=port,
            )
            asking = Asking(access=access, address="127.0.0.1", password=SECRET, seconds=seconds)
            return await computers(asking, lambda _count: None)

    return asyncio.run(both())


def refused(answer: Answer, encryption: str = "none") -> str:
    with pytest.raises(MspctlError) as error:
        ask(answer, encryption)
    (line,) = str(error.value).splitlines()
    assert line.startswith("dc1.acme.example") and SECRET not in line and line.isprintable()
    return line


def greeted(then: Callable[[LDAPServer, SearchRequest], bytes | None]) -> Answer:
    """Return a server that lets everyone in, has a root, and answers searches below it by `then`."""

    def answer(server: LDAPServer, message: LDAPMessage) -> bytes | None:
        if isinstance(message, BindRequest):
            server.bind_response(message.message_id)
        elif isinstance(message, SearchRequest) and not message.base_object:
            naming = PartialAttribute("defaultNamingContext", [b"DC=acme,DC=example"])
            server.search_result_entry(message.message_id, "", [naming])
            server.search_result_done(message.message_id)
        elif isinstance(message, SearchRequest):
            return then(server, message)
        return None

    return answer


def test_accounts_are_read_with_whatever_they_say() -> None:
    def entries(server: LDAPServer, message: SearchRequest) -> None:
        hostile = [
            PartialAttribute("cn", [b"\xff\xfe\x1b[31m" + b"x" * 5_000]),
            PartialAttribute("description", [b""]),
        ]
        server.search_result_entry(message.message_id, "CN=WS-1,DC=acme,DC=example", hostile)
        server.search_result_reference(message.message_id, ["ldap://elsewhere.example/"])
        server.search_result_done(message.message_id)

    (account,) = ask(greeted(entries))
    assert account["distinguishedname"] == ["CN=WS-1,DC=acme,DC=example"]
    assert len(account["cn"][0]) == 1_024 and account["lastlogontimestamp"] == ["0"]


def test_a_list_without_end_is_left() -> None:
    def again(server: LDAPServer, message: SearchRequest) -> None:
        page = PagedResultControl(critical=False, size=0, cookie=b"more")
        server.search_result_done(message.message_id, controls=[page])

    assert "does not end" in refused(greeted(again))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (LDAPResultCode.INVALID_CREDENTIALS, "refuses the login of reader"),
        (LDAPResultCode.STRONG_AUTH_REQUIRED, "sealed connections only"),
        (LDAPResultCode.BUSY, "login: busy: try later"),
    ],
)
def test_a_refused_login_says_why(code: LDAPResultCode, words: str) -> None:
    def answer(server: LDAPServer, message: LDAPMessage) -> None:
        server.bind_response(message.message_id, result_code=code, diagnostics_message="try\x1b[31m\nlater")

    assert words.replace("try later", "try") in refused(answer)


def test_the_password_is_not_sent_where_nothing_is_sealed() -> None:
    came: list[LDAPMessage] = []

    def answer(server: LDAPServer, message: LDAPMessage) -> None:
        came.append(message)
        server.extended_response(message.message_id, result_code=LDAPResultCode.PROTOCOL_ERROR)

    assert "refuses StartTLS" in refused(answer, "starttls")
    assert [type(message) for message in came[:1]] == [ExtendedRequest]
    assert not any(isinstance(message, BindRequest) for message in came)
    assert refused(lambda _server, _message: b"220 smtp\r\n", "ldaps")


def test_silence_and_a_closed_port_are_told_apart() -> None:
    assert "no answer" in refused(lambda _server, _message: b"")
    access = DirectoryAccess(
        server="dc1.acme.example", user="x", password="vault:x", encryption="none", port=9
    )
    asking = Asking(access=access, address="127.0.0.1", password=SECRET)
    with pytest.raises(MspctlError, match="not reached"):
        asyncio.run(computers(asking, lambda _count: None))
    assert SECRET not in repr(asking)


@settings(max_examples=40)
@given(st.binary(min_size=1, max_size=200), st.booleans())
def test_whatever_a_server_sends_it_is_one_line(data: bytes, after_login: bool) -> None:
    answer = greeted(lambda _server, _message: data) if after_login else lambda _server, _message: data
    with contextlib.suppress(MspctlError):
        ask(answer, seconds=0.2)
