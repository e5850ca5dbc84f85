"""Calls GnuTLS' functions on two sessions joined by a socket pair, and says what they returned."""
import ctypes, socket, sys
from ctypes import c_char_p, c_int, c_size_t, c_ssize_t, c_uint, c_void_p, byref

tls = ctypes.CDLL("libgnutls.so.30")
cert, key = sys.argv[1:3]

def declare(name, result, *arguments):
    f = getattr(tls, name)
    f.restype, f.argtypes = result, arguments
    return f

class Datum(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("size", c_uint)]

allocate = declare("gnutls_certificate_allocate_credentials", c_int, c_void_p)
key_file = declare("gnutls_certificate_set_x509_key_file", c_int, c_void_p, c_char_p, c_char_p, c_int)
init = declare("gnutls_init", c_int, c_void_p, c_uint)
priority = declare("gnutls_set_default_priority", c_int, c_void_p)
credentials = declare("gnutls_credentials_set", c_int, c_void_p, c_int, c_void_p)
transport = declare("gnutls_transport_set_int2", None, c_void_p, c_int, c_int)
handshake = declare("gnutls_handshake", c_int, c_void_p)
get_random = declare("gnutls_session_get_random", None, c_void_p, c_void_p, c_void_p)
cork = declare("gnutls_record_cork", None, c_void_p)
uncork = declare("gnutls_record_uncork", c_int, c_void_p, c_uint)
send = declare("gnutls_record_send", c_ssize_t, c_void_p, c_void_p, c_size_t)
recv = declare("gnutls_record_recv", c_ssize_t, c_void_p, c_void_p, c_size_t)

def call(f, name, session, buffer, size):
    result = f(session, buffer, size)
    print("call", name, session.value, ctypes.addressof(buffer), size, result, 0)
    return result

store = c_void_p()
assert allocate(byref(store)) == 0 and key_file(store, cert.encode(), key.encode(), 1) == 0
pair = socket.socketpair()
sessions = []
for s, side in zip(pair, (2, 1)):
    s.setblocking(False)
    session = c_void_p()
    assert init(byref(session), side | 8) == 0 and priority(session) == 0 and credentials(session, 1, store) == 0
    transport(session, s.fileno(), s.fileno())
    sessions.append(session)
client, server = sessions
print("ready", flush=True)
sys.stdin.readline()
states = [1, 1]
while states != [0, 0]:
    states = [handshake(s) if state else 0 for s, state in zip(sessions, states)]
mine, theirs = Datum(), Datum()
get_random(client, byref(mine), byref(theirs))
print("random", client.value, ctypes.string_at(mine.data, 32).hex())
out, into = ctypes.create_string_buffer(40000), ctypes.create_string_buffer(40000)
for size in 1, 100, 20000:
    call(send, "gnutls_record_send2", client, out, size)
    while call(recv, "gnutls_record_recv", server, into, 7000) > 0:
        pass
cork(server)
call(send, "gnutls_record_send2", server, out, 10)
call(send, "gnutls_record_send2", server, out, 20)
print("call", "gnutls_record_uncork", server.value, 0, 0, uncork(server, 1), 0)
call(recv, "gnutls_record_recv", client, into, 40000)
call(recv, "gnutls_record_recv", client, into, 40000)
print("done", flush=True)
sys.stdin.readline()
