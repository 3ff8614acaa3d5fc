"""What mspctl ships besides code: roles, playbooks, plugins and data as validated records.

In a checkout they lie at the top of the tree; in an installed wheel they travel inside the package.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import get_args

from mspctl import handwritten
from mspctl.errors import BadInput
from mspctl.records import BaselineRule, Json, OptIn, Platform, Product, Provider, Record, SystemFamily
from mspctl.records.client import SYSTEMS
from mspctl.records.provider import Capability, Generate, Setting, WindowsPlatform

PACKAGE = Path(__file__).resolve().parent
PROVIDERS = PACKAGE / "data" / "providers"
PLATFORMS = PACKAGE / "data" / "platforms"
BASELINES = PACKAGE / "data" / "baselines"
PLUGINS = PACKAGE / "ansible"
_TYPES: Mapping[str, type] = {"string": str, "integer": int, "boolean": bool, "list": list}


def content(name: str) -> Path:
    """Return the folder `roles` or `playbooks`: the checkout's own, or the wheel's copy."""
    installed = PACKAGE / "_content" / name
    return installed if installed.is_dir() else PACKAGE.parent / name


def playbook(name: str) -> Path:
    """Return the path of a shipped playbook such as `rollout`. Raise BadInput with the known ones."""
    path = content("playbooks") / f"{name}.yml"
    if not path.is_file():
        known = sorted(found.stem for found in content("playbooks").glob("*.yml"))
        hint = handwritten.nearest(name, known) or f"; known: {', '.join(known)}"
        raise BadInput(f"no playbook '{name}'{hint}")
    return path


@cache
def tags() -> frozenset[str]:
    """Return every tag that the shipped playbooks and roles carry, and Ansible's own."""
    files = (*content("playbooks").glob("*.yml"), *content("roles").glob("*/tasks/*.yml"))
    found = {tag for path in files for tag in _tags(handwritten.load(path.read_text(), path.name))}
    return frozenset(found | {"all", "always", "never", "tagged", "untagged"})


def _tags(node: Json) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _tags(each)
    elif isinstance(node, dict):
        named = node.get("tags")
        yield from (str(tag) for tag in (named if isinstance(named, list) else [named] if named else []))
        for each in node.values():
            yield from _tags(each)


@cache
def provider(capability: str, name: str, own: Path | None = None) -> Provider:
    """Return a provider's record: the workspace's own (under `own`) before the shipped one.

    Raise BadInput for a provider that is not there, with the known ones, and for mistakes in a record.
    """
    path = provider_path(capability, name, own)
    return handwritten.read(path, Provider, f"providers/{capability}/{name}.yml")


def provider_path(capability: str, name: str, own: Path | None = None) -> Path:
    """Return the file of a provider's record. Raise BadInput as `provider` does where there is none."""
    for folder in provider_paths(own):
        path = folder / capability / f"{name}.yml"
        if path.is_file():
            return path
    known = sorted(
        {found.stem for folder in provider_paths(own) for found in (folder / capability).glob("*.yml")}
    )
    hint = handwritten.nearest(name, known) or f"; known: {', '.join(known) or 'none'}"
    raise BadInput(f"no {capability} provider '{name}'{hint}")


def generated(
    services: Mapping[str, OptIn], own: Path | None = None
) -> dict[tuple[str, str], dict[str, Generate]]:
    """Return the secrets that are made for each host: by service and provider of what was chosen, name → how.

    Raise BadInput as `provider` does.
    """
    found = {
        product: {name: secret.generate for name, secret in record.secrets.items() if secret.generate}
        for product, record in _chosen(services, own).items()
    }
    return {product: secrets for product, secrets in found.items() if secrets}


def goes_on(
    services: Mapping[str, OptIn], own: Path | None = None
) -> dict[tuple[str, str], tuple[SystemFamily, ...]]:
    """Return the systems that each chosen product goes on, by service and provider. Raise as `provider`."""
    return {product: _systems(record) for product, record in _chosen(services, own).items()}


def _chosen(services: Mapping[str, OptIn], own: Path | None) -> dict[tuple[str, str], Provider]:
    return {
        (service, product.provider): provider(service, product.provider, own)
        for service, choice in services.items()
        if service in get_args(Capability)  # of another, mspctl.inventory says the nearest
        for product in choice.products()
    }


