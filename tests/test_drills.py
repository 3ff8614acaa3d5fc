import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from mspctl import drills
from mspctl.records import CoverageState, Drill, Proof
from mspctl.verify import awaited, with_drills
from tests.samples import NOW, coverage

PROVED = Drill(
    host="web", service="monitoring", provider="zabbix", at=NOW, fired_seconds=34, cleared_seconds=31
)
FAILED = replace(PROVED, fired_seconds=None, cleared_seconds=None, reason="no alert within 240 s")
WHERE = ("web", "monitoring")
INSTALLED = Proof(check="installed", title="Installed", source="host", ok=True)


def proof(drill: Drill, days: int = 0) -> Proof:
    return drills.proofs([drill], NOW + timedelta(days=days), 90)[WHERE]


def test_a_drill_is_a_proof_in_words() -> None:
    found = proof(PROVED)
    assert found.title == "An alert fired after 34 s and cleared after 31 s, 2026-11-21"
    assert found.ok and not found.optional and not found.detail
    assert proof(PROVED, 90) == found


def test_an_alert_that_never_cleared_is_none() -> None:
    assert not drills.is_proof(replace(PROVED, cleared_seconds=None))
    assert not proof(replace(PROVED, cleared_seconds=None, reason="the alert did not clear")).ok


def test_an_old_drill_proves_nothing_and_spoils_nothing() -> None:
    for drill in (PROVED, FAILED):
        found = proof(drill, 91)
        assert (
            not found.ok and found.optional and found.detail.startswith("more than 90 days ago: drill again")
        )
        (after,) = with_drills([coverage("web", proofs=(INSTALLED,))], {WHERE: found}, "20270301T000000Z")
        assert after.state is CoverageState.COVERED and after.proofs == (INSTALLED, found)


def test_a_failed_drill_leaves_a_host_uncovered_until_one_that_goes_well() -> None:
    before = coverage("web", proofs=(INSTALLED,))
    (failed,) = with_drills([before], {WHERE: proof(FAILED)}, "20261121T093000Z")
    assert (failed.state, failed.since) == (CoverageState.FAILING, "20261121T093000Z")
    assert failed.reason == "An alert fires and clears, drilled 2026-11-21"
    assert failed.proofs[-1].detail == "no alert within 240 s"
    assert not awaited([failed])  # no agent will check in and mend it
    (mended,) = with_drills([failed], {WHERE: proof(PROVED)}, "20261122T093000Z")
    assert (mended.state, mended.reason) == (CoverageState.COVERED, "")
    assert mended.proofs == (INSTALLED, proof(PROVED))
    (same,) = with_drills([mended], {WHERE: proof(PROVED)}, "20261123T093000Z")
    assert same == mended


@pytest.mark.parametrize("state", [CoverageState.MISSING, CoverageState.UNKNOWN, CoverageState.EXCLUDED])
def test_a_host_that_is_not_judged_by_proofs_stays_as_it_is(state: CoverageState) -> None:
    before = coverage("web", state, "so")
    assert with_drills([before], {WHERE: proof(PROVED)}, "r") == (before,)


def test_only_the_newest_drill_of_each_host_that_is_there_is_kept() -> None:
    gone = replace(PROVED, host="gone")
    db = replace(PROVED, host="db")
    assert drills.kept([PROVED, gone, db], [FAILED], {"monitoring": ("db", "web")}) == (db, FAILED)


def shell(tmp_path: Path, command: str, active: int = 0, timer: int = 0) -> tuple[int, list[str]]:
    """Return how a command ended for root, and what it told systemd, which stands in here."""
    log = tmp_path / "log"
    for name, code in (
        ("systemctl", f"case $* in *is-active*) exit {active};; esac"),
        ("systemd-run", f"exit {timer}"),
    ):
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n{code}\n')
        path.chmod(0o755)
    (tmp_path / "id").write_text("#!/bin/sh\necho 0\n")
    (tmp_path / "id").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode, log.read_text().splitlines()


def test_the_unit_is_stopped_only_when_the_host_will_start_it_by_itself(tmp_path: Path) -> None:
    command = drills.stop(480, with_password=True)
    code, told = shell(tmp_path, command)
    assert code == 0
    assert told[-2:] == [
        "systemd-run --quiet --collect --unit=mspctl-drill-return --on-active=480"
        " systemctl start mspctl-drill.service",
        "systemctl stop mspctl-drill.service",
    ]


def test_where_the_timer_or_the_unit_is_missing_nothing_is_stopped(tmp_path: Path) -> None:
    code, told = shell(tmp_path, drills.stop(480, with_password=False), timer=1)
    assert code and "systemctl stop mspctl-drill.service" not in told
    (tmp_path / "log").unlink()
    code, told = shell(tmp_path, drills.stop(480, with_password=False), active=3)
    assert code == drills.NOT_THERE and told == ["systemctl --quiet is-active mspctl-drill.service"]


def test_the_unit_is_started_though_no_timer_is_left(tmp_path: Path) -> None:
    code, told = shell(tmp_path, drills.start(with_password=False))
    assert code == 0 and told[-1] == "systemctl start mspctl-drill.service"


def test_a_password_goes_to_sudo_by_standard_input() -> None:
    assert 'exec sudo -S -p "" /bin/sh -c' in drills.stop(480, with_password=True)
    assert "exec sudo -n /bin/sh -c" in drills.start(with_password=False)
