"""Ansible's modules for Windows as they are released: fetched once into build/collections.

The wheel of the package `ansible` holds every collection; only these are unpacked of it. `VERSIONS` are
what tests are run against.
"""

import fcntl
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROOT = Path(__file__).parent.parent
COLLECTIONS = ROOT / "build" / "collections"
WHEEL, VERSIONS = "ansible==12.3.0", {"ansible.windows": "3.3.0", "community.windows": "3.1.0"}
_PREFIX = "ansible_collections/"
# What the plugin of win_copy tells the module besides what its page says.
_INTERNAL = {
    "ansible.windows.win_copy": {"_copy_mode", "_original_basename", "files", "directories", "symlinks"}
}


def install() -> Path:
    """Return the folder for ANSIBLE_COLLECTIONS_PATH; the wheel is fetched where it is not there yet."""
    COLLECTIONS.mkdir(parents=True, exist_ok=True)
    with (COLLECTIONS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all(_manifest(name).is_file() for name in VERSIONS):
            with tempfile.TemporaryDirectory() as folder:
                options = ("--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder)
                subprocess.run((sys.executable, "-m", "pip", "download", *options, WHEEL), check=True)
                (wheel,) = Path(folder).glob("*.whl")
                with zipfile.ZipFile(wheel) as archive:
                    for name in VERSIONS:
                        _unpack(archive, name)
        for name, version in VERSIONS.items():
            assert json.loads(_manifest(name).read_text())["collection_info"]["version"] == version
    return COLLECTIONS


def _folder(name: str) -> str:
    return f"{_PREFIX}{name.replace('.', '/')}/"


def _manifest(name: str) -> Path:
    return COLLECTIONS / _folder(name) / "MANIFEST.json"


def _unpack(archive: zipfile.ZipFile, name: str) -> None:
    names = {each for each in archive.namelist() if each.startswith(_folder(name))}
    last = f"{_folder(name)}MANIFEST.json"  # what shows that all of it is there
    archive.extractall(COLLECTIONS, [*sorted(names - {last}), last])


@cache
def specification(module: str) -> dict[str, Any]:
    """Return the options of a module such as ansible.windows.win_file, as Ansible writes argument specs."""
    collection, _, name = module.rpartition(".")
    folder = install() / _folder(collection) / "plugins"
    said = _documentation((folder / "modules" / f"{name}.py").read_text())
    options = dict(said.get("options") or {})
    fragments = said.get("extends_documentation_fragment") or []
    for fragment in [fragments] if isinstance(fragments, str) else fragments:
        owner, _, short = fragment.rpartition(".")
        if owner == collection:
            options |= _documentation((folder / "doc_fragments" / f"{short}.py").read_text())["options"]
    return {key: _option(each) for key, each in options.items()}


def _documentation(text: str) -> dict[str, Any]:
    _, _, rest = text.partition("DOCUMENTATION = ")
    quote = "'''" if "'''" in rest[:5] else '"""'
    return dict(yaml.safe_load(rest.split(quote)[1]))


def _option(said: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: said[key] for key in ("type", "required", "choices", "elements", "aliases") if key in said}
    if "suboptions" in said:
        kept["options"] = {key: _option(each) for key, each in said["suboptions"].items()}
    return kept


def complaints(module: str, given: Mapping[str, Any]) -> list[str]:
    """Return what a module would say of its arguments, none where all is well."""
    plain = {
        key: each
        for key, each in given.items()
        if not key.startswith("_ansible_") and key not in _INTERNAL.get(module, set())
    }
    return list(ArgumentSpecValidator(specification(module)).validate(plain).error_messages)
