"""A directory asked live: one sealed connection, one login, the computers' accounts page by page.

https://www.rfc-editor.org/rfc/rfc4511 and, for the pages, https://www.rfc-editor.org/rfc/rfc2696
"""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from sansldap import (
    BindResponse,
    ExtendedOperations,
    ExtendedResponse,
    LDAPClient,
    LDAPError,
    LDAPFilter,
    LDAPMessage,
    LDAPResultCode,
    PagedResultControl,
    SearchResultDone,
    SearchResultEntry,
    SearchScope,
)

from mspctl.errors import BadInput, MspctlError
from mspctl.events import plain
from mspctl.facts.directory import ASKED
from mspctl.records import DirectoryAccess, Record

PORTS = {"ldaps": 636, "starttls": 389, "none": 389}
_COMPUTERS = "(&(objectCategory=computer)(objectClass=computer))"  # and no service accounts
_MOST_ENTRIES = 200_000
_MESSAGE_BYTES = 8 * 1024 * 1024
_CHUNK_BYTES = 65_536
_VALUES = 64
_VALUE_CHARACTERS = 1_024
_REASON_CHARACTERS = 160

Attributes = dict[str, list[str]]
Response = TypeVar("Response", bound=LDAPMessage)


class Asking(Record, frozen=True, kw_only=True):
    """Which directory is asked, and how. The password is shown nowhere."""

    access: DirectoryAccess
    address: str  # where its server is reached; its name is in `access`
    password: str
    ca_file: Path | None = None
    seconds: float = 30.0  # without any answer

    def __repr__(self) -> str:
        """Return nothing that is secret."""
        return f"Asking({self.access.server!r})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Return what rich and its tracebacks may show: the same."""
        return [("server", self.access.server)]


async def computers(asking: Asking, progress: Callable[[int], None]) -> list[Attributes]:
    """Return the attributes of each computer's account, by their names in lower case.

    Each knows its domain's short name too (netbios_domain), and a computer that never logged on says so.
    Raise MspctlError, one line that names the server: not reached, not trusted, login refused, no directory.
    """
    server = asking.access.server
    try:
        async with _connection(asking) as session:
            root = await session.entry("", LDAPFilter.from_string("(objectClass=*)"), SearchScope.BASE)
            base = asking.access.base or _first(root, "defaultnamingcontext")
            if not base:
                raise MspctlError(f"{server}: no Active Directory; name where to look with `base`")
            short = await _short_name(session, root, base)
            found: list[Attributes] = []
            async for entry in session.pages(base, _COMPUTERS, asking.access.page_size):
                found.append({"lastlogontimestamp": ["0"], "netbios_domain": [short]} | entry)
                progress(len(found))
            return found
    except ssl.SSLCertVerificationError as error:
        raise MspctlError(
            f"{server}: its certificate is not trusted: {error.verify_message}; see `ca_file`, `certificate`"
        ) from None
    except LDAPError as error:
        raise MspctlError(f"{server}: no LDAP, or broken: {plain(str(error), _REASON_CHARACTERS)}") from None
    except TimeoutError:
        raise MspctlError(f"{server}: no answer for {asking.seconds:.0f} s; is it the right port?") from None
    except (OSError, ssl.SSLError, EOFError) as error:
        said = plain(str(error) or type(error).__name__, _REASON_CHARACTERS)
        raise MspctlError(f"{server} ({asking.address}): not reached: {said}") from None


async def _short_name(session: "_Session", root: Attributes, base: str) -> str:
    """Return the domain's NetBIOS name, "" where the directory does not tell it."""
    configuration = _first(root, "configurationnamingcontext")
    if not configuration:
        return ""
    domain = ",".join(part for part in base.split(",") if part.strip().lower().startswith("dc="))
    wanted = LDAPFilter.from_string("(&(objectClass=crossRef)(nETBIOSName=*))")
    partitions = await session.search(f"CN=Partitions,{configuration}", wanted, SearchScope.ONE_LEVEL)
    own = (each for each in partitions if _first(each, "ncname").lower() == domain.lower())
    return next((_first(each, "netbiosname") for each in own), "")


