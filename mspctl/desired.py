"""What a host is to be, as one digest of everything that a rollout's outcome depends on; reads files only.

More goes into it than matters: every file of variables that the host's groups have, as it lies there,
encrypted values as they are encrypted. What no file tells (a random number, another host's facts, a file
looked up elsewhere) is a doubt, and a doubt proves nothing.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

from mspctl import __version__, catalog
from mspctl.inventory import Host, Inventory, variables
from mspctl.receipts import keyed
from mspctl.records import Json, Product, Provider
from mspctl.references import VARIABLE_PREFIX
from mspctl.workspace import Client

_TEMPLATE = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
_OWN_SECRET = re.compile(  # as mspctl.references writes it: the host's own and no other's
    r"'ansible\.builtin\.vars', 'vault_\w+' ~ mspctl_asset \| replace\('-', '_'\)"
)
_FILE = "'ansible.builtin.file',"
_KNOWN = re.compile(  # in the digest, or told by a file of the host's that receipts name
    r"\bansible_(user|host|port)\b|\bansible_facts\['(os_family|distribution\w*|architecture)'\]"
)
_SETTING = re.compile(r"\bsettings\.(\w+)")
_ELSEWHERE = re.compile(
    r"(?<![\w.'\"])(now|random|shuffle|hostvars|groups|play_hosts|query|q|lookup|ansible_\w+)\b"
)
_CONNECTION = re.compile(r"\bansible_(?!python_interpreter\b)\w+")
_SECRET_NAME = re.compile(rf"\b{VARIABLE_PREFIX}\w+")
_GENERATED = "mspctl.json"


@dataclass(frozen=True)
class Desired:
    """What one service is to be on one host; with a doubt, equal digests prove nothing."""

    digest: str
    doubt: str = ""


@dataclass
class _Part:
    """Some of what a host's state depends on."""

    files: dict[str, str] = field(default_factory=dict)  # path → digest
    secrets: set[str] = field(default_factory=set)  # names, or beginnings of names, in the vault
    doubt: str = ""
    texts: list[str] = field(default_factory=list)

    def add(self, other: "_Part") -> None:
        """Take another part in."""
        self.files |= other.files
        self.secrets |= other.secrets
        self.doubt = self.doubt or other.doubt
        self.texts += other.texts


def desired(
    client: Client, built: Inventory, given: Mapping[str, Json], hosts: Iterable[str], key: str
) -> dict[tuple[str, str], Desired]:
    """Return what each service is to be on each of `hosts`, by host and service.

    `given` are the variables of the run. Raise BadInput for a provider that is not there, and OSError for
    files that cannot be read.
    """
    wanted = frozenset(hosts)
    common = {
        "mspctl": __version__,
        "ansible": version("ansible-core"),
        "content": content_digest(),
        "given": json.dumps(given, sort_keys=True, default=str),
    }
    parts: dict[str, _Part] = {}
    tails = {host.name: _tail(host) for host in built.hosts}
    others = tuple(tails.values())
    ciphertexts = client.vault().ciphertexts()
    found = {}
    for host in (host for host in built.hosts if host.name in wanted):
        own = _of_host(client, host, parts)
        own.doubt = own.doubt or _doubt(common["given"], "-e") or _own_doubt(common["given"], "-e")
        for service, product in built.chosen_for(host).items():
            part = _of_service(client, service, product, own)
            values = _secrets(ciphertexts, part.secrets, tails[host.name], others)
            material = {
                **common,
                "host": json.dumps(variables(host), sort_keys=True, default=str),
                "groups": host.groups,
                "files": part.files,
                "secrets": values,
            }
            text = json.dumps(material, sort_keys=True)
            found[host.name, service] = Desired(keyed(key, text), part.doubt)
    return found


@cache
def content_digest() -> str:
    """Return a digest of the roles, the playbooks, Ansible's configuration, and what observes hosts."""
    found = hashlib.sha256()
    for folder in (catalog.content("roles"), catalog.content("playbooks"), catalog.PLUGINS, _observers()):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                name = path.relative_to(folder).as_posix().encode()
                found.update(b"%d %s %s\n" % (len(name), name, hashlib.sha256(path.read_bytes()).digest()))
    return found.hexdigest()


def _observers() -> Path:
    return catalog.PACKAGE / "data" / "gate"


def _of_host(client: Client, host: Host, parts: dict[str, _Part]) -> _Part:
    """Return what a host depends on whatever the service: its own variables and those of its groups."""
    whole = _Part()
    for name in ("all", *host.groups):
        key = f"group_vars/{name}"
        if key not in parts:
            parts[key] = _of_variables(client, key)
        whole.add(parts[key])
    whole.add(_of_variables(client, f"host_vars/{host.name}"))
    return whole


