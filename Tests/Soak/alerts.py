#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Delivery of alerts with the real programs: what is measured, and what must be seen.

usage: alerts.py latency|outage|refused|flood [options]

  latency  100 endpoints, one hanging, one answering 500, one resetting, one redirecting; alarms at
           a rate; time from the reading's send call to the request at the receiver.
  outage   an endpoint is down while alarms come; on its return all arrive in order, none twice.
  refused  every endpoint refuses a critical alarm: when the local action came, when the dead-man
           heartbeat stopped, what came on their return and how fast.
  flood    10,000 alarms in a minute, a hundredth of them critical: how many messages came, and
           whether each alarm is in one of them.
"""

import argparse
import asyncio
import collections
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Receiver(asyncio.Protocol):
    """Reads requests; `board` decides what path does what."""

    def __init__(self, board):
        self.board, self.bytes = board, bytearray()

    def connection_made(self, transport):
        self.transport = transport
        self.board.transports.add(transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, error):
        self.board.transports.discard(self.transport)

    def data_received(self, data):
        now = time.monotonic()
        self.bytes += data
        while (end := self.bytes.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.bytes[:end])
            lower = head.lower()
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.bytes) < end + 4 + length:
                return
            body = bytes(self.bytes[end + 4 : end + 4 + length])
            del self.bytes[: end + 4 + length]
            self.answer(now, head, body)

    def answer(self, now, head, body):
        path = head.split(b" ", 2)[1].decode()
        does = self.board.does(path)
        self.board.requests.append((now, path, head, body, does))
        if does == "hang":
            return
        if does == "reset":
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
            return
        line = {"500": "500 No", "redirect": "302 Found\r\nlocation: /trap"}.get(does, "200 OK")
        self.transport.write(f"HTTP/1.1 {line}\r\ncontent-length: 2\r\n\r\nok".encode())


class Board:
    def __init__(self):
        self.behaviours, self.requests, self.server = {}, [], None
        self.transports = set()

    def does(self, path):
        return self.behaviours.get(path, "take")

    async def open(self, port):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Receiver(self), "127.0.0.1", port, backlog=1024)

    def close(self):
        self.server.close()
        for transport in list(self.transports):
            transport.abort()


class Site:
    def __init__(self, programs, sensors, endpoints, routes="", more=""):
        self.folder = tempfile.mkdtemp(prefix="midwatch-alerts-")
        self.programs, self.processes = programs, []
        self.udp, self.canary = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
        with open(self.path("midwatch.yaml"), "w") as file:
            file.write(f"""node: {{name: soak, site: soak}}
stateDirectory: "{self.path('state')}"
runDirectory: "{self.path('run')}"
ingest:
  udp: [{{name: field, bind: "127.0.0.1:{self.udp}"}}]
vitals: {{canary: "127.0.0.1:{self.canary}"}}
archive: {{store: sqlite}}
log: {{level: warning, format: human}}
sensors:
{sensors}
alerts:
  endpoints:
{endpoints}
{routes}
{more}
""")
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sender.connect(("127.0.0.1", self.udp))

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, name, *arguments):
        log = open(self.path(f"{name}.log"), "ab")
        process = subprocess.Popen(
            [os.path.join(self.programs, name), *arguments], stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def midwatch(self, *arguments):
        return subprocess.run(
            [os.path.join(self.programs, "midwatch"), *arguments],
            env={**os.environ, "MIDWATCH_SOCKET": self.path("run/midwatch.sock"),
                 "MIDWATCH_STATE": self.path("state")},
            capture_output=True, text=True, check=False)

    async def start(self):
        self.run("midwatchd", "--config", self.path("midwatch.yaml"))
        for _ in range(600):
            if self.processes[-1].poll() is not None:
                sys.exit(open(self.path("midwatchd.log")).read())
            if self.midwatch("status").returncode in (0, 4):
                return
            await asyncio.sleep(0.1)
        sys.exit("midwatchd is not ready: " + open(self.path("midwatchd.log")).read())

    def thread_seconds(self, name):
        """CPU time so far of the daemon's threads with this name."""
        seconds, folder = 0.0, f"/proc/{self.processes[0].pid}/task"
        for task in os.listdir(folder):
            with open(f"{folder}/{task}/stat") as file:
                head, tail = file.read().rsplit(")", 1)
            if head.split("(", 1)[1] == name:
                fields = tail.split()
                seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return seconds

    def send(self, path, value):
        tags = path.replace("plant/", "")
        self.sender.send(f"plant,unit={tags} v={value}\n".encode())

    def end(self, keep=False):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        if keep:
            print("kept:", self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


# Every alert singly: what is measured is delivery.
SINGLY = "flood: {alertsPerMinute: 1000000, criticalPerMinute: 1000000}"


def sensor(pattern, priority):
    return f"""  - template: "{pattern}"
    supervision: event
    limits: {{high: {{setpoint: 50, priority: {priority}}}}}
"""


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))] if values else float("nan")