def _first(entry: Attributes, name: str) -> str:
    return next(iter(entry.get(name, ())), "")


@asynccontextmanager
async def _connection(asking: Asking) -> AsyncIterator["_Session"]:
    """Yield a session that is sealed and logged in. The password is sent to nobody who is not trusted."""
    access = asking.access
    context = _context(asking)
    port = access.port or PORTS[access.encryption]
    sealed = {"ssl": context, "server_hostname": access.server} if access.encryption == "ldaps" else {}
    async with asyncio.timeout(asking.seconds):
        reader, writer = await asyncio.open_connection(asking.address, port, **sealed)  # type: ignore[arg-type]
    session = _Session(access.server, reader, writer, asking.seconds)
    try:
        if access.encryption == "starttls":
            await session.seal(context)
        if access.encryption != "none":
            _check_pin(access, writer)
        await session.log_in(access.user, asking.password)
        yield session
    finally:
        with suppress(Exception):  # whatever is wrong by now was told already
            await session.leave()


def _context(asking: Asking) -> ssl.SSLContext:
    """Return how the server proves who it is: by a pinned certificate, else by one its authority signed."""
    if asking.ca_file and not asking.ca_file.is_file():
        raise BadInput(f"{asking.access.server}: ca_file: no such file: {asking.ca_file}")
    try:
        context = ssl.create_default_context(cafile=str(asking.ca_file) if asking.ca_file else None)
    except ssl.SSLError:
        raise BadInput(f"{asking.access.server}: ca_file: no certificate in {asking.ca_file}") from None
    if asking.access.certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # _check_pin does better
    return context


def _check_pin(access: DirectoryAccess, writer: asyncio.StreamWriter) -> None:
    shown = hashlib.sha256(writer.get_extra_info("ssl_object").getpeercert(True) or b"").hexdigest()
    pinned = (access.certificate or "").replace(":", "").lower()
    if pinned and shown != pinned:
        raise MspctlError(
            f"{access.server}: shows a certificate that is not the pinned one (SHA-256 {shown}); make sure"
            " that it is the same server, then correct `certificate`"
        )


