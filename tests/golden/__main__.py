"""Rewrite what the recorded answers are expected to mean."""

import json

from tests.golden import read, recorded

for path, content in recorded():
    content["expected"] = read(path, content)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
