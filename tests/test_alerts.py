"""The alerts of Prometheus that mspctl writes, judged by its own tool: when they fire, and of whom."""

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from mspctl import catalog
from mspctl.handwritten import dump
from mspctl.inventory import Host, Inventory
from mspctl.records import Json, OptIn
from mspctl.targets import rules
from tests.samples import has

pytestmark = pytest.mark.skipif(not has("promtool"), reason="no promtool here: tests/run.sh installs it")
RECORD = catalog.provider("monitoring", "node_exporter")
LONG = 90  # minutes that a trouble lasts, and that all is well afterwards


class Trouble(NamedTuple):
    """What makes an alert fire: series less the host's labels, each as it is in trouble and in health."""

    series: dict[str, tuple[str, str]]
    minutes: int  # until it fires
    severity: str
    summary: str
    labels: dict[str, str] = {}  # noqa: RUF012 nobody changes it


def steady(trouble: float, health: float) -> tuple[str, str]:
    """Return a series that stands still twice."""
    return f"{trouble}x{LONG}", f"{health}x{LONG}"


ROOT = {"device": "/dev/sda1", "fstype": "ext4", "mountpoint": "/"}
UNIT = {"state": "active", "type": "simple"}
TROUBLES = {
    "HostDown": Trouble({"up": steady(0, 1)}, 5, "critical", "web does not answer", {"kind": "server"}),
    "DiskNearlyFull": Trouble(
        {
            "node_filesystem_avail_bytes": steady(9, 11),
            "node_filesystem_size_bytes": steady(100, 100),
            "node_filesystem_readonly": steady(0, 0),
        },
        10,
        "warning",
        "/ of web is 91 % full",
        ROOT,
    ),
    "DiskNearlyOutOfFiles": Trouble(
        {
            "node_filesystem_files_free": steady(9, 11),
            "node_filesystem_files": steady(100, 100),
            "node_filesystem_readonly": steady(0, 0),
        },
        10,
        "warning",
        "/ of web has given 91 % of its files away",
        ROOT,
    ),
    "MemoryNearlyFull": Trouble(
        {"node_memory_MemAvailable_bytes": steady(4, 6), "node_memory_MemTotal_bytes": steady(100, 100)},
        15,
        "warning",
        "96 % of the memory of web is in use",
    ),
    "UnitStopped": Trouble(
        {"node_systemd_unit_state": steady(0, 1)},
        2,
        "critical",
        "nginx.service of web does not run",
        {"name": "nginx.service", **UNIT},
    ),
    "UnitFailed": Trouble(
        {"node_systemd_units": steady(2, 0)},
        5,
        "warning",
        "2 units of web have failed: `systemctl --failed` names them",
        {"state": "failed"},
    ),
    "UnitsUnknown": Trouble(
        {"node_scrape_collector_success": steady(0, 1)},
        15,
        "warning",
        "web tells nothing of its units: is there a D-Bus?",
        {"collector": "systemd"},
    ),
    "ClockOff": Trouble(
        {"node_time_seconds": (f"31+60x{LONG}", f"{60 * (LONG + 1) + 29}+60x{LONG}")},
        5,
        "warning",
        "The clock of web is off by 31 s",
    ),
    "CertificateEnds": Trouble(
        {"mspctl_certificate_end_seconds": steady(14 * 86_400, 99 * 86_400)},
        61,
        "warning",
        "The certificate of the exporter of web ends in 14 days",
    ),
    "MspctlDrill": Trouble(
        {"node_systemd_unit_state": steady(0, 1)},
        0,
        "info",
        "web: the unit that stands in for a service was stopped",
        {"name": "mspctl-drill.service", **UNIT},
    ),
}


def written(folder: Path, client: str = "acme", **settings: Json) -> Path:
    """Write a client's alerts, and return the file."""
    host = Host(
        name="web", groups=("monitoring",), connection={"ansible_host": "192.0.2.1", "mspctl_site": "main"}
    )
    choice = OptIn(provider="node_exporter", settings={"certificate_file": "x.pem", **settings})
    built = Inventory(hosts=(host,), group_variables={}, services={"monitoring": choice})
    file = folder / f"{client}.rules.yml"
    file.write_text(dump(rules(built, {("monitoring", "node_exporter"): RECORD}, client)))
    return file


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def labels(more: dict[str, str], client: str = "acme", host: str = "web") -> dict[str, str]:
    return {"client": client, "host": host, "site": "main", "instance": "192.0.2.1:9100", **more}


def shown(name: str, found: dict[str, str]) -> str:
    return name + "{" + ",".join(f'{key}="{text}"' for key, text in found.items()) + "}"