async def latency(options):
    """Alarms of group k go to endpoint k; with --all every alarm goes to every endpoint."""
    board, port = Board(), free_port()
    count = options.endpoints
    bad = {"/0": "hang", "/1": "500", "/2": "reset", "/3": "redirect"}
    board.behaviours = bad
    await board.open(port)
    endpoints = "".join(
        f"    - {{name: e{n}, url: 'http://127.0.0.1:{port}/{n}', ratePerSecond: 1000}}\n"
        for n in range(count))
    routes = ""
    sensors = sensor("plant/#", "high")
    if not options.all:
        routes = "  routes:\n" + "".join(
            f"    - {{paths: ['g{n}/#'], endpoints: [e{n}]}}\n" for n in range(count))
        sensors = "".join(sensor(f"g{n}/#", "high") for n in range(count))
    site = Site(options.programs, sensors, endpoints, routes, SINGLY)
    try:
        await site.start()
        total = int(options.rate * options.seconds)
        sent = {}

        def put(number, value):
            group = number % count
            name = "plant" if options.all else f"g{group}"
            site.sender.send(f"{name},unit=s{number} v={value}\n".encode())
            return f"{name}/s{number}/v"

        for number in range(total):
            put(number, 1)
            if number % 200 == 199:
                await asyncio.sleep(0.02)
        await asyncio.sleep(2)
        board.requests.clear()
        begin = time.monotonic()
        for number in range(total):
            due = begin + number / options.rate
            while (left := due - time.monotonic()) > 0:
                await asyncio.sleep(left)
            path = put(number, 99)
            sent[path] = time.monotonic()
        await asyncio.sleep(3)
        waits, seen, expected = [], collections.Counter(), 0
        for now, path, _, body, does in board.requests:
            data = json.loads(body)["data"]
            name = data.get("sensor", "")
            if does != "take" or name not in sent or data.get("alarm") != "high":
                continue
            if json.loads(body)["type"] != "alarm.raised":
                continue
            seen[(path, name)] += 1
            waits.append((now - sent[name]) * 1e3)
        for number in range(total):
            for n in range(count) if options.all else [number % count]:
                expected += f"/{n}" not in bad
        print(
            f"{'every alarm to all' if options.all else 'each alarm to one'} of {count} endpoints, "
            f"{options.rate:g} alarms/s for {options.seconds:g} s: {len(seen)} of {expected} "
            f"arrived at the {count - 4} good ones, {sum(seen.values()) - len(seen)} twice; "
            f"ms from send to request: p50 {quantile(waits, .5):.2f}, p99 {quantile(waits, .99):.2f}, "
            f"p99.9 {quantile(waits, .999):.2f}, max {max(waits, default=0):.2f}; "
            f"trap {sum(1 for r in board.requests if r[1] == '/trap')}")
    finally:
        site.end(options.keep)


