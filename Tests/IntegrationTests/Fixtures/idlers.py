# SPDX-License-Identifier: Apache-2.0
"""Holds connections that never finish: silent ones, half a CONNECT, half a TLS handshake.

usage: idlers.py PORT COUNT

They come from 127.0.0.2. Whatever the server closes is opened again at once. Prints "standing" once all were opened; ends with
SIGTERM, or after two minutes.
"""

import resource
import select
import socket
import sys
import time

port, count = int(sys.argv[1]), int(sys.argv[2])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
starts = [b"", b"\x10\x20\x00\x04MQ", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
poller = select.epoll()
sockets = {}
opened = 0


def reopen():
    global opened
    try:
        peer = socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0))
        peer.sendall(starts[opened % len(starts)])
    except OSError:
        return
    opened += 1
    sockets[peer.fileno()] = peer
    poller.register(peer, select.EPOLLIN | select.EPOLLRDHUP)


end = time.monotonic() + 120
is_told = False
while time.monotonic() < end:
    for _ in range(min(50, count - len(sockets))):
        reopen()
    if opened >= count and not is_told:
        is_told = True
        print("standing", flush=True)
    for descriptor, _ in poller.poll(0.02):
        poller.unregister(descriptor)
        sockets.pop(descriptor).close()
