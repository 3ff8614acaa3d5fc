"""Fingerprints in Recog's format, read beside ours."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mspctl import recog
from mspctl.errors import BadInput
from mspctl.fingerprints import Fingerprints, joined, shipped
from mspctl.identify import identify
from mspctl.records import Observation
from tests.discovery.evidence import scan

SSH = r"""<?xml version="1.0" encoding="UTF-8"?>
<!-- ours, in their format -->
<fingerprints matches="ssh.banner" protocol="ssh" database_type="service" preference="0.90">
  <fingerprint pattern="^Quartz_([\d.]+) (\S+)$">
    <description>A switch that names its model</description>
    <example os.version="2.1">Quartz_2.1 Q48</example>
    <param pos="0" name="hw.vendor" value="Quartz Networks"/>
    <param pos="2" name="hw.product"/>
    <param pos="0" name="os.device" value="Switch"/>
    <param pos="1" name="os.version"/>
    <param pos="0" name="os.product" value="QuartzOS"/>
    <param pos="0" name="os.cpe23" value="cpe:/o:quartz:os:{os.version}"/>
  </fingerprint>
  <fingerprint pattern="^Quartz_">
    <description>The general case, which must not speak where the one above has</description>
    <param pos="0" name="hw.device" value="Printer"/>
  </fingerprint>
  <fingerprint pattern="(?i)^lava_\h+ on ([a-z]+)$">
    <description>Any letter case</description>
    <param pos="0" name="os.vendor" value="{service.component}"/>
    <param pos="1" name="service.component"/>
    <param pos="0" name="os.product" value="Linux"/>
    <param pos="0" name="os.device" value="General"/>
  </fingerprint>
  <fingerprint pattern="^(?&lt;broken">
    <description>What no Python understands</description>
    <param pos="0" name="hw.device" value="UPS"/>
  </fingerprint>
</fingerprints>
"""


def seen(banner: str) -> list[Observation]:
    log = scan(0, {"192.0.2.5": {"banner": banner}})
    return [line for line in log if isinstance(line, Observation)]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "xml").mkdir()
    (tmp_path / "xml" / "ssh_banners.xml").write_text(SSH)
    other = SSH.replace("ssh.banner", "x11.banner")
    (tmp_path / "xml" / "x11_banners.xml").write_text(other)
    return tmp_path


def profile(banner: str, folder: Path) -> dict[str, str]:
    rules = joined((shipped(), recog.load(folder)))
    return {field: value.value for field, value in identify(seen(banner), fingerprints=rules).items()}


def test_a_checkout_names_what_ours_do_not(checkout: Path) -> None:
    found = profile("SSH-2.0-Quartz_2.1 Q48", checkout)
    assert found["vendor"] == "Quartz Networks"
    assert (found["model"], found["os_version"]) == ("Q48", "2.1")
    assert (found["kind"], found["role"]) == ("switch", "switch")
    assert "os" not in found, "a device's product is no operating system of a computer"


def test_only_the_first_that_matches_speaks_and_letter_case_counts(checkout: Path) -> None:
    assert profile("SSH-2.0-Quartz_2.1 Q48 and more", checkout)["kind"] == "printer"
    assert "kind" not in profile("SSH-2.0-quartz_2.1 Q48", checkout)
    assert profile("SSH-2.0-LAVA_ff on solaris", checkout)["os"] == "solaris"


def test_ours_win_where_both_speak(tmp_path: Path) -> None:
    ours = identify(seen("SSH-2.0-OpenSSH_9.2p1 Debian-2"))
    (tmp_path / "ssh.xml").write_text(
        '<fingerprints matches="ssh.banner"><fingerprint pattern="^OpenSSH">'
        '<param pos="0" name="os.vendor" value="BeOS"/><param pos="0" name="os.product" value="BeOS"/>'
        '<param pos="0" name="hw.vendor" value="Be"/></fingerprint></fingerprints>'
    )
    rules = joined((shipped(), recog.load(tmp_path)))
    with_both = identify(seen("SSH-2.0-OpenSSH_9.2p1 Debian-2"), fingerprints=rules)
    assert with_both["os"] == ours["os"]
    assert with_both["vendor"].value == "Be"
    assert with_both["vendor"].rule == "recog.ssh.1"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no fingerprints"),
        ("<fingerprints matches='ssh.banner'>", "ssh.xml: no XML"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><fingerprints matches='ssh.banner'/>", "ssh.xml: declares entities"),
        ("<fingerprints matches='x11.banner'/>", "none of its 1 files"),
        ("<other matches='ssh.banner'/>", "none of its 1 files"),
    ],
)
def test_a_folder_without_fingerprints_is_one_line(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "ssh.xml").write_text(content)
    with pytest.raises(BadInput) as told:
        recog.load(tmp_path)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


@given(st.binary(max_size=400))
def test_no_file_makes_it_raise_anything_but_bad_input(document: bytes) -> None:
    try:
        recog.read("x.xml", document)
    except BadInput as error:
        assert "x.xml" in str(error)


@given(st.text(max_size=80), st.sampled_from(["", "REG_ICASE", "REG_MULTILINE"]), st.text(max_size=30))
def test_any_pattern_is_a_rule_or_left_out(pattern: str, flags: str, value: str) -> None:
    from xml.etree import ElementTree

    root = ElementTree.Element("fingerprints", {"matches": "ssh.banner"})
    node = ElementTree.SubElement(root, "fingerprint", {"pattern": pattern, "flags": flags})
    ElementTree.SubElement(node, "param", {"pos": "0", "name": "hw.vendor", "value": value})
    try:
        found: Any = recog.read("x.xml", ElementTree.tostring(root))
    except BadInput:
        return  # a character no XML may hold
    rules = joined((shipped(), Fingerprints(ladders=(found,))))
    identify(seen("SSH-2.0-anything"), fingerprints=rules)
