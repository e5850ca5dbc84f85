# Looks names up with the C library, one after the other, and prints the results.
import json, socket, sys, time

results = []
for name in sys.argv[1:]:
    begin, addresses, error = time.monotonic(), [], ""
    try:
        addresses = sorted({a[4][0] for a in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)})
    except OSError as e:
        error = str(e)
    results.append({"Name": name, "Addresses": addresses, "Err": error, "Took": int((time.monotonic() - begin) * 1e9)})
print(json.dumps(results))
