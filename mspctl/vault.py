"""The vault: every secret of a client or of the provider, in ansible-vault's own format.

vault.yml holds one encrypted value per name (`vault_<name>: !vault |`), so that Ansible reads it as it is,
the names can be listed without the password, and a changed secret is a change of its own lines only.
"""

import os
import stat
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mspctl import process
from mspctl.errors import BadInput, MspctlError
from mspctl.handwritten import write_atomically
from mspctl.references import VARIABLE_PREFIX

if TYPE_CHECKING:
    from ansible.parsing.vault import VaultLib

_HEADER = "$ANSIBLE_VAULT;"
Password = Callable[[], str]
"""Gives the vault's password when it is first needed; may prompt."""


class Vault:
    """One vault.yml; absent is empty."""

    def __init__(self, path: Path, password: Password, shown: str | None = None) -> None:
        """Take the file, and what gives its password when one is needed."""
        self.path = path
        self._password = password
        self._shown = shown or str(path)

    def names(self) -> tuple[str, ...]:
        """Return the names of all secrets, sorted; needs no password. Raise BadInput if it is no vault."""
        return tuple(sorted(name.removeprefix(VARIABLE_PREFIX) for name in self._ciphertexts()))

    def ciphertexts(self) -> dict[str, str]:
        """Return every secret as it lies in the file, by its variable's name; needs no password."""
        return dict(self._ciphertexts())

    def get(self, reference: str) -> str:
        """Return the secret of a reference such as vault:psk. Raise MspctlError: missing, wrong password."""
        name = reference.removeprefix("vault:")
        texts = self._ciphertexts()
        ciphertext = texts.get(
            VARIABLE_PREFIX + name, texts.get(name)
        )  # a variable made by ansible-vault has no prefix
        if ciphertext is None:
            raise BadInput(f"{self._shown}: no secret '{name}'; set it with `mspctl secret set`")
        from ansible.errors import AnsibleError

        try:
            return str(self._library.decrypt(ciphertext.encode()).decode())
        except AnsibleError:
            raise MspctlError(f"{self._shown}: the vault password does not open '{name}'") from None

    def set(self, name: str, value: str) -> None:
        """Encrypt `value` as `name`; the other secrets keep their bytes."""
        self.update({name: value})

    def update(self, values: Mapping[str, str]) -> None:
        """Encrypt values by their names; the other secrets keep their bytes."""
        texts = self._ciphertexts()
        if texts:  # one vault, one password: a slip of the keyboard must not make a second
            self.get(min(texts).removeprefix(VARIABLE_PREFIX))
        for name, value in values.items():
            texts[VARIABLE_PREFIX + name] = self._library.encrypt(value.encode()).decode()
        self._write(texts)

    def remove(self, name: str) -> None:
        """Forget `name`. Raise BadInput where there is no such secret."""
        texts = self._ciphertexts()
        if texts.pop(VARIABLE_PREFIX + name if VARIABLE_PREFIX + name in texts else name, None) is None:
            raise BadInput(f"{self._shown}: no secret '{name}'")
        self._write(texts)

    def seal(self, text: str) -> str:
        """Return a text of any length encrypted with the vault's password, as ansible-vault has it.

        Raise MspctlError where the password given is not the vault's.
        """
        if texts := self._ciphertexts():
            self.get(min(texts).removeprefix(VARIABLE_PREFIX))
        return str(self._library.encrypt(text.encode()).decode())

    def unseal(self, sealed: str, shown: str) -> str:
        """Return a text that was sealed. Raise MspctlError, naming it as `shown`, for another password."""
        from ansible.errors import AnsibleError

        try:
            return str(self._library.decrypt(sealed.encode()).decode())
        except (AnsibleError, UnicodeDecodeError):
            raise MspctlError(f"{shown}: the vault password does not open it") from None

    @cached_property
    def _library(self) -> "VaultLib":
        from ansible.constants import DEFAULT_VAULT_IDENTITY  # half a second, for commands that decrypt only
        from ansible.parsing.vault import VaultLib, VaultSecret

        return VaultLib([(DEFAULT_VAULT_IDENTITY, VaultSecret(self._password().encode()))])

    def _ciphertexts(self) -> dict[str, str]:
        if not self.path.exists():
            return {}
        try:
            data = yaml.load(self.path.read_text(encoding="utf-8"), Loader=_VaultLoader) or {}  # noqa: S506 it is a SafeLoader
        except (yaml.YAMLError, UnicodeDecodeError) as error:  # its text quotes the file: perhaps a secret
            mark = getattr(error, "problem_mark", None)
            where = f"{self._shown}:{mark.line + 1}" if mark else self._shown
            raise BadInput(f"{where}: not a vault: not written by `mspctl secret set`") from None
        if str(data).startswith(_HEADER):
            raise BadInput(
                f"{self._shown}: encrypted as a whole; `ansible-vault decrypt` it elsewhere, "
                "and set each secret of it with `mspctl secret set`"
            )
        if not isinstance(data, dict):
            raise BadInput(f"{self._shown}: not a vault: expected a mapping of names to encrypted values")
        plain = [
            str(name)
            for name, text in data.items()
            if not (isinstance(text, _Ciphertext) and text.startswith(_HEADER))
        ]
        if plain:
            raise BadInput(
                f"{self._shown}: {name}: not encrypted; remove it and use `mspctl secret set`"
                for name in plain
            )
        return {str(name): str(text) for name, text in data.items()}

    def _write(self, texts: dict[str, str]) -> None:
        lines = ["# Written by `mspctl secret set`; every value is encrypted with ansible-vault.\n"]
        for name in sorted(texts):
            lines.append(f"{name}: !vault |\n")
            lines.extend(f"  {line}\n" for line in texts[name].strip().splitlines())
        write_atomically(self.path, "".join(lines))


def password_from_file(path: Path) -> Password:
    """Return a password source that reads `path`, or runs it where it is executable, as Ansible does."""

    def read() -> str:
        try:
            if path.stat().st_mode & stat.S_IXUSR:
                text = process.run([str(path.absolute())], timeout_seconds=60, check=True).stdout
            else:
                text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise BadInput(f"{path}: vault password file: {error.strerror}") from None
        if not text.strip():
            raise BadInput(f"{path}: vault password file: empty")
        return text.strip()

    return read


def no_password() -> str:
    """Say how to give the vault's password: what a command does that was given none and cannot ask."""
    raise BadInput(
        "the vault's password is needed: give --vault-password-file FILE or --ask-vault-pass, "
        "set ANSIBLE_VAULT_PASSWORD_FILE, or name vault_password_file in mspctl.yml"
    )


def password_file(named: str | None, settings: str | None, root: Path) -> Path | None:
    """Return the vault password file: given, of the environment, of mspctl.yml, in that order."""
    if named:
        return Path(named).expanduser().absolute()
    if environment := os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE"):
        return Path(environment).expanduser().absolute()
    return (root / Path(settings).expanduser()).absolute() if settings else None


class _Ciphertext(str):
    """A value that stood under !vault."""


class _VaultLoader(yaml.SafeLoader):
    """Reads !vault as what it is: ciphertext."""


def _ciphertext(loader: yaml.SafeLoader, node: Any) -> _Ciphertext:
    return _Ciphertext(loader.construct_scalar(node))


_VaultLoader.add_constructor("!vault", _ciphertext)
