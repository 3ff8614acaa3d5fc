"""A simulated Windows host: remote management as [MS-WSMV] has it, independent of the product.

It never executes PowerShell: it takes the script, keeps it for the test to compare, and answers what the test
says; or it hands each command with all of its input to `Host.run`, as tests/windows_host.py has it. Login is
real: Basic over TLS, NTLM over TLS with channel binding, NTLM over HTTP with each message encrypted. Real
Windows was not there to try; what this proves is the connection, the messages and the faults.
https://learn.microsoft.com/openspecs/windows_protocols/ms-wsmv
"""

import base64
import contextlib
import datetime
import hashlib
import ipaddress
import os
import re
import socket
import ssl
import struct
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from spnego.channel_bindings import GssChannelBindings

USER, PASSWORD = "technician", "correct-horse-Battery-7"
_NAMES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
}
_DONE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done"
_RUNNING = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Running"
_BOUNDARY = b"--Encrypted Boundary"
_PROTOCOL = b"application/HTTP-SPNEGO-session-encrypted"


@dataclass
class Host:
    """What one simulated host does, and what it was asked."""

    answer: bytes = b""  # what the script says; `MARK` in it becomes the mark it was given
    trouble: str = ""  # hang, drip, flood, cut, elsewhere, page, entities, fault, silent-first
    login: str = "ntlm"  # or basic
    binding: bytes | None = None  # another channel than the real one
    port: int = 0
    key_sha256: str = ""
    ca_file: str = ""
    scripts: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    encrypted: int = 0
    plain: int = 0
    told: int = 0
    run: Callable[[str, bytes], bytes] | None = None  # command line and standard input → standard output
    inputs: dict[str, bytearray] = field(default_factory=dict)  # by command
    lines: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def serving(
    host: Host, tls: bool = True, names: tuple[str, ...] = ("ws1.harbour.example",)
) -> Iterator[Host]:
    """Serve a host on a free port of 127.0.0.1."""
    with tempfile.TemporaryDirectory() as folder:
        users = Path(folder) / "users"
        users.write_text(f"HARBOUR:{USER}:{PASSWORD}\n:{USER}:{PASSWORD}\n")
        before = os.environ.get("NTLM_USER_FILE")
        os.environ["NTLM_USER_FILE"] = str(users)
        server = _Server(("127.0.0.1", 0), _Connection)
        server.host, server.is_tls, server.certificate = host, tls, b""
        if tls:
            server.certificate = _certified(Path(folder), server, host, names)
        host.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield host
        finally:
            server.is_over.set()
            server.shutdown()
            server.server_close()
            os.environ.pop("NTLM_USER_FILE")
            if before is not None:
                os.environ["NTLM_USER_FILE"] = before


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    host: Host
    is_tls: bool
    certificate: bytes

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.is_over = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news here."""


def _certified(folder: Path, server: _Server, host: Host, names: tuple[str, ...]) -> bytes:
    """Put TLS before the server; return the certificate in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated host")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(each)) if each[0].isdigit() else x509.DNSName(each)
        for each in names
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, private = folder / "host.pem", folder / "host.key"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, private)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    host.key_sha256, host.ca_file = hashlib.sha256(spki).hexdigest(), str(path)
    return made.public_bytes(serialization.Encoding.DER)