def _systems(record: Provider) -> tuple[SystemFamily, ...]:
    has = {"linux": bool(record.platforms.linux()), "windows": bool(record.platforms.windows)}
    return tuple(system for system in SYSTEMS if has[system])


class RoleOption(Record, frozen=True, kw_only=True):
    """What a role may be told, from its meta/argument_specs.yml."""

    type: str
    description: str
    required: bool = False
    secret: bool = False
    default: Json = None
    choices: tuple[str, ...] = ()


@cache
def own_roles() -> dict[str, dict[str, RoleOption]]:
    """Return the roles of the provider's own hosts, each with its options by name, less the role's before it.

    They are those with a play in playbooks/provider_side.yml, whose hosts are the group of that name.
    """
    plays = handwritten.load(playbook("provider_side").read_text(), "provider_side.yml")
    return {str(play["hosts"]): _options(str(play["hosts"])) for play in plays}


def _options(role: str) -> dict[str, RoleOption]:
    path = content("roles") / role / "meta" / "argument_specs.yml"
    options = handwritten.load(path.read_text(), f"{role}/{path.name}")["argument_specs"]["main"]["options"]
    return {
        name.removeprefix(f"{role}_"): RoleOption(
            type=str(option["type"]),
            description=_in_a_line(option["description"]),
            required=bool(option.get("required")),
            secret=bool(option.get("no_log")),
            default=option.get("default"),
            choices=tuple(option.get("choices", ())),
        )
        for name, option in options.items()
    }


def _in_a_line(text: object) -> str:
    return " ".join(map(str, text)) if isinstance(text, list) else str(text)


def role_records() -> tuple[Path, ...]:
    """Return the folders of the records that roles keep of what they bring, as provider records are kept."""
    return tuple(sorted(content("roles").glob("*/records")))


def providers(own: Path | None = None) -> dict[tuple[str, str], Path]:
    """Return the file of every provider by capability and name, the workspace's own before shipped ones."""
    return {
        (path.parent.name, path.stem): path
        for folder in reversed(provider_paths(own))
        for path in sorted(folder.glob("*/*.yml"))
    }


def signs(own: Path | None = None) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return how each provider's product shows on a machine: capability → provider → kind:name, by `detect`.

    A record with mistakes tells nothing here; whoever chooses it hears of them.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for capability, name in sorted(providers(own)):
        try:
            record = provider(capability, name, own)
        except BadInput:
            continue
        detect = record.detect
        things = (
            *(f"package:{each}" for each in detect.packages),
            *(f"service:{each}" for each in detect.services),
            *(f"program:{each}" for each in detect.programs),
        )
        if things:
            found.setdefault(capability, {})[name] = things
    return found


def check_record(path: Path, shown: str) -> tuple[str, ...]:
    """Return every mistake in a provider's record, each line beginning with `shown`.

    What stands below `platforms` is rendered by Ansible alone; here its settings, patterns and places
    are checked.
    """
    try:
        record = handwritten.read(path, Provider, shown)
    except BadInput as error:
        return tuple(error.lines)
    lines = []
    if (record.capability, record.name) != (path.parent.name, path.stem):
        lines.append(f"{shown}: is {record.capability}/{record.name}, so it belongs in a file of that name")
    for name, setting in sorted(record.settings.items()):
        where = f"{shown}: settings.{name}"
        if setting.required == (setting.default is not None):
            lines.append(f"{where}: give either `required: true` or a default")
        lines += [f"{where}.pattern: {mistake}" for mistake in _pattern_mistakes(setting.pattern)]
        is_plain = not (isinstance(setting.default, str) and "{{" in setting.default)
        if setting.default is not None and is_plain and not lines:
            lines += [f"{where}.default: {line}" for line in _check_setting(setting, setting.default)]
    for name, secret in sorted(record.secrets.items()):
        lines += [
            f"{shown}: secrets.{name}.pattern: {mistake}" for mistake in _pattern_mistakes(secret.pattern)
        ]
    lines += [f"{shown}: {line}" for line in _alert_mistakes(record)]
    if not record.platforms.named():
        lines.append(f"{shown}: platforms: none; give one of debian, redhat, suse, windows")
    if record.platforms.windows:
        lines += _windows_mistakes(record.platforms.windows, f"{shown}: platforms.windows")
    return tuple(lines)


