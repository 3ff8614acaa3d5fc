"""Simulated network devices: SSH servers with a configuration, a vendor's grammar and ways of going wrong.

They were written from the vendors' published references, not from their software, and know nothing of the
package `mspctl`. What they prove of a program is in tests/lab/README.md, with what they do not.
"""

from tests.lab.switches.faults import Faults
from tests.lab.switches.serving import Served, switch

__all__ = ["Faults", "Served", "switch"]
