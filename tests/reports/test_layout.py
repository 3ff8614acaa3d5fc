from itertools import combinations

import pytest

from mspctl.records import Layer, Topology
from mspctl.reports.layout import TILE_HEIGHT, TILE_WIDTH, Box, natural, picture
from mspctl.topology import topology
from tests.offices import office


@pytest.mark.parametrize("layer", list(Layer))
@pytest.mark.parametrize("count", [4, 15, 130, 500])
def test_nothing_overlaps_and_nobody_is_missing(count: int, layer: Layer) -> None:
    assets, log, file = office(count)
    drawn = picture(topology(assets, log, file), layer, {asset.id: asset.get("kind") for asset in assets})
    shown = [box.node.id for box in drawn.boxes if box.node] + [
        t.node.id for box in drawn.boxes for t in box.tiles
    ]
    assert len(shown) == len(set(shown))
    assert {asset.id for asset in assets} <= set(shown)
    assert not [(a.title, b.title) for a, b in combinations(drawn.boxes, 2) if overlap(a, b)]
    for box in drawn.boxes:
        assert box.x >= 0 and box.x + box.width <= drawn.width + 1
        assert box.y >= 0 and box.y + box.height <= drawn.height + 1
        for tile in box.tiles:
            assert box.x <= tile.x and tile.x + TILE_WIDTH <= box.x + box.width
            assert box.y + drawn.header <= tile.y and tile.y + TILE_HEIGHT <= box.y + box.height


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def test_ports_stand_as_people_count() -> None:
    assert sorted(["Gi0/10", "Gi0/9", "Gi1/1", ""], key=natural) == ["", "Gi0/9", "Gi0/10", "Gi1/1"]


def test_nothing_is_drawn_of_nothing() -> None:
    assert picture(Topology(), Layer.PHYSICAL, {}).boxes == ()
