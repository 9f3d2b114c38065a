# SPDX-License-Identifier: Apache-2.0
"""Publishes with paho-mqtt over TLS and prints what the server answers.

usage: secured.py PORT 3|5 TOPIC [ca=FILE] [cert=FILE] [key=FILE] [user=NAME] [password=TEXT]
       [again=FILE] VALUE...

Prints "connect CODE" and, for each value at QoS 1, "publish CODE" (CODE is 0 in 3.1.1). With
"again" it then waits for that file and publishes the last value once more, on the same connection.
"""

import os
import queue
import sys
import time

try:
    import paho.mqtt.client as mqtt
except ImportError:
    sys.exit("secured.py needs the Python package paho-mqtt: make deps-test")

port, version, topic = int(sys.argv[1]), sys.argv[2], sys.argv[3]
options = dict(word.split("=", 1) for word in sys.argv[4:] if "=" in word)
values = [word for word in sys.argv[4:] if "=" not in word]
client = mqtt.Client(
    mqtt.CallbackAPIVersion.VERSION2,
    client_id=f"secured-{version}",
    protocol=mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311,
    reconnect_on_failure=False,
)
if "ca" in options:
    client.tls_set(options["ca"], options.get("cert"), options.get("key"))
if "user" in options:
    client.username_pw_set(options["user"], options.get("password"))

answers = queue.Queue()
client.on_connect = lambda c, u, f, code, p: answers.put(f"connect {code.value}")
client.on_disconnect = lambda c, u, f, code, p: answers.put(f"dropped {code.value}")
client.on_publish = lambda c, u, mid, code, p: answers.put(f"publish {code.value}")
try:
    client.connect("127.0.0.1", port, keepalive=30)
except OSError as error:
    print(f"connect {type(error).__name__}")
    sys.exit(0)
client.loop_start()
try:
    first = answers.get(timeout=20)
    print(first)
    if first == "connect 0":
        for value in values:
            client.publish(topic, value, qos=1)
            print(answers.get(timeout=20), flush=True)
        end = time.monotonic() + 60
        while "again" in options and time.monotonic() < end:
            if os.path.exists(options["again"]):
                client.publish(topic, values[-1], qos=1)
                print("again:", answers.get(timeout=20), flush=True)
                break
            time.sleep(0.02)
except queue.Empty:
    print("no answer")
client.disconnect()
client.loop_stop()
