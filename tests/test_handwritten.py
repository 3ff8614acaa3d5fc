import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspctl import handwritten
from mspctl.errors import BadInput
from mspctl.handwritten import edit, json_schema, load, parse, read, write_atomically
from mspctl.records import ClientFile, OverridesFile, Provider, Record, WorkspaceFile
from mspctl.records.client import Kind
from tests.samples import CLIENT_YML, HOSTILE

KINDS: tuple[type[Record], ...] = (ClientFile, OverridesFile, Provider, WorkspaceFile)


def mistakes(text: str, kind: type[Record] = ClientFile) -> list[str]:
    with pytest.raises(BadInput) as caught:
        parse(text, kind, "f.yml")
    return list(caught.value.lines)


def in_client(more: str) -> str:
    return CLIENT_YML + more


def test_a_name_does_not_end_with_a_newline() -> None:
    with pytest.raises(BadInput, match="sites"):
        parse(
            "title: a\nauthorisation: {by: The owner, date: 2026-11-20}\n"
            'sites: [{name: "main\\n", networks: []}]\n',
            ClientFile,
            "client.yml",
        )


def test_a_right_file_is_read_whole() -> None:
    found = parse(CLIENT_YML, ClientFile, "f.yml")
    assert (found.title, found.authorisation.date, found.sites[0].networks[0].cidr) == (
        "Acme Ltd",
        "2026-11-01",
        "192.0.2.0/24",
    )


