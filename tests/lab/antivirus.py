"""A signature database of one signature: the EICAR test file, which harms nothing."""

import hashlib

NAME = "Eicar-Test-Signature"
# In parts, so that no scanner takes this file for the test file.
_PARTS = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE", "!$H+H*")


def test_file() -> bytes:
    """Return the 68 bytes that every scanner agrees to call a virus (https://www.eicar.org)."""
    return "".join(_PARTS).encode()


def databases() -> dict[str, bytes]:
    """Return ClamAV databases by file name: one matches by content, one by digest."""
    content = test_file()
    by_content = f"{NAME}:0:0:{content.hex()}\n"
    by_digest = f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}:{len(content)}:{NAME}\n"
    return {"mspctl-lab.ndb": by_content.encode(), "mspctl-lab.hdb": by_digest.encode()}
