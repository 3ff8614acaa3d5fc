"""The module that writes an agent's folders and files, run as Ansible runs it, on this machine."""

import getpass
import grp
import json
import os
import secrets
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SECRET = f"psk-{secrets.token_hex(16)}\nand a second line"
OWN = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}


def apply(*options: str, **given: Any) -> tuple[dict[str, Any], str]:
    """Return what the module said, and all that Ansible printed."""
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("ansible")), "localhost", "-c", "local", *options),
            *("-m", "managed_agent_apply", "-a", json.dumps(given)),
        ],
        env={
            **os.environ,
            "ANSIBLE_LIBRARY": str(ROOT / "roles/managed_agent/library"),
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
            "ANSIBLE_STDOUT_CALLBACK": "minimal",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    whole = done.stdout + done.stderr
    start = done.stdout.index("=> {") + 3
    found, _ = json.JSONDecoder().raw_decode(done.stdout[start:])
    return {**found, "failed": "FAILED!" in done.stdout}, whole


def file(path: Path, content: str | None = "one\n", **more: Any) -> dict[str, Any]:
    shown = {} if content is None else {"content": content}
    return {"path": str(path), "mode": "0640", **OWN, **shown, **more}


def modes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): f"{stat.S_IMODE(path.lstat().st_mode):04o}"
        for path in sorted(folder.rglob("*"))
    }


def test_all_of_it_in_one_go_and_a_second_time_nothing(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "directories": [{"path": str(tmp_path / "etc/x"), "mode": "0750", **OWN}],
        "files": [file(tmp_path / "etc/x/conf"), file(tmp_path / "etc/x/psk", None, mode="0600")],
        "secrets": {str(tmp_path / "etc/x/psk"): SECRET},
        "preparations": [["test", "-s", str(tmp_path / "etc/x/conf")], ["false"], ["/no/such/program"]],
    }
    would, said = apply("--check", "--diff", "-vvv", **given)
    assert list(tmp_path.iterdir()) == []
    assert SECRET.splitlines()[0] not in said and SECRET.splitlines()[1] not in said
    did, said = apply("--diff", "-vvv", **given)
    assert SECRET.splitlines()[0] not in said and SECRET.splitlines()[1] not in said
    expected = [f"made {tmp_path}/etc/x", f"wrote {tmp_path}/etc/x/conf", f"wrote {tmp_path}/etc/x/psk"]
    assert would["changes"] == did["changes"] == expected
    assert did["written"] == [True, True]
    assert (would["prepared"], did["prepared"]) == ([False] * 3, [True, False, False])
    assert modes(tmp_path) == {"etc": "0750", "etc/x": "0750", "etc/x/conf": "0640", "etc/x/psk": "0600"}
    assert (tmp_path / "etc/x/psk").read_text() == SECRET
    again, _ = apply("--diff", **given)
    assert (again["changed"], again["written"], again["changes"]) == (False, [False, False], [])


def test_each_item_has_a_difference_of_its_own_and_a_secret_none(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("old\n")
    (tmp_path / "conf").chmod(0o640)
    (tmp_path / "psk").write_text("older secret")
    (tmp_path / "loose").write_text("one\n")
    (tmp_path / "loose").chmod(0o666)
    did, said = apply(
        "--diff",
        files=[file(tmp_path / "conf", "new\n"), file(tmp_path / "psk", None), file(tmp_path / "loose")],
        secrets={str(tmp_path / "psk"): SECRET},
    )
    assert "older secret" not in said
    for name, gone, came in (("conf", "old", "new"), ("loose", "mode: 0666", "mode: 0640")):
        assert f"--- before: {tmp_path}/{name}\n+++ after: {tmp_path}/{name}\n" in said
        assert f"\n-{gone}\n+{came}\n" in said
    assert f"{tmp_path}/psk: a secret, which is not shown\n" in said
    assert did["changes"][-1] == f"set mode of {tmp_path}/loose"


def test_a_link_in_place_of_a_file_goes_and_what_it_led_to_stays(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("one\n")
    (tmp_path / "conf").symlink_to(tmp_path / "elsewhere")
    did, _ = apply(files=[file(tmp_path / "conf")])
    assert did["written"] == [True]
    assert not (tmp_path / "conf").is_symlink()
    assert modes(tmp_path)["conf"] == "0640"
    assert (tmp_path / "elsewhere").read_text() == "one\n"


def test_a_broken_file_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("old\n")
    did, _ = apply(files=[file(tmp_path / "conf", "new\n", validate="grep --quiet other %s", keep=True)])
    assert did["failed"] and did["msg"].startswith(f"{tmp_path}/conf: failed to validate")
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]
    assert (tmp_path / "conf").read_text() == "old\n"
    did, said = apply(
        files=[file(tmp_path / "conf", None, validate="grep second %s /no/such/file")],
        secrets={str(tmp_path / "conf"): SECRET},
    )
    assert did["msg"] == f"{tmp_path}/conf: failed to validate"
    assert "second line" not in said


def test_the_clients_own_file_is_kept_once(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("theirs\n")
    apply(files=[file(tmp_path / "conf", keep=True)])
    apply(files=[file(tmp_path / "conf", keep=True)])
    kept = [path for path in tmp_path.iterdir() if path.name != "conf"]
    assert [path.read_text() for path in kept] == ["theirs\n"]


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_in_the_way_is_told_and_stays(tmp_path: Path, what: str) -> None:
    if what == "file":
        (tmp_path / "x").write_text("theirs")
        did, _ = apply(directories=[{"path": str(tmp_path / "x"), "mode": "0755", **OWN}])
        assert did["msg"] == f"{tmp_path}/x: there is something that is no folder"
    else:
        (tmp_path / "x").mkdir()
        did, _ = apply(files=[file(tmp_path / "x")])
        assert did["msg"] == f"{tmp_path}/x: there is a folder"
    assert did["failed"] and (tmp_path / "x").exists()


def test_accounts_that_a_package_brings_are_no_obstacle_to_a_preview(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("one\n")
    theirs = file(tmp_path / "conf", owner="nobody-yet")
    would, _ = apply("--check", files=[theirs, {**theirs, "path": str(tmp_path / "new")}])
    assert would["changes"] == [f"set owner, group of {tmp_path}/conf", f"wrote {tmp_path}/new"]
