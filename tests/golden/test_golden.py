"""Every recorded answer still means what it meant."""

from pathlib import Path
from typing import Any

import pytest

from tests.golden import FOLDER, read, recorded


@pytest.mark.parametrize(
    ("path", "content"), [pytest.param(*item, id=str(item[0].relative_to(FOLDER))) for item in recorded()]
)
def test_a_recorded_answer_means_what_is_expected(path: Path, content: dict[str, Any]) -> None:
    assert read(path, content) == content["expected"]
