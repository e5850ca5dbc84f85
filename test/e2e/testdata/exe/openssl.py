"""Calls OpenSSL's functions on two sessions joined in memory, and says what they returned."""
import ctypes, sys
from ctypes import c_char_p, c_int, c_long, c_size_t, c_void_p, byref

ssl = ctypes.CDLL("libssl.so.3")
crypto = ctypes.CDLL("libcrypto.so.3")
cert, key = sys.argv[1:3]

def declare(lib, name, result, *arguments):
    f = getattr(lib, name)
    f.restype, f.argtypes = result, arguments
    return f

method = declare(ssl, "TLS_method", c_void_p)
ctx_new = declare(ssl, "SSL_CTX_new", c_void_p, c_void_p)
use_cert = declare(ssl, "SSL_CTX_use_certificate_file", c_int, c_void_p, c_char_p, c_int)
use_key = declare(ssl, "SSL_CTX_use_PrivateKey_file", c_int, c_void_p, c_char_p, c_int)
new = declare(ssl, "SSL_new", c_void_p, c_void_p)
set_bio = declare(ssl, "SSL_set_bio", None, c_void_p, c_void_p, c_void_p)
connect_state = declare(ssl, "SSL_set_connect_state", None, c_void_p)
accept_state = declare(ssl, "SSL_set_accept_state", None, c_void_p)
handshake = declare(ssl, "SSL_do_handshake", c_int, c_void_p)
client_random = declare(ssl, "SSL_get_client_random", c_size_t, c_void_p, c_char_p, c_size_t)
bio_pair = declare(crypto, "BIO_new_bio_pair", c_int, c_void_p, c_size_t, c_void_p, c_size_t)
shutdown = declare(ssl, "SSL_shutdown", c_int, c_void_p)
functions = {
    "SSL_read": declare(ssl, "SSL_read", c_int, c_void_p, c_void_p, c_int),
    "SSL_write": declare(ssl, "SSL_write", c_int, c_void_p, c_void_p, c_int),
    "SSL_read_ex": declare(ssl, "SSL_read_ex", c_int, c_void_p, c_void_p, c_size_t, c_void_p),
    "SSL_write_ex": declare(ssl, "SSL_write_ex", c_int, c_void_p, c_void_p, c_size_t, c_void_p),
}

def call(name, session, buffer, size):
    moved = c_size_t()
    if name.endswith("_ex"):
        result = functions[name](session, buffer, size, byref(moved))
    else:
        result = functions[name](session, buffer, size)
    print("call", name, session, ctypes.addressof(buffer), size, result, ctypes.addressof(moved))
    return result

ctx = ctx_new(method())
assert use_cert(ctx, cert.encode(), 1) == 1 and use_key(ctx, key.encode(), 1) == 1
client, server = new(ctx), new(ctx)
a, b = c_void_p(), c_void_p()
assert bio_pair(byref(a), 1 << 20, byref(b), 1 << 20) == 1
set_bio(client, a, a)
set_bio(server, b, b)
connect_state(client)
accept_state(server)
print("ready", flush=True)
sys.stdin.readline()
while [handshake(client), handshake(server)] != [1, 1]:
    pass
random = ctypes.create_string_buffer(32)
assert client_random(client, random, 32) == 32
print("random", client, random.raw.hex())
out, into = ctypes.create_string_buffer(40000), ctypes.create_string_buffer(40000)
for write, read in ("SSL_write", "SSL_read"), ("SSL_write_ex", "SSL_read_ex"):
    for size in 1, 100, 20000:
        call(write, client, out, size)
        while call(read, server, into, 7000) > 0:
            pass
    call(write, server, out, 5)
    call(read, client, into, 3)
    call(read, client, into, 40000)
    call(read, client, into, 40000)
call("SSL_write", client, out, -1)
call("SSL_read", client, into, -1)
shutdown(client)
call("SSL_read", server, into, 10)
print("done", flush=True)
sys.stdin.readline()
