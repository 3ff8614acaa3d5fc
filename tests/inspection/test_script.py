"""The script for Unix machines, run by real shells on this machine and held against what Python sees here."""

import os
import platform
import pwd
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from mspctl import sessions
from mspctl.errors import BadInput
from mspctl.inspection import script
from mspctl.sessions import Door, Errand, Lost, Said
from tests.sshd import CLIENT_KEY, serving

SHELLS = ("bash", "dash", "zsh", "tcsh", "fish", "mksh", "busybox")
MARK = "@0123456789abcdef"


def answered(shell: tuple[str, ...], word: str = "") -> script.Answer | str:
    """Return what this machine says through a login shell."""
    told: list[Said | Lost] = []
    with serving(shell) as server:
        door = Door("here", "127.0.0.1", server.port, "real", server.host_key, private_key=CLIENT_KEY)
        errand = Errand(door, script.COMMAND, script.text(MARK, word))
        sessions.run([errand], lambda _, said: told.append(said), seconds=60)
        assert word == "" or not any(word in command for command in server.commands)
    assert isinstance(told[0], Said), told
    return script.answer(told[0].output, MARK)


def check(found: script.Answer | str) -> None:
    assert isinstance(found, script.Answer), found
    sections = found.sections
    assert f"release={platform.release()}" in sections["kernel"].splitlines()
    assert sections["release"] == Path("/etc/os-release").read_text().strip()
    assert f"host={socket.gethostname()}" in sections["names"].splitlines()
    assert f"count={os.cpu_count()}" in sections["processor"].splitlines()
    accounts = {line.split(":")[0] for line in sections["accounts"].splitlines()}
    assert accounts == {entry.pw_name for entry in pwd.getpwall()}
    installed = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}\n"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len([line for line in sections["packages"].splitlines() if line.startswith("deb\t")]) == len(
        installed
    )
    assert not {"accounts", "packages"} & {*found.cut}


@pytest.mark.parametrize("shell", SHELLS)
def test_any_login_shell_runs_it(shell: str) -> None:
    path = shutil.which(shell)
    if not path:
        pytest.skip(f"{shell} is not installed")
    check(answered((path, "sh") if shell == "busybox" else (path,)))


def test_a_login_shell_that_prints_things_first_does_no_harm() -> None:
    noise = 'printf "\\033]0;owned\\007\\033[31mWelcome to Linux\\n@0123 kernel 9\\n"; exec /bin/sh "$@"'
    check(answered(("/bin/sh", "-c", noise, "sh")))


@pytest.mark.skipif(os.geteuid() != 0, reason="starts as another user")
def test_who_may_not_become_root_sees_the_rest() -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh")
    found = answered(nobody, word="no-password-of-anybody")
    check(found)
    assert isinstance(found, script.Answer)
    assert not found.privileged()
    assert script.told_by_sudo(found.become)


def test_root_sees_what_only_root_may_and_never_a_hash() -> None:
    if os.geteuid():
        pytest.skip("is not root")
    found = answered(("/bin/sh",))
    assert isinstance(found, script.Answer)
    assert script.told_by_sudo(found.become) == ""
    assert "passwords" in found.privileged() and "passwords" not in found.plain()
    assert all(
        re.fullmatch(r"[^:]+:(set|none|locked):\d*", line)
        for line in found.sections["passwords"].splitlines()
    )


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (b"", "did not run what it was sent"),
        (b"This service allows sftp connections only.\n", "did not run what it was sent"),
        (bytes(range(256)) * 64, "did not run what it was sent"),
        (MARK.encode() + b" kernel 1024\nsystem=Linux\n", "in the middle of its answer"),
        (b"@ffffffffffffffff kernel 1024\nx\n@ffffffffffffffff end 0\n", "did not run what it was sent"),
    ],
)
def test_what_is_no_answer_is_said_in_words(output: bytes, words: str) -> None:
    found = script.answer(output, MARK)
    assert isinstance(found, str) and words in found


def test_a_section_that_is_too_long_is_cut_at_a_line_and_told() -> None:
    row = "deb\tii \tone\t1\n"
    said = f"{MARK} packages 999999999\n{row * 60_000}{MARK} no_such 9\nx\n{MARK} end 0\n"
    found = script.answer(said.encode(), MARK)
    assert isinstance(found, script.Answer)
    assert found.cut == ("packages",)
    assert set(found.sections["packages"].splitlines()) == {row.strip()}
    assert len(found.sections["packages"]) <= 524_288
    assert found.sections.keys() == {"packages"}


def test_a_password_of_two_lines_is_refused() -> None:
    with pytest.raises(BadInput, match="one line"):
        script.text(MARK, "a\nb")


@pytest.mark.parametrize(
    ("become", "words"),
    [
        ("status=0", ""),
        ("status=1\nsudo: no password was provided", "refused the password"),
        ("status=1\nsudo: 1 incorrect password attempt", "refused the password"),
        ("status=1\nsudo: a password is required", "set become_password"),
        ("status=1\ntech is not in the sudoers file.", "may not use sudo"),
        ("status=none", "no sudo"),
        ("status=126\n\x1b[31m" + "x" * 10_000, "sudo ended with 126"),
        ("", "did not say"),
    ],
)
def test_why_sudo_did_not_serve_is_said_in_words(become: str, words: str) -> None:
    assert words in script.told_by_sudo(become)
    assert bool(script.told_by_sudo(become)) == bool(words)
