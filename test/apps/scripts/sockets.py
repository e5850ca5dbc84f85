"""sockets.py port way path...: sends a GET to each path on one connection and
reads the answers, all with the calls that way names; prints a list of
{"Path", "Status"}."""

import json
import os
import socket
import sys

port, way, paths = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
s = socket.create_connection(("127.0.0.1", port))


def pieces(data):
    third = len(data) // 3
    return [data[:third], data[third : 2 * third], data[2 * third :]]


def send(data):
    if way == "writev":
        os.writev(s.fileno(), pieces(data))
    elif way == "sendmsg":
        s.sendmsg(pieces(data))
    elif way == "write":
        os.write(s.fileno(), data)
    elif way == "sendto":
        s.sendall(data)
    elif way == "bytes":
        for i in range(len(data)):
            s.sendall(data[i : i + 1])
    else:
        s.sendall(data)


def receive():
    if way == "writev":
        first, second = bytearray(7), bytearray(4096)
        n = os.readv(s.fileno(), [first, second])
        return (bytes(first) + bytes(second))[:n]
    if way == "sendmsg":
        first, second = bytearray(11), bytearray(4096)
        n, _, _, _ = s.recvmsg_into([first, second])
        return (bytes(first) + bytes(second))[:n]
    if way == "write":
        return os.read(s.fileno(), 4096)
    if way == "bytes":
        return s.recv(1)
    if way == "peek":
        seen = s.recv(4096, socket.MSG_PEEK)
        assert s.recv(10, socket.MSG_PEEK) == seen[:10]
        return s.recv(len(seen))
    return s.recv(4096)


results = []
for path in paths:
    send(b"GET %s HTTP/1.1\r\nHost: sockets\r\nX-Filler: %s\r\n\r\n" % (path.encode(), b"f" * 40))
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive()
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        body += receive()
    results.append({"Path": path, "Status": int(head.split()[1])})
print(json.dumps(results))
