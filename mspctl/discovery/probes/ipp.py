"""IPP: ask a printer what it is. Nothing is printed: no operation but Get-Printer-Attributes is sent."""

from mspctl.discovery.probes.web import exchange
from mspctl.facts.ipp import answer, question
from mspctl.records import Json

PORT = 631
_PATHS = ("/ipp/print", "/")  # the first is IPP Everywhere's: https://ftp.pwg.org/pub/pwg/candidates/
_IPP = {"Content-Type": "application/ipp"}


async def collect(address: str, port: int, seconds: float) -> dict[str, Json] | None:
    """Return a printer's attributes, or those an empty print server lacks; None where no IPP is spoken."""
    raw: dict[str, Json] | None = None
    for path in _PATHS:
        asked = question(f"ipp://{address}:{port}{path}")
        heard = await exchange(address, port, path, seconds, headers=_IPP, body=asked)
        found = answer(heard.body) if heard and heard.status == 200 else None
        if heard is None:
            break
        if found:
            raw = found | {"server": heard.header("server")[:120]}
            if found["attributes"]:
                break
    return raw
