"""client.py on asyncio, whose TLS moves its bytes through memory, not through
the socket."""

import asyncio
import json
import os
import ssl
import sys

port, concurrent, fresh = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "true"
paths = json.load(sys.stdin)
results = []
trusted = os.environ.get("TLS_CERT")
context = ssl.create_default_context(cafile=trusted) if trusted else None


async def get(reader, writer, path):
    writer.write(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status = int(head.split(" ", 2)[1])
    chunked = False
    for field in head.split("\r\n")[1:]:
        name, _, value = field.partition(": ")
        if name.lower() == "content-length":
            await reader.readexactly(int(value))
        chunked = chunked or name.lower() == "transfer-encoding"
    if chunked:
        await reader.readuntil(b"0\r\n\r\n")
    results.append({"Path": path, "Status": status})


async def work(mine):
    reader = writer = None
    for path in mine:
        if not writer:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        await get(reader, writer, path)
        if fresh:
            writer.close()
            writer = None
    if writer:
        writer.close()
        await asyncio.sleep(0.05)


async def main():
    await asyncio.gather(*(work(paths[i::concurrent]) for i in range(concurrent)))


asyncio.run(main())
print(json.dumps(results))
