"""Where the copies of a client's devices lie: redacted as text, whole and sealed beside it."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mspctl.errors import MspctlError
from mspctl.handwritten import write_atomically
from mspctl.netconfig import copies
from mspctl.netconfig.copies import Copy
from mspctl.records import Platform

SEALED = "configuration.vault"
_MOST_TOLD = 12  # numbers of doubtful lines


class Shelf:
    """A folder with one folder a device; `seal` and `unseal` keep what is secret."""

    def __init__(
        self,
        folder: Path,
        seal: Callable[[str], str],
        unseal: Callable[[str, str], str],
        cleared: Sequence[str],
    ) -> None:
        """Take the folder, what seals and opens, and the patterns of lines an engineer looked at."""
        self._folder, self._seal, self._unseal, self._cleared = folder, seal, unseal, tuple(cleared)
        self.changed: set[str] = set()

    def keep(self, name: str, platform: Platform) -> Callable[[Copy], str]:
        """Return what keeps a copy of the device `name`, and says why it did not."""

        def keep(copy: Copy) -> str:
            found = copies.written(copy, platform, self._cleared)
            if found.doubts:
                return _told(found.doubts, platform)
            for file, text in found.files.items():
                self._save(name, file, text)
            if not self._is_kept(name, copy, platform):
                whole = {"platform": platform.name, "running": copy.running, "startup": copy.startup}
                self._save(name, SEALED, self._seal(json.dumps(whole)))
            return ""

        return keep

    def newest(self, name: str) -> Copy | None:
        """Return the newest whole copy of a device, None where there is none that can be read."""
        path = self._folder / name / SEALED
        if not path.exists():
            return None
        try:
            return self.opened(path.read_text(encoding="utf-8"), str(path))
        except (MspctlError, UnicodeDecodeError):
            return None

    def opened(self, sealed: str, shown: str) -> Copy:
        """Return a copy that was sealed. Raise MspctlError: wrong password, no copy."""
        try:
            found = json.loads(self._unseal(sealed, shown))
            return Copy(str(found["running"]), str(found["startup"]))
        except (ValueError, KeyError, TypeError):
            raise MspctlError(f"{shown}: no copy of a configuration") from None

    def _save(self, name: str, file: str, text: str) -> None:
        path = self._folder / name / file
        if path.exists() and path.read_text(encoding="utf-8", errors="replace") == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
        self.changed.add(name)

    def _is_kept(self, name: str, copy: Copy, platform: Platform) -> bool:
        before = self.newest(name)
        if before is None:
            return False
        exact = not copy.is_rehashed
        return copies.is_same(before.running, copy.running, platform, exact=exact) and (
            copies.is_same(before.startup, copy.startup, platform, exact=exact)
        )


def _told(doubts: Mapping[str, tuple[int, ...]], platform: Platform) -> str:
    """Return which lines may hold a secret, by number only."""
    commands = {"running.conf": platform.running, "startup.conf": platform.startup}
    told = "; ".join(
        f"`{commands[file]}` line {', '.join(map(str, lines[:_MOST_TOLD]))}"
        f"{' …' if len(lines) > _MOST_TOLD else ''}"
        for file, lines in doubts.items()
    )
    return f"may hold a secret that is not masked, so nothing of it was written: {told}"