async def outage(options):
    board, port = Board(), free_port()
    site = Site(
        options.programs, sensor("plant/#", "high"),
        f"    - {{name: one, url: 'http://127.0.0.1:{port}/one'}}\n", more=SINGLY)
    try:
        await site.start()
        total = options.alarms
        for number in range(total):
            site.send(f"plant/{number}", 1)
            if number % 100 == 99:
                await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        begin = time.monotonic()
        # Each alarm is raised and returns: two alerts that must keep their order.
        for value in (99, 1):
            for number in range(total):
                site.send(f"plant/{number}", value)
                await asyncio.sleep(options.seconds / (2.5 * total))
        while time.monotonic() - begin < options.seconds:
            await asyncio.sleep(0.2)
        await board.open(port)
        back = time.monotonic()
        deadline = back + 400
        wanted = 2 * total

        def heard():
            types = collections.defaultdict(list)
            for now, _, _, body, _ in board.requests:
                message = json.loads(body)
                if message["data"].get("sensor", "").startswith("plant/"):
                    types[message["data"]["alarmID"]].append((now, message["type"]))
            return types

        while time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            if sum(len(v) for v in heard().values()) >= wanted:
                break
        await asyncio.sleep(2)
        types = heard()
        got = sum(len(v) for v in types.values())
        wrong = [k for k, v in types.items() if [t for _, t in v] != ["alarm.raised", "alarm.returned"]]
        times = [now for v in types.values() for now, _ in v]
        per_second = collections.Counter(int(now - back) for now in times)
        print(
            f"down {options.seconds:g} s under {total} alarms: {got} of {wanted} alerts arrived, "
            f"{len(wrong)} alarms out of order or doubled; first {min(times) - back:.1f} s and last "
            f"{max(times) - back:.1f} s after the return, at most {max(per_second.values())} in a second")
        print("alerts in the log, failed:", len(site.midwatch(
            "alerts", "log", "--failed", "--json").stdout.splitlines()))
    finally:
        site.end(options.keep)


async def refused(options):
    board, port = Board(), free_port()
    beats, beat_port = Board(), free_port()
    await beats.open(beat_port)
    site = Site(
        options.programs, sensor("plant/#", "critical"),
        "".join(
            f"    - {{name: e{n}, url: 'http://127.0.0.1:{port}/{n}'}}\n" for n in range(3)))
    with open(site.path("siren"), "w") as file:
        file.write(f"#!/bin/sh\n{{ date +%s.%N; cat; echo; }} >> {site.path('siren.txt')}\n")
    os.chmod(site.path("siren"), 0o755)
    with open(site.path("watchdog.conf"), "w") as file:
        file.write(f"""page = {site.path('run/vitals')}
state = {site.path('ladder')}
supervisor = systemd
realtime = no
route.siren.command = {site.path('siren')}
heartbeat.url = http://127.0.0.1:{beat_port}/beat
heartbeat.interval = 2s
""")
    try:
        # All is well at first: Midwatch's own alarm about its endpoints must not be the older one.
        await board.open(port)
        await site.start()
        site.run("midwatch-watchdog", "--config", site.path("watchdog.conf"))
        for number in range(options.alarms):
            site.send(f"plant/{number}", 1)
        await asyncio.sleep(5)
        board.close()
        board.requests.clear()
        begin, wall = time.monotonic(), time.time()
        for number in range(options.alarms):
            site.send(f"plant/{number}", 99)
        while time.monotonic() - begin < options.seconds:
            await asyncio.sleep(0.2)
        siren = open(site.path("siren.txt")).read() if os.path.exists(site.path("siren.txt")) else ""
        lines = [line for line in siren.splitlines() if line]
        action = None
        for stamp, text in zip(lines[::2], lines[1::2]):
            if json.loads(text)["problem"] == "criticalUndelivered":
                action = float(stamp) - wall
                break
        last = max((now for now, *_ in beats.requests), default=0)
        count = len(beats.requests)
        print(
            f"{options.alarms} critical alarms, all endpoints refuse: local action after "
            f"{action if action is None else round(action, 1)} s, last heartbeat after "
            f"{last - begin:.1f} s of {options.seconds:g} s")
        await board.open(port)
        back = time.monotonic()
        while time.monotonic() - back < 120:
            await asyncio.sleep(0.5)
            ids = {
                (path, json.loads(body)["data"]["alarmID"]) for _, path, _, body, _ in board.requests
                if json.loads(body)["data"]["sensor"].startswith("plant/")}
            if len(ids) >= 3 * options.alarms and len(beats.requests) > count:
                break
        times = [
            now for now, _, _, body, _ in board.requests
            if json.loads(body)["data"]["sensor"].startswith("plant/")]
        per_second = collections.Counter((int(now - back), path) for now, path, *_ in board.requests)
        print(
            f"back: {len(times)} of {3 * options.alarms} alerts, first "
            f"{min(times) - back:.1f} s, last {max(times) - back:.1f} s after the return, at most "
            f"{max(per_second.values())} a second to one endpoint; heartbeat "
            f"{'goes on' if len(beats.requests) > count else 'STAYS AWAY'}")
    finally:
        site.end(options.keep)


