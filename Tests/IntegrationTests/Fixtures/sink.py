# SPDX-License-Identifier: Apache-2.0
"""Receives webhooks and writes one JSON line for each: when, id, whether its signature is right.

usage: sink.py JOURNAL PORT_FILE SECRET

The signature is checked by the public `standardwebhooks` package, not by code of ours. With SECRET
"none" nothing is checked. The time is CLOCK_REALTIME when the request was whole.
"""

import http.server
import json
import os
import sys
import time

journal_path, port_path, secret = sys.argv[1:4]
if secret == "none":
    check = None
else:
    try:
        import standardwebhooks
    except ImportError:
        sys.exit("sink.py needs the Python package standardwebhooks: make deps-test")
    check = standardwebhooks.Webhook(secret)

journal = open(journal_path, "ab", buffering=0)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        at = time.clock_gettime_ns(time.CLOCK_REALTIME)
        verified = True
        if check is not None:
            try:
                check.verify(body, {k.lower(): v for k, v in self.headers.items()})
            except Exception as error:
                verified = False
                print("not verified:", error, file=sys.stderr)
        line = {
            "at": at,
            "id": self.headers.get("webhook-id", ""),
            "verified": verified,
            "body": json.loads(body),
        }
        # One write per line, before the answer: what was answered is in the file.
        journal.write(json.dumps(line).encode() + b"\n")
        self.send_response(200 if verified else 400)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
with open(port_path + ".new", "w") as port:
    port.write(str(server.server_port))
os.rename(port_path + ".new", port_path)
server.serve_forever()
