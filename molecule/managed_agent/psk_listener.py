"""Stand in for a Zabbix server: `psk_listener.py IDENTITY KEY`, run inside the container.

The TLS and its pre-shared key are real, by openssl. Every request is printed as plain JSON and answered with
nothing to measure. Protocol: https://www.zabbix.com/documentation/6.0/en/manual/appendix/protocols/header_datalen
"""

import subprocess
import sys
import zlib
from typing import IO

COMPRESSED = 0x02
ANSWER = b'{"response":"success","data":[]}'


def read_request(stream: IO[bytes]) -> bytes:
    """Return the body of the next request."""
    header = stream.read(13)
    body = stream.read(int.from_bytes(header[5:9], "little"))
    return zlib.decompress(body) if header[4] & COMPRESSED else body


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until killed."""
    while True:
        sys.stdout.write(read_request(requests).decode() + "\n")
        sys.stdout.flush()
        answers.write(b"ZBXD\x01" + len(ANSWER).to_bytes(8, "little") + ANSWER)
        answers.flush()


def main(identity: str, key: str) -> None:
    """Listen with openssl, and answer what it decrypts."""
    options = ["-quiet", "-nocert", "-accept", "127.0.0.1:10051", "-psk", key, "-psk_identity", identity]
    command = ["openssl", "s_server", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        if server.stdin and server.stdout:
            serve(server.stdout, server.stdin)


main(*sys.argv[1:])
