"""The printer's TCP ports: 9100 prints every byte it is sent, as the real ones do; 80 and 631 show a page."""

import asyncio
from pathlib import Path

PRINTED = Path("/var/spool/printed/bytes")
PAGE = b"<!doctype html><html><head><title>Larkspur LP-4200</title></head><body>Ready</body></html>"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: Larkspur-Web/2.1\r\nContent-Type: text/html\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n"
)


async def print_raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Append whatever arrives to the record of what came out on paper."""
    try:
        while received := await reader.read(4096):
            with PRINTED.open("ab") as paper:
                paper.write(received)
    except ConnectionError:
        pass  # a scanner resets the connection; what it sent before is on paper
    finally:
        writer.close()


async def show_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer any request with the status page."""
    try:
        if await asyncio.wait_for(reader.readline(), timeout=5):
            writer.write(ANSWER % len(PAGE) + PAGE)
            await writer.drain()
    except (ConnectionError, TimeoutError):
        pass  # nobody asked anything
    finally:
        writer.close()


async def main() -> None:
    """Serve for as long as the printer is on."""
    PRINTED.touch()
    await asyncio.start_server(print_raw, port=9100)
    for port in (80, 631):
        await asyncio.start_server(show_page, port=port)
    await asyncio.Event().wait()


asyncio.run(main())
