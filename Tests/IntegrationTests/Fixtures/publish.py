# SPDX-License-Identifier: Apache-2.0
"""Publishes with paho-mqtt and waits for the acknowledgements.

usage: publish.py PORT 3|5 QOS TOPIC VALUE...
"""

import sys

try:
    import paho.mqtt.client as mqtt
except ImportError:
    sys.exit("publish.py needs the Python package paho-mqtt: make deps-test")

port, version, qos, topic = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
protocol = mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311
client = mqtt.Client(
    mqtt.CallbackAPIVersion.VERSION2, client_id=f"paho-{version}-{qos}", protocol=protocol
)
client.connect("127.0.0.1", port, keepalive=30)
client.loop_start()
for value in sys.argv[5:]:
    sent = client.publish(topic, value, qos=qos)
    sent.wait_for_publish(timeout=10)
    if not sent.is_published():
        sys.exit(f"{value} was not acknowledged within 10 s")
client.disconnect()
client.loop_stop()