async def flood(options):
    """What a receiver gets of a flood: singles and digests, minute by minute."""
    board, port = Board(), free_port()
    await board.open(port)
    site = Site(
        options.programs, sensor("plant/#", "high") + sensor("fire/#", "critical"),
        f"    - {{name: one, url: 'http://127.0.0.1:{port}/one'}}\n")
    total = options.alarms
    names = [f"{'fire' if n % 100 == 0 else 'plant'}/s{n}/v" for n in range(total)]
    wanted = set(names)
    try:
        await site.start()

        def put(name, value):
            root, tag, _ = name.split("/")
            site.sender.send(f"{root},unit={tag} v={value}\n".encode())

        for number, name in enumerate(names):
            put(name, 1)
            if number % 100 == 99:
                await asyncio.sleep(0.02)
        await asyncio.sleep(2)
        board.requests.clear()
        begin, ledger = time.monotonic(), site.thread_seconds("ledger")
        for number, name in enumerate(names):
            due = begin + number * 60 / total
            if (left := due - time.monotonic()) > 0:
                await asyncio.sleep(left)
            put(name, 99)
        raised = time.monotonic() - begin
        singles, digests, counted = {}, {}, 0
        while time.monotonic() - begin < 150:
            await asyncio.sleep(0.5)
            singles, digests = {}, {}
            for now, _, _, body, _ in board.requests:
                message = json.loads(body)
                data = message["data"]
                if message["type"] == "alarm.digest":
                    digests[data["alert"] if "alert" in data else body] = (now - begin, data)
                elif data.get("sensor") in wanted:
                    singles[data["sensor"]] = (now - begin, data["priority"])
            counted = len(singles) + sum(data["count"] for _, data in digests.values())
            if counted >= total:
                break
        arrivals = sorted(now - begin for now, *_ in board.requests)
        worst = max(
            (sum(1 for other in arrivals if at <= other < at + 60) for at in arrivals), default=0)
        critical = sum(1 for _, priority in singles.values() if priority == "critical")
        ledger = site.thread_seconds("ledger") - ledger
        print(
            f"{total} alarms in {raised:.0f} s: {len(singles)} singly ({critical} of "
            f"{sum(1 for n in names if n.startswith('fire'))} critical ones), {len(digests)} digests "
            f"of {counted - len(singles)} (others of the monitor included), {len(arrivals)} messages "
            f"in all, at most {worst} in any 60 s (stated: 366), last after "
            f"{max(arrivals, default=0):.1f} s; largest digest "
            f"{max((len(json.dumps(d)) for _, d in digests.values()), default=0)} bytes")
        # This thread writes the record, makes the message with all its context, and routes it.
        print(f"CPU of the ledger's thread: {ledger / total * 1e6:.0f} us an alarm")
    finally:
        site.end(options.keep)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("mode", choices=["latency", "outage", "refused", "flood"])
    parser.add_argument("--programs", default=".build/release")
    parser.add_argument("--endpoints", type=int, default=100)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--alarms", type=int, default=None)
    parser.add_argument("--all", action="store_true", help="every alarm to every endpoint")
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    options = parser.parse_args()
    seconds = {"latency": 30, "outage": 600, "refused": 90, "flood": 60}[options.mode]
    alarms = {"latency": 0, "outage": 1000, "refused": 20, "flood": 10_000}[options.mode]
    options.seconds = options.seconds or seconds
    options.alarms = options.alarms or alarms
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    modes = {"latency": latency, "outage": outage, "refused": refused, "flood": flood}
    asyncio.run(modes[options.mode](options))


main()
