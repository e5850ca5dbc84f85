"""client.py port concurrent fresh: sends GETs to the paths of its standard
input, a JSON list, and prints a list of {"Path", "Status"}. Each thread keeps
one connection, as a session of requests does, unless fresh is true. The variable
TLS_CERT, a file of certificates to trust, makes it speak TLS."""

import http.client
import json
import os
import ssl
import sys
import threading

port, concurrent, fresh = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "true"
paths = json.load(sys.stdin)
results = []
trusted = os.environ.get("TLS_CERT")
context = ssl.create_default_context(cafile=trusted) if trusted else None


def connection():
    if context:
        return http.client.HTTPSConnection("127.0.0.1", port, context=context)
    return http.client.HTTPConnection("127.0.0.1", port)


def work(mine):
    conn = connection()
    for path in mine:
        conn.request("GET", path)
        response = conn.getresponse()
        response.read()
        results.append({"Path": path, "Status": response.status})
        if fresh:
            conn.close()
    conn.close()


threads = [threading.Thread(target=work, args=(paths[i::concurrent],)) for i in range(concurrent)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(results))
