"""What a provider record's part for Windows asks of a machine, and what the answers mean."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

_REMOVED = ("programs", "services", "tasks", "paths")
_UNITS = (".service", ".socket", ".timer")  # how the services of other systems end


def things(platform: Mapping[str, Any]) -> list[str]:
    """Return what a platform's agent may have on a machine, each as <kind>:<name>."""
    uninstall = platform["uninstall"]
    paths = [
        *(each["path"] for each in platform.get("files", [])),
        *(each["path"] for each in platform.get("directories", [])),
        *uninstall.get("paths", []),
    ]
    found = [
        *installed_things(platform),
        *(f"service:{name}" for name in uninstall.get("services", [])),
        *(f"service:{each['name']}" for each in own_services(platform)),
        *(f"task:{each['name']}" for each in platform.get("tasks", [])),
        *(f"path:{path}" for path in paths),
        *(f"registry:{_place(each)}" for each in values(platform.get("registry", []))),
    ]
    return list(dict.fromkeys(found))


def installed_things(platform: Mapping[str, Any]) -> list[str]:
    """Return what shows that an installer has done its work, each as <kind>:<name>."""
    installer = platform.get("installer") or {}
    product = installer.get("product") or installer.get("product_id")
    named = (("product", product), ("service", installer.get("service")), ("path", installer.get("path")))
    return [f"{kind}:{name}" for kind, name in named if name]