def _alert_mistakes(record: Provider) -> Iterator[str]:
    """Yield what no schema says of a record's alerts: nothing but whole numbers gets into an expression."""
    numbers = {name for name, setting in record.settings.items() if setting.type == "integer"}
    for number, alert in enumerate(record.console.alerts if record.console else ()):
        where = f"console.alerts[{number}]"
        for key, text, known in (
            ("expression", alert.expression, numbers | {"hosts"}),
            ("lasting", alert.lasting, numbers),
        ):
            template = Template(text)
            if not template.is_valid():
                yield f"{where}.{key}: a $ that stands for nothing; write $$"
            elif strange := sorted(set(template.get_identifiers()) - known):
                hint = handwritten.nearest(strange[0], sorted(known))
                yield f"{where}.{key}: no setting of whole numbers '{strange[0]}'{hint}"
            elif key == "expression" and "hosts" not in template.get_identifiers():
                yield f"{where}.{key}: without $hosts it is of every client's hosts"


def _windows_mistakes(platform: WindowsPlatform, where: str) -> Iterator[str]:
    """Yield what no schema says of a record's part for Windows."""
    installer = platform.installer
    if installer and not (installer.product or installer.product_id or installer.service or installer.path):
        yield f"{where}.installer: nothing says whether it is there: no product, product_id, service or path"
    if installer and installer.kind in ("zip", "file") and not installer.path:
        yield f"{where}.installer: a {installer.kind} needs a path, where the program goes"
    if installer and installer.kind == "zip" and not installer.member:
        yield f"{where}.installer: a zip needs a member, what the program is called in it"
    if installer and "secrets." in str(installer) and not installer.secret:
        yield f"{where}.installer: uses a secret, so it needs `secret: true`"
    private = tuple(f"{each.path}\\" for each in platform.directories if each.private)
    for number, file in enumerate(platform.files):
        if file.secret and not file.path.startswith(private or ("\0",)):
            yield f"{where}.files[{number}]: holds a secret, so it needs a directory with `private: true`"
        if "secrets." in file.content and not file.secret:
            yield f"{where}.files[{number}]: uses a secret, so it needs `secret: true`"
    for number, check in enumerate(platform.verify):
        if "{{" in check.script or "{%" in check.script:
            yield f"{where}.verify[{number}].script: a template; hand values in by `parameters` and param(…)"
        if "secrets." in str(check.parameters):
            yield f"{where}.verify[{number}].parameters: a secret; checks see none"
    services = {each.name for each in platform.services}
    restarted = [
        *((f"files[{number}]", each.restarts) for number, each in enumerate(platform.files)),
        *((f"registry[{number}]", each.restarts) for number, each in enumerate(platform.registry)),
    ]
    for place, names in restarted:
        for name in sorted(set(names) - services):
            yield f"{where}.{place}.restarts: no service '{name}' in this record"


def _pattern_mistakes(pattern: str) -> tuple[str, ...]:
    try:
        re.compile(pattern)
    except re.error as error:
        return (f"{pattern!r} is no regular expression: {error}",)
    return ()


def provider_paths(own: Path | None) -> tuple[Path, ...]:
    """Return the folders of provider records, the first to be asked first."""
    return (own, PROVIDERS) if own and own.is_dir() else (PROVIDERS,)


@cache
def platforms() -> Mapping[str, Platform]:
    """Return how each family of network devices is spoken to, by name."""
    found = (handwritten.read(path, Platform, path.name) for path in sorted(PLATFORMS.glob("*.yml")))
    return {each.name: each for each in found}


@cache
def baseline() -> tuple[BaselineRule, ...]:
    """Return the rules for network devices, by id."""
    found = (handwritten.read(path, BaselineRule, path.name) for path in sorted(BASELINES.glob("*.yml")))
    return tuple(sorted(found, key=lambda rule: rule.id))


def check_choice(where: str, service: str, choice: OptIn, own: Path | None = None) -> tuple[str, ...]:
    """Return every mistake in a client's choice of a service, each line beginning with `where`."""
    lines = list(_shape_mistakes(where, choice))
    for product in choice.products():
        place = f"{where}.{product.part}" if product.part else where
        try:
            record = provider(service, product.provider, own)
        except BadInput as error:
            lines += [f"{place}.provider: {line}" for line in error.lines]
            continue
        lines += [f"{place}.provider: {product.provider}: {line}" for line in _alert_mistakes(record)]
        lines += _system_mistakes(place, choice, product, record)
        lines += _setting_mistakes(place, service, choice, product, record, own)
        lines += _secret_mistakes(place, product, record)
    return tuple(lines)


