"""A simulated Windows machine behind the simulated remote management of tests/wsman.py.

Ansible's own connection, wrappers and modules are sent to it for real; it finds in the manifest of
exec_wrapper.ps1 which module was sent with which arguments, holds these against the module's own
specification, and does to a small model of a machine (files, registry, services, installed programs) what the
module's page says. It never executes PowerShell: it knows scripts by their very text, those of the role and
those of records that it was given a model of. What it proves is what reaches the machine, in which order, and
what is left.
"""

import base64
import hashlib
import io
import json
import re
import traceback
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.windows_collection import complaints

ROLE = Path(__file__).parent.parent / "roles" / "managed_agent"
TEMPORARY = r"C:\Users\technician\AppData\Local\Temp"
_FOLDERS = (r"C:\Program Files", r"C:\ProgramData")
_SEPARATOR = b"\n\0\0\0\0\n"
_REMOVE = re.compile(r"Remove-Item '([^']+)' -Force(?: -Recurse)?;")

Answer = dict[str, Any]
Model = Callable[["Machine", Mapping[str, Any]], str]


class Refused(Exception):
    """Why a module or a check fails, in its words."""


@dataclass
class Installer:
    """What an installer does to a machine."""

    id: str
    name: str
    version: str = "1.0"
    services: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    code: int = 0


@dataclass
class Service:
    """A service."""

    state: str = "started"
    start_mode: str = "auto"
    starts: int = 1
    command: str = ""