class _Session:
    """The conversation with one server."""

    def __init__(
        self, server: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._seconds = seconds
        self._client = LDAPClient()
        self._came: list[LDAPMessage] = []

    async def seal(self, context: ssl.SSLContext) -> None:
        """Begin TLS on a connection in clear. Raise MspctlError where the server refuses."""
        self._client.extended_request(ExtendedOperations.LDAP_START_TLS.value)
        answer = await self._next(ExtendedResponse)
        if answer.result.result_code is not LDAPResultCode.SUCCESS:
            raise MspctlError(f"{self._server}: refuses StartTLS; use `encryption: ldaps`")
        async with asyncio.timeout(self._seconds):
            await self._writer.start_tls(context, server_hostname=self._server)
        self._client, self._came = LDAPClient(), []  # nothing that was said in clear counts

    async def log_in(self, user: str, password: str) -> None:
        """Bind by name and password. Raise MspctlError where the server refuses."""
        self._client.bind_simple(user, password)
        answer = await self._next(BindResponse)
        code = answer.result.result_code
        if code is LDAPResultCode.INVALID_CREDENTIALS:
            raise MspctlError(
                f"{self._server}: refuses the login of {user}: wrong name or password, or locked"
            )
        if code is LDAPResultCode.STRONG_AUTH_REQUIRED:
            raise MspctlError(
                f"{self._server}: takes logins over sealed connections only: `encryption: ldaps`"
            )
        self._check(code, answer.result.diagnostics_message, "login")

    async def entry(self, base: str, wanted: LDAPFilter, scope: SearchScope) -> Attributes:
        """Return the first entry a search finds, {} where it finds none."""
        return next(iter(await self.search(base, wanted, scope, ("*", "+"))), {})

    async def search(
        self, base: str, wanted: LDAPFilter, scope: SearchScope, attributes: Sequence[str] = ("*",)
    ) -> list[Attributes]:
        """Return what a search of few entries finds."""
        self._client.search_request(base, scope, filter=wanted, attributes=list(attributes), size_limit=100)
        entries, _ = await self._page()
        return entries

    async def pages(self, base: str, wanted: str, size: int) -> AsyncIterator[Attributes]:
        """Yield what a search finds, asked for page by page. Raise MspctlError where that is without end."""
        cookie, count = b"", 0
        while True:
            self._client.search_request(
                base,
                SearchScope.SUBTREE,
                filter=LDAPFilter.from_string(wanted),
                attributes=list(ASKED),
                controls=[PagedResultControl(critical=True, size=size, cookie=cookie)],
            )
            entries, cookie = await self._page()
            for entry in entries:
                yield entry
            count += len(entries)
            if not cookie:
                return
            if count > _MOST_ENTRIES or not entries:
                raise MspctlError(
                    f"{self._server}: its list of computers does not end; give a narrower `base`"
                )

    async def leave(self) -> None:
        """Say good-bye and close."""
        self._client.unbind()
        self._writer.write(self._client.data_to_send())
        self._writer.close()
        async with asyncio.timeout(1):
            await self._writer.wait_closed()

    async def _page(self) -> tuple[list[Attributes], bytes]:
        """Return the entries of one search, and where the next page begins; b"" where there is none."""
        entries: list[Attributes] = []
        while True:
            message = await self._next(LDAPMessage)
            if isinstance(message, SearchResultEntry):
                entries.append(_attributes(message))
                if len(entries) > _MOST_ENTRIES:
                    raise LDAPError("a page without end")
            elif isinstance(message, SearchResultDone):
                self._check(message.result.result_code, message.result.diagnostics_message, "search")
                pages = (each for each in message.controls or () if isinstance(each, PagedResultControl))
                return entries, next((page.cookie for page in pages), b"")

    def _check(self, code: LDAPResultCode, said: str, what: str) -> None:
        if code is not LDAPResultCode.SUCCESS:
            name = getattr(code, "name", str(code)).lower().replace("_", " ")
            raise MspctlError(f"{self._server}: {what}: {name}: {plain(said, _REASON_CHARACTERS)}")

    async def _next(self, kind: type[Response]) -> Response:
        """Return the next message, after sending what waits to be sent. Raise LDAPError for another kind."""
        if data := self._client.data_to_send():
            self._writer.write(data)
            await self._writer.drain()
        pending = 0
        while not self._came:
            async with asyncio.timeout(self._seconds):
                data = await self._reader.read(_CHUNK_BYTES)
            if not data:
                raise EOFError("the server closed the connection")
            pending += len(data)
            if pending > _MESSAGE_BYTES:
                raise LDAPError("a message of several megabytes")
            self._came += _received(self._client, data)
        message = self._came.pop(0)
        if not isinstance(message, kind):
            raise LDAPError(f"an answer to another question: {type(message).__name__}")
        return message


def _received(client: LDAPClient, data: bytes) -> list[LDAPMessage]:
    """Return the messages that are complete now. Raise LDAPError for what is none."""
    try:
        return list(client.receive(data))
    except LDAPError:
        raise
    except Exception as error:  # noqa: BLE001 a parser of what strangers send: any error means that it is no LDAP
        raise LDAPError(f"not understood: {error}") from None


def _attributes(entry: SearchResultEntry) -> Attributes:
    """Return an entry's attributes by their names in lower case, as text."""
    found = {
        each.name.lower()[:64]: [
            value.decode("utf-8", "replace")[:_VALUE_CHARACTERS] for value in each.values[:_VALUES]
        ]
        for each in entry.attributes[:256]
    }
    return found | {"distinguishedname": [entry.object_name[:_VALUE_CHARACTERS]]}
