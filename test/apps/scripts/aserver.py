"""server.py on asyncio, whose TLS moves its bytes through memory, not through
the socket."""

import asyncio
import collections
import json
import os
import ssl
import sys

counts = collections.Counter()


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ", 2)[1]
            status = int(path.split("/")[2])
            body = b"" if status == 204 else b"status %d\n" % status
            length = b"" if status == 204 else b"Content-Length: %d\r\n" % len(body)
            writer.write(b"HTTP/1.1 %d Status\r\n%s\r\n%s" % (status, length, body))
            counts["GET %s %d" % (path, status)] += 1
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def tls():
    if not os.environ.get("TLS_CERT"):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = ssl.TLSVersion["TLSv" + os.environ["TLS_VERSION"].replace(".", "_")]
    context.load_cert_chain(os.environ["TLS_CERT"], os.environ["TLS_KEY"])
    return context


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), ssl=tls(), backlog=256)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()
    print(json.dumps(counts), flush=True)
    os._exit(0)


asyncio.run(main())