def own_services(platform: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the services that no installer brings."""
    return [each for each in platform.get("services", []) if each.get("command")]


def triggers(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return when a task starts, as win_scheduled_task takes it. Any date in the past will do."""
    start: dict[str, Any] = {"type": "daily", "start_boundary": f"2026-01-01T{task['start']}:00"}
    if task.get("days"):
        start |= {"type": "weekly", "days_of_week": ",".join(task["days"])}
    if minutes := int(task.get("jitter_minutes", 0)):
        start["random_delay"] = f"PT{minutes}M"
    return [*([{"type": "registration"}] if task.get("at_once") else []), start]


def foreign(signs: Mapping[str, Sequence[str]], provider: str) -> dict[str, list[str]]:
    """Return how products for the same thing show, less the programs by which the chosen one does.

    What its installer calls itself is often a setting: its own program must not pass for another's.
    """
    return {
        name: [sign for sign in named if name != provider or not sign.startswith("program:")]
        for name, named in signs.items()
    }


def other_signs(platform: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> list[str]:
    """Return how products for the same thing show on a machine, less what the agent leaves there."""
    ours = {*things(platform), *(f"service:{each['name']}" for each in platform.get("services", []))}
    signs = (sign for named in known.values() for sign in named if sign.startswith(("service:", "program:")))
    return list(dict.fromkeys(sign for sign in signs if sign not in ours and not sign.endswith(_UNITS)))


def question(platform: Mapping[str, Any], known: Mapping[str, Sequence[str]], receipt: str) -> str:
    """Return what files/look.ps1 is asked, as JSON; of a platform that is none, the receipt alone."""
    installer = platform.get("installer") or {}
    asked: dict[str, list[str]] = {"service": [], "path": [], "task": [], "program": []}
    for thing in [*things(platform), *other_signs(platform, known)] if platform else []:
        kind, _, name = thing.partition(":")
        if kind in asked:
            asked[kind].append(name)
    product = {"name": installer.get("product", ""), "id": installer.get("product_id", "")}
    others = [{"name": name, "id": ""} for name in asked["program"]]
    return json.dumps(
        {
            "products": [product, *others] if installer else others,
            "services": asked["service"],
            "paths": asked["path"],
            "tasks": asked["task"],
            "values": [
                {"key": each["key"], "name": each["name"]} for each in values(platform.get("registry", []))
            ],
            "receipt": receipt,
        }
    )


def look(
    result: Mapping[str, Any],
    platform: Mapping[str, Any],
    known: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Return what was seen on a machine, in the words of `things`. Raise ValueError for another answer.

    `known` are the signs of products for the same thing, by provider; `others` the programs that show one.
    """
    said = result.get("output") or [""]
    try:
        seen = json.loads(str(said[-1]))
    except ValueError:
        raise ValueError("the machine does not say what is on it") from None
    installer = platform.get("installer") or {}
    product = installer.get("product") or installer.get("product_id")
    programs = list({each["id"]: each for each in seen["products"]}.values())
    found = [each for each in programs if _is_product(each, installer)]
    others = [each for each in programs if each not in found]
    signs = (sign for named in (known or {}).values() for sign in named)
    there = [
        *([f"product:{product}"] if found else []),
        *(f"service:{name}" for name in seen["services"]),
        *(f"path:{path}" for path in seen["paths"]),
        *(f"task:{name}" for name in seen["tasks"]),
        *(f"registry:{_place(each)}" for each in seen["registry"]),
        *(sign for sign in signs if any(_shows(sign, each) for each in others)),
    ]
    versions = {each["name"] or each["id"]: each["version"] for each in found}
    return {**seen, "products": found, "others": others, "there": there, "versions": versions}


def _is_product(entry: Mapping[str, Any], installer: Mapping[str, Any]) -> bool:
    name = str(installer.get("product", ""))
    is_named = bool(name) and _fits(entry, name)
    return is_named or str(entry["id"]).lower() == str(installer.get("product_id", "")).lower()


def _fits(entry: Mapping[str, Any], name: str) -> bool:
    return fnmatchcase(str(entry["name"]).lower(), name.lower().replace("[", "[[]"))


def _shows(sign: str, entry: Mapping[str, Any]) -> bool:
    kind, _, name = sign.partition(":")
    return kind == "program" and _fits(entry, name)


def removals(
    known: Mapping[str, Sequence[str]],
    seen: Mapping[str, Any],
    records: Mapping[str, Mapping[str, Any]],
    ours: Mapping[str, Any],
) -> dict[str, list[Any]]:
    """Return which other products would go, and what of them: programs, services, tasks and paths.

    `known` are signs and `records` the platforms of the products by provider, `seen` is what `look` returned,
    `ours` the agent's own platform. A program goes that Windows' own installer brought, or whose record says
    how it goes silently: others ask somebody who is not there, and so all of that product stays.
    """
    found: dict[str, list[Any]] = {name: [] for name in ("providers", *_REMOVED)}
    own = {*things(ours), *(f"service:{each['name']}" for each in ours.get("services", []))}
    for name, signs in sorted(known.items()):
        there = [sign for sign in signs if sign in seen["there"] and sign not in own]
        record = records.get(name)
        goes = _goes(record, there, seen["others"]) if record and there else {}
        if goes:
            found["providers"].append(name)
            for kind, items in goes.items():
                found[kind] += [each for each in items if f"{kind.removesuffix('s')}:{each}" not in own]
    return found


def _goes(
    record: Mapping[str, Any], there: Sequence[str], others: Sequence[Mapping[str, Any]]
) -> dict[str, list[Any]]:
    """Return what of a product goes, nothing where all of it stays."""
    installer = record.get("installer") or {}
    removal = [each for each in installer.get("removal") or [] if "{" not in each]
    programs = [each for each in others if any(_shows(sign, each) for sign in there)]
    services = [each["name"] for each in own_services(record) if f"service:{each['name']}" in there]
    is_silent = all(each["id"].startswith("{") or removal for each in programs)
    if not (programs or services) or not is_silent:
        return {}
    words = {"arguments": removal, "codes": list(installer.get("codes", []))}
    paths = record.get("uninstall", {}).get("paths", [])
    return {
        "programs": [{"id": each["id"], "name": each["name"], **words} for each in programs],
        "services": services,
        "tasks": [each["name"] for each in record.get("tasks", [])],
        "paths": [each for each in paths if "{" not in each],
    }


def offer(
    platform: Mapping[str, Any], seen: Mapping[str, Any], receipt: Mapping[str, Any], release: str
) -> list[dict[str, Any]]:
    """Return which version would take the place of which, as one step or none.

    A program that needs no installing is kept when another comes, and so has a way back; what an installer
    brings has none. Of such a program nobody but the role's receipt knows the version.
    """
    installer = platform.get("installer") or {}
    wanted = str(installer.get("version") or "")
    is_kept = installer.get("kind") in ("zip", "file")
    name = str(installer.get("path") or installer.get("product") or installer.get("product_id")).split("\\")[
        -1
    ]
    now = str(receipt.get("version", "") if is_kept else next(iter(seen["versions"].values()), ""))
    step = {"name": name, "before": now or "unknown", "is_kept": is_kept}
    if release == "previous":
        before = receipt.get("before")
        return [{**step, "after": str(before)}] if before and is_kept else []
    is_there = now == wanted or now.startswith(f"{wanted}.")
    return [] if not wanted or is_there else [{**step, "after": wanted}]


def values(declared: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each value of the registry by itself, given the entries of a record."""
    return [
        {
            "key": each["key"],
            "name": name,
            "type": each["type"],
            "data": each["data"],
            "restarts": list(each.get("restarts", [])),
        }
        for each in declared
        for name in ([each["names"]] if isinstance(each["names"], str) else each["names"])
    ]


def before(
    wanted: Iterable[Mapping[str, Any]],
    seen: Iterable[Mapping[str, Any]],
    noted: Iterable[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return what stood in the registry before ours: as noted, and for what is new as it is seen now."""
    there = {_place(each): {key: each[key] for key in ("key", "name", "type", "data")} for each in seen}
    known = {_place(each): dict(each) for each in noted}
    for each in wanted:
        place = _place(each)
        known.setdefault(place, there.get(place, {"key": each["key"], "name": each["name"]}))
    return [known[place] for place in sorted(known)]


def stale(noted: Iterable[Mapping[str, Any]], wanted: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return of what was noted those values that ours has no say in any more."""
    places = {_place(each) for each in wanted}
    return [each for each in noted if _place(each) not in places]


def differing(
    wanted: Iterable[Mapping[str, Any]], seen: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the values of the registry that are not seen as they are wanted: each costs a call."""
    there = {_place(each): (each["type"], str(each["data"])) for each in seen}
    return [each for each in wanted if there.get(_place(each)) != (each["type"], str(each["data"]))]


def _place(value: Mapping[str, Any]) -> str:
    """Return where a value stands; neither keys nor names know upper and lower case."""
    return f"{value['key']}|{value['name']}".lower()


def changed(registered: Mapping[str, Any], item: str) -> list[Mapping[str, Any]]:
    """Return the items of a loop that were changed, given what the task came to."""
    return [each[item] for each in registered.get("results", []) if each.get("changed")]


def is_there(path: str, seen: Sequence[str]) -> bool:
    """Return whether a path was seen."""
    return f"path:{path}" in seen


def not_kept(paths: Iterable[str], kept: Sequence[str]) -> list[str]:
    """Return the paths that were not there before, those inside others first."""
    return sorted((path for path in paths if f"path:{path}" not in kept), reverse=True)


def questions(checks: Iterable[Mapping[str, Any]]) -> str:
    """Return what files/checks.ps1 is asked, as JSON."""
    return json.dumps(
        [
            {"id": each["id"], "script": each["script"], "parameters": dict(each.get("parameters", {}))}
            for each in checks
        ]
    )


def answers(checks: Iterable[Mapping[str, Any]], result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how each check came out, as a command's result; all failed where the machine says nothing."""
    try:
        said = {each["id"]: each for each in json.loads(str((result.get("output") or [""])[-1]))}
    except ValueError:
        said = {}
    found = []
    for check in checks:
        answer = said.get(check["id"], {})
        is_well = answer.get("code") == 0
        words = str(answer.get("said") or result.get("msg") or "no answer")
        outcome = {"rc": 0, "stdout": words if answer.get("said") else ""} if is_well else {"rc": 1}
        found.append({"__managed_agent_check": dict(check), "msg": words, **outcome})
    return found


class FilterModule:
    """The filters of the role's part for Windows."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return each filter by its name."""
        return {
            "managed_agent_windows_things": things,
            "managed_agent_windows_installed_things": installed_things,
            "managed_agent_windows_own_services": own_services,
            "managed_agent_windows_triggers": triggers,
            "managed_agent_windows_known": foreign,
            "managed_agent_windows_other_signs": other_signs,
            "managed_agent_windows_question": question,
            "managed_agent_windows_look": look,
            "managed_agent_windows_offer": offer,
            "managed_agent_windows_removals": removals,
            "managed_agent_windows_values": values,
            "managed_agent_windows_before": before,
            "managed_agent_windows_stale": stale,
            "managed_agent_windows_differing": differing,
            "managed_agent_windows_changed": changed,
            "managed_agent_windows_is_there": is_there,
            "managed_agent_windows_not_kept": not_kept,
            "managed_agent_windows_questions": questions,
            "managed_agent_windows_answers": answers,
        }
