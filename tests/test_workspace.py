import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mspctl.errors import BadInput, Locked, MspctlError
from mspctl.records import Asset, HostStatus, Observation, RunRecord, ScanStarted, WorkspaceFile
from mspctl.vault import no_password
from mspctl.workspace import Client, Workspace, encode
from tests import samples
from tests.samples import HOSTILE, NOW, asset, messages, outcome, started
from tests.workspace import git


def program(client: Client, text: str) -> subprocess.Popen[str]:
    """Start Python with `client` at hand; it says when it is ready by a line on its output."""
    head = (
        "import os, sys, time; from pathlib import Path; from mspctl.vault import no_password\n"
        "from mspctl.workspace import Workspace; from tests import samples\n"
        f"client = Workspace.find(Path({str(client.path)!r}), no_password).client({client.name!r})\n"
    )
    root = Path(__file__).parent.parent
    return subprocess.Popen(
        [sys.executable, "-c", head + text],
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_it_is_found_from_any_folder_in_it(client: Client) -> None:
    deep = client.path / "runs" / "deep"
    deep.mkdir(parents=True)
    for start in (client.workspace.root, client.path, deep):
        assert Workspace.find(start, no_password).root == client.workspace.root


def test_outside_of_one_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"not in a workspace .*`mspctl init DIR`"):
        Workspace.find(tmp_path, no_password)


def test_the_nearest_client_is_offered(tmp_path: Path) -> None:
    found = samples.workspace(tmp_path, clients=("acme", "harbour"))
    assert found.clients() == ("acme", "harbour")
    with pytest.raises(BadInput, match="inventories/harbor: no such client; did you mean 'harbour'"):
        found.client("harbor")
    with pytest.raises(BadInput, match="no such client; `mspctl client list` names them"):
        found.client("../..")


def test_a_mistake_is_told_with_the_path_from_the_root(client: Client) -> None:
    (client.path / "client.yml").write_text("titel: x\n")
    with pytest.raises(BadInput) as caught:
        client.file()
    assert "inventories/acme/client.yml: titel: unknown key; did you mean 'title'?" in caught.value.lines
    (client.workspace.root / "mspctl.yml").write_text("provider: 5\n")
    with pytest.raises(BadInput, match=r"^mspctl.yml: provider: expected text, found 5$"):
        client.workspace.settings()


def test_what_is_absent_is_empty(client: Client) -> None:
    for found in (client.assets(), client.coverage(), client.runs(), tuple(client.scans())):
        assert not found
    assert client.known_hosts() == ""
    assert client.overrides().assets == ()
    assert client.last_run("rollout") == ()
    with pytest.raises(BadInput, match="inventories/acme/runs/x: no such run"):
        client.run("x")
    assert client.workspace.settings() == WorkspaceFile(provider="Northwind IT")


# Commits


def test_a_commit_holds_what_changed_and_nothing_else(client: Client) -> None:
    root = client.workspace.root
    (root / "notes.txt").write_text("of a person's own")
    (root / "staged.txt").write_text("staged by a person")
    git(root, "add", "staged.txt")
    client.save("a.txt", "a")
    assert client.commit("first")
    assert git(root, "show", "--format=%s", "--name-only").split() == [
        "acme:",
        "first",
        *[f"{client.shown('a.txt')}"],
    ]
    assert git(root, "status", "--short").split() == ["A", "staged.txt", "??", "notes.txt"]
    assert not client.commit("nothing new")
    client.save("a.txt", "a")
    assert not client.commit("still nothing new")
    (client.path / "a.txt").unlink()
    assert client.commit("gone")
    assert messages(root)[:2] == ["acme: gone", "acme: first"]


def test_it_commits_without_a_git_identity(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "sam")
    client.save("a.txt", "a")
    assert client.commit("first")
    assert re.fullmatch(r"sam <sam@.+>\n", git(client.workspace.root, "log", "-1", "--format=%an <%ae>"))


