"""Stand in for a Zabbix server: `psk_listener.py IDENTITY KEY`, run inside the container.

The TLS and its pre-shared key are real, by openssl; every request is printed and answered with nothing to measure.
"""

import os
import subprocess
import sys

BODY = b'{"response":"success","data":[]}'
# https://www.zabbix.com/documentation/6.0/en/manual/appendix/protocols/header_datalen
ANSWER = b"ZBXD\x01" + len(BODY).to_bytes(8, "little") + BODY


def main(identity: str, key: str) -> None:
    """Answer until killed."""
    options = ["-quiet", "-nocert", "-accept", "127.0.0.1:10051", "-psk", key, "-psk_identity", identity]
    with subprocess.Popen(
        ["openssl", "s_server", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as server:
        assert server.stdin and server.stdout
        while piece := os.read(server.stdout.fileno(), 65536):
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()
            if piece.endswith(b"}"):
                server.stdin.write(ANSWER)


main(*sys.argv[1:])
