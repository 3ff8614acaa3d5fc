"""The platforms there are simulations of."""

from collections.abc import Mapping

from tests.lab.switches.aoss import Aoss
from tests.lab.switches.aoss_shell import AossShell
from tests.lab.switches.device import Device, Shell
from tests.lab.switches.eos import Eos
from tests.lab.switches.eos_shell import EosShell
from tests.lab.switches.faults import Faults
from tests.lab.switches.fortios import Fortios
from tests.lab.switches.fortios_shell import FortiosShell
from tests.lab.switches.ios import Ios
from tests.lab.switches.ios_shell import IosShell
from tests.lab.switches.routeros import Routeros
from tests.lab.switches.routeros_shell import RouterosShell

_KINDS: dict[str, tuple[type[Device], type[Shell]]] = {
    "ios": (Ios, IosShell),
    "fortios": (Fortios, FortiosShell),
    "routeros": (Routeros, RouterosShell),
    "aoss": (Aoss, AossShell),
    "eos": (Eos, EosShell),
}
PLATFORMS = tuple(_KINDS)


def make(
    platform: str,
    hostname: str | None = None,
    faults: Faults | None = None,
    minute_seconds: float = 60.0,
    boot_seconds: float = 1.0,
    words: Mapping[str, str] | None = None,
) -> Device:
    """Return a device that is not served yet; `words` are its passwords in place of the usual ones.

    Raise ValueError for a platform there is none of.
    """
    if platform not in _KINDS:
        raise ValueError(f"no simulated {platform!r}; there are: {', '.join(PLATFORMS)}")
    return _KINDS[platform][0](hostname, faults, minute_seconds, boot_seconds, words)


def shell_of(device: Device) -> type[Shell]:
    """Return what a session on a device is."""
    return _KINDS[device.platform][1]
