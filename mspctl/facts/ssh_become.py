"""What a Unix machine says to its administrator alone.

Raw: {"sections": {"serial": "product_serial=…\\nproduct_uuid=…", "root_virtual": …, …}}.
"""

from mspctl.facts import hardware
from mspctl.facts.sections import fields, section
from mspctl.facts.ssh_login import virtual
from mspctl.facts.text import Facts, Raw, given


def parse(raw: Raw) -> Facts:
    """Return host.serial and host.uuid; of a container neither: it sees those of its host."""
    if virtual(raw)[0]:
        return {}
    made = fields(section(raw, "serial"))
    return given(
        {
            "host.vendor": hardware.make(made.get("sys_vendor")),
            "host.model": hardware.make(made.get("product_name")),
            "host.serial": hardware.serial(made.get("product_serial"))
            or hardware.serial(made.get("chassis_serial")),
            "host.uuid": hardware.system_uuid(made.get("product_uuid")),
        }
    )
