"""What a rollout's outcome depends on is in the digest, or is a doubt."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mspctl import catalog
from mspctl import desired as stage
from mspctl.cli.inventory import write_inventory
from mspctl.handwritten import dump
from mspctl.records import Json
from mspctl.workspace import Client
from tests import samples

KEY = "0" * 64
HOSTS = ("web", "db")
RECORD = Path(stage.__file__).parent / "data/providers/monitoring/zabbix.yml"


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """A client with two hosts under monitoring, and a secret that no service uses."""
    client = samples.opened(tmp_path, {"psk": samples.SECRET, "snmp_community": "elsewhere"})
    choice = samples.zabbix()
    chosen = {
        "provider": choice.provider,
        "settings": dict(choice.settings),
        "secrets": dict(choice.secrets),
    }
    path = client.path / "client.yml"
    path.write_text(path.read_text() + dump({"services": {"monitoring": chosen}}))
    addresses = {"web": "192.0.2.1", "db": "192.0.2.2"}
    client.save_records("assets.jsonl", [samples.asset(host, addresses[host]) for host in HOSTS])
    return client


def states(client: Client, given: dict[str, Json] | None = None) -> dict[str, stage.Desired]:
    with client.lock("test"):
        built = write_inventory(client)
    found = stage.desired(client, built, given or {}, HOSTS, KEY)
    return {host: found[host, "monitoring"] for host in HOSTS}


def edited(name: str, old: str, new: str) -> Callable[[Client], None]:
    def edit(client: Client) -> None:
        path = client.path / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return edit


def written(name: str, text: str) -> Callable[[Client], None]:
    def write(client: Client) -> None:
        path = client.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


def own_record(client: Client) -> None:
    path = client.workspace.own_providers / "monitoring" / "zabbix.yml"
    path.parent.mkdir(parents=True)
    path.write_text(RECORD.read_text().replace("LogFileSize=0", "LogFileSize=1"))


def rekeyed(client: Client) -> None:
    client.vault().set("psk", "another")


def renamed(client: Client) -> None:
    client.save_records("assets.jsonl", [samples.asset("web", "192.0.2.9"), samples.asset("db", "192.0.2.2")])


def agreed(client: Client) -> None:
    """Agree upon a version of the monitoring agent."""
    edited("client.yml", "provider: zabbix", "provider: zabbix\n    version: 1:6.0.14*")(client)


@pytest.mark.parametrize(
    ("change", "of"),
    [
        (edited("client.yml", "northwind", "southwind"), HOSTS),
        (agreed, HOSTS),
        (written("group_vars/all/ours.yml", "colour: red\n"), HOSTS),
        (written("group_vars/monitoring.yml", "colour: red\n"), HOSTS),
        (written("group_vars/debian/deep/ours.json", '{"colour": "red"}'), HOSTS),
        (written("host_vars/web/ours.yml", "colour: red\n"), ("web",)),
        (written("host_vars/web", "colour: red\n"), ("web",)),
        (own_record, HOSTS),
        (rekeyed, HOSTS),
        (renamed, ("web",)),
        (lambda client: client.vault().set("unprefixed", "x"), ()),  # nothing refers to it
        (written("group_vars/antivirus/ours.yml", "colour: red\n"), ()),  # no host is in it
    ],
)
def test_a_change_is_a_change_of_the_hosts_it_concerns(
    client: Client, change: Callable[[Client], None], of: tuple[str, ...]
) -> None:
    before = states(client)
    assert states(client) == before
    assert not any(state.doubt for state in before.values())
    change(client)
    catalog.provider.cache_clear()
    now = states(client)
    assert {host for host in HOSTS if now[host].digest != before[host].digest} == set(of)


def test_roles_playbooks_versions_and_given_variables_count(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {states(client)["web"].digest, states(client, {"x": 1})["web"].digest}
    monkeypatch.setattr(stage, "version", lambda name: "2.19.0")
    seen.add(states(client)["web"].digest)
    monkeypatch.setattr(stage, "__version__", "0.0.1")
    seen.add(states(client)["web"].digest)
    monkeypatch.setattr(stage, "content_digest", lambda: "another")
    seen.add(states(client)["web"].digest)
    assert len(seen) == 5


def test_no_secret_and_no_other_key_gives_the_same_digest(client: Client) -> None:
    with client.lock("test"):
        built = write_inventory(client)
    mine = stage.desired(client, built, {}, HOSTS, KEY)
    other = stage.desired(client, built, {}, HOSTS, "1" * 64)
    assert not {each.digest for each in mine.values()} & {each.digest for each in other.values()}
    assert samples.SECRET not in json.dumps([each.digest for each in mine.values()])


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("group_vars/all/ours.yml", "at: '{{ now() }}'\n", "a template uses now"),
        ("group_vars/all/ours.yml", 'n: "{{ [1, 2] | random }}"\n', "a template uses random"),
        ("group_vars/all/ours.yml", "n: \"{{ lookup('env', 'USER') }}\"\n", "a template uses lookup"),
        (
            "group_vars/all/ours.yml",
            "n: \"{{ lookup('ansible.builtin.file', settings.x) }}\"\n",
            "a template uses lookup",
        ),
        ("group_vars/all/ours.yml", "n: \"{{ query('file', '/etc/x') }}\"\n", "a template uses query"),
        ("group_vars/all/ours.yml", "n: \"{{ hostvars['db'].x }}\"\n", "a template uses hostvars"),
        ("group_vars/all/ours.yml", "n: \"{{ groups['server'] }}\"\n", "a template uses groups"),
        ("group_vars/all/ours.yml", "n: '{{ ansible_play_hosts }}'\n", "a template uses ansible_play_hosts"),
        (
            "group_vars/all/ours.yml",
            "ansible_host: 192.0.2.77\n",
            "ansible_host says how the host is reached",
        ),
        ("group_vars/all/ours.yml", "$ANSIBLE_VAULT;1.1;AES256\n3030\n", "encrypted as a whole"),
    ],
)
def test_what_no_file_tells_is_a_doubt(client: Client, name: str, text: str, why: str) -> None:
    written(name, text)(client)
    assert all(state.doubt == f"{name}: {why}" for state in states(client).values())


def test_given_variables_may_be_doubts_too(client: Client) -> None:
    assert states(client, {"ansible_host": "192.0.2.77"})["web"].doubt
    assert states(client, {"at": "{{ now() }}"})["web"].doubt
    assert not states(client, {"ansible_python_interpreter": "/usr/bin/python3"})["web"].doubt


def test_plain_words_are_no_doubt(client: Client) -> None:
    text = "groups: [a]\nnow: then\nx: '{{ group_names | join }} {{ colour.groups | default(1) }}'\n"
    written("group_vars/all/ours.yml", text)(client)
    assert not any(state.doubt for state in states(client).values())


def test_a_file_that_a_setting_names_counts(client: Client, tmp_path: Path) -> None:
    text = RECORD.read_text().replace(
        "LogFileSize=0",
        "LogFileSize=0 {{ lookup('ansible.builtin.file',\n"
        "            ('/x/' if settings.host_metadata else '') ~ settings.host_metadata) }}",
    )
    path = client.workspace.own_providers / "monitoring" / "zabbix.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    catalog.provider.cache_clear()
    (client.workspace.root / "mspctl one").write_text("one")
    edited("client.yml", "settings:", "settings:\n      host_metadata: mspctl one")(client)
    before = states(client)
    assert not before["web"].doubt
    (client.workspace.root / "mspctl one").write_text("two")
    assert states(client)["web"].digest != before["web"].digest
    written("host_vars/web/ours.yml", "monitoring_settings: {}\n")(client)
    assert states(client)["web"].doubt.startswith("it looks up a file")
    assert not states(client)["db"].doubt


def test_a_host_depends_on_its_own_generated_secrets_and_on_no_others() -> None:
    ciphertexts = {f"vault_backup_key_{tail}": tail for tail in ("a_1", "b_a_1", "a_2")} | {"plain": "x"}
    tails = ("_a_1", "_b_a_1", "_a_2")
    names = {"vault_backup_key_", "vault_absent"}
    for tail in tails:
        found = stage._secrets(ciphertexts, names, tail, tails)
        assert found.keys() >= {f"vault_backup_key{tail}", "plain"}
        assert found.keys() <= {f"vault_backup_key{tail}", "plain", "vault_backup_key_b_a_1"}
    assert stage._secrets(ciphertexts, {"vault_backup_key_a_2"}, "_a_1", tails).keys() == {
        "vault_backup_key_a_2",
        "plain",
    }


@pytest.mark.parametrize("path", sorted(RECORD.parents[1].glob("*/*.yml")), ids=lambda path: path.stem)
def test_no_shipped_record_is_a_doubt(path: Path) -> None:
    assert stage._doubt(path.read_text(), path.stem, may_look_up=True) == ""


def test_a_host_s_digest_rests_on_the_product_of_its_system(client: Client) -> None:
    path = client.path / "client.yml"
    chosen: Json = {
        "provider": "zabbix",
        "settings": dict(samples.zabbix().settings),
        "secrets": {"psk": "vault:psk"},
        "windows": {"provider": "ninjaone", "secrets": {"installer_url": "vault:psk"}},
    }
    path.write_text(path.read_text().partition("services:")[0] + dump({"services": {"monitoring": chosen}}))
    before = states(client)
    assert not any(each.doubt for each in before.values())
    edited("client.yml", "provider: ninjaone", "provider: atera")(client)
    assert states(client) == before, "what is meant for another system changes nothing here"
    edited("client.yml", "psk_identity: northwind", "psk_identity: southwind")(client)
    assert not set(states(client).values()) & set(before.values())