def _shape_mistakes(where: str, choice: OptIn) -> Iterator[str]:
    """Yield what is wrong with a choice whatever the products are."""
    parts = choice.parts()
    if choice.provider and len(parts) == len(SYSTEMS):
        yield (
            f"{where}.provider: {choice.provider} is for no system, as {' and '.join(parts)} have products "
            "of their own; leave it out"
        )
    elif not choice.provider and not parts:
        yield f"{where}.provider: missing; `mspctl providers list` names the products"
    elif not choice.provider:
        for name in ("settings", "secrets", "version", "licences"):
            if getattr(choice, name):
                yield f"{where}.{name}: of no product; write it below {' or '.join(parts)}"


def _system_mistakes(place: str, choice: OptIn, product: Product, record: Provider) -> Iterator[str]:
    """Yield what keeps a product from the one system it is chosen for."""
    goes = _systems(record)
    if not choice.parts() or set(product.systems) & set(goes):
        return
    (system,) = product.systems
    if product.part:
        yield f"{place}.provider: {product.provider} has no agent for {system.capitalize()}"
    else:
        (taken,) = choice.parts()
        yield (
            f"{place}.provider: {product.provider} has no agent for {system.capitalize()}, and {taken} has a "
            "product of its own"
        )


def _setting_mistakes(
    place: str, service: str, choice: OptIn, product: Product, record: Provider, own: Path | None
) -> Iterator[str]:
    for name, setting in sorted(record.settings.items()):
        if setting.required and name not in product.settings:
            yield f"{place}.settings.{name}: missing: {setting.description}"
    for name, value in sorted(product.settings.items()):
        if name in record.settings:
            for line in _check_setting(record.settings[name], value):
                yield f"{place}.settings.{name}: {line}"
        else:
            hint = _whose(name, service, choice, own) or handwritten.nearest(name, sorted(record.settings))
            yield f"{place}.settings.{name}: {product.provider} has no such setting{hint}"
    if product.version and not any(
        "linux" in product.systems and each.uninstall.packages and not each.installer
        for each in record.platforms.linux().values()
    ):
        yield (
            f"{place}.version: {product.provider} comes from its vendor, not from apt; leave it out"
            f"{', and set settings.version' if 'version' in record.settings else ''}"
        )


def _whose(name: str, service: str, choice: OptIn, own: Path | None) -> str:
    """Return which other product of a service has a setting, in words; "" where none has."""
    for product in choice.products():
        try:
            if name in provider(service, product.provider, own).settings:
                return f"; {product.provider} has"
        except BadInput:
            continue
    return ""


def _secret_mistakes(place: str, product: Product, record: Provider) -> Iterator[str]:
    for name, secret in sorted(record.secrets.items()):
        if name not in product.secrets and not secret.generate and not secret.optional:
            yield f"{place}.secrets.{name}: missing: {secret.description} Write vault:NAME."
    for name, secret in sorted(record.secrets.items()):
        if name in product.secrets and secret.generate:
            yield f"{place}.secrets.{name}: generated for each host; leave it out"
    for name in sorted(set(product.secrets) - set(record.secrets)):
        hint = handwritten.nearest(name, sorted(record.secrets))
        yield f"{place}.secrets.{name}: {product.provider} has no such secret{hint}"


def _check_setting(setting: Setting, value: Json) -> tuple[str, ...]:
    """Return what is wrong with one value."""
    wanted = _TYPES[setting.type]
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        return (f"expected {setting.type}, found {value!r}; {setting.description}",)
    items = value if isinstance(value, list) else [value]
    if setting.pattern and not all(re.fullmatch(setting.pattern, str(item)) for item in items):
        return (f"{value!r} does not fit; {setting.description}",)
    if setting.choices and value not in setting.choices:
        return (f"{value!r} is not one of {', '.join(setting.choices)}",)
    if isinstance(value, int) and setting.minimum is not None and value < setting.minimum:
        return (f"{value} is below {setting.minimum}",)
    if isinstance(value, int) and setting.maximum is not None and value > setting.maximum:
        return (f"{value} is above {setting.maximum}",)
    return ()
