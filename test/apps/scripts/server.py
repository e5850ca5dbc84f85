"""Answers /s/{status}/... on the port of its first argument until its standard
input ends; then it prints how often it answered each "METHOD path status".
The variables TLS_CERT, TLS_KEY and TLS_VERSION (1.2 or 1.3) make it speak TLS."""

import collections
import http.server
import json
import os
import ssl
import sys
import threading

counts = collections.Counter()
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        status = int(self.path.split("/")[2])
        body = b"" if status == 204 else b"status %d\n" % status
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        with lock:
            counts["%s %s %d" % (self.command, self.path, status)] += 1

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256


server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
if os.environ.get("TLS_CERT"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = ssl.TLSVersion["TLSv" + os.environ["TLS_VERSION"].replace(".", "_")]
    context.load_cert_chain(os.environ["TLS_CERT"], os.environ["TLS_KEY"])
    # The handshake is the handler's: else one slow client would hold up all.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
with lock:
    print(json.dumps(counts), flush=True)
