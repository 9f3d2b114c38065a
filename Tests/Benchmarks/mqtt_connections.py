# SPDX-License-Identifier: Apache-2.0
"""Connects a second, and memory of 1,000 idle connections.

usage: mqtt_connections.py NAME PORT PID
"""

import socket
import sys
import time

name, port, pid = sys.argv[1], int(sys.argv[2]), sys.argv[3]
COUNT = 1_000
TOGETHER = 50


def resident():
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1])
    raise SystemExit("the server is gone")


def connect(number):
    identifier = b"idle%05d" % number
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + len(identifier).to_bytes(2, "big") + identifier
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(bytes([0x10, len(body)]) + body)
    return connection


def accepted(connection):
    answer = connection.recv(4)
    if answer[:1] != b"\x20" or answer[3:4] != b"\x00":
        raise SystemExit(f"{name} refused: {answer!r}")


# Once to warm up: what stays allocated for good is no connection's.
for connection in [connect(number) for number in range(COUNT)]:
    accepted(connection)
    connection.close()
time.sleep(1)
before = resident()
began = time.monotonic()
waits = []
connections = []
for number in range(COUNT):
    start = time.monotonic()
    connections.append(connect(number))
    accepted(connections[-1])
    waits.append(time.monotonic() - start)
seconds = time.monotonic() - began
waits.sort()
grown = resident() - before
for connection in connections:
    connection.close()

# Many under way at a time: what the server takes, not what one round trip costs. The rest of each
# second is the client's own.
began = time.monotonic()
for first in range(0, COUNT, TOGETHER):
    batch = [connect(number) for number in range(first, min(COUNT, first + TOGETHER))]
    for connection in batch:
        accepted(connection)
    connections.extend(batch)
together = time.monotonic() - began
print(
    f"{name}: {COUNT / seconds:.0f} connects/s one after the other, "
    f"p50 {waits[COUNT // 2] * 1e6:.0f} us, p99 {waits[COUNT * 99 // 100] * 1e6:.0f} us; "
    f"{COUNT / together:.0f} connects/s {TOGETHER} at a time; "
    f"{grown} KiB for {COUNT} idle connections"
)