def test_it_commits_as_the_engineer_where_git_knows_one(client: Client) -> None:
    git(client.workspace.root, "config", "user.email", "jane@northwind.example")
    git(client.workspace.root, "config", "user.name", "Jane")
    client.save("a.txt", "a")
    assert client.commit("first")
    assert git(client.workspace.root, "log", "-1", "--format=%an %ae") == "Jane jane@northwind.example\n"


def test_hooks_of_the_engineer_do_not_stop_a_command(client: Client) -> None:
    hook = client.workspace.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    client.save("a.txt", "a")
    assert client.commit("first")


def test_it_works_in_a_worktree_and_through_a_link(client: Client, tmp_path: Path) -> None:
    root = client.workspace.root
    git(root, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    (tmp_path / "link").symlink_to(root)
    for folder in ("tree", "link"):
        other = Workspace.find(tmp_path / folder, no_password).client("acme")
        with other.lock("mspctl test"):
            other.save("a.txt", folder)
            assert other.workspace.changed(other.path) == ("a.txt",)
            assert other.commit(f"in {folder}")
    assert messages(root)[0] == "acme: in link"
    assert messages(tmp_path / "tree")[0] == "acme: in tree"


def test_without_git_the_error_is_git_s_own(client: Client) -> None:
    (client.workspace.root / ".git").rename(client.workspace.root / "moved")
    client.save("a.txt", "a")
    with pytest.raises(MspctlError, match="not a git repository"):
        client.commit("first")


def test_commands_on_two_clients_take_turns_with_git(tmp_path: Path) -> None:
    found = samples.workspace(tmp_path, clients=("acme", "harbour"))
    text = (
        "with client.lock('test'):\n"
        "    for number in range(12): client.save('n.txt', str(number)); client.commit(str(number))"
    )
    running = [program(found.client(name), text) for name in found.clients()]
    assert [process.communicate()[1] for process in running] == ["", ""]
    said = messages(tmp_path)
    for name in found.clients():
        assert [line for line in said if line.startswith(name)] == [
            f"{name}: {number}" for number in reversed(range(12))
        ]


# The lock


def test_a_second_command_is_told_who_is_at_work(client: Client) -> None:
    holder = program(
        client, "with client.lock('mspctl rollout acme'): print('in', flush=True); time.sleep(60)"
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "in\n"
        with pytest.raises(Locked) as caught, client.lock("mspctl discover acme"):
            pass
        said = r"acme: `mspctl rollout acme` of \w+ is at work since \d\d:\d\d:\d\d UTC"
        assert re.fullmatch(rf"{said} \(process {holder.pid}\); wait for it or stop it", str(caught.value))
        assert client.file().title == "Acme Ltd"  # looking needs no lock
    finally:
        holder.kill()
        holder.communicate()
    with client.lock("mspctl discover acme"):  # it died with its process
        assert json.loads((client.path / ".lock").read_text())["pid"] == os.getpid()
    with client.lock("again"):
        pass


def test_the_lock_is_of_one_client(tmp_path: Path) -> None:
    found = samples.workspace(tmp_path, clients=("acme", "harbour"))
    with found.client("acme").lock("one"), found.client("harbour").lock("other"):
        pass


def test_the_lock_is_let_go_when_a_command_fails(client: Client) -> None:
    with pytest.raises(ValueError, match="oops"), client.lock("one"):
        raise ValueError("oops")
    with client.lock("two"):
        pass
    assert ".lock" not in git(client.workspace.root, "status", "--short")


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"pid": 1}'])
def test_a_lock_that_says_nothing_is_still_a_lock(client: Client, text: str) -> None:
    holder = program(
        client,
        "with client.lock('x'):\n"
        f"    (client.path / '.lock').write_text({text!r}); print(flush=True); time.sleep(60)",
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        said = "acme: another command is at work; wait for it or stop it"
        with pytest.raises(Locked, match=said), client.lock("y"):
            pass
    finally:
        holder.kill()
        holder.communicate()


def test_what_a_person_edited_is_a_commit_of_its_own(client: Client) -> None:
    path = client.path / "client.yml"
    path.write_text(path.read_text().replace("Acme Ltd", "Acme Limited"))
    (client.path / "group_vars" / "linux").mkdir(parents=True)
    (client.path / "group_vars" / "linux" / "ours.yaml").write_text("ntp: 192.0.2.1\n")
    with client.lock("mspctl inventory acme"):
        client.save("hosts.json", "{}\n")
        client.commit("inventory")
    assert messages(client.workspace.root)[:2] == [
        "acme: inventory",
        "acme: edited by hand: client.yml, group_vars/linux/ours.yaml",
    ]
    assert git(client.workspace.root, "status", "--short") == ""


def test_a_file_a_person_renamed_is_named_whole(client: Client) -> None:
    client.save("one.yml", "a: 1\n")
    client.commit("first")
    git(client.workspace.root, "mv", client.shown("one.yml"), client.shown("two.yml"))
    with client.lock("x"):
        pass
    assert messages(client.workspace.root)[0] == "acme: edited by hand: one.yml, two.yml"


def test_what_a_killed_command_left_is_named_so(client: Client) -> None:
    client.save_records("assets.jsonl", [asset("web")])
    (client.path / ".assets.jsonl.4711.tmp").write_text("half a fi")
    with client.lock("mspctl discover acme"):
        pass
    assert messages(client.workspace.root)[0] == "acme: left by an interrupted command: assets.jsonl"
    assert not list(client.path.glob(".*.tmp"))


# Records


assets = st.lists(
    st.builds(
        asset,
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
        vendor=st.text(st.characters(codec="utf-8"), max_size=20)
        | st.sampled_from([text for text in HOSTILE if "\ud800" not in text]),
    ),
    max_size=6,
)


@given(assets.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_records_are_the_same_bytes_in_any_order(
    client: Client, drawn: tuple[list[Asset], list[Asset]]
) -> None:
    path = client.path / "assets.jsonl"
    client.save_records("assets.jsonl", drawn[0])
    first = path.read_bytes()
    stamp = path.stat().st_mtime_ns
    client.save_records("assets.jsonl", drawn[1])
    assert path.read_bytes() == first
    assert "\r" in first.decode() or path.stat().st_mtime_ns == stamp  # not even written again
    read = client.assets()
    assert sorted(map(encode, read)) == sorted(map(encode, drawn[0]))


def records(client: Client) -> list[RunRecord]:
    return list(client.run("r"))


def test_a_torn_last_line_is_ignored_and_cut_off_before_more_is_written(client: Client) -> None:
    with client.log("runs", "r") as append:
        append(started([("a", "b")]))
        append(outcome("a"))
    path = client.path / "runs" / "r.jsonl"
    whole = path.read_bytes()
    for torn in (b'{"record":"host"', encode(outcome("b")).encode(), b"\xff\x00", b"x" * 3_000_000):
        path.write_bytes(whole + torn)
        assert records(client) == [started([("a", "b")]), outcome("a")]
        with client.log("runs", "r") as append:
            append(outcome("b", HostStatus.CHANGED))
        assert records(client)[2:] == [outcome("b", HostStatus.CHANGED)]
    path.write_bytes(b"nothing but a torn line")
    assert records(client) == []
    with client.log("runs", "r") as append:
        append(outcome("a"))
    assert records(client) == [outcome("a")]


@pytest.mark.parametrize(
    "line", ["", "{}", "<<<<<<< HEAD", '{"record":"nonsense"}', '{"record":"host","wave":"one"}', "\udcff"]
)
def test_a_corrupt_line_is_told_with_its_number(client: Client, line: str) -> None:
    path = client.path / "runs" / "r.jsonl"
    path.parent.mkdir()
    good = encode(outcome("a"))
    path.write_text(f"{good}\n{line}\n{good}\n", errors="surrogateescape")
    with pytest.raises(
        BadInput, match=r"^inventories/acme/runs/r\.jsonl:2: .*restore it with `git checkout`"
    ):
        client.run("r")


def test_each_record_is_on_disk_at_once(client: Client) -> None:
    with client.log("runs", "r") as append:
        append(started([("a",)]))
        assert records(client) == [started([("a",)])]


def test_a_full_disk_is_an_error_and_never_a_lost_record(tiny: Path) -> None:
    root = tiny / "w"
    client = Client(Workspace(root, no_password), "acme")
    long = outcome("a", detail="x" * 3000)
    wrote = 0
    with pytest.raises(OSError, match="No space left"), client.log("runs", "r") as append:
        while True:
            append(long)
            wrote += 1
    assert wrote > 5
    assert records(client) == [long] * wrote


def test_a_process_killed_in_mid_write_leaves_what_can_be_read(client: Client) -> None:
    """Killed at eight moments, between any two instructions."""
    text = (
        "print(flush=True)\nfor number in range(10**6):\n"
        "    found = [samples.asset(f'{n}', vendor=f'{number} ' * 500) for n in range(30)]\n"
        "    client.save_records('assets.jsonl', found)\n"
        "    with client.log('runs', 'r') as append: append(samples.outcome('h' * 5000))\n"
    )
    for moment in range(8):
        killed = program(client, text)
        assert killed.stdout is not None
        killed.stdout.readline()
        time.sleep(0.01 + 0.013 * moment)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        assert len(client.assets()) in (0, 30)
        assert set(client.run("r") if client.runs() else ()) <= {outcome("h" * 5000), outcome("next")}
        with client.lock("next"):
            with client.log("runs", "r") as append:
                append(outcome("next"))
            assert records(client)[-1] == outcome("next")
    assert not list(client.path.rglob(".*.tmp"))
    assert git(client.workspace.root, "fsck", "--no-progress") == ""


# Runs and scans


def test_ids_are_times_and_unique(client: Client) -> None:
    assert client.fresh_id("runs", NOW) == "20261121T093000Z"
    for expected in ("20261121T093000Z", "20261121T093000Z-2", "20261121T093000Z-3"):
        with client.log("runs", client.fresh_id("runs", NOW)) as append:
            append(started([("a",)], run=expected))
    assert client.runs() == ("20261121T093000Z", "20261121T093000Z-2", "20261121T093000Z-3")
    assert client.fresh_id("runs", NOW + timedelta(seconds=1)) == "20261121T093001Z"


def test_the_last_run_of_a_playbook_is_found_among_others(client: Client) -> None:
    for name, playbook in (("1", "rollout"), ("2", "rollout"), ("3", "verify")):
        with client.log("runs", name) as append:
            append(started([("a",)], run=name) if playbook == "rollout" else outcome("a"))
    (client.path / "runs" / "4.jsonl").write_text('{"record":"run","torn')
    assert [record.run for record in client.last_run("rollout") if hasattr(record, "run")] == ["2"]


def test_scans_are_read_oldest_first(client: Client) -> None:
    for _ in range(3):
        name = client.fresh_id("observations", NOW)
        with client.log("observations", name) as append:
            append(ScanStarted(scan=name, started_at=NOW, networks=("192.0.2.0/24",), ports=(22,)))
            append(
                Observation(scan=name, address="192.0.2.1", probe="ping", at=NOW, raw={"name": HOSTILE[0]})
            )
    assert [record.scan for record in client.scans()] == [
        name for number in ("", "-2", "-3") for name in [f"20261121T093000Z{number}"] * 2
    ]


def test_saving_replaces_what_was_no_text(client: Client) -> None:
    (client.path / "a.txt").write_bytes(b"\xff\xfe")
    client.save("a.txt", "text\n")
    assert (client.path / "a.txt").read_text() == "text\n"