@dataclass
class Machine:
    """The machine, and what was done to it."""

    offers: dict[str, bytes] = field(default_factory=dict)  # what it can fetch
    installers: dict[bytes, Installer] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)  # of the scripts of records, by their text
    folders: set[str] = field(default_factory=lambda: {"C:\\", *_FOLDERS, TEMPORARY})
    files: dict[str, bytes] = field(default_factory=dict)
    registry: dict[tuple[str, str], tuple[str, Any]] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the scheduler, by folder and name
    products: dict[str, Installer] = field(default_factory=dict)
    rights: dict[str, set[str]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)  # folders that inherit nothing
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # the scripts of command lines
    faults: list[str] = field(default_factory=list)  # what the model itself does not know

    def state(self) -> dict[str, Any]:
        """Return all that a run may change, less what is temporary."""
        return {
            "files": {path: data for path, data in self.files.items() if not path.startswith(TEMPORARY)},
            "folders": {path for path in self.folders if not path.startswith(TEMPORARY)},
            "registry": dict(self.registry),
            "services": {name: (each.state, each.start_mode) for name, each in self.services.items()},
            "tasks": dict(self.tasks),
            "products": sorted(self.products),
            "closed": set(self.closed),
        }

    def install(self, installer: Installer) -> None:
        """Do what an installer does; a newer version of a product takes the older one's place."""
        older = [key for key, each in self.products.items() if each.name == installer.name]
        self.products = {key: each for key, each in self.products.items() if key not in older}
        self.products[installer.id] = installer
        self.services |= {name: Service() for name in installer.services}
        for path in installer.files:
            self.files[path] = b"as installed"
            self.folders.add(path.rpartition("\\")[0])

    # What comes by remote management

    def run(self, line: str, given: bytes) -> bytes:
        """Return what a command says, given its standard input; `faults` keeps what the model lacks."""
        try:
            return self._run(line, given)
        except Exception:
            self.faults.append(traceback.format_exc())
            raise

    def _run(self, line: str, given: bytes) -> bytes:
        words = line.split()
        script = base64.b64decode(words[words.index("-EncodedCommand") + 1]).decode("utf-16-le")
        self.lines.append(script)
        if found := _REMOVE.search(script):
            self._remove(found[1].removesuffix("\\."))
            return b""
        assert _SEPARATOR in given, f"not modelled: {script}"
        _, manifest, *data = given.split(_SEPARATOR)
        action = json.loads(manifest)["actions"][-1]
        if action["name"] == "module_wrapper.ps1":
            (variable,) = action["params"]["Variables"]
            name = action["params"]["Script"].removeprefix("ansible_collections.").removesuffix(".ps1")
            answer = self._module(name.replace(".plugins.modules", ""), variable["Value"])
            return json.dumps(answer).encode()
        if action["name"] == "winrm_put_file.ps1":
            lines = b"".join(data).splitlines()
            content = b"".join(base64.b64decode(each.strip(b'"')) for each in lines)
            self.files[action["params"]["Path"]] = content
            return json.dumps({"sha1": hashlib.sha1(content).hexdigest()}).encode()  # noqa: S324 Ansible's choice
        if action["name"] == "powershell_mkdtemp.ps1":
            path = f"{TEMPORARY}\\{action['params']['Name']}"
            self.folders.add(path)
            return path.encode()
        raise AssertionError(f"not modelled: {action['name']}")

    def _module(self, name: str, arguments: dict[str, Any]) -> Answer:
        given = {key: each for key, each in arguments.items() if not key.startswith("_ansible_")}
        self.calls.append((name, given))
        if said := complaints(name, arguments):
            return {"failed": True, "msg": "; ".join(said)}
        model = getattr(self, f"_{name.rpartition('.')[2]}")
        try:
            answer: Answer = model(given, bool(arguments.get("_ansible_check_mode")))
        except Refused as refused:
            return {"failed": True, "msg": str(refused), "changed": False}
        return {"changed": False, **answer}

    # Modules: what their pages say

    def _win_powershell(self, given: Answer, is_check: bool) -> Answer:
        script = given["script"].strip()
        if script == _of_role("look.ps1"):
            return {
                "changed": True,
                "output": [json.dumps(self._look(json.loads(given["parameters"]["Question"])))],
            }
        if script == _of_role("checks.ps1"):
            answers = [self._check(each) for each in json.loads(given["parameters"]["Checks"])]
            return {"changed": True, "output": [json.dumps(answers)]}
        raise AssertionError(f"not modelled: {script[:200]}")

    def _look(self, asked: Mapping[str, Any]) -> Answer:
        products = [
            {"id": id_, "name": each.name, "version": each.version}
            for id_, each in self.products.items()
            for wanted in asked["products"]
            if (wanted["name"] and fnmatchcase(each.name.lower(), wanted["name"].lower()))
            or id_ == wanted["id"]
        ]
        values = [
            {"key": each["key"], "name": each["name"], "type": found[0], "data": found[1]}
            for each in asked["values"]
            if (found := self.registry.get((each["key"].lower(), each["name"].lower())))
        ]
        folder = asked["receipt"].rpartition("\\")[0] + "\\"
        return {
            "products": products,
            "services": [name for name in asked["services"] if name in self.services],
            "paths": [path for path in asked["paths"] if path in self.files or path in self.folders],
            "tasks": [name for name in asked["tasks"] if f"\\mspctl\\{name}" in self.tasks],
            "registry": values,
            "receipt": self.files.get(asked["receipt"], b"").decode(),
            "beside": [path.removeprefix(folder) for path in self.files if path.startswith(folder)],
        }

    def _check(self, check: Mapping[str, Any]) -> Answer:
        model = self.models.get(check["script"].strip())
        assert model, f"not modelled: {check['script']}"
        try:
            return {"id": check["id"], "code": 0, "said": model(self, check["parameters"])}
        except Refused as refused:
            return {"id": check["id"], "code": 1, "said": str(refused)}

    def _win_file(self, given: Answer, is_check: bool) -> Answer:
        path = given["path"]
        is_there = path in self.files or path in self.folders
        wanted = given["state"] != "absent"
        if is_there == wanted:
            return {}
        if not is_check and wanted:
            parts = path.split("\\")
            self.folders |= {"\\".join(parts[:end]) for end in range(2, len(parts) + 1)}
        elif not is_check:
            self._remove(path)
        return {"changed": True}

    def _win_copy(self, given: Answer, is_check: bool) -> Answer:
        mode, dest = given.get("_copy_mode", "single"), given["dest"].replace("/", "\\")
        if mode == "query":
            changed = [each for each in given["files"] if not self._is_same(f"{dest}\\{each['dest']}", each)]
            return {"files": changed, "directories": [], "symlinks": []}
        source = self.files.get(given["src"])
        if source is None:
            raise Refused(f"Cannot copy src file: '{given['src']}' as it does not exist")
        if dest in self.folders:
            raise Refused(f"cannot copy to '{dest}': dest is already a folder")
        if self.files.get(dest) == source or (dest in self.files and not given.get("force", True)):
            return {}
        if not is_check:
            if (folder := dest.rpartition("\\")[0]) not in self.folders:
                raise Refused(f"Could not find a part of the path '{folder}'")
            self.files[dest] = source
        return {"changed": True}

    def _is_same(self, path: str, wanted: Answer) -> bool:
        return str(wanted["checksum"]) == hashlib.sha1(self.files.get(path, b"\0")).hexdigest()  # noqa: S324

    def _win_tempfile(self, given: Answer, is_check: bool) -> Answer:
        path = f"{TEMPORARY}\\{given.get('prefix', 'ansible.')}{uuid.uuid4().hex[:8]}"
        self.folders.add(path)
        return {"changed": True, "path": path, "state": given["state"]}

    def _win_get_url(self, given: Answer, is_check: bool) -> Answer:
        content = self.offers.get(given["url"])
        if content is None:
            raise Refused(f"Error downloading '{given['url']}' to '{given['dest']}': 404")
        if "checksum" in given:
            assert given["checksum_algorithm"] == "sha256"
            if hashlib.sha256(content).hexdigest() != given["checksum"]:
                raise Refused("The checksum for the file does not match")
        self.files[given["dest"]] = content
        return {"changed": True, "url": given["url"], "dest": given["dest"]}

    def _win_package(self, given: Answer, is_check: bool) -> Answer:
        if given.get("state") == "absent":
            if given["product_id"] not in self.products:
                return {"rc": 0, "reboot_required": False}
            if not is_check:
                gone = self.products.pop(given["product_id"])
                for name in gone.services:
                    self.services.pop(name, None)
                for path in gone.files:
                    self.files.pop(path, None)
            return {"changed": True, "rc": 0, "reboot_required": False}
        if given["path"] not in self.files:
            raise Refused(f"the file at the path '{given['path']}' cannot be reached")
        installer = self.installers[self.files[given["path"]]]
        product = given.get("product_id") or installer.id
        if product in self.products and given.get("creates_service", "") in ("", *self.services):
            return {"rc": 0, "reboot_required": False}
        if installer.code not in given["expected_return_code"]:
            return {"failed": True, "rc": installer.code, "msg": f"unexpected rc {installer.code}"}
        if not is_check:
            self.install(installer)
        return {"changed": True, "rc": installer.code, "reboot_required": installer.code == 3010}

    def _win_regedit(self, given: Answer, is_check: bool) -> Answer:
        if not re.match(r"(HKCC|HKCR|HKCU|HKLM|HKU):\\", given["path"]):
            raise Refused(f"path: {given['path']} is not a valid path")
        place = (given["path"].lower(), given["name"].lower())
        if given.get("state") == "absent":
            if place not in self.registry:
                return {}
            if not is_check:
                del self.registry[place]
            return {"changed": True}
        data = int(given["data"]) if given["type"] in ("dword", "qword") else given["data"]
        if self.registry.get(place) == (given["type"], data):
            return {}
        if not is_check:
            self.registry[place] = (given["type"], data)
        return {"changed": True}

    def _win_unzip(self, given: Answer, is_check: bool) -> Answer:
        if given["src"] not in self.files:
            raise Refused(f"File '{given['src']}' does not exist.")
        if not given["src"].endswith(".zip"):
            raise Refused("PSCX is needed for what is no .zip")
        with zipfile.ZipFile(io.BytesIO(self.files[given["src"]])) as archive:
            for name in archive.namelist():
                self.files[f"{given['dest']}\\{name}"] = archive.read(name)
        self.folders.add(given["dest"])
        return {"changed": True}

    def _win_scheduled_task(self, given: Answer, is_check: bool) -> Answer:
        place = f"{given['path']}\\{given['name']}"
        if given["state"] == "absent":
            if place not in self.tasks:
                return {}
            if not is_check:
                del self.tasks[place]
            return {"changed": True}
        for trigger in given["triggers"]:
            if trigger["type"] in ("daily", "weekly") and "start_boundary" not in trigger:
                raise Refused(f"missing required option start_boundary when type is {trigger['type']}")
        if self.tasks.get(place) == given:
            return {}
        if not is_check:
            self.tasks[place] = given
        return {"changed": True}

    def _win_service(self, given: Answer, is_check: bool) -> Answer:
        service = self.services.get(given["name"])
        if given.get("state") == "absent":
            if service and not is_check:
                del self.services[given["name"]]
            return {"changed": service is not None, "exists": False}
        if service is None and given.get("path"):
            if not is_check:
                self.services[given["name"]] = Service("stopped", "auto", 0, given["path"])
            return {"changed": True, "exists": not is_check}
        if service is None:
            raise Refused(
                f"Service '{given['name']}' is not installed, need to set 'path' to create a new service"
            )
        before = (service.state, service.start_mode, service.command)
        mode = given.get("start_mode", service.start_mode)
        is_restart = given.get("state") == "restarted"
        state = "started" if is_restart else str(given.get("state", service.state))
        command = given.get("path", service.command)
        if not is_check:
            if state == "started" and (is_restart or service.state != "started"):
                service.starts += 1
            service.state, service.start_mode, service.command = state, mode, command
        return {"changed": is_restart or before != (state, mode, command), "state": state, "exists": True}

    def _win_service_info(self, given: Answer, is_check: bool) -> Answer:
        return {"exists": given["name"] in self.services, "services": []}

    def _win_acl(self, given: Answer, is_check: bool) -> Answer:
        self._must_be_there(given["path"])
        entry = f"{given['type']} {given['user']} {given['rights']}"
        if entry in self.rights.get(given["path"], set()):
            return {}
        if not is_check:
            self.rights.setdefault(given["path"], set()).add(entry)
        return {"changed": True}

    def _win_acl_inheritance(self, given: Answer, is_check: bool) -> Answer:
        self._must_be_there(given["path"])
        assert given["state"] == "absent"
        if given["path"] in self.closed:
            return {}
        if not is_check:
            self.closed.add(given["path"])
        return {"changed": True}

    def _must_be_there(self, path: str) -> None:
        if path not in self.folders and path not in self.files:
            raise Refused(f"{path} file or directory does not exist on the host")

    def _remove(self, path: str) -> None:
        inside = f"{path}\\"
        self.files = {
            each: data for each, data in self.files.items() if each != path and not each.startswith(inside)
        }
        self.folders = {each for each in self.folders if each != path and not each.startswith(inside)}
        self.closed = {each for each in self.closed if each != path and not each.startswith(inside)}
        self.rights = {each: kept for each, kept in self.rights.items() if each in self.folders}


def _of_role(name: str) -> str:
    return (ROLE / "files" / name).read_text().strip()
