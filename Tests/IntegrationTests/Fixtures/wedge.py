# SPDX-License-Identifier: Apache-2.0
"""Stops one thread of a process, by its name, until it is told to let go.

usage: wedge.py PID THREAD

Prints "wedged" when the thread stands; goes on when standard input or this process ends. It uses
PTRACE_SEIZE and PTRACE_INTERRUPT: the product has no switch for this. A thread that is in a call to
the disk would wait for the disk, so it is let go and stopped again.
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
DISK_CALLS = {"18", "74", "75"}  # pwrite64, fsync, fdatasync on x86-64


def in_disk_call():
    with open(f"/proc/{pid}/task/{tid}/syscall") as call:
        return call.read().split()[0] in DISK_CALLS


for attempt in range(200):
    ptrace(SEIZE, tid)
    ptrace(INTERRUPT, tid)
    os.waitpid(tid, WALL)
    if not in_disk_call():
        break
    ptrace(DETACH, tid)
    time.sleep(0.005)
else:
    sys.exit(f"{name} never leaves its disk")
signal.signal(signal.SIGTERM, lambda *_: (libc.ptrace(DETACH, tid, None, None), os._exit(0)))
print("wedged", flush=True)
# A killed process is gone only when its last traced thread was waited for.
while True:
    status = os.waitpid(tid, WALL)[1]
    if os.WIFEXITED(status) or os.WIFSIGNALED(status):
        break