def judge(
    folder: Path, file: Path, series: dict[str, str], expected: dict[tuple[str, int], list[Json]]
) -> None:
    """Have promtool compare what fires, by alert and minute, with what is expected."""
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"alertname": name, "eval_time": f"{minute}m", "exp_alerts": alerts}
            for (name, minute), alerts in expected.items()
        ],
    }
    (folder / "test.yml").write_text(dump({"rule_files": [str(file)], "tests": [test]}))
    promtool("test", "rules", folder / "test.yml")


def test_every_alert_is_tried_here() -> None:
    assert RECORD.console
    tried = {*TROUBLES, "DiskArrayDegraded"}
    assert {alert.name for alert in RECORD.console.alerts} == tried


def test_prometheus_takes_the_file(tmp_path: Path) -> None:
    promtool("check", "rules", written(tmp_path), written(tmp_path, "other"))


@pytest.mark.parametrize("name", TROUBLES)
def test_an_alert_fires_in_time_for_its_client_s_host_and_clears(tmp_path: Path, name: str) -> None:
    trouble = TROUBLES[name]
    series = {}
    for client, host in (("acme", "web"), ("other", "web")):
        for metric, values in trouble.series.items():
            series[shown(metric, labels(trouble.labels, client, host))] = " ".join(values)
    for metric, (_, health) in trouble.series.items():
        well = health if name != "ClockOff" else f"0+60x{2 * LONG}"
        series[shown(metric, labels(trouble.labels, host="well"))] = well
    drill = {"mspctl": "drill"} if name == "MspctlDrill" else {}
    alert: Json = {
        "exp_labels": {**labels(trouble.labels), "severity": trouble.severity, **drill},
        "exp_annotations": {"summary": trouble.summary},
    }
    expected = {(name, trouble.minutes): [alert], (name, LONG): [alert], (name, LONG + 2): []}
    if trouble.minutes:
        expected[name, trouble.minutes - 1] = []
    judge(tmp_path, written(tmp_path), series, expected)


def test_an_array_that_lacks_a_disk(tmp_path: Path) -> None:
    md = {"device": "md0"}
    series = {
        shown("node_md_disks_required", labels(md)): f"2x{LONG}",
        shown("node_md_disks", labels({**md, "state": "active"})): "1x9 2x20",
        shown("node_md_disks", labels({**md, "state": "failed"})): "1x9 0x20",
    }
    alert: Json = {
        "exp_labels": {**labels(md), "severity": "critical"},
        "exp_annotations": {"summary": "md0 of web lacks disks: 1"},
    }
    name = "DiskArrayDegraded"
    judge(tmp_path, written(tmp_path), series, {(name, 4): [], (name, 5): [alert], (name, 12): []})


def test_what_is_no_disk_of_the_host_s_fills_up_unnoticed(tmp_path: Path) -> None:
    """Memory and images that are always full: the latter cannot be written to."""
    series = {}
    for kind, is_readonly in (("tmpfs", 0), ("squashfs", 1)):
        where = labels({"device": "x", "fstype": kind, "mountpoint": f"/{kind}"})
        for metric, number in (("avail_bytes", 0), ("size_bytes", 9), ("files_free", 0), ("files", 9)):
            series[shown(f"node_filesystem_{metric}", where)] = f"{number}x{LONG}"
        series[shown("node_filesystem_readonly", where)] = f"{is_readonly}x{LONG}"
    names = ("DiskNearlyFull", "DiskNearlyOutOfFiles")
    judge(tmp_path, written(tmp_path), series, {(name, 60): [] for name in names})


def test_a_laptop_may_be_switched_off(tmp_path: Path) -> None:
    series = {shown("up", labels({"kind": kind})): f"0x{LONG}" for kind in ("laptop", "workstation")}
    judge(tmp_path, written(tmp_path), series, {("HostDown", 60): []})


def test_settings_say_how_much_is_too_much(tmp_path: Path) -> None:
    file = written(tmp_path, down_minutes=1, full_percent=50)
    series = {
        shown("up", labels({})): f"0x{LONG}",
        shown("node_filesystem_avail_bytes", labels(ROOT)): f"49x{LONG}",
        shown("node_filesystem_size_bytes", labels(ROOT)): f"100x{LONG}",
        shown("node_filesystem_readonly", labels(ROOT)): f"0x{LONG}",
    }
    down: Json = {
        "exp_labels": {**labels({}), "severity": "critical"},
        "exp_annotations": {"summary": "web does not answer"},
    }
    full: Json = {
        "exp_labels": {**labels(ROOT), "severity": "warning"},
        "exp_annotations": {"summary": "/ of web is 51 % full"},
    }
    judge(tmp_path, file, series, {("HostDown", 1): [down], ("DiskNearlyFull", 10): [full]})


def test_a_host_that_has_no_unit_of_ours_yet_raises_no_alert_of_a_drill(tmp_path: Path) -> None:
    other = {"name": "nginx.service", **UNIT}
    series = {shown("node_systemd_unit_state", labels(other)): f"0x{LONG}"}
    judge(tmp_path, written(tmp_path), series, {("MspctlDrill", 60): []})
