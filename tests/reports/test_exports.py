import csv
from io import StringIO
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from mspctl.records import Layer
from mspctl.reports.exports import as_csv, as_drawio, as_netbox
from mspctl.topology import topology
from tests.offices import office
from tests.samples import HOSTILE, asset


def test_a_spreadsheet_gets_a_line_for_each_asset() -> None:
    rows = list(csv.DictReader(StringIO(as_csv([asset("web", vendor="Dell"), asset("db", "192.0.2.4")]))))
    assert [(row["name"], row["addresses"], row["vendor"]) for row in rows] == [
        ("db", "192.0.2.4", ""),
        ("web", "192.0.2.10", "Dell"),
    ]


def test_netbox_gets_its_columns_and_no_empty_required_one() -> None:
    text = as_netbox([replace(asset("web", kind="", serial="X1"), gone_since="s")])
    assert text.splitlines() == [
        "name,role,manufacturer,device_type,platform,site,serial,status",
        "web,unknown,unknown,unknown,debian 12,main,X1,offline",
    ]


@pytest.mark.parametrize("formula", ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\t=1", "\r=1", " =1"])
def test_no_cell_is_a_formula(formula: str) -> None:
    for export in (as_csv, as_netbox):
        (row,) = csv.DictReader(StringIO(export([asset("web", vendor=formula, model=formula)])))
        assert not any((cell or " ").lstrip().startswith(("=", "+", "-", "@")) for cell in row.values())


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_stay_one_row(hostile: str) -> None:
    found = list(csv.reader(StringIO(as_csv([asset("web", vendor=hostile, model=hostile)]))))
    assert len(found) == 2
    assert len(found[0]) == len(found[1])


@pytest.mark.parametrize("hostile", HOSTILE)
def test_drawio_reads_the_map(hostile: str) -> None:
    assets, log, file = office(30)
    drawn = topology(assets, log, file)
    nodes = tuple(replace(node, name=hostile[:200]) for node in drawn.nodes)
    root = ElementTree.fromstring(as_drawio(replace(drawn, nodes=nodes), {}))  # noqa: S314 our own
    assert [page.get("name") for page in root] == [layer.value for layer in Layer]
    for page in root:
        ids = [cell.get("id") for cell in page.iter("mxCell")]
        assert len(ids) == len(set(ids))
        ends = {cell.get(end) for cell in page.iter("mxCell") for end in ("source", "target")} - {None}
        assert ends <= set(ids)
    assert "html=1" not in as_drawio(drawn, {})
