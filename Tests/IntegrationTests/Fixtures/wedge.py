# SPDX-License-Identifier: Apache-2.0
"""Stops one thread of a process, by its name, until it is told to let go.

usage: wedge.py PID THREAD

Prints "wedged" when the thread stands; goes on when standard input or this process ends. It uses
PTRACE_SEIZE and PTRACE_INTERRUPT: the product has no switch for this. It is stopped where it waits
for work: one that stands in or about a call to the disk would be said to wait for the disk.
"""

import ctypes
import os
import signal
import sys
import time

SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

pid, name = int(sys.argv[1]), sys.argv[2]
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, tid, data=0):
    if libc.ptrace(request, tid, None, data) != 0:
        code = ctypes.get_errno()
        sys.exit(f"ptrace {request:#x} of {tid}: {os.strerror(code)}")


def threads():
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/comm") as comm:
            if comm.read().strip() == name:
                yield int(tid)


found = list(threads())
if len(found) != 1:
    sys.exit(f"{len(found)} threads of {pid} are named {name}")
tid = found[0]
# poll, nanosleep, futex, clock_nanosleep, epoll_wait, ppoll, epoll_pwait, recvmmsg on x86-64
WAITS = {"7", "35", "202", "230", "232", "271", "281", "299"}


def is_waiting():
    with open(f"/proc/{pid}/task/{tid}/syscall") as call:
        return call.read().split()[0] in WAITS


for attempt in range(1000):
    ptrace(SEIZE, tid)
    ptrace(INTERRUPT, tid)
    os.waitpid(tid, WALL)
    if is_waiting():
        break
    ptrace(DETACH, tid)
    time.sleep(0.005)
else:
    sys.exit(f"{name} never waits")
signal.signal(signal.SIGTERM, lambda *_: (libc.ptrace(DETACH, tid, None, None), os._exit(0)))
print("wedged", flush=True)
# A killed process is gone only when its last traced thread was waited for.
while True:
    status = os.waitpid(tid, WALL)[1]
    if os.WIFEXITED(status) or os.WIFSIGNALED(status):
        break
