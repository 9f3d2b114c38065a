# SPDX-License-Identifier: Apache-2.0
"""Publishes with aiomqtt, which waits for each acknowledgement.

usage: publish_aiomqtt.py PORT 3|5 QOS TOPIC VALUE...
"""

import asyncio
import sys

try:
    import aiomqtt
except ImportError:
    sys.exit("publish_aiomqtt.py needs the Python package aiomqtt: make deps-test")


async def main():
    port, version, qos, topic = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    protocol = aiomqtt.ProtocolVersion.V5 if version == "5" else aiomqtt.ProtocolVersion.V311
    async with aiomqtt.Client(
        "127.0.0.1", port, identifier=f"aiomqtt-{version}-{qos}", protocol=protocol, timeout=10
    ) as client:
        for value in sys.argv[5:]:
            await client.publish(topic, value, qos=qos)


asyncio.run(main())
