#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The dashboard left open: CPU time, memory and bytes of `midwatch top` beside a plant that sends.

usage: top.py [--sensors 10000] [--rate 50000] [--seconds 900] [--size 200x60] [--keys 1]

Starts midwatchd and `midwatch simulate`, then `midwatch top` in tmux. Says of top: CPU time a second
of its life, resident memory every ten seconds with its slope by least squares (the first minute is
left out), frames and bytes of a frame. Says of midwatchd: its CPU time a second without top and with
it. Exits with 1 if top used more than 2 % of a core, or grew by more than 64 KiB a minute.
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

CPU_SHARE_MAX = 0.02
GROWTH_BYTES_PER_MINUTE_MAX = 64 * 1024
WARM_UP_SECONDS = 60
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
FRAME = b"\x1b[?2026h"


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * PAGE


def slope(points):
    """Bytes a second of the line that fits best."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


class Site:
    def __init__(self, options):
        self.folder = tempfile.mkdtemp(prefix="midwatch-top-")
        self.options, self.processes = options, []
        self.udp = free_port()
        self.tmux_socket = self.path("tmux.sock")
        # Some sensors that never speak: an overview without an alarm would draw little.
        silent = "".join(f"  - {{path: silent/s{n:02}, deadline: 5s}}\n" for n in range(20))
        with open(self.path("midwatch.yaml"), "w") as file:
            file.write(f"""node: {{name: soak, site: soak}}
stateDirectory: "{self.path('state')}"
runDirectory: "{self.path('run')}"
ingest:
  udp: [{{name: field, bind: "127.0.0.1:{self.udp}"}}]
vitals: {{canary: "127.0.0.1:{free_port()}"}}
archive: {{store: sqlite}}
log: {{level: warning, format: human}}
sensors:
  - {{template: "load/#", deadline: 10s}}
{silent}""")

    def path(self, name):
        return os.path.join(self.folder, name)

    def program(self, name):
        return os.path.join(self.options.programs, name)

    def run(self, name, *arguments):
        log = open(self.path(f"{name}.log"), "ab")
        process = subprocess.Popen([self.program(name), *arguments], stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def tmux(self, *arguments):
        return subprocess.run(
            ["tmux", "-S", self.tmux_socket, "-f", "/dev/null", *arguments],
            capture_output=True, text=True, check=True).stdout

    def start_daemon(self):
        daemon = self.run("midwatchd", "--config", self.path("midwatch.yaml"))
        for _ in range(600):
            if daemon.poll() is not None:
                sys.exit(open(self.path("midwatchd.log")).read())
            answer = subprocess.run(
                [self.program("midwatch"), "status", "--socket", self.path("run/midwatch.sock")],
                capture_output=True, check=False)
            if answer.returncode in (0, 4):
                return daemon.pid
            time.sleep(0.1)
        sys.exit("midwatchd is not ready")

    def start_top(self):
        columns, rows = self.options.size.split("x")
        command = (
            f"exec env LANG=C.UTF-8 TERM=screen-256color {self.program('midwatch')} top"
            f" --socket {self.path('run/midwatch.sock')}")
        self.tmux("new-session", "-d", "-x", columns, "-y", rows, command)
        self.tmux("pipe-pane", "-o", f"cat > {self.path('frames')}")
        pid = int(self.tmux("display-message", "-p", "#{pane_pid}"))
        time.sleep(2)
        for key in self.options.keys:
            self.tmux("send-keys", "Enter" if key == "." else key)
            time.sleep(0.3)
        return pid

    def end(self):
        subprocess.run(["tmux", "-S", self.tmux_socket, "kill-server"],
                       capture_output=True, check=False)
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def frame_sizes(path):
    with open(path, "rb") as file:
        parts = file.read().split(FRAME)
    return [len(part) + len(FRAME) for part in parts[1:]]


def measure(site, options):
    daemon = site.start_daemon()
    seconds = options.seconds + options.before + 60
    site.run("midwatch", "simulate", "--udp", f"127.0.0.1:{site.udp}",
             "--sensors", str(options.sensors), "--rate", str(options.rate),
             "--seconds", str(seconds))
    time.sleep(10)
    began, used = time.monotonic(), cpu_seconds(daemon)
    time.sleep(options.before)
    alone = (cpu_seconds(daemon) - used) / (time.monotonic() - began)

    top = site.start_top()
    began, used = time.monotonic(), cpu_seconds(daemon)
    top_used, points = cpu_seconds(top), []
    while (elapsed := time.monotonic() - began) < options.seconds:
        points.append((elapsed, resident_bytes(top)))
        time.sleep(min(10, max(0.1, options.seconds - elapsed)))
    elapsed = time.monotonic() - began
    share = (cpu_seconds(top) - top_used) / elapsed
    beside = (cpu_seconds(daemon) - used) / elapsed
    screen = site.tmux("capture-pane", "-p")
    print(screen)

    warm = [(x, y) for x, y in points if x >= min(WARM_UP_SECONDS, options.seconds / 4)]
    growth = slope(warm) * 60
    sizes = frame_sizes(site.path("frames"))
    later = sorted(sizes[10:]) or [0]
    print(f"FIGURE top.cpu {share * 100:.2f} % of a core over {elapsed:.0f} s")
    print(f"FIGURE top.memory {points[0][1] / 1e6:.1f} MB at first, {points[-1][1] / 1e6:.1f} MB "
          f"at last, {growth / 1024:+.1f} KiB a minute")
    print(f"FIGURE top.frames {len(sizes)} in {elapsed:.0f} s, bytes of one: median "
          f"{later[len(later) // 2]}, 99 of 100 at most {later[len(later) * 99 // 100]}, "
          f"greatest {later[-1]}; the first {sizes[0] if sizes else 0}")
    print(f"FIGURE midwatchd.cpu {alone * 100:.1f} % of a core without top, {beside * 100:.1f} % "
          f"with it")
    numbers = re.search(r"SENSORS\s+(\d+):", screen)
    if numbers and int(numbers.group(1)) < options.sensors:
        sys.exit(f"only {numbers.group(1)} sensors were seen")
    if share > CPU_SHARE_MAX or growth > GROWTH_BYTES_PER_MINUTE_MAX:
        sys.exit("top uses more than it may")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", default=".build/release")
    parser.add_argument("--sensors", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--before", type=float, default=30, help="seconds without top")
    parser.add_argument("--size", default="200x60")
    parser.add_argument("--keys", default="1", help="keys pressed at first; . is Enter")
    options = parser.parse_args()
    site = Site(options)
    try:
        measure(site, options)
    finally:
        site.end()


if __name__ == "__main__":
    main()
