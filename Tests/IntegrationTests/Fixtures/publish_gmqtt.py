# SPDX-License-Identifier: Apache-2.0
"""Publishes with gmqtt and waits until nothing is unacknowledged.

usage: publish_gmqtt.py PORT 3|5 QOS TOPIC VALUE...
"""

import asyncio
import sys

try:
    import gmqtt
    from gmqtt.mqtt.constants import MQTTv311, MQTTv50
except ImportError:
    sys.exit("publish_gmqtt.py needs the Python package gmqtt: make deps-test")


async def main():
    port, version, qos, topic = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    client = gmqtt.Client(f"gmqtt-{version}-{qos}")
    await client.connect(
        "127.0.0.1", port, keepalive=30, version=MQTTv50 if version == "5" else MQTTv311
    )
    for value in sys.argv[5:]:
        client.publish(topic, value, qos=qos)
    for _ in range(1_000):
        # The library tells its users no other way that everything was acknowledged.
        if client._persistent_storage.is_empty:
            break
        await asyncio.sleep(0.01)
    else:
        sys.exit("not acknowledged within 10 s")
    await client.disconnect()


asyncio.run(main())
