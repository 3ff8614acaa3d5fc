"""Rewrite what is expected of each file to what is read now."""

import json

from tests.discovery.imports import expected_of, samples, told

for path in samples():
    expected_of(path).write_text(
        json.dumps(told(path), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
