"""Stand for a client's machines: [ports to listen at, whether to answer in another's name] as JSON.

The strays are what a scanner may overhear or be sent: answers from 203.0.113.9, which nobody asked.
"""

import json
import selectors
import socket
import struct
import sys

from mspctl.discovery.probes.ping import checksum

STRAY = socket.inet_aton("203.0.113.9")


def listen(ports: list[int]) -> selectors.BaseSelector:
    """Return a selector over listeners."""
    selector = selectors.DefaultSelector()
    for port in ports:
        server = socket.create_server(("", port), backlog=4096)
        server.setblocking(False)
        selector.register(server, selectors.EVENT_READ)
    return selector


def stray(frame: bytes) -> bytes | None:
    """Return the answer in another's name to an ARP request or a ping."""
    mine, asker = frame[0:6], frame[6:12]
    mac = b"\x02\x00\x00\x00\x00\x99"
    if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x01":
        head = asker + mac + b"\x08\x06" + b"\x00\x01\x08\x00\x06\x04\x00\x02"
        return head + mac + STRAY + asker + frame[28:32]
    if frame[12:14] == b"\x08\x00" and frame[23] == 1 and frame[34] == 8:
        icmp = b"\x00\x00\x00\x00" + frame[38 : 14 + struct.unpack(">H", frame[16:18])[0]]
        icmp = icmp[:2] + struct.pack(">H", checksum(icmp)) + icmp[4:]
        head = frame[14:24] + b"\x00\x00" + STRAY + frame[26:30]
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        return asker + mine + b"\x08\x00" + head + icmp
    return None


def main() -> None:
    """Serve until killed."""
    ports, with_strays = json.loads(sys.argv[1])
    selector = listen(ports)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) if with_strays else None
    if wire:
        wire.bind(("cable", 3))
        selector.register(wire, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is wire and wire:
                frame, source = wire.recvfrom(2048)
                if source[2] != 4 and (answer := stray(frame)):
                    wire.send(answer)
            elif isinstance(key.fileobj, socket.socket):
                key.fileobj.accept()[0].close()


if __name__ == "__main__":
    main()
