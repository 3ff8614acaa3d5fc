"""Roles, playbooks and provider records hold together, and the role refuses what does not fit a record."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template
from types import ModuleType
from typing import Any

import pytest
import yaml

from mspctl.records.provider import Platform

ROOT = Path(__file__).parent.parent
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
RECORDS = sorted([*ROOT.glob("mspctl/data/providers/*/*.yml"), *ROOT.glob("roles/*/records/*/*.yml")])
TASK_FILES = sorted(
    [
        *ROOT.glob("roles/*/tasks/*.yml"),
        *ROOT.glob("roles/*/tasks/[ad][pn][tf]/*.yml"),  # apt, dnf; those of Windows have a test of their own
        *ROOT.glob("roles/*/handlers/*.yml"),
        *ROOT.glob("playbooks/*.yml"),
    ]
)
# Variables of the connection and of the run; every other ansible_x would be an injected fact.
ALLOWED_VARIABLES = {
    "ansible_facts",
    "ansible_check_mode",
    "ansible_user",
    "ansible_host",
    "ansible_failed_result",
    "ansible_connection",
    "ansible_shell_type",
}
KEYWORDS = {
    "name", "when", "loop", "loop_control", "vars", "register", "notify", "tags", "no_log", "environment",
    "changed_when", "failed_when", "check_mode", "become", "hosts", "gather_facts", "any_errors_fatal",
    "roles", "ignore_unreachable", "serial", "delegate_to",
    "block", "rescue", "always", "until", "retries", "delay",
}  # fmt: skip


def _plugin(name: str = "managed_agent") -> ModuleType:
    path = ROOT / f"roles/managed_agent/filter_plugins/{name}.py"
    specification = importlib.util.spec_from_file_location(f"{name}_filters", path)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


filters = _plugin()


def _tasks(path: Path) -> Iterator[dict[str, Any]]:
    for item in yaml.safe_load(path.read_text()):
        for task in item.get("tasks", [item]):
            yield from (
                task,
                *(each for part in ("block", "rescue", "always") for each in task.get(part, ())),
            )


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("role", ROLES, ids=_name)
def test_argument_specs_and_defaults_say_the_same(role: Path) -> None:
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
    entries = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
    for entry in entries.values():
        options = entry["options"]
        required = {name for name, option in options.items() if option.get("required")}
        assert {name: options[name]["default"] for name in options.keys() - required} == defaults
        assert all(option["type"] and option["description"] for option in options.values())
        assert all(option.get("no_log") for name, option in options.items() if "secret" in name)
        assert all(name.startswith(f"{role.name}_") for name in options)


@pytest.mark.parametrize("path", TASK_FILES, ids=_name)
def test_tasks_use_builtin_modules_by_their_full_names_and_our_own(path: Path) -> None:
    for task in _tasks(path):
        modules = task.keys() - KEYWORDS
        ours = {file.stem for file in ROOT.glob("roles/*/library/*.py")}
        ours |= {file.stem for file in ROOT.glob("roles/*/action_plugins/*.py")}
        assert all(module.startswith("ansible.builtin.") for module in modules - ours), task["name"]
        if modules & {"ansible.builtin.command", "ansible.builtin.shell"}:
            assert "changed_when" in task, task["name"]
            # What runs in check mode as well must be unable to change anything.
            assert task.get("check_mode") is not False or task["changed_when"] is False, task["name"]
        arguments = [task[module] for module in modules if isinstance(task[module], dict)]
        assert all(isinstance(argument.get("mode", ""), str) for argument in arguments), task["name"]


@pytest.mark.parametrize("path", [*TASK_FILES, *ROOT.glob("roles/*/vars/*.yml"), *RECORDS], ids=_name)
def test_facts_are_read_from_ansible_facts(path: Path) -> None:
    assert set(re.findall(r"\bansible_\w+", path.read_text())) <= ALLOWED_VARIABLES


@pytest.mark.parametrize("path", RECORDS, ids=_name)
def test_a_record_is_consistent_with_itself(path: Path) -> None:
    record = yaml.safe_load(path.read_text())
    assert (record["capability"], record["name"]) == (path.parent.name, path.stem)
    for setting in record["settings"].values():
        assert setting["type"] in filters.TYPES
        assert ("default" in setting) is not setting.get("required", False)
        re.compile(setting.get("pattern", ""))
    platforms = dict(record["platforms"])
    platforms.pop("windows", None)  # tests/test_windows_role.py
    for platform in platforms.values():
        _assert_platform_is_consistent(platform)
    assert _names_used("secrets", record["platforms"]) == record["secrets"].keys()
    elsewhere = set(record.get("enrolment", {}).get("settings", ()))
    for alert in (record["console"] or {}).get("alerts", ()):
        texts = (alert["expression"], alert.get("lasting", ""))
        elsewhere |= {name for text in texts for name in Template(text).get_identifiers()} - {"hosts"}
    assert elsewhere <= record["settings"].keys()
    assert _names_used("settings", record["platforms"]) == record["settings"].keys() - elsewhere


def _assert_platform_is_consistent(platform: dict[str, Any]) -> None:
    services = {service["name"] for service in platform["services"]}
    assert services >= {name for file in platform["files"] for name in file.get("restarts", [])}
    assert services <= set(platform["uninstall"]["services"])
    assert all(isinstance(item["mode"], str) for item in platform["files"] + platform.get("directories", []))
    assert all(file["validate"].count("%s") == 1 for file in platform["files"] if "validate" in file)
    identifiers = [check["id"] for check in platform["verify"]]
    assert len(identifiers) == len({*identifiers, "installed", "settings"}) - 2
    probes = {probe["id"] for probe in platform.get("probes", [])}
    for file in platform["files"]:
        assert bool(_names_used("secrets", file)) == file.get("secret", False)
    assert _names_used("probes", platform) <= probes


def _names_used(what: str, value: Any) -> set[str]:
    return set(re.findall(rf"\b{what}\.([a-z0-9_]+)", json.dumps(value)))


def test_a_vendor_s_package_is_described_alike_for_every_capability() -> None:
    paths = [path for path in RECORDS if path.stem == "generic_installer"]
    texts = {path.read_text().replace(f"capability: {path.parent.name}", "") for path in paths}
    assert (len(paths), len(texts)) == (4, 1)


@pytest.mark.parametrize("path", RECORDS, ids=_name)
def test_no_text_of_a_record_can_hold_a_line_break(path: Path) -> None:
    declared = yaml.safe_load(path.read_text())["settings"]
    for name, setting in declared.items():
        if setting["type"] in ("string", "list"):
            assert "pattern" in setting or "choices" in setting
            for end in ("\n", "\r", "\x00", "\u2028", "\x85"):
                hostile = f"/a{end}AllowKey=system.run[*]"
                value = [hostile] if setting["type"] == "list" else hostile
                (problem,) = filters.setting_problems({name: value}, {name: setting})
                assert "control character" in problem


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 9}, 10, "has to lie within 1 and 9, is 10"),
        ({"type": "integer"}, True, "has to be of type integer, is True"),
        ({"type": "integer"}, "10051", "has to be of type integer, is '10051'"),
        ({"type": "string"}, False, "has to be of type string, is False; quote it"),
        ({"type": "string", "choices": ["auto", "off"]}, "on", "has to be one of auto, off, is 'on'"),
        ({"type": "string", "pattern": "[a-z]+"}, "a1", "does not have the form [a-z]+: 'a1'"),
        ({"type": "list"}, "/home", "has to be of type list, is '/home'"),
        ({"type": "list"}, [1], "has to hold text, holds 1"),
    ],
)
def test_a_value_that_does_not_fit_is_named(setting: dict[str, Any], value: Any, problem: str) -> None:
    assert filters.setting_problems({"x": value}, {"x": setting}) == [f"setting x: {problem}"]


def test_settings_are_neither_unknown_nor_missing() -> None:
    declared = {"server": {"type": "string", "required": True, "description": "Where to."}}
    assert filters.setting_problems({"sever": "a"}, declared) == [
        "setting server: required: Where to.",
        "setting sever: unknown; there are: server",
    ]


@pytest.mark.parametrize("value", ["", None, "short", "abc\ndef", 12, {"a": 1}])
def test_the_problem_of_a_secret_does_not_tell_it(value: Any) -> None:
    declared = {"psk": {"description": "A key.", "pattern": "[0-9]{8}"}}
    (problem,) = filters.secret_problems({"psk": value}, declared)
    assert problem.startswith("secret psk: ")
    assert not value or str(value) not in problem


def test_defaults_yield_to_what_is_given() -> None:
    declared = {"a": {"default": 1}, "b": {"default": 2}, "c": {"required": True}}
    assert filters.with_defaults({"b": 3}, declared) == {"a": 1, "b": 3}


def test_a_check_is_judged_by_its_code_and_by_what_it_prints() -> None:
    check = {"id": "ping", "title": "It answers", "code": 1, "expect": "FO+UND"}
    results = [
        {"__managed_agent_check": check, "rc": 1, "stdout": "a\nFOUND\x1b[31m" + "x" * 400},
        {"__managed_agent_check": check, "rc": 1, "stdout": "", "stderr": "no route"},
        {"__managed_agent_check": check, "rc": 0, "stdout": "FOUND"},
        {"__managed_agent_check": check, "msg": "No such file"},
    ]
    report = filters.check_results(results)
    assert [entry["ok"] for entry in report] == [True, False, False, False]
    assert report[0]["detail"].startswith("a FOUND [31mx")
    assert len(report[0]["detail"]) == filters.DETAIL_LENGTH
    assert [entry["detail"] for entry in report[1:]] == ["no route", "FOUND", "No such file"]


def test_products_that_are_there_are_named_with_what_shows_them() -> None:
    known = {"b": ["package:b", "service:b.service"], "a": ["package:a"], "c": ["package:b"]}
    assert filters.incumbents(known, ["service:b.service", "package:b"]) == [
        "b (package b, service b.service)",
        "c (package b)",
    ]
    assert filters.incumbents(known, []) == []


OURS: dict[str, Any] = {
    "packages": ["agent2", "openssl"],
    "services": [{"name": "agent2.service"}],
    "files": [{"path": "/etc/agent/agent2.conf"}],
    "uninstall": {"packages": ["agent2"], "services": ["agent2.service"], "paths": ["/var/log/agent"]},
}


def test_of_another_product_goes_what_its_record_says_and_nothing_of_ours() -> None:
    known = {
        "a": ["package:agent", "service:agent.service"],
        "b": ["package:b"],
        "unseen": ["package:u"],
        "nobody": ["package:ssh"],
    }
    records = {
        "a": {"uninstall": OURS["uninstall"] | {"paths": ["/etc/agent", "/var/log/agent/old", "/opt/agent"]}},
        "b": {"uninstall": {"packages": ["b", "{{ settings.package }}"], "paths": ["/var/lib/b"]}},
        "unseen": {"uninstall": {"packages": ["u"]}},
    }
    seen = ["package:agent", "service:agent.service", "package:b", "package:ssh"]
    found = filters.removals(known, seen, records, OURS)
    assert found == {
        "services": ["agent.service"],
        "packages": ["agent", "b"],
        "paths": ["/opt/agent", "/var/lib/b"],
    }
    assert [(each["kind"], each["name"]) for each in filters.absent(found)] == [
        ("package", "agent"),
        ("package", "b"),
        ("unit", "agent.service"),
    ]
    assert not any(filters.removals(known, [], records, OURS).values())


def test_only_the_product_itself_is_asked_for_in_the_agreed_version() -> None:
    agreed = filters.agreed(["agent", "openssl", "helper"], ["agent", "helper"], "1:6*", ["package:helper"])
    assert agreed == ["agent=1:6*", "openssl", "helper"]
    assert filters.agreed(["agent"], ["agent"], "", []) == ["agent"]


def test_a_file_whose_template_comes_out_empty_is_empty() -> None:
    file = {"path": "/etc/authority.pem", "owner": "root", "group": "root", "mode": "0600", "content": None}
    assert filters.files([file], {}, [])[0]["content"] == ""
    assert filters.secret_contents([file | {"secret": True}]) == {"/etc/authority.pem": ""}


def test_dnf_is_asked_for_a_version_in_its_own_way() -> None:
    assert filters.agreed(["agent"], ["agent"], "6.0*", [], "-") == ["agent-6.0*"]
    assert filters.manager("redhat") == "dnf" and filters.manager("suse") == ""


def test_what_came_along_is_known_by_what_apt_and_dnf_say() -> None:
    apt = {"stdout": "Selecting previously unselected package libx1:amd64.\nSetting up agent (1) ...\n"}
    dnf = {"results": ["Installed: example-agent-1:1.0-1.noarch", "Removed: old-1-1.noarch"]}
    assert filters.came_along(apt) == ["libx1"]
    assert filters.came_along(dnf) == ["example-agent"]
    assert filters.came_along({"skipped": True}) == []


def test_what_came_though_it_was_only_recommended_is_known() -> None:
    said = "\n".join(
        (
            "installed\tperl\tnetbase | old (>= 2), libx1:any",
            "installed\tagent\tlocales",
            "config-files\tgone\tpsmisc",
            "installed\tquiet\t",
            "odd",
        )
    )
    new = ["agent", "libx1", "locales", "netbase", "psmisc"]
    assert filters.unmissed(said, new) == ["libx1", "netbase"]
    assert filters.unmissed("", new) == []


def test_what_a_package_leaves_behind_goes_with_it_unless_it_was_there_before() -> None:
    left = [
        {"package": "nginx-common", "paths": ["/var/www/html", "/var/www"]},
        {"package": "postgresql-common", "users": ["postgres"], "groups": ["postgres"]},
    ]
    platform = {"packages": ["agent"], "files": [], "uninstall": {"leftovers": left}}
    things = filters.things(platform)
    assert {"package:nginx-common", "path:/var/www", "user:postgres", "group:postgres"} <= set(things)
    gone = [each for each in things if not each.startswith("package:")]
    assert filters.leftovers(platform, gone, ["path:/var/www"]) == {
        "path": ["/var/www/html"],
        "user": ["postgres"],
        "group": ["postgres"],
    }
    stays = [*gone, "package:postgresql-common"]
    assert filters.leftovers(platform, stays, [])["user"] == []
    assert filters.leftovers(platform, [], []) == {"path": [], "user": [], "group": []}


def test_a_version_that_is_not_the_agreed_one_is_a_failed_check() -> None:
    assert filters.release_check({"agent": "1:6.0"}, "") == []
    (well,) = filters.release_check({"agent": "1:6.0.14+b1"}, "1:6.0.14*")
    (other,) = filters.release_check({"agent": "1:6.0.13", "base": "1:6.0.14"}, "1:6.0.14*")
    assert well["ok"] and not other["ok"]
    assert other["detail"] == "agent 1:6.0.13 where 1:6.0.14* is agreed; --upgrade brings it"


def test_the_eicar_pattern_stands_in_no_file() -> None:
    pattern = b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!" + b"$H+H*"
    for folder in ("roles", "playbooks", "molecule", "mspctl/data", "tests"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file():
                text = path.read_bytes()
                assert b"7CC)7}" + pattern not in text, path


SOUND = {"server": "192.0.2.1", "psk_identity": "office"}
KEY = {"psk": "0f" * 32}
REFUSED: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "no-record": ("zabix", SOUND, KEY, "there is no record monitoring/zabix.yml"),
    "outside": ("../antivirus/clamav", SOUND, KEY, "there is no record monitoring/../antivirus/clamav.yml"),
    "missing": ("zabbix", {"psk_identity": "office"}, KEY, "setting server: required: Name or address"),
    "unknown": ("zabbix", {**SOUND, "sever": "a"}, KEY, "setting sever: unknown; there are: server, port"),
    "no-secret": ("zabbix", SOUND, {}, "secret psk: missing: The pre-shared key"),
    "line-break": ("zabbix", {**SOUND, "psk_identity": "a\nAllowKey=*"}, KEY, "has a line break"),
    "template": ("zabbix", {**SOUND, "psk_identity": "{{ 6 * 7 }}"}, KEY, "{{ 6 * 7 }}"),
}


@pytest.mark.skipif(not Path("/etc/debian_version").exists(), reason="the records cover Debian")
def test_the_role_refuses_in_one_message_what_does_not_fit(tmp_path: Path) -> None:
    failures = _failures_of_a_rollout(tmp_path)
    assert failures.keys() == REFUSED.keys()
    for host, (_, _, _, message) in REFUSED.items():
        assert message in failures[host]
        assert "0f0f" not in failures[host]


def _failures_of_a_rollout(folder: Path) -> dict[str, str]:
    """Return the message with which each host of REFUSED fails in check mode; each is this machine."""
    hosts = {
        name: {
            "monitoring_provider": provider,
            "monitoring_settings": {key: {"__ansible_unsafe": value} for key, value in settings.items()},
            "monitoring_secrets": {key: {"__ansible_unsafe": value} for key, value in secrets.items()},
        }
        for name, (provider, settings, secrets, _) in REFUSED.items()
    }
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_become": False,
        "mspctl_client": "test",
    }
    inventory = folder / "hosts.json"
    inventory.write_text(json.dumps({"monitoring": {"hosts": hosts, "vars": shared}}))
    playbook = ROOT / "playbooks/monitoring.yml"
    environment = {
        **os.environ,
        "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_INJECT_FACT_VARS": "false",
        "ANSIBLE_NOCOLOR": "true",
    }
    ansible_playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    run = subprocess.run(
        [ansible_playbook, "--check", "--inventory", str(inventory), str(playbook)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 2, run.stdout + run.stderr
    failures = re.findall(r"^fatal: \[([a-z-]+)\]: FAILED! => (.+)$", run.stdout + run.stderr, re.MULTILINE)
    return {host: json.loads(result)["msg"] for host, result in failures}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_a_record_writes_does_not_hang_on_the_order_of_a_set(path: Path) -> None:
    """Ansible's filters for sets return them in any order, another in each process."""
    for found in re.finditer(
        r"\|\s*(?:difference|union|symmetric_difference|intersect)\b(.*?)(?:}}|%})", path.read_text()
    ):
        assert re.search(r"\|\s*sort\b", found[1]) or found[0].endswith("%}"), found[0]


