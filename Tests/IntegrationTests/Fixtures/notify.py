# SPDX-License-Identifier: Apache-2.0
"""Takes what a service tells systemd.

usage: notify.py SOCKET

Prints each message as one line, its own lines joined by a space.
"""

import os
import socket
import sys

inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
inbox.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(os.fsdecode(inbox.recv(4096)).replace("\n", " "), flush=True)
