# What ../grpc/plan.go says, with Python's grpc: server|client address [certificate [key]]
import json
import sys
import threading
import time
from concurrent import futures

import grpc

records = []
OPTIONS = [("grpc.max_metadata_size", 1 << 20), ("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]


class Record:
    def __init__(self, method):
        self.wall, self.begun = time.time_ns(), time.perf_counter_ns()
        self.told = {"Method": method, "Start": self.wall, "Sent": 0, "Received": 0}

    def end(self, status):
        self.told["Duration"] = time.perf_counter_ns() - self.begun
        self.told["Status"] = status
        records.append(self.told)


class Answer(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.stream_stream_rpc_method_handler(
            lambda messages, context: answer(details.method.removeprefix("/test.Echo/"), messages, context))


def answer(method, messages, context):
    record, gone, status = Record(method), threading.Event(), "CANCELLED"
    context.add_callback(gone.set)
    try:
        plan = None
        for message in messages:
            record.told["Received"] += 1
            plan = plan or json.loads(message)
            if plan["Turns"]:
                gone.wait(plan["Sleep"] / 1000)
                record.told["Sent"] += 1
                yield bytes(plan["Size"])
        for _ in range(plan["Receive"]):
            if gone.wait(plan["Sleep"] / 1000):
                return
            record.told["Sent"] += 1
            yield bytes(plan["Size"])
        if not plan["Receive"] and not plan["Turns"] and gone.wait(plan["Sleep"] / 1000):
            return
        code = next(c for c in grpc.StatusCode if c.value[0] == plan["Status"])
        if plan["Status"]:
            context.set_code(code)
            context.set_details("as asked")
        status = code.name
    finally:
        record.end(status)


def server(address, certificate=None, key=None):
    s = grpc.server(futures.ThreadPoolExecutor(32), handlers=[Answer()], options=OPTIONS)
    if certificate:
        pair = (open(key, "rb").read(), open(certificate, "rb").read())
        s.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        s.add_insecure_port(address)
    s.start()
    print(address, flush=True)
    sys.stdin.read()
    s.stop(0).wait()
    print(json.dumps(records), flush=True)


def message(call, i):
    if i:
        return bytes(call["Size"])
    return json.dumps({**call["Plan"], "Pad": "p" * call["Size"]}).encode()


def make(channel, call):
    path = "/test.Echo/" + call["Method"]
    kwargs = {"metadata": [("x-large", "m" * call["Metadata"])] if call["Metadata"] else None}
    if call["Deadline"]:
        kwargs["timeout"] = call["Deadline"] / 1000
    turn = threading.Semaphore(1)
    record = Record(call["Method"])

    def messages():
        for i in range(call["Send"]):
            turn.acquire() if call["Plan"]["Turns"] else None
            record.told["Sent"] += 1
            yield message(call, i)
        turn.acquire() if call["Plan"]["Turns"] else None

    kind = call["Kind"]
    try:
        if kind in ("unary", "server"):
            record.told["Sent"] += 1
        if kind == "unary":
            running = channel.unary_unary(path).future(message(call, 0), **kwargs)
        elif kind == "client":
            running = channel.stream_unary(path).future(messages(), **kwargs)
        elif kind == "server":
            running = channel.unary_stream(path)(message(call, 0), **kwargs)
        else:
            running = channel.stream_stream(path)(messages(), **kwargs)
        if call["Cancel"]:
            threading.Timer(call["Cancel"] / 1000, running.cancel).start()
        if kind in ("unary", "client"):
            running.result()
            record.told["Received"] += 1
        else:
            for _ in running:
                record.told["Received"] += 1
                turn.release()
    except (grpc.RpcError, grpc.FutureCancelledError):
        pass
    record.end(running.code().name)


def client(address, certificate=None):
    if certificate:
        credentials = grpc.ssl_channel_credentials(open(certificate, "rb").read())
        channel = grpc.secure_channel(address, credentials, OPTIONS + [("grpc.ssl_target_name_override", "localhost")])
    else:
        channel = grpc.insecure_channel(address, OPTIONS)
    with channel, futures.ThreadPoolExecutor(128) as pool:
        for calls in json.load(sys.stdin):
            list(pool.map(lambda call: make(channel, call), calls))
    print(json.dumps(records))


{"server": server, "client": client}[sys.argv[1]](*sys.argv[2:])