def test_everything_a_platform_may_hold_is_asked_about() -> None:
    """A step that the gate does not know is never taken for done."""
    known = set(Platform.__struct_fields__)
    assert known <= filters.KNOWN
    platform: dict[str, Any] = {"packages": [], "files": [], "services": [], "uninstall": {}}
    rest = ("key", "/receipt", {"path": "/pin"}, "")
    plain = filters.resources(platform, {}, *rest)
    more = filters.resources({**platform, "enrol": [{"command": ["x"]}]}, {}, *rest)
    (added,) = [each for each in more if each not in plain]
    assert added["command"] == ["false"] and added["expected"] == {"succeeds": ["yes"]}


def test_a_secret_in_a_file_that_is_not_said_to_be_secret_is_refused() -> None:
    entry = {"path": "/etc/x", "owner": "root", "group": "root", "mode": "0644", "content": "key = 0f0f0f"}
    with pytest.raises(ValueError, match="/etc/x holds the secret psk and lacks `secret: true`"):
        filters.files([entry], {"psk": "0f0f0f"}, [])
    (found,) = filters.files([{**entry, "secret": True}], {"psk": "0f0f0f"}, ["path:/etc/x"])
    assert "content" not in found
    (found,) = filters.files([entry], {"psk": "another"}, ["path:/etc/x"])
    assert found["content"] == "key = 0f0f0f" and found["keep"]
