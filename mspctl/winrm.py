"""One script on many Windows hosts side by side, by their remote management (WinRM); no other way in.

As in mspctl/sessions.py a host that hangs, drips, floods, lies or dies ends as one `Lost` with a reason. Each
host is talked to in a thread of its own, because pywinrm waits; one that outstays its time is left behind.

The certificate is judged once, before anything is said: it has to hold the pinned key, or to be signed by the
authority that was named and to be the host's. What is said then goes only to who shows that very certificate.
https://learn.microsoft.com/openspecs/windows_protocols/ms-wsmv
"""

import base64
import hashlib
import queue
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mspctl.errors import Interrupted
from mspctl.sessions import Lost, Said

if TYPE_CHECKING:
    from winrm.protocol import Protocol

TLS_PORT, PLAIN_PORT = 5986, 5985
CHANGED_CERTIFICATE = (
    "its certificate is not the pinned one: verify that it is the same machine, then name the new key as "
    "`connection.windows.certificate` of this asset in overrides.yml"
)
_CONNECT_SECONDS = 10.0
_OPERATION_SECONDS = 20
_CHUNK = 32_768
_COMMAND = "Invoke-Expression ([Console]::In.ReadToEnd())"


@dataclass(frozen=True)
class Door:
    """Where a Windows host is, how it is known to be itself, and what opens it."""

    host: str  # what the answer is told under
    address: str
    port: int
    user: str
    password: str
    transport: str = "ntlm"  # or basic, over TLS
    key_sha256: str = ""  # of the certificate's public key
    ca_file: str | None = None  # or who signed it
    names: tuple[str, ...] = ()  # what a signed certificate may call the host

    def __repr__(self) -> str:
        return f"Door({self.host} at {self.address}:{self.port})"


@dataclass(frozen=True)
class Errand:
    """The script one host is told, through standard input."""

    door: Door
    script: str

    def __repr__(self) -> str:
        return f"Errand({self.door!r})"


class _Refused(Exception):
    """Why nothing more is said to a host."""


def command() -> str:
    """Return the command line of every host: PowerShell that runs what comes through standard input."""
    encoded = base64.b64encode(_COMMAND.encode("utf-16-le")).decode()
    return f"powershell.exe -NoProfile -NonInteractive -EncodedCommand {encoded}"


def run(
    errands: Sequence[Errand],
    tell: Callable[[Errand, Said | Lost], None],
    *,
    seconds: float,
    most_bytes: int,
    at_once: int,
) -> None:
    """Run every errand and `tell` how each came out, once, as it ends; `seconds` are what one host may take.

    Raise Interrupted on Ctrl-C; what was told until then stands.
    """
    waiting = deque(enumerate(errands))
    under_way: dict[int, tuple[Errand, float, threading.Event]] = {}
    answers: queue.SimpleQueue[tuple[int, Said | Lost]] = queue.SimpleQueue()
    try:
        while waiting or under_way:
            while waiting and len(under_way) < at_once:
                number, errand = waiting.popleft()
                given_up = threading.Event()
                under_way[number] = (errand, time.monotonic() + seconds, given_up)
                work = (number, errand, most_bytes, given_up, answers)
                threading.Thread(target=_visit, args=work, daemon=True).start()
            until = min(deadline for _, deadline, _ in under_way.values())
            try:
                number, said = answers.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                for number in [n for n, (_, end, _) in under_way.items() if end <= time.monotonic()]:
                    errand, _, given_up = under_way.pop(number)
                    given_up.set()
                    tell(errand, Lost(f"not done after {seconds:g} s"))
                continue
            if number in under_way:  # else it was given up
                tell(under_way.pop(number)[0], said)
    except KeyboardInterrupt:
        raise Interrupted("stopped; what was seen until then is kept") from None
    finally:
        for _, _, given_up in under_way.values():
            given_up.set()


def _visit(
    number: int,
    errand: Errand,
    most_bytes: int,
    given_up: threading.Event,
    answers: "queue.SimpleQueue[tuple[int, Said | Lost]]",
) -> None:
    try:
        answers.put((number, _talk(errand, most_bytes, given_up)))
    except _Refused as refused:
        answers.put((number, Lost(str(refused))))
    except Exception as error:  # noqa: BLE001 what a host sends gets deep into libraries; none may end the others
        answers.put((number, Lost(in_words(errand.door, error))))