def test_all_mistakes_are_told_at_once_each_with_its_place() -> None:
    text = """\
titel: Acme
authorisation: {by: J, date: 2026-02-30}
sites:
  - name: Main Street
    networks:
      - {name: office, cidr: 10.0.0.0/33, holds: workstatoin}
      - {cidr: 192.0.2.1/24, exclude: [10.0.0.256]}
connection: {port: 70000, usr: root}
discovery: {packets_per_second: fast}
"""
    assert mistakes(text) == [
        "f.yml: title: missing",
        "f.yml: titel: unknown key; did you mean 'title'?",
        "f.yml: authorisation.by: 'J' is too short",
        "f.yml: authorisation.date: not a valid date: '2026-02-30'; write a date such as 2026-11-20",
        "f.yml: connection.usr: unknown key; did you mean 'user'?",
        "f.yml: connection.port: 70000 is greater than the maximum of 65535",
        "f.yml: discovery.packets_per_second: expected a whole number, found 'fast'",
        "f.yml: sites[0].name: 'Main Street' does not fit; write lower-case letters, digits and dashes",
        "f.yml: sites[0].networks[0].cidr: not a valid network: '10.0.0.0/33';"
        " write a network such as 192.0.2.0/24",
        "f.yml: sites[0].networks[0].holds: unknown value 'workstatoin'; one of "
        f"{', '.join(sorted(get_args(Kind)))}; did you mean 'workstation'?",
        "f.yml: sites[0].networks[1].name: missing",
        "f.yml: sites[0].networks[1].cidr: not a valid network: '192.0.2.1/24';"
        " write a network such as 192.0.2.0/24",
        "f.yml: sites[0].networks[1].exclude[0]: not a valid address or network: '10.0.0.256';"
        " write an address such as 192.0.2.10 or a network such as 192.0.2.64/26",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("title: a\ntitle: b\n", 'f.yml:2:1: not YAML: found duplicate key "title"'),
        ("title: a\n\tsites: b\n", "f.yml:2:1: not YAML: found character '\\t' that cannot start any token"),
        ("title: [a\n", "f.yml:2:1: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\n---\nb: 2\n", "f.yml:2:1: not YAML: but found another document"),
        ("- a\n", "f.yml: the file: expected a mapping, found a list; write client.yml."),
        ("1: a\n'1': b\n", "f.yml: not YAML: the same key as a number and as text"),
        ("title: .inf\n", "f.yml: not YAML: a number without an end"),
        ("title: 0x" + "F" * 9000, "f.yml: not YAML: a number too large"),
        ('title: "\\ud800"\n', "f.yml: not YAML: half a character, written as an escape"),
        ("title: !!binary aGk=\n", "f.yml: not YAML: a value of type bytes; write it as text"),
        ("title: !!set {a}\n", "f.yml: not YAML: a value of type set; write it as text"),
        ("[" * 1500, "f.yml: not YAML: maximum recursion depth exceeded"),
        ("a: &a [*a]\n", "f.yml: not YAML: its aliases make far more of it than was written"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(text: str, line: str) -> None:
    found = mistakes(text)
    assert len(found) == 1
    assert found[0].startswith(line)


@pytest.mark.parametrize("item", ["[{}]", "{{<<: [{}]}}"])
def test_a_bomb_of_aliases_is_refused_quickly(item: str) -> None:
    text, name = f"a: &a {item.format('x') if item.startswith('[') else '{x: 1}'}\n", "a"
    for following in "bcdefghij":
        text += f"{following}: &{following} {item.format(','.join([f'*{name}'] * 10))}\n"
        name = following
    assert mistakes(text) == ["f.yml: not YAML: its aliases make far more of it than was written"]


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert parse("# nothing yet\n", OverridesFile, "f.yml") == OverridesFile()
    assert mistakes("") == [f"f.yml: {key}: missing" for key in ("authorisation", "sites", "title")]


def test_a_file_that_cannot_be_text_is_told_in_one_line(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yml"
    latin.write_bytes(b"title: Caf\xe9\n")
    huge = tmp_path / "huge.yml"
    huge.write_bytes(b"#" * (handwritten.MAX_BYTES + 1))
    for path, said in (
        (latin, "latin: not UTF-8 at byte 10; save it as UTF-8"),
        (huge, "huge: larger than 4 MiB; this is not a file written by hand"),
        (tmp_path / "absent.yml", "absent: no such file"),
        (tmp_path, "folder: Is a directory"),
    ):
        with pytest.raises(BadInput) as caught:
            read(path, ClientFile, said.split(":")[0])
        assert caught.value.lines == (said,)


@pytest.mark.parametrize(
    "text",
    [
        "connection: {become_password: hunter2}",
        "connection: {become_password: [hunter2]}",
        "connection: {become_password: {x: hunter2}}",
        "connection:\n  password: !hunter2",
        "connection:\n  password: *hunter2",
        "connection:\n  password: &hunter2",
        "connection:\n  password: !!int hunter2",
        'connection:\n  password: "hunter2\n',
        "connection:\n  password: hunter2: x",
        "connection:\n  password: %hunter2",
        "connection:\n  password: hunter2\n  password: hunter2-old",
        "connection: hunter2",
        "discovery: {snmp: {communities: hunter2}}",
        "discovery: {snmp: {communities: [hunter2]}}",
        "discovery: {snmp: {users: [{name: sam, authentication: hunter2, privacy: hunter2}]}}",
        "services: {monitoring: {provider: zabbix, secrets: {psk: hunter2}}}",
        "services: {monitoring: {provider: zabbix, secrets: hunter2}}",
    ],
)
def test_a_secret_written_in_clear_is_never_repeated(text: str) -> None:
    try:
        parse(in_client(text), ClientFile, "f.yml")
    except BadInput as error:
        assert "hunter2" not in str(error)
        assert error.__cause__ is None or "hunter2" not in str(error.__cause__)
    else:
        assert "&hunter2" in text  # an anchor on nothing: allowed, and says nothing


def test_the_message_says_where_a_secret_belongs() -> None:
    (line,) = mistakes(in_client("connection: {become_password: hunter2}"))
    assert line == (
        "f.yml: connection.become_password: what stands there does not fit; write a reference into the vault"
        " such as vault:snmp_community, never the secret itself"
    )


yaml_bits = st.sampled_from(
    [
        *"{}[]:,-?!&*#|>%@`'\"\n\t ~",
        "title",
        "sites",
        "connection",
        "<<",
        ": ",
        "\n  - ",
        "!!python/object/apply:os.system",
        "0x" + "F" * 5000,
        "9" * 5000,
        "2026-02-30",
        "\\ud800",
        "\x1b[31m",
        "\x00",
        "é",
        *HOSTILE[:-1],
    ]
)
plain_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["title", "sites", "name", "networks", "connection", "provider", "assets", "settings"]
            )
            | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.lists(yaml_bits | st.text(max_size=5), max_size=30).map("".join)
    | plain_data.map(json.dumps)
    | st.binary(max_size=80).map(lambda data: data.decode("latin-1")),
    st.sampled_from(KINDS),
)
def test_whatever_is_written_only_bad_input_is_raised(text: str, kind: type[Record]) -> None:
    try:
        found = parse(text, kind, "f.yml")
    except BadInput as error:
        assert error.lines
        assert all(line.startswith("f.yml") for line in error.lines)
    else:
        assert isinstance(found, kind)
        assert parse(json.dumps(load(text, "f.yml")), kind, "f.yml") == found


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_text(hostile: str) -> None:
    said = json.dumps(hostile)
    try:
        found = parse(in_client(f"contacts: [{{name: {said}}}]"), ClientFile, "f.yml")
    except BadInput as error:
        assert len(str(error)) < 300
        assert "half a character" in str(error)
    else:
        assert found.contacts[0].name == hostile
    assert len("\n".join(mistakes(in_client(f"{said}: 1")))) < 300 + len(said)


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_one_that_editors_understand(kind: type[Record]) -> None:
    from jsonschema import Draft202012Validator

    schema = json_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


OVERRIDES = """\
# Seen on site.
assets:
  - asset: a-1   # the till
    note: 2026-02-30
    values:
      location: 2026-11-21
      name: till
"""


def test_an_edit_keeps_comments_order_and_odd_dates(tmp_path: Path) -> None:
    path = tmp_path / "overrides.yml"
    path.write_text(OVERRIDES)

    def rename(data: Any) -> None:
        data["assets"][0]["values"]["name"] = "counter"

    edit(path, rename, OverridesFile)
    assert path.read_text() == (
        OVERRIDES.replace("name: till", "name: counter").replace("2026-02-30", "'2026-02-30'")
    )


def test_an_edit_makes_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "overrides.yml"
    edit(path, lambda data: data.update(assets=[{"asset": "a-1"}]), OverridesFile)
    assert read(path, OverridesFile).assets[0].asset == "a-1"


def test_an_edit_refuses_to_write_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "overrides.yml"
    path.write_text(OVERRIDES)
    with pytest.raises(BadInput, match=r"assets\[0\].asset: expected text, found 5"):
        edit(path, lambda data: data["assets"][0].update(asset=5), OverridesFile)
    assert path.read_text() == OVERRIDES


@pytest.mark.parametrize("broken", ["assets: [", "- a\n", "assets: nonsense\n", "assets: []\nassets: []\n"])
def test_an_edit_leaves_a_broken_file_alone(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "overrides.yml"
    path.write_text(broken)
    with pytest.raises(BadInput):
        edit(path, lambda data: data.setdefault("assets", []).append({"asset": "a"}), OverridesFile)
    assert path.read_text() == broken


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    write_atomically(path, "one\n")
    write_atomically(path, "two é\n", mode=0o600)
    assert path.read_text() == "two é\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("old\n")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "half a character: \ud800")
    assert (path.read_text(), list(tmp_path.iterdir())) == ("old\n", [path])


def test_a_full_disk_leaves_the_old_file_and_no_other(tiny: Path) -> None:
    path = tiny / "a.yml"
    path.write_text("old\n")
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(path, "x" * 200_000)
    assert caught.value.errno == errno.ENOSPC
    assert (path.read_text(), list(tiny.iterdir())) == ("old\n", [path])


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """Two writers and one reader at the same path: every look shows one of the two whole texts."""
    path = tmp_path / "a.yml"
    texts = ("a" * 100_000, "b" * 50_000)
    write_atomically(path, texts[0])
    program = (
        "import sys; from pathlib import Path; from mspctl.handwritten import write_atomically\n"
        "for _ in range(40): write_atomically(Path(sys.argv[1]), sys.argv[2] * int(sys.argv[3]))"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(path), text[0], str(len(text))])
        for text in texts
    ]
    while any(writer.poll() is None for writer in writers):
        assert path.read_text() in texts
    assert [writer.returncode for writer in writers] == [0, 0]
    assert os.listdir(tmp_path) == ["a.yml"]  # noqa: PTH208 names are what counts


@pytest.mark.parametrize(
    ("word", "hint"), [("titel", "; did you mean 'title'?"), ("zzz", ""), ("", ""), ("x" * 100_000, "")]
)
def test_the_nearest_word_is_offered(word: str, hint: str) -> None:
    assert handwritten.nearest(word, ["title", "sites"]) == hint
