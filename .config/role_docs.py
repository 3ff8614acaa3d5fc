"""Write the table of variables in each role's README from its meta/argument_specs.yml.

python .config/role_docs.py            # write
python .config/role_docs.py --check    # fail where a README is not as it would be written
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- variables: `make role-docs` writes them from meta/argument_specs.yml -->"
END = "<!-- end of variables -->"
_CODE = re.compile(r"\b[COVM]\(([^)]*)\)")


def table(options: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table of a role's variables, in the order in which the role declares them."""
    rows = [f"| `{name}` | {default(option)} | {meaning(option)} |\n" for name, option in options.items()]
    return "| variable | default | meaning |\n| --- | --- | --- |\n" + "".join(rows)


def default(option: Mapping[str, Any]) -> str:
    """Return what a variable is unless it is given."""
    if option.get("required"):
        return "required"
    value = option.get("default")
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if value == "" else f"`{value}`"


def meaning(option: Mapping[str, Any]) -> str:
    """Return what a variable is for, with the values it may have."""
    said = option["description"]
    text = " ".join(said) if isinstance(said, list) else str(said)
    choices = ", ".join(f"`{choice}`" for choice in option.get("choices", ()))
    words = f"{text} One of {choices}." if choices else text
    return _CODE.sub(r"`\1`", words).replace("|", r"\|")


def written(role: Path) -> str:
    """Return a role's README with its table as it should be. Raise ValueError where it has no place."""
    text = (role / "README.md").read_text(encoding="utf-8")
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{role.name}/README.md lacks the two marks of the table: {BEGIN}, {END}")
    return f"{before}{BEGIN}\n\n{table(specs['argument_specs']['main']['options'])}\n{END}{after}"


def main(is_check: bool) -> int:
    """Write the tables, or say which is stale."""
    stale = 0
    for role in sorted(path for path in (ROOT / "roles").iterdir() if (path / "README.md").is_file()):
        path, text = role / "README.md", written(role)
        if path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if is_check:
            print(f"roles/{role.name}/README.md: the variables are stale; `make role-docs` writes them")  # noqa: T201
        else:
            path.write_text(text, encoding="utf-8")
    return int(is_check and stale > 0)


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