class _Connection(BaseHTTPRequestHandler):
    """One connection: NTLM logs in connections, not requests."""

    protocol_version = "HTTP/1.1"
    server: _Server
    context: spnego.ContextProxy | None = None
    is_in = False

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library's own name
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer one message."""
        host = self.server.host
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if host.trouble == "elsewhere":
            self._send(302, b"", {"Location": "http://192.0.2.1/wsman"})
            return
        if host.trouble == "page":
            self._send(200, b"<html><body>It works!</body></html>", {})
            return
        if not self.is_in and not self._log_in():
            return
        if _PROTOCOL.decode() in self.headers.get("Content-Type", ""):
            host.encrypted += 1
            body = self._decrypted(body)
        elif body:
            host.plain += 1
        if not body:  # the first words of an encrypted session
            self._send(200, b"", {})
            return
        self._answer(body)

    def _log_in(self) -> bool:
        """Return whether the connection is logged in now; the refusal is sent where it is not."""
        host = self.server.host
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if host.login == "basic":
            self.is_in = token == base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if not self.is_in:
                self._send(401, b"", {"WWW-Authenticate": 'Basic realm="WSMAN"'})
            return self.is_in
        if scheme not in ("Negotiate", "NTLM") or not token:
            self._send(401, b"", {"WWW-Authenticate": "Negotiate"})
            return False
        if self.context is None:
            binding = self.server.host.binding or (
                b"tls-server-end-point:" + hashlib.sha256(self.server.certificate).digest()
                if self.server.certificate
                else None
            )
            bound = GssChannelBindings(application_data=binding) if binding else None
            self.context = spnego.server(protocol="ntlm", channel_bindings=bound)
        try:
            said = self.context.step(base64.b64decode(token))
        except spnego.exceptions.SpnegoError:
            self.context = None
            self._send(401, b"", {"WWW-Authenticate": "Negotiate"})
            return False
        if self.context.complete:
            self.is_in = True
            return True
        self._send(401, b"", {"WWW-Authenticate": f"{scheme} {base64.b64encode(said or b'').decode()}"})
        return False

    def _decrypted(self, body: bytes) -> bytes:
        assert self.context is not None
        payload = body.split(b"application/octet-stream\r\n", 1)[1].removesuffix(_BOUNDARY + b"--\r\n")
        (size,) = struct.unpack_from("<i", payload)
        return bytes(self.context.unwrap(payload[4:]).data) if size == 16 else b""

    def _encrypted(self, body: bytes) -> bytes:
        assert self.context is not None
        sealed = self.context.wrap(body, encrypt=True).data
        return b"".join(
            (
                _BOUNDARY + b"\r\n\tContent-Type: " + _PROTOCOL + b"\r\n",
                b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n" % len(body),
                _BOUNDARY + b"\r\n\tContent-Type: application/octet-stream\r\n",
                struct.pack("<i", 16) + sealed + _BOUNDARY + b"--\r\n",
            )
        )

    def _answer(self, body: bytes) -> None:
        message = ElementTree.fromstring(body)  # noqa: S314 our own messages
        action = (message.findtext(".//a:Action", "", _NAMES)).rsplit("/", 1)[-1]
        identifier = message.findtext(".//a:MessageID", "", _NAMES)
        host = self.server.host
        host.actions.append(action)
        if host.trouble == "fault" and action == "Command":
            self._message(identifier, _FAULT, status=500)
        elif host.trouble == "entities":
            self._send(200, b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>', {})
        elif action == "Create":
            selector = f'<w:Selector Name="ShellId">{uuid.uuid4()}</w:Selector>'
            self._message(identifier, f"<w:SelectorSet>{selector}</w:SelectorSet>")
        elif action == "Command":
            host.commands.append(message.findtext(".//rsp:Command", "", _NAMES))
            command = str(uuid.uuid4()).upper()
            words = [each.text or "" for each in message.iterfind(".//rsp:Arguments", _NAMES)]
            host.lines[command] = " ".join([host.commands[-1], *words])
            self._message(identifier, f"<rsp:CommandId>{command}</rsp:CommandId>")
        elif action == "Send" and host.run:
            for each in message.iterfind(".//rsp:Stream", _NAMES):
                kept = host.inputs.setdefault(each.get("CommandId", ""), bytearray())
                kept += base64.b64decode(each.text or "")
            self._message(identifier, "<rsp:SendResponse/>")
        elif action == "Receive" and host.run:
            command = message.find(".//rsp:DesiredStream", _NAMES).get("CommandId", "")  # type: ignore[union-attr]
            said = host.run(host.lines[command], bytes(host.inputs.pop(command, b"")))
            self._message(identifier, _streams(said, is_done=True))
        elif action == "Send":
            stream = message.findtext(".//rsp:Stream", "", _NAMES)
            host.scripts.append(base64.b64decode(stream).decode("ascii"))
            self._message(identifier, "<rsp:SendResponse/>")
        elif action == "Receive":
            self._receive(identifier)
        else:  # Signal, Delete
            self._message(identifier, "")

    def _receive(self, identifier: str) -> None:
        host = self.server.host
        if host.trouble == "hang":
            self.server.is_over.wait(60)
            return
        if host.trouble == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n<s:Envelope")
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        if host.trouble == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n")
            while not self.server.is_over.wait(0.1):
                self.wfile.write(b" ")
            return
        if host.trouble == "silent-first" and host.actions.count("Receive") == 1:
            self._message(identifier, _TIMED_OUT, status=500)
            return
        if host.trouble == "flood":
            self._message(identifier, _streams(b"x" * (1 << 20), is_done=False))
            return
        mark = re.match(r"\$mark = '(@[0-9a-f]+)'\n", host.scripts[-1])
        text = host.answer.replace(b"MARK", mark[1].encode() if mark else b"")
        half = len(text) // 2
        host.told += 1
        if host.told % 2:
            self._message(identifier, _streams(text[:half], is_done=False))
        else:
            self._message(identifier, _streams(text[half:], is_done=True))

    def _message(self, relates_to: str, body: str, status: int = 200) -> None:
        spaces = "".join(f' xmlns:{short}="{name}"' for short, name in _NAMES.items())
        text = (
            f'<s:Envelope{spaces} xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"><s:Header>'
            f"<a:RelatesTo>{relates_to}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
        ).encode()
        headers = {"Content-Type": "application/soap+xml;charset=UTF-8"}
        if not self.server.is_tls:
            text = self._encrypted(text)
            headers["Content-Type"] = (
                f'multipart/encrypted;protocol="{_PROTOCOL.decode()}";boundary="Encrypted Boundary"'
            )
        self._send(status, text, headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _streams(text: bytes, *, is_done: bool) -> str:
    stream = f'<rsp:Stream Name="stdout" CommandId="c">{base64.b64encode(text).decode()}</rsp:Stream>'
    code = "<rsp:ExitCode>0</rsp:ExitCode>" if is_done else ""
    state = (
        f'<rsp:CommandState CommandId="c" State="{_DONE if is_done else _RUNNING}">{code}</rsp:CommandState>'
    )
    return f"<rsp:ReceiveResponse>{stream}{state}</rsp:ReceiveResponse>"


def _fault(code: int, reason: str) -> str:
    return (
        "<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code>"
        f"<s:Reason><s:Text>{reason}</s:Text></s:Reason><s:Detail>"
        f'<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="{code}"/>'
        "</s:Detail></s:Fault>"
    )


_TIMED_OUT = _fault(2150858793, "The WS-Management service cannot complete the operation within the time.")
_FAULT = _fault(2150859174, "&lt;script&gt;Access is denied&#10;.")
