"""What of the role's part for Windows can be held against something without Windows: module arguments against
the specifications of ansible.windows, scripts against a grammar of PowerShell, records against their format.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tree_sitter_powershell
import yaml
from tree_sitter import Language, Node, Parser

from mspctl import catalog
from tests.test_roles import KEYWORDS, ROOT, _plugin
from tests.windows_collection import complaints, specification

COLLECTIONS = ("ansible.windows.", "community.windows.")
TASKS = sorted((ROOT / "roles/managed_agent/tasks/windows").glob("*.yml"))
RECORDS = [
    path
    for path in sorted(catalog.PROVIDERS.glob("*/*.yml"))
    if catalog.provider(path.parent.name, path.stem).platforms.windows
]
HERE = {"pause", "assert", "debug", "fail", "include_tasks", "import_tasks", "include_vars", "set_fact"}
READERS = re.compile(
    r"(Get-(ChildItem|Content|CimInstance|Item|MpComputerStatus|MpPreference|MpThreatDetection|ScheduledTask|"
    r"ScheduledTaskInfo|Service)|Test-Path|powershell.exe|"
    r"ConvertFrom-Json|ConvertTo-Json|Split-Path|Join-Path|Where-Object|ForEach-Object|New-Object|Start-Sleep|\$script|"
    r'"\$folder\\zabbix_agent2.exe")'
)
PARSER = Parser(Language(tree_sitter_powershell.language()))
filters = _plugin("managed_agent_windows")


def tasks(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        yield item
        for part in ("block", "rescue", "always"):
            yield from tasks(item.get(part, []))


ARGUMENTS = [
    pytest.param(module, task[module], id=f"{path.stem}: {task['name']}")
    for path in TASKS
    for task in tasks(yaml.safe_load(path.read_text()))
    for module in task.keys() - KEYWORDS
    if module.startswith(COLLECTIONS)
]


@pytest.mark.parametrize(("module", "given"), ARGUMENTS)
def test_a_task_says_what_its_module_takes(module: str, given: dict[str, Any] | None) -> None:
    """Values that are templates are held against it when the role runs: tests/test_rollout_windows.py."""
    options = specification(module)
    arguments = given or {}
    assert arguments.keys() <= options.keys()
    assert {name for name, option in options.items() if option.get("required")} <= arguments.keys()
    written = {name: value for name, value in arguments.items() if "{{" not in json.dumps(value)}
    said = complaints(module, written)
    assert [line for line in said if not line.startswith("missing required")] == []


def test_a_mistake_in_a_task_would_be_noticed() -> None:
    assert complaints("ansible.windows.win_service", {"name": "x", "stat": "started"})
    assert complaints("ansible.windows.win_service", {"name": "x", "state": "running"})
    assert complaints("ansible.windows.win_acl", {"path": "x", "user": "y", "type": "allow"})
    assert complaints("ansible.windows.win_package", {"path": "x", "expected_return_code": ["well"]})


@pytest.mark.parametrize("path", TASKS, ids=lambda path: path.stem)
def test_a_task_is_one_for_windows_or_stays_on_the_controller(path: Path) -> None:
    for task in tasks(yaml.safe_load(path.read_text())):
        (module,) = task.keys() - KEYWORDS or {"block"}
        assert module == "block" or module.startswith(COLLECTIONS) or module.rpartition(".")[2] in HERE
        if module == "ansible.windows.win_powershell":  # all of them only read, also in check mode
            assert task["check_mode"] is False and task["changed_when"] is False


def nodes(node: Node) -> list[Node]:
    return [node, *(each for child in node.children for each in nodes(child))]


SCRIPTS = {
    **{path.name: path.read_text() for path in ROOT.glob("roles/managed_agent/files/*.ps1")},
    **{
        f"{path.parent.name}/{path.stem}: {check['id']}": check["script"]
        for path in RECORDS
        for check in yaml.safe_load(path.read_text())["platforms"]["windows"]["verify"]
    },
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_parses_and_only_reads(name: str) -> None:
    tree = PARSER.parse(SCRIPTS[name].encode())
    assert [each.start_point for each in nodes(tree.root_node) if each.is_error or each.is_missing] == []
    said = {(each.text or b"").decode() for each in nodes(tree.root_node) if each.type == "command_name"}
    if name.endswith("eicar"):  # it takes its own file away
        said -= {"Remove-Item"}
    assert {each for each in said if not READERS.fullmatch(each)} == set()


PROGRAMS = {
    f"{path.parent.name}/{path.stem}: {file['path']}": file["content"]
    for path in RECORDS
    for file in yaml.safe_load(path.read_text())["platforms"]["windows"].get("files", [])
    if file["path"].endswith(".ps1")
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_of_a_record_parses_and_is_no_template(name: str) -> None:
    tree = PARSER.parse(PROGRAMS[name].encode())
    assert [each.start_point for each in nodes(tree.root_node) if each.is_error or each.is_missing] == []
    assert not re.search(r"\{[{%#]", PROGRAMS[name])


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_broken_script_would_be_noticed(name: str) -> None:
    assert PARSER.parse(f"{SCRIPTS[name]}\n@{{ a = ".encode()).root_node.has_error


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_record_is_sound_and_says_that_nobody_tried_it(path: Path) -> None:
    assert catalog.check_record(path, path.stem) == ()
    platform = yaml.safe_load(path.read_text())["platforms"]["windows"]
    assert platform["tested_on"] == [], "no Windows was there"
    declared = {f"${name.lower()}" for check in platform["verify"] for name in check.get("parameters", {})}
    taken = {
        each.lower()
        for check in platform["verify"]
        for line in check["script"].splitlines()
        if line.startswith("param(")
        for each in re.findall(r"\$\w+", line)
    }
    assert declared == taken


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("    directories:\n", "    presence: []\n    directories:\n"), "presence"),
        (("private: true", "private: false"), "files[0]: holds a secret, so it needs a directory"),
        (("secret: true\n", "secret: false\n"), "files[0]: uses a secret, so it needs `secret: true`"),
        (("param([string] $Name)", "{{ settings.server }}"), "verify[0].script: a template"),
        (("restarts: [Zabbix Agent 2]", "restarts: [Zabbix]"), "restarts: no service 'Zabbix'"),
        (("SKIP=fw]", "'K={{ secrets.psk }}']"), "installer: uses a secret"),
        (("start: delayed", "start: later"), "services[0].start"),
    ],
)
def test_a_mistake_in_a_record_is_a_line(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = (catalog.PROVIDERS / "monitoring" / "zabbix.yml").read_text()
    linux, windows = text.split("\n  windows:\n")
    path = tmp_path / "monitoring" / "zabbix.yml"
    path.parent.mkdir()
    path.write_text(f"{linux}\n  windows:\n{windows.replace(*change)}")
    assert change[0] in windows
    assert any(said in line for line in catalog.check_record(path, "zabbix.yml"))


def test_a_record_for_no_system_at_all_is_a_mistake(tmp_path: Path) -> None:
    text = (catalog.PROVIDERS / "antivirus" / "defender.yml").read_text()
    path = tmp_path / "antivirus" / "defender.yml"
    path.parent.mkdir()
    path.write_text(text.split("\nplatforms:")[0] + "\nplatforms: {}\n")
    assert catalog.check_record(path, "d") == (
        "d: platforms: none; give one of debian, redhat, suse, windows",
    )


# What the filters make of a machine's answers


def test_the_registry_is_put_back_as_it_was_seen_first() -> None:
    wanted = filters.values([{"key": "HKLM:\\A", "names": ["x", "y"], "type": "dword", "data": 1}])
    seen = [{"key": "hklm:\\a", "name": "X", "type": "dword", "data": 7}]
    noted = filters.before(wanted, seen, [])
    assert noted == [
        {"key": "hklm:\\a", "name": "X", "type": "dword", "data": 7},
        {"key": "HKLM:\\A", "name": "y"},
    ]
    ours = [{**each, "type": "dword", "data": 1} for each in wanted]
    assert filters.before(wanted, ours, noted) == noted, "what is ours by now is not what was there"
    assert filters.stale(noted, wanted[1:]) == noted[:1]
    assert filters.differing(wanted, ours) == [] and len(filters.differing(wanted, seen)) == 2


def test_a_machine_that_says_nothing_fails_every_check() -> None:
    checks = [{"id": "a", "title": "A", "script": "1"}]
    answers = filters.answers(checks, {"failed": True, "msg": "term '1' is unknown"})
    (found,) = _plugin().check_results(answers)
    assert (found["ok"], found["detail"]) == (False, "term '1' is unknown")
    with pytest.raises(ValueError, match="does not say what is on it"):
        filters.look({"output": ["Welcome"]}, {})


def test_services_are_looked_for_where_they_can_be() -> None:
    known = {"zabbix": ("package:zabbix-agent", "service:zabbix-agent.service", "service:Zabbix Agent")}
    linux: dict[str, Any] = {"files": [], "uninstall": {}, "packages": [], "services": []}
    assert filters.other_signs({"uninstall": {}}, known) == ["service:Zabbix Agent"]
    assert _plugin("managed_agent").other_signs(linux, known) == list(known["zabbix"][:2])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("      member: restic_", "      file: restic_", "installer: a zip needs a member"),
        ("      path: C:\\Program Files\\mspctl-backup\\restic.exe\n", "", "installer: a zip needs a path"),
        ("kind: zip", "kind: rar", "installer.kind"),
        ('start: "{{ settings.windows_start }}"', "start: at one", "tasks[0].start"),
        ("name: mspctl backup\n", "name: ..\\\\backup\n", "tasks[0].name"),
    ],
)
def test_a_mistake_in_a_program_or_a_task_is_a_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (catalog.PROVIDERS / "backup" / "restic.yml").read_text()
    assert old in text
    path = tmp_path / "backup" / "restic.yml"
    path.parent.mkdir()
    path.write_text(text.replace(old, new, 1))
    assert any(said in line for line in catalog.check_record(path, "restic.yml"))


def test_a_task_starts_when_it_says() -> None:
    assert filters.triggers({"start": "05:00", "days": ["sunday", "monday"], "jitter_minutes": "0"}) == [
        {"type": "weekly", "start_boundary": "2026-01-01T05:00:00", "days_of_week": "sunday,monday"}
    ]


DATTO = {"installer": {"product": "Datto RMM"}, "services": [{"name": "CagService"}], "uninstall": {}}
SIGNS = {
    "datto_rmm": ("service:CagService", "program:Datto*"),
    "ninjaone": ("service:NinjaRMMAgent", "program:NinjaRMM*"),
    "labtech": ("service:LTService", "program:LabTech*"),
}
NINJA = {"id": "{1}", "name": "NinjaRMMAgent", "version": "5"}
LABTECH = {"id": "LabTech", "name": "LabTech agent", "version": "1"}


def removed(*programs: dict[str, str], **records: dict[str, Any]) -> dict[str, Any]:
    """Return what goes of the programs that are there beside Datto's, given records by provider."""
    known = filters.foreign(SIGNS, "datto_rmm")
    seen = {"products": [{"id": "D", "name": "Datto RMM", "version": "1"}, *programs]}
    empty: dict[str, list[str]] = {"services": [], "paths": [], "tasks": [], "registry": []}
    look = filters.look({"output": [json.dumps({**seen, **empty})]}, DATTO, known)
    found: dict[str, Any] = filters.removals(known, look, records, DATTO)
    return found


def test_of_another_product_goes_what_its_record_names_and_can_go_silently() -> None:
    path = "C:\\Program Files\\Ninja"
    labtech: dict[str, Any] = {"removal": ["{{ settings.removal }}"]}
    records = {
        "ninjaone": {"installer": {}, "uninstall": {"paths": [path, "{{ settings.folder }}"]}},
        "labtech": {"installer": labtech, "uninstall": {"paths": ["C:\\LTS"]}},
    }
    found = removed(NINJA, LABTECH, **records)
    assert found["providers"] == ["ninjaone"], "the other's uninstaller would ask somebody"
    assert [each["id"] for each in found["programs"]] == ["{1}"] and found["paths"] == [path]
    labtech.update(removal=["/quiet"], codes=[5])
    found = removed(NINJA, LABTECH, **records)
    assert found["programs"][0]["arguments"] == ["/quiet"] and found["programs"][0]["codes"] == [5]


def test_our_own_program_is_no_other_product_whatever_it_is_called() -> None:
    renamed = {"id": "{2}", "name": "Datto agent", "version": "2"}
    assert removed(renamed, datto_rmm=DATTO)["providers"] == []
    assert removed(NINJA)["providers"] == [], "without a record nothing goes"