def _talk(errand: Errand, most_bytes: int, given_up: threading.Event) -> Said:
    """Return what a host answered. Raise _Refused, or whatever a library makes of what it sent."""
    opened = protocol(errand.door, most_bytes=most_bytes, given_up=given_up)
    return _exchange(opened, errand.script, most_bytes, given_up)


def protocol(
    door: Door, *, most_bytes: int, given_up: threading.Event, operation_seconds: int = _OPERATION_SECONDS
) -> "Protocol":
    """Return how to talk to a host whose certificate was judged; held to it, and to `most_bytes` an answer.

    Nothing that needs a login was said yet. Whatever is raised, here and later, `in_words` explains.
    """
    import winrm.protocol

    is_tls = door.port != PLAIN_PORT
    if door.transport == "basic" and not is_tls:
        raise _Refused("basic without TLS would show the password to everybody: use ntlm, or port 5986")
    fingerprint = _certificate(door) if is_tls else ""
    shown = f"[{door.address}]" if ":" in door.address else door.address
    found = winrm.protocol.Protocol(
        endpoint=f"{'https' if is_tls else 'http'}://{shown}:{door.port}/wsman",
        transport="ntlm" if door.transport == "ntlm" else "basic",
        username=door.user,
        password=door.password,
        server_cert_validation="ignore",  # judged above; the session holds to that very certificate
        message_encryption="never" if is_tls else "always",
        read_timeout_sec=operation_seconds + 10,
        operation_timeout_sec=operation_seconds,
        proxy=None,
    )
    found.transport = _transport(found.transport, most_bytes, fingerprint, given_up)
    return found


def _exchange(protocol: "Protocol", script: str, most_bytes: int, given_up: threading.Event) -> Said:
    from winrm.exceptions import WinRMError, WinRMOperationTimeoutError

    shell = protocol.open_shell(codepage=65001)
    try:
        process = protocol.run_command(shell, command())
        protocol.send_command_input(shell, process, script.encode("ascii"), end=True)
        output, errors, status, is_done = bytearray(), bytearray(), None, False
        while not is_done:
            if given_up.is_set():
                raise _Refused("given up")
            try:
                said, complained, status, is_done = protocol.get_command_output_raw(shell, process)
            except WinRMOperationTimeoutError:
                continue  # nothing yet
            output += said
            errors += complained[: _CHUNK - len(errors)]
            if len(output) > most_bytes:
                raise _Refused(f"answers with more than {most_bytes >> 10} KiB")
        return Said(bytes(output), bytes(errors), status)
    finally:
        try:
            protocol.close_shell(shell)
        except (WinRMError, OSError, ValueError, AssertionError, StopIteration, _Refused):
            protocol.transport.close_session()  # it was said what there was to say


def _transport(made: Any, most_bytes: int, fingerprint: str, given_up: threading.Event) -> Any:
    """Return pywinrm's transport held to one certificate, to a size, and to the host itself."""
    import winrm.transport
    from requests.adapters import HTTPAdapter

    class Held(HTTPAdapter):
        """Follows nobody elsewhere, and reads no more than it may."""

        def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
            if fingerprint:
                more["assert_fingerprint"] = fingerprint
            super().init_poolmanager(*arguments, **more)

        def build_response(self, req: Any, resp: Any) -> Any:
            if 300 <= resp.status < 400:  # to another host it would log in as readily
                raise _Refused("sends us elsewhere in place of an answer")
            resp.stream = _bounded(resp.stream, most_bytes * 2, given_up)
            return super().build_response(req, resp)

        def send(self, *arguments: Any, **more: Any) -> Any:
            if given_up.is_set():
                raise _Refused("given up")
            return super().send(*arguments, **more)

    class Transport(winrm.transport.Transport):
        """Mounts it before the first word."""

        def build_session(self) -> Any:
            session = super().build_session()
            self._hold(session)
            return session

        def setup_encryption(self, session: Any) -> None:
            self._hold(session)
            super().setup_encryption(session)

        def send_message(self, message: str | bytes) -> bytes:
            answer = super().send_message(message)
            if b"<!" in answer:  # no answer has a document type or a comment
                raise _Refused("answers with what is no message of remote management")
            return answer

        def _hold(self, session: Any) -> None:
            if not isinstance(session.get_adapter(self.endpoint), Held):
                session.trust_env = False
                session.mount("https://", Held())
                session.mount("http://", Held())

    return Transport(
        endpoint=made.endpoint,
        username=made.username,
        password=made.password,
        read_timeout_sec=made.read_timeout_sec,
        server_cert_validation=made.server_cert_validation,
        auth_method=made.auth_method,
        message_encryption=made.message_encryption,
        proxy=None,
    )


