"""Whether anything of a service is left, and the end of the work for a client."""

import json
from pathlib import Path

import pytest

from mspctl import catalog
from mspctl.inventory import Host, Inventory
from mspctl.offboarding import AbsenceState, absences, open_ones
from mspctl.records import HostStatus, Json, RunRecord, TaskResult
from mspctl.vault import Vault
from mspctl.workspace import Client
from tests import rollouts
from tests.samples import messages, outcome, zabbix
from tests.test_rollout import KNOWN, onboarded
from tests.workspace import git

A = AbsenceState


def report(host: str, **said: Json) -> TaskResult:
    content: dict[str, Json] = {"capability": "monitoring", "provider": "zabbix", **said}
    return TaskResult(wave=1, host=host, play="p", task="Report", status=HostStatus.OK, report=content)


def built(*hosts: str) -> Inventory:
    return Inventory(
        hosts=tuple(Host(name=name, groups=("monitoring",)) for name in hosts),
        group_variables={},
        services={"monitoring": zabbix()},
    )


def test_gone_still_there_and_unknown() -> None:
    look: tuple[RunRecord, ...] = (
        report("clean", remains=[]),
        report("dirty", remains=["path:/etc/zabbix", "package:zabbix-agent2"]),
        outcome("off", HostStatus.UNREACHABLE, detail="timed out"),
    )
    found = {each.asset: each for each in absences(built("clean", "dirty", "off", "silent"), look, ())}
    assert found["clean"].state is A.GONE
    assert found["dirty"].state is A.STILL_THERE
    assert found["dirty"].left == ("package:zabbix-agent2", "path:/etc/zabbix")
    assert (found["off"].state, found["off"].reason) == (A.UNKNOWN, "timed out")
    assert (found["silent"].state, found["silent"].reason) == (A.UNKNOWN, "not asked")
    assert {each.asset for each in open_ones(found.values())} == {"dirty", "off", "silent"}
    assert {each.asset for each in open_ones(found.values(), ("off", "silent"))} == {"dirty"}


def test_what_was_there_before_the_first_rollout_stays_and_is_told() -> None:
    removals = (report("web", kept=["path:/etc/zabbix", "user:zabbix"]),)
    look = (report("web", remains=["path:/etc/zabbix"]),)
    (found,) = absences(built("web"), look, removals)
    assert (found.state, found.left, found.kept) == (A.GONE, (), ("path:/etc/zabbix",))
    (other,) = absences(built("db"), (report("db", remains=["path:/etc/zabbix"]),), removals)
    assert other.state is A.STILL_THERE, "what one host had before says nothing of another"


def test_a_report_without_a_look_proves_nothing() -> None:
    (found,) = absences(built("web"), (report("web", installed=False),), ())
    assert found.state is A.UNKNOWN


# The command

ROLLOUT = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Take it away
      ansible.builtin.file:
        path: "{{ folder }}/{{ inventory_hostname }}.agent"
        state: absent
      when:
        - managed_agent_state | default('present') == 'absent'
        - inventory_hostname != stubborn | default('')
"""
VERIFY = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Look
      ansible.builtin.stat:
        path: "{{ folder }}/{{ inventory_hostname }}.agent"
      register: found
    - name: Report
      ansible.builtin.debug:
        var: managed_agent_report
      vars:
        managed_agent_report:
          capability: monitoring
          provider: zabbix
          installed: "{{ found.stat.exists }}"
          remains: "{{ ['path:' ~ found.stat.path] if found.stat.exists else [] }}"
"""


@pytest.fixture
def leaving(tmp_path: Path) -> Client:
    """A client with an agent on each of its two hosts, which are this machine; its server is down."""
    client = onboarded(tmp_path)
    (tmp_path / "rollout.yml").write_text(ROLLOUT)
    (tmp_path / "verify.yml").write_text(VERIFY)
    for host in ("bad", "good"):
        own = client.path / "host_vars" / host
        own.mkdir(parents=True)
        (own / "local.json").write_text(json.dumps({**rollouts.LOCAL, "folder": str(tmp_path)}))
        (tmp_path / f"{host}.agent").touch()
    (tmp_path / "handover.pass").write_text("for the client alone")
    return client


def offboard(client: Client, *arguments: str) -> tuple[int, str, str]:
    started = rollouts.mspctl(client, "offboard", "acme", *arguments, variables=False)
    out, err = started.communicate(timeout=180)
    return started.returncode, out, err


def test_a_preview_changes_nothing(leaving: Client) -> None:
    code, out, err = offboard(leaving)
    assert code == 0, err
    assert "2 tasks would change 2 hosts" in out and "hand over 2 credentials" in out
    assert (leaving.workspace.root / "good.agent").exists() and leaving.path.exists()


def test_nothing_is_given_up_while_a_host_is_not_clean(leaving: Client) -> None:
    root = leaving.workspace.root
    own = leaving.path / "group_vars" / "all" / "stubborn.json"
    own.write_text(json.dumps({"stubborn": "bad"}))
    code, out, err = offboard(leaving, "--apply", "--handover-password-file", "handover.pass")
    assert code == 4, err
    assert "path:" in out and "not proved clean: bad" in err
    assert (leaving.path / "vault.yml").exists() and not (leaving.path / "handover.yml").exists()
    assert not (root / "good.agent").exists()


def test_the_server_is_told_before_the_secrets_that_open_it_are_given_up(leaving: Client) -> None:
    code, _, err = offboard(leaving, "--apply", "--handover-password-file", "handover.pass")
    assert code == 1
    assert "consoles.zabbix: missing" in err and "run it again" in err
    assert leaving.path.exists() and not (leaving.path / "handover.yml").exists()


def test_offboarded(leaving: Client) -> None:
    root = leaving.workspace.root
    own = root / "providers" / "monitoring"
    own.mkdir(parents=True)
    record = (catalog.PROVIDERS / "monitoring" / "zabbix.yml").read_text()
    start = record.index("console:")
    end = record.index("\ndetect:")
    (own / "zabbix.yml").write_text(record[:start] + "console: null\n" + record[end:])
    code, out, err = offboard(leaving, "--apply", "--handover-password-file", "handover.pass")
    assert code == 0, (out, err)
    (folder,) = (root / "archive").iterdir()
    assert not leaving.path.exists() and folder.name.startswith("acme-")
    assert not (folder / "vault.yml").exists()
    handed = Vault(folder / "handover.yml", lambda: "for the client alone")
    assert handed.get("psk") == KNOWN["psk"] and handed.names() == ("key", "psk")
    absent = [json.loads(line) for line in (folder / "absence.jsonl").read_text().splitlines()]
    assert {each["state"] for each in absent} == {"gone"}
    assert messages(root)[0].startswith("acme: offboarded; archived as archive/acme-")
    assert git(root, "status", "--porcelain", "--", "inventories", "archive") == ""
    assert KNOWN["psk"] not in out + err


def test_without_a_password_for_them_no_secret_is_handed_over(leaving: Client) -> None:
    code, _, err = offboard(leaving, "--apply")
    assert code == 3 and "--handover-password-file: missing" in err
    assert (leaving.workspace.root / "good.agent").exists()
