import json
import subprocess
import sys
from pathlib import Path

import pytest

from mspctl.errors import BadInput, MspctlError
from mspctl.vault import Vault, no_password, password_file, password_from_file
from tests.samples import PASSWORD, SECRET

BIN = Path(sys.executable).parent
AWKWARD = "ünï: {{ lookup('pipe', 'id') }}\n  two lines # no comment\n\ttab '\"\\ $x\n"


def make(folder: Path, **secrets: str) -> Vault:
    vault = Vault(folder / "vault.yml", lambda: PASSWORD, "acme/vault.yml")
    for name, text in secrets.items():
        vault.set(name, text)
    return vault


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    make(tmp_path, psk=SECRET, awkward=AWKWARD, empty="")
    again = Vault(tmp_path / "vault.yml", lambda: PASSWORD)
    assert again.names() == ("awkward", "empty", "psk")
    assert [again.get(f"vault:{name}") for name in again.names()] == [AWKWARD, "", SECRET]
    assert again.get("psk") == SECRET
    assert SECRET not in again.path.read_text()


def test_names_need_no_password(tmp_path: Path) -> None:
    path = make(tmp_path, psk=SECRET).path
    assert Vault(path, no_password).names() == ("psk",)
    with pytest.raises(BadInput, match="--ask-vault-pass"):
        Vault(path, no_password).get("psk")


def test_an_absent_or_empty_vault_is_empty(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "vault.yml", no_password)
    assert vault.names() == ()
    vault.path.write_text("# nothing yet\n{}\n")
    assert vault.names() == ()
    with pytest.raises(BadInput, match="no secret 'psk'; set it with `mspctl secret set`"):
        vault.get("vault:psk")


def test_a_change_leaves_the_bytes_of_other_secrets(tmp_path: Path) -> None:
    vault = make(tmp_path, a="one", b="two", c="three")
    before = vault.path.read_text().splitlines()
    vault.set("b", "another")
    after = vault.path.read_text().splitlines()
    at_b, at_c = before.index("vault_b: !vault |"), before.index("vault_c: !vault |")
    assert after[: at_b + 1] == before[: at_b + 1]
    assert after[after.index("vault_c: !vault |") :] == before[at_c:]
    vault.remove("b")
    assert vault.path.read_text().splitlines() == before[:at_b] + before[at_c:]
    with pytest.raises(BadInput, match="no secret 'b'"):
        vault.remove("b")


def test_a_wrong_password_opens_nothing_and_makes_no_second_one(tmp_path: Path) -> None:
    path = make(tmp_path, psk=SECRET).path
    before = path.read_bytes()
    wrong = Vault(path, lambda: "wrong", "acme/vault.yml")
    for attempt in (lambda: wrong.get("psk"), lambda: wrong.set("other", "x")):
        with pytest.raises(MspctlError) as caught:
            attempt()
        assert str(caught.value) == "acme/vault.yml: the vault password does not open 'psk'"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vault_psk: hunter2\n", "acme/vault.yml: vault_psk: not encrypted; remove it and use"),
        ("vault_psk: !vault hunter2\n", "acme/vault.yml: vault_psk: not encrypted; remove it and use"),
        ('a: 1\nvault_psk: "hunter2\n', "acme/vault.yml:3: not a vault"),
        ("vault_psk: !hunter2 x\n", "acme/vault.yml:1: not a vault"),
        ("vault_psk: *hunter2\n", "acme/vault.yml:1: not a vault"),
        ("? {hunter2: x}\n: y\n", "acme/vault.yml:1: not a vault"),
        ("- hunter2\n", "acme/vault.yml: not a vault: expected a mapping"),
        (
            "$ANSIBLE_VAULT;1.1;AES256\n6638\n",
            "acme/vault.yml: encrypted as a whole; `ansible-vault decrypt`",
        ),
    ],
)
def test_what_is_no_vault_is_refused_and_not_repeated(tmp_path: Path, text: str, said: str) -> None:
    vault = Vault(tmp_path / "vault.yml", lambda: PASSWORD, "acme/vault.yml")
    vault.path.write_text(text)
    for attempt in (vault.names, lambda: vault.get("psk"), lambda: vault.set("other", "x")):
        with pytest.raises(BadInput) as caught:
            attempt()
        assert str(caught.value).startswith(said)
        assert "hunter2" not in str(caught.value)
    assert vault.path.read_text() == text


def ansible(folder: Path, program: str, *arguments: str) -> str:
    password = folder / ".vault-password"
    password.write_text(PASSWORD)
    done = subprocess.run(
        [str(BIN / program), *arguments, "--vault-password-file", str(password)],
        cwd=folder,
        text=True,
        capture_output=True,
        check=True,
    )
    return done.stdout


def test_ansible_reads_it_as_it_is(tmp_path: Path) -> None:
    """A whole secret reaches a task: a reference from another variable works as well."""
    make(tmp_path, awkward=AWKWARD)
    (tmp_path / "more.yml").write_text('password: "{{ vault_awkward }}"\n')
    task = {"dest": str(tmp_path / "seen"), "content": "{{ password }}", "mode": "0600"}
    arguments = ("-m", "ansible.builtin.copy", "-a", json.dumps(task), "-e", "@vault.yml", "-e", "@more.yml")
    ansible(tmp_path, "ansible", "localhost", *arguments)
    assert (tmp_path / "seen").read_text() == AWKWARD


def test_a_secret_made_by_ansible_vault_is_read_and_kept(tmp_path: Path) -> None:
    made = ansible(tmp_path, "ansible-vault", "encrypt_string", SECRET, "--name", "db_password")
    vault = Vault(tmp_path / "vault.yml", lambda: PASSWORD)
    vault.path.write_text(made)
    assert vault.names() == ("db_password",)
    assert vault.get("db_password") == SECRET
    vault.set("psk", "other")
    assert vault.path.read_text().count("db_password: !vault |") == 1
    assert (vault.get("db_password"), vault.get("vault:psk")) == (SECRET, "other")
    vault.remove("db_password")
    assert vault.names() == ("psk",)


def test_the_password_comes_from_a_file_or_a_program(tmp_path: Path) -> None:
    path = tmp_path / "pass"
    path.write_text(f"{PASSWORD}\n")
    assert password_from_file(path)() == PASSWORD
    path.write_text(f"#!/bin/sh\necho '{PASSWORD}'\n")
    path.chmod(0o700)
    assert password_from_file(path)() == PASSWORD
    path.write_text("#!/bin/sh\necho no key card >&2\nexit 3\n")
    with pytest.raises(MspctlError, match="no key card"):
        password_from_file(path)()
    path.chmod(0o600)
    path.write_text("\n")
    with pytest.raises(BadInput, match="empty"):
        password_from_file(path)()
    with pytest.raises(BadInput, match="No such file"):
        password_from_file(tmp_path / "absent")()


def test_the_password_file_is_what_is_nearest_to_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert password_file(None, None, tmp_path) is None
    assert password_file(None, ".pass", tmp_path) == tmp_path / ".pass"
    assert password_file(None, "~/pass", tmp_path) == Path.home() / "pass"
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", "env")
    assert password_file(None, ".pass", tmp_path / "sub") == tmp_path / "env"
    assert password_file("given", ".pass", tmp_path / "sub") == tmp_path / "given"
