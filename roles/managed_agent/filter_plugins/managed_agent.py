"""Hold a client's settings and secrets against what a provider record declares."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

# C0 and C1 controls, and the two characters that Unicode itself calls line and paragraph separator.
CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
DETAIL_LENGTH = 300
STARTS = [
    "enabled",
    "enabled-runtime",
    "static",
    "alias",
    "indirect",
    "generated",
]  # for which systemctl says yes
THERE = ["file", "directory", "link", "other"]
# What of a platform is accounted for in `resources`, or does not concern what is on a host.
KNOWN = frozenset(
    ("packages", "directories", "files", "presence", "services", "probes", "prepare", "trial", "uninstall")
) | {"installer", "needs", "tested_on", "verify", "space"}
MANAGERS = {"debian": "apt", "redhat": "dnf"}  # by family, the package manager that the role speaks with
TYPES = {"string": str, "integer": int, "boolean": bool, "list": list}


def with_defaults(given: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given settings over the defaults of the declared ones."""
    defaults = {name: setting["default"] for name, setting in declared.items() if "default" in setting}
    return defaults | dict(given)


def setting_problems(values: Mapping[str, Any], declared: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with settings, a sentence each, in the order of their names."""
    return [
        f"setting {name}: {problem}"
        for name in sorted(values.keys() | declared.keys())
        for problem in _setting_problems(name, values, declared)
    ]


def secret_problems(values: Mapping[str, Any], declared: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with secrets, a sentence each, without a word of their values."""
    return [
        f"secret {name}: {problem}"
        for name in sorted(values.keys() | declared.keys())
        for problem in _secret_problems(name, values, declared)
    ]


def needs(
    platform: Mapping[str, Any], settings: Mapping[str, Any], secrets: Mapping[str, Any], family: str
) -> list[str]:
    """Return what a family of systems cannot do without and was not given, a sentence each."""
    lacking = (name for name in platform.get("needs", []) if not settings.get(name) and not secrets.get(name))
    return [f"{name}: required on {family}" for name in lacking]


def things(platform: Mapping[str, Any]) -> list[str]:
    """Return what a platform's agent may have on a host, each as <kind>:<name>."""
    packages = dict.fromkeys([*platform["packages"], *platform["uninstall"].get("packages", [])])
    installed = installer_things(platform)
    paths = [
        *(entry["path"] for entry in platform["files"]),
        *(entry["path"] for entry in platform.get("directories", [])),
        *platform.get("presence", []),
        *platform["uninstall"].get("paths", []),
    ]
    found = [
        *(f"package:{name}" for name in packages),
        *installed,
        *(f"user:{name}" for name in platform["uninstall"].get("users", [])),
        *(f"path:{path}" for path in paths),
        *(thing for left in platform["uninstall"].get("leftovers", []) for thing in _left(left)),
    ]
    return list(dict.fromkeys(found))


def leftovers(platform: Mapping[str, Any], there: Sequence[str], kept: Sequence[str]) -> dict[str, list[str]]:
    """Return what packages that came along left behind when they went: paths, users and groups.

    `there` are the things that are still on the host, `kept` those that were there before the agent.
    """
    found: dict[str, list[str]] = {"path": [], "user": [], "group": []}
    for left in platform["uninstall"].get("leftovers", []):
        package, *things = _left(left)
        for kind, name in (thing.split(":", 1) for thing in things if thing in there and thing not in kept):
            if package not in there:
                found[kind].append(name)
    return found


def _left(left: Mapping[str, Any]) -> list[str]:
    return [
        f"package:{left['package']}",
        *(f"{kind}:{name}" for kind in ("path", "user", "group") for name in left.get(f"{kind}s", [])),
    ]


def installer_things(platform: Mapping[str, Any]) -> list[str]:
    """Return what shows that an installer has done its work, each as <kind>:<name>."""
    installer = platform.get("installer") or {}
    return [f"{kind}:{installer[kind]}" for kind in ("package", "path") if installer.get(kind)]


def other_signs(platform: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> list[str]:
    """Return how products for the same thing show on a host, less what the agent leaves there."""
    ours = {*things(platform), *(f"service:{name}" for name in platform["uninstall"].get("services", []))}
    signs = (sign for named in known.values() for sign in named if not _is_of_windows(sign))
    return list(dict.fromkeys(sign for sign in signs if sign not in ours))


def _is_of_windows(sign: str) -> bool:
    kind = sign.partition(":")[0]
    return kind == "program" or (kind == "service" and not sign.endswith((".service", ".socket", ".timer")))


def families(
    platforms: Mapping[str, Mapping[str, Any]], known: Mapping[str, Sequence[str]], pin_file: str
) -> dict[str, dict[str, Any]]:
    """Return what to look for on a host and to ask it, by the family of its system.

    `known` are the signs of products for the same thing, by provider.
    """
    return {
        family: {
            "manager": MANAGERS.get(family, ""),
            "things": [*things(platform), f"path:{pin_file}", *other_signs(platform, known)],
            "probes": [_words(each["command"]) for each in platform.get("probes", [])],
        }
        for family, platform in platforms.items()
        if family != "windows"  # which is looked at otherwise
    }


def probe_results(probes: Sequence[Mapping[str, Any]], results: Sequence[bool]) -> dict[str, bool]:
    """Return whether each probe came out well by its id."""
    return {probe["id"]: bool(result) for probe, result in zip(probes, results, strict=True)}


def questions(platform: Mapping[str, Any]) -> list[list[str]]:
    """Return what says whether each preparation is done, and at last whether the trial is."""
    steps = [*platform.get("prepare", []), *([platform["trial"]] if platform.get("trial") else [])]
    return [_words(step["unless"]) for step in steps]


def files(
    declared: Sequence[Mapping[str, Any]], secrets: Mapping[str, Any], foreign: Sequence[str]
) -> list[dict[str, Any]]:
    """Return files as the module takes them, secret ones without what they hold.

    `foreign` are things of the client's own, of which the module keeps a copy. Raise ValueError for a file
    with a secret in it that is not said to be secret: it would be in the difference and in the log.
    """
    return [_file(entry, secrets, foreign) for entry in declared]


def secret_contents(declared: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return what secret files hold, by their paths."""
    return {entry["path"]: _text(entry) for entry in declared if entry.get("secret")}


def units(declared: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return services as the module takes them."""
    return [{"name": entry["name"], "enabled": bool(entry.get("enabled", True))} for entry in declared]


def _text(entry: Mapping[str, Any]) -> str:
    """Return what a file holds; of a template that comes out empty Ansible makes None."""
    return "" if entry["content"] is None else str(entry["content"])


def _file(entry: Mapping[str, Any], secrets: Mapping[str, Any], foreign: Sequence[str]) -> dict[str, Any]:
    found = {name: str(entry[name]) for name in ("path", "owner", "group", "mode")}
    found["validate"] = entry.get("validate", "")
    if entry.get("secret"):
        return found
    content = _text(entry)
    if held := [name for name, value in secrets.items() if value and str(value) in content]:
        raise ValueError(f"{entry['path']} holds the secret {', '.join(held)} and lacks `secret: true`")
    return {**found, "content": content, "keep": f"path:{entry['path']}" in foreign}


def _words(command: Sequence[Any]) -> list[str]:
    return [str(word) for word in command]


def manager(family: str) -> str:
    """Return the package manager of a family of systems, empty where the role speaks with none."""
    return MANAGERS.get(family, "")


def came_along(result: Mapping[str, Any]) -> list[str]:
    """Return the packages that were not there before, given what Ansible's module for apt or dnf returned."""
    unpacked = r"Selecting previously unselected package ([a-z0-9][a-z0-9+.-]*[a-z0-9+])"
    lines = [line.partition("Installed: ")[2] for line in result.get("results", [])]
    return [
        *re.findall(unpacked, result.get("stdout", "")),
        *(line.rsplit("-", 2)[0] for line in lines if line),  # name-[epoch:]version-release.architecture
    ]


def unmissed(said: str, new: Sequence[str]) -> list[str]:
    """Return those of new packages that an older one recommends, given what dpkg-query says of all.

    That is a line each: status, name, recommended packages, with tabs between them.
    """
    fields = [line.split("\t") for line in said.splitlines()]
    wishes = [each[2] for each in fields if len(each) == 3 and each[0] == "installed" and each[1] not in new]
    wanted = {
        word.split()[0].partition(":")[0]
        for wish in wishes
        for word in re.split("[,|]", wish)
        if word.strip()
    }
    return [name for name in new if name in wanted]


def agreed(
    packages: Sequence[str], product: Sequence[str], version: str, seen: Sequence[str], sign: str = "="
) -> list[str]:
    """Return packages as apt or dnf takes them: the product's, where not there yet, in the agreed version.

    `sign` stands between name and version.
    """
    return [
        f"{name}{sign}{version}" if version and name in product and f"package:{name}" not in seen else name
        for name in packages
    ]


def release_check(versions: Mapping[str, str], version: str) -> list[dict[str, Any]]:
    """Return the report's entry for the agreed version, none where any will do."""
    if not version:
        return []
    others = [f"{name} {each}" for name, each in sorted(versions.items()) if not fnmatchcase(each, version)]
    return [
        {
            "id": "release",
            "title": "The agent has the agreed version",
            "ok": not others,
            "detail": f"{', '.join(others)} where {version} is agreed; --upgrade brings it"
            if others
            else version,
            "optional": False,
        }
    ]


def is_well(result: Mapping[str, Any], check: Mapping[str, Any]) -> bool:
    """Return whether a check came out well, given what its command said."""
    return bool(_check_result(check, result)["ok"])


def required(results: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return the checks that are well and have to stay so, given the results of the task that ran them."""
    checks = [result["__managed_agent_check"] for result in results if result.get("__managed_agent_check")]
    judged = check_results(results)
    return [check for check, each in zip(checks, judged, strict=True) if each["ok"] and not each["optional"]]


def failings(results: Sequence[Mapping[str, Any]]) -> str:
    """Return in words which checks did not come out well, and what they said."""
    return "; ".join(
        f"{each['title']}: {each['detail'] or 'no'}"
        for each in check_results(results)
        if not each["ok"] and not each["optional"]
    )


def from_to(steps: Sequence[Mapping[str, Any]]) -> str:
    """Return what gets another version, in words."""
    return ", ".join(f"{each['name']} {each['before']} → {each['after']}" for each in steps)


def check_results(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the report's entry for each check, given the results of the task that ran them."""
    return [_check_result(result["__managed_agent_check"], result) for result in results]


def incumbents(known: Mapping[str, Sequence[str]], seen: Sequence[str]) -> list[str]:
    """Return each product that is there and not by us, with what shows it, given which signs were seen."""
    found = {name: [sign for sign in signs if sign in seen] for name, signs in known.items()}
    return [
        f"{name} ({', '.join(signs).replace(':', ' ')})" for name, signs in sorted(found.items()) if signs
    ]


def platform_of(provider: str, folders: Sequence[str], capability: str, family: str) -> dict[str, Any]:
    """Return another provider's platform as its record has it, not rendered; empty where there is none."""
    for folder in folders:
        path = Path(folder) / capability / f"{provider}.yml"
        if path.is_file():
            record = yaml.safe_load(path.read_text(encoding="utf-8"))
            return dict(record["platforms"].get(family, {}))
    return {}


def removals(
    known: Mapping[str, Sequence[str]],
    seen: Sequence[str],
    records: Mapping[str, Mapping[str, Any]],
    ours: Mapping[str, Any],
) -> dict[str, list[str]]:
    """Return what of other products would go: services, packages and paths, none of the agent's own.

    `known` and `seen` are signs, `records` the platforms of the products by provider, `ours` the agent's own.
    A name that is a template nobody can render here, as the settings of that product are not known.
    """
    found: dict[str, list[str]] = {"services": [], "packages": [], "paths": []}
    own = _own(ours)
    for name, signs in sorted(known.items()):
        there = [sign.split(":", 1) for sign in signs if sign in seen]
        if not there or not records.get(name):
            continue
        uninstall = records[name].get("uninstall", {})
        for kind, signed in (("services", "service"), ("packages", "package"), ("paths", "")):
            names = [*(word for each, word in there if each == signed), *uninstall.get(kind, [])]
            found[kind] += [word for word in names if "{" not in word and not _touches(word, own[kind])]
    return {kind: list(dict.fromkeys(names)) for kind, names in found.items()}


def _own(platform: Mapping[str, Any]) -> dict[str, list[str]]:
    uninstall = platform["uninstall"]
    listed = [each["path"] for each in (*platform.get("directories", ()), *platform["files"])]
    return {
        "services": [*(each["name"] for each in platform["services"]), *uninstall.get("services", ())],
        "packages": [*platform["packages"], *uninstall.get("packages", ())],
        "paths": [*listed, *platform.get("presence", ()), *uninstall.get("paths", ())],
    }


def _touches(name: str, own: Sequence[str]) -> bool:
    """Return whether a name is one of ours; of paths, also whether one lies in the other."""
    return any(
        name == each or each.startswith(f"{name.rstrip('/')}/") or name.startswith(f"{each.rstrip('/')}/")
        for each in own
    )


def absent(removal: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return what a host that other products were taken off has to be without, as `resources` does."""
    return [
        *(
            {
                "kind": "package",
                "name": name,
                "expected": {"status": ["absent", "not-installed", "config-files"]},
            }
            for name in removal["packages"]
        ),
        *(
            {"kind": "unit", "name": name, "expected": {"load": ["not-found", "masked"]}}
            for name in removal["services"]
        ),
    ]


def resources(
    platform: Mapping[str, Any],
    probes: Mapping[str, bool],
    key: str,
    receipt_file: str,
    pin: Mapping[str, Any],
    version: str,
) -> list[dict[str, Any]]:
    """Return everything on a host that a rollout of this platform depends on, and how the role leaves it.

    Each is a kind, a name and what is expected of it, a list of the values allowed; digests are keyed.
    """
    return [
        {"kind": "file", "name": "/usr/lib/os-release", "expected": {}},
        {"kind": "file", "name": receipt_file, "expected": {"type": ["file"]}},
        _path("file", pin, _keyed(key, str(pin["content"])))
        if version
        else {"kind": "path", "name": pin["path"], "expected": {"type": ["absent"]}},
        *(
            {"kind": "package", "name": name, "expected": {"status": ["installed"]}}
            for name in platform["packages"]
        ),
        *_installed(platform.get("installer") or {}),
        *(_path("directory", each) for each in platform.get("directories", [])),
        *(_path("file", each, _keyed(key, _text(each))) for each in platform["files"]),
        *(
            {"kind": "path", "name": path, "expected": {"type": THERE}}
            for path in platform.get("presence", [])
        ),
        *(_unit(each["name"], each["enabled"]) for each in units(platform["services"])),
        *_accounts(platform),
        *(
            _question(f"probe {each['id']}", each["command"], "yes" if probes[each["id"]] else "no")
            for each in platform.get("probes", [])
        ),
        *(_question(f"step {number}", each, "yes") for number, each in enumerate(questions(platform), 1)),
        *(
            _question(f"a step of no known sort: {key}", ["false"], "yes")
            for key in sorted(set(platform) - KNOWN)
        ),
    ]


def _installed(installer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what an installer leaves; what is in it is the vendor's, so that the receipt alone knows it."""
    if installer.get("package"):
        yield {"kind": "package", "name": installer["package"], "expected": {"status": ["installed"]}}
    if installer.get("path"):
        yield {"kind": "path", "name": installer["path"], "expected": {"type": THERE}}


def _path(kind: str, entry: Mapping[str, Any], content: str = "") -> dict[str, Any]:
    expected = {"type": [kind], **{key: [str(entry[key])] for key in ("mode", "owner", "group")}}
    return {
        "kind": kind,
        "name": entry["path"],
        "expected": expected | ({"content": [content]} if content else {}),
    }


def _keyed(key: str, content: str) -> str:
    """Return the digest of a file's content, of no use to whoever lacks the key and guesses at a secret."""
    return hmac.new(key.encode(), hashlib.sha256(content.encode()).hexdigest().encode(), "sha256").hexdigest()


def _unit(name: str, is_wanted: bool) -> dict[str, Any]:
    if is_wanted:
        return {"kind": "unit", "name": name, "expected": {"active": ["active"], "enabled": STARTS}}
    stopped = {"active": ["inactive", "failed"], "enabled": ["disabled", "masked"]}
    return {"kind": "unit", "name": name, "expected": stopped}


def _accounts(platform: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the accounts that own something of the agent's, and those its packages made; root is nobody's."""
    owned = [*platform.get("directories", []), *platform["files"]]
    users = {str(each["owner"]) for each in owned} | set(platform["uninstall"].get("users", []))
    for kind, names in (("user", users), ("group", {str(each["group"]) for each in owned})):
        for name in sorted(names - {"root"}):
            yield {"kind": kind, "name": name, "expected": {}}


def _question(name: str, command: Sequence[Any], answer: str) -> dict[str, Any]:
    return {
        "kind": "command",
        "name": name,
        "command": _words(command),
        "expected": {"succeeds": [answer]},
    }


def _check_result(check: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    output = result.get("stdout", "")
    is_expected = re.search(check.get("expect", ""), output) is not None
    said = output or result.get("stderr") or result.get("msg", "")
    return {
        "id": check["id"],
        "title": check["title"],
        "ok": is_expected and result.get("rc") == check.get("code", 0),
        "detail": " ".join(CONTROL_CHARACTERS.sub(" ", said).split())[:DETAIL_LENGTH],
        "optional": check.get("optional", False),
    }


def _setting_problems(name: str, values: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[str]:
    if name not in declared:
        yield f"unknown; there are: {', '.join(declared) or 'none'}"
    elif name not in values:
        yield f"required: {declared[name]['description']}"
    else:
        yield from _value_problems(values[name], declared[name])


def _secret_problems(name: str, values: Mapping[str, Any], declared: Mapping[str, Any]) -> Iterator[str]:
    if name not in declared:
        yield f"unknown; there are: {', '.join(declared) or 'none'}"
    elif not values.get(name) and declared[name].get("optional"):
        return
    elif not values.get(name):
        yield f"missing: {declared[name]['description']}"
    elif not isinstance(values[name], str) or CONTROL_CHARACTERS.search(values[name]):
        yield "has to be text of one line"
    elif not re.fullmatch(declared[name].get("pattern", ".*"), values[name]):
        yield f"has the wrong form: {declared[name]['description']}"


def _value_problems(value: Any, setting: Mapping[str, Any]) -> Iterator[str]:
    is_right = isinstance(value, TYPES[setting["type"]])
    if not is_right or (isinstance(value, bool) and setting["type"] != "boolean"):
        hint = "; quote it" if setting["type"] == "string" else ""
        yield f"has to be of type {setting['type']}, is {value!r:.60}{hint}"
    elif isinstance(value, list):
        for item in value:
            yield from _text_problems(item, setting)
    elif isinstance(value, str):
        yield from _text_problems(value, setting)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from _bound_problems(value, setting)


def _text_problems(value: Any, setting: Mapping[str, Any]) -> Iterator[str]:
    choices = setting.get("choices")
    if not isinstance(value, str):
        yield f"has to hold text, holds {value!r:.60}"
    elif CONTROL_CHARACTERS.search(value):
        yield f"has a line break or another control character: {value!r:.60}"
    elif choices and value not in choices:
        yield f"has to be one of {', '.join(choices)}, is {value!r:.60}"
    elif not re.fullmatch(setting.get("pattern", ".*"), value):
        yield f"does not have the form {setting['pattern']}: {value!r:.60}"


def _bound_problems(value: int, setting: Mapping[str, Any]) -> Iterator[str]:
    minimum, maximum = setting.get("minimum", value), setting.get("maximum", value)
    if not minimum <= value <= maximum:
        yield f"has to lie within {minimum} and {maximum}, is {value}"


class FilterModule:
    """The filters of the role."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return each filter by its name."""
        return {
            "managed_agent_with_defaults": with_defaults,
            "managed_agent_setting_problems": setting_problems,
            "managed_agent_secret_problems": secret_problems,
            "managed_agent_needs": needs,
            "managed_agent_things": things,
            "managed_agent_installer_things": installer_things,
            "managed_agent_other_signs": other_signs,
            "managed_agent_families": families,
            "managed_agent_questions": questions,
            "managed_agent_files": files,
            "managed_agent_secret_contents": secret_contents,
            "managed_agent_units": units,
            "managed_agent_probe_results": probe_results,
            "managed_agent_check_results": check_results,
            "managed_agent_incumbents": incumbents,
            "managed_agent_resources": resources,
            "managed_agent_platform": platform_of,
            "managed_agent_removals": removals,
            "managed_agent_absent": absent,
            "managed_agent_agreed": agreed,
            "managed_agent_manager": manager,
            "managed_agent_came_along": came_along,
            "managed_agent_unmissed": unmissed,
            "managed_agent_leftovers": leftovers,
            "managed_agent_release_check": release_check,
            "managed_agent_is_well": is_well,
            "managed_agent_required": required,
            "managed_agent_failings": failings,
            "managed_agent_from_to": from_to,
        }
