"""Make, once per work tree, what no repository may hold: keys, passwords, an authority for certificates."""

import json
import secrets
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address
from pathlib import Path

from tests.lab.process import run

DIRECTORY = Path(__file__).parents[2] / "build" / "lab"
TECHNICIAN_KEY = DIRECTORY / "technician"
AUTHORITY = DIRECTORY / "ca.pem"
AUTHORITY_KEY = DIRECTORY / "ca.key"
_VALID_DAYS = "3650"
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
_RSA = ["-newkey", "rsa:3072", "-noenc"]


@dataclass(frozen=True)
class Credentials:
    """The words of the lab; keys and certificates are files beside them."""

    become_password: str
    become_hash: str
    zabbix_password: str
    psk_identity: str
    psk: str


def ensure() -> Credentials:
    """Return the lab's credentials, made at the first call."""
    make_directory()
    if not TECHNICIAN_KEY.exists():
        _make_ssh_key(TECHNICIAN_KEY, "technician")
    if not AUTHORITY.exists():
        subject = ["-subj", "/O=Harbour lab/CN=Harbour lab authority", "-days", _VALID_DAYS]
        files = ["-keyout", str(AUTHORITY_KEY), "-out", str(AUTHORITY)]
        run(["openssl", "req", "-x509", *_KEY, *subject, *files])
        AUTHORITY_KEY.chmod(0o600)
    file = DIRECTORY / "credentials.json"
    if not file.exists():
        password = secrets.token_urlsafe(15)
        hashed = run(["openssl", "passwd", "-6", "-stdin"], text_input=password).strip()
        made = Credentials(password, hashed, secrets.token_urlsafe(15), "mspctl-lab", secrets.token_hex(32))
        write_private(file, json.dumps(asdict(made), indent=2) + "\n")
    return Credentials(**json.loads(file.read_text()))


def make_directory() -> None:
    """Make the directory of all the lab keeps on this machine."""
    DIRECTORY.mkdir(mode=0o700, parents=True, exist_ok=True)
    DIRECTORY.chmod(0o700)


def host_key(host: str) -> Path:
    """Return a host's own SSH host key, which outlives its container."""
    file = DIRECTORY / "hosts" / f"{host}_ed25519"
    if not file.exists():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        _make_ssh_key(file, host)
    return file


def certificate(name: str, address: IPv4Address, *, is_rsa: bool = False) -> tuple[Path, Path]:
    """Return the certificate and the key of a web server, signed by the lab's authority."""
    directory = DIRECTORY / "certificates"
    directory.mkdir(mode=0o700, exist_ok=True)
    short = name.partition(".")[0]
    file, key = directory / f"{short}.pem", directory / f"{short}.key"
    if not file.exists():
        authority = ["-CA", str(AUTHORITY), "-CAkey", str(AUTHORITY_KEY), "-days", _VALID_DAYS]
        names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:{address}"]
        names += ["-addext", "basicConstraints=critical,CA:FALSE"]
        run(
            [
                "openssl",
                "req",
                "-x509",
                *authority,
                *(_RSA if is_rsa else _KEY),
                *names,
                "-keyout",
                str(key),
                "-out",
                str(file),
            ]
        )
        key.chmod(0o600)
    return file, key


def directory_password() -> str:
    """Return the password of the account that reads the directory, made at the first call."""
    return _password("directory_password")


def switch_password() -> str:
    """Return the technician's password on the simulated switch, made at the first call."""
    return _password("switch_password")


def _password(name: str) -> str:
    file = DIRECTORY / name
    if not file.exists():
        write_private(file, secrets.token_urlsafe(15) + "-Aa7")  # what a domain's rules ask of a password
    return file.read_text()


def write_private(file: Path, text: str) -> None:
    """Write a file nobody else may read, at no moment."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text)


def _make_ssh_key(file: Path, comment: str) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(file)])
