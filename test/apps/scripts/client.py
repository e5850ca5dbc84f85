"""client.py port concurrent fresh: sends GETs to the paths of its standard
input, a JSON list, and prints a list of {"Path", "Status"}. Each thread keeps
one connection, as a session of requests does, unless fresh is true."""

import http.client
import json
import sys
import threading

port, concurrent, fresh = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "true"
paths = json.load(sys.stdin)
results = []


def work(mine):
    conn = http.client.HTTPConnection("127.0.0.1", port)
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