def _of_variables(client: Client, name: str) -> _Part:
    """Return the files that Ansible reads as the variables of a group or a host."""
    whole = _Part()
    base = client.path / name
    places = (base, *(base.with_name(f"{base.name}{suffix}") for suffix in (".yml", ".yaml", ".json")))
    for path in sorted(each for place in places for each in _below(place)):
        if path.resolve() == client.vault().path.resolve():
            continue  # its values go in one by one
        shown = path.relative_to(client.path).as_posix()
        data = path.read_bytes()
        text = data.decode("utf-8", "replace")
        whole.files[shown] = hashlib.sha256(data).hexdigest()
        whole.secrets |= set(_SECRET_NAME.findall(text))
        whole.doubt = whole.doubt or _doubt(text, shown)
        if path.name != _GENERATED:
            whole.texts.append(text)
            whole.doubt = whole.doubt or _own_doubt(text, shown)
    return whole


def _below(place: Path) -> Iterator[Path]:
    if place.is_dir():
        yield from (each for each in place.rglob("*") if each.is_file())
    elif place.is_file():
        yield place


def _of_service(client: Client, service: str, product: Product, own: _Part) -> _Part:
    """Return what a service on a host depends on: its provider's record, and files its settings name."""
    whole = _Part()
    whole.add(own)
    path = catalog.provider_path(service, product.provider, client.workspace.own_providers)
    text = path.read_text(encoding="utf-8")
    whole.files["record"] = hashlib.sha256(text.encode()).hexdigest()
    whole.secrets |= set(_SECRET_NAME.findall(text))
    whole.doubt = whole.doubt or _doubt(text, f"providers/{service}/{product.provider}.yml", may_look_up=True)
    record = catalog.provider(service, product.provider, client.workspace.own_providers)
    for looked_up in _files_looked_up(text):
        names = set(_SETTING.findall(looked_up))
        if len(names) != 1 or any(f"{service}_settings" in each for each in own.texts):
            whole.doubt = whole.doubt or f"it looks up a file: {looked_up}"
        for name in names:
            whole.files[f"settings.{name}"] = _named_file(client, record, product, name)
    return whole


def _named_file(client: Client, record: Provider, product: Product, name: str) -> str:
    """Return the digest of a file that a setting names; from the workspace's root, unless it is absolute."""
    setting = record.settings.get(name)
    value = product.settings.get(name, setting.default if setting else "")
    if not value:
        return ""
    return hashlib.sha256((client.workspace.root / str(value)).read_bytes()).hexdigest()


def _secrets(
    ciphertexts: Mapping[str, str], names: Iterable[str], own: str, others: tuple[str, ...]
) -> dict[str, str]:
    """Return the encrypted values that may reach a host: those named, and of generated ones its own.

    `own` is how the names of the host's generated secrets end, `others` how those of any host do.
    """
    begins = tuple(name for name in names if name.endswith("_"))
    exact = frozenset(names)
    return {
        name: text
        for name, text in ciphertexts.items()
        if not name.startswith(VARIABLE_PREFIX)
        or name in exact
        or (name.startswith(begins) and (name.endswith(own) or not name.endswith(others)))
    }


def _tail(host: Host) -> str:
    """Return how the names of a host's generated secrets end."""
    return "_" + str(host.connection["mspctl_asset"]).replace("-", "_")


def _doubt(text: str, shown: str, *, may_look_up: bool = False) -> str:
    """Return what in a text's templates a digest of files cannot tell, "" where nothing is.

    With `may_look_up` somebody else sees to the files that it looks up.
    """
    for template in _TEMPLATE.finditer(text):
        rest = template[0]
        for lookup in _lookups(template[0]):
            if _OWN_SECRET.fullmatch(lookup) or (may_look_up and lookup.startswith(_FILE)):
                rest = rest.replace(f"lookup({lookup})", "")
        if elsewhere := _ELSEWHERE.search(_KNOWN.sub("", rest)):
            return f"{shown}: a template uses {elsewhere[1]}"
    return ""


def _files_looked_up(text: str) -> Iterator[str]:
    """Yield what stands for the name of each file that a text's templates look up."""
    for template in _TEMPLATE.finditer(text):
        for lookup in _lookups(template[0]):
            if lookup.startswith(_FILE):
                yield " ".join(lookup.removeprefix(_FILE).split())


def _lookups(template: str) -> Iterator[str]:
    """Yield what stands between the parentheses of each lookup."""
    for found in re.finditer(r"\blookup\(", template):
        depth, start = 1, found.end()
        for end in range(start, len(template)):
            depth += {"(": 1, ")": -1}.get(template[end], 0)
            if depth == 0:
                yield template[start:end]
                break


def _own_doubt(text: str, shown: str) -> str:
    """Return why variables of people's own make equal digests prove nothing, "" where they do not."""
    if text.startswith("$ANSIBLE_VAULT"):
        return f"{shown}: encrypted as a whole"
    if found := _CONNECTION.search(text):
        return f"{shown}: {found[0]} says how the host is reached"
    return ""