def _bounded(
    stream: Callable[..., Iterator[bytes]], most: int, given_up: threading.Event
) -> Callable[..., Iterator[bytes]]:
    def read(*_arguments: Any, **_more: Any) -> Iterator[bytes]:
        size = 0
        for chunk in stream(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > most:
                raise _Refused(f"answers with more than {most >> 10} KiB at once")
            if given_up.is_set():
                raise _Refused("given up")
            yield chunk

    return read


def _certificate(door: Door) -> str:
    """Return the SHA-256 of the certificate a host shows, once it is known to be its own. Raise _Refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if door.ca_file and not door.key_sha256:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(door.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise _Refused(f"{door.ca_file}: no certificates of an authority: {error.strerror}") from None
    elif not door.key_sha256:
        raise _Refused("its certificate was never pinned: `mspctl discover` sees it")
    try:
        with (
            socket.create_connection((door.address, door.port), _CONNECT_SECONDS) as plain,
            context.wrap_socket(plain) as tls,
        ):
            shown = tls.getpeercert(binary_form=True) or b""
    except ssl.SSLCertVerificationError as error:
        raise _Refused(f"its certificate is not one of {door.ca_file}: {error.verify_message}") from None
    _check(door, shown)
    return hashlib.sha256(shown).hexdigest()


def _check(door: Door, shown: bytes) -> None:
    """Raise _Refused where a certificate is not the host's."""
    try:
        parsed = x509.load_der_x509_certificate(shown)
        key = parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        names = _names(parsed)
    except Exception:  # noqa: BLE001 the library refuses malformed certificates with many kinds of errors
        raise _Refused("its certificate cannot be read") from None
    if door.key_sha256:
        if hashlib.sha256(key).hexdigest() != door.key_sha256:
            raise _Refused(CHANGED_CERTIFICATE)
    elif not names & {door.address, *(name.lower() for name in door.names)}:
        raise _Refused(f"its certificate is another host's: {', '.join(sorted(names))[:120]}")


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    names = {name.lower() for name in found.get_values_for_type(x509.DNSName)}
    return names | {str(address) for address in found.get_values_for_type(x509.IPAddress)}


def in_words(door: Door, error: Exception) -> str:
    """Return why a host was lost, in words an engineer can act upon; nothing of what it wrote itself."""
    from requests.exceptions import ConnectionError as NoConnection
    from requests.exceptions import SSLError, Timeout
    from winrm.exceptions import InvalidCredentialsError, WinRMError, WinRMTransportError, WSManFaultError

    for cause in (error, error.__context__, error.__cause__):
        if isinstance(cause, _Refused):
            return str(cause)
    if isinstance(error, InvalidCredentialsError | PermissionError):
        return f"refused the login of {door.user}: check connection.windows in client.yml"
    if isinstance(error, SSLError | ssl.SSLError):
        return "changed its certificate, or speaks no TLS that is safe"
    if isinstance(error, Timeout | TimeoutError):
        return f"does not answer at {door.address} port {door.port}"
    if isinstance(error, NoConnection | OSError):
        return f"does not answer at {door.address} port {door.port}, or closed the connection"
    if isinstance(error, WSManFaultError):
        return f"refused to run PowerShell: fault {error.wsman_fault_code or error.fault_code or 'unnamed'}"
    if isinstance(error, WinRMTransportError):
        return f"answers with HTTP {error.code} in place of remote management"
    if isinstance(error, WinRMError):
        return "broke off the conversation of remote management"
    return f"answers with what is no message of remote management ({type(error).__name__})"
