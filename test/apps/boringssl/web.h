/* What the server and the client of HTTP/1.1 over BoringSSL share. */
#pragma once
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What was received and not used yet; text[used] ends it. */
struct received {
	char text[16384];
	int used;
};

_Noreturn static inline void fail(const char *what)
{
	perror(what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static inline struct sockaddr_in local(const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(atoi(port)),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* Reads until there is some text more; returns its beginning, NULL at the end. */
static inline char *read_until(SSL *ssl, struct received *r, const char *text)
{
	char *at;

	while (!(at = strstr(r->text, text))) {
		int n = SSL_read(ssl, r->text + r->used, sizeof(r->text) - 1 - r->used);
		if (n <= 0)
			return NULL;
		r->used += n;
		r->text[r->used] = 0;
	}
	return at;
}

/* Drops what was used, up to a place in the text. */
static inline void drop(struct received *r, const char *to)
{
	r->used -= to - r->text;
	memmove(r->text, to, r->used + 1);
}
