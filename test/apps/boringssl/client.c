/*
 * client port concurrent fresh: what client.js does over TLS, one request after
 * the other. Answers have a Content-Length or no body.
 */
#include "web.h"

struct connection {
	int fd;
	SSL *ssl;
	struct received received;
};

static void connect_to(struct connection *c, SSL_CTX *context, const char *port)
{
	struct sockaddr_in at = local(port);

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	c->ssl = SSL_new(context);
	c->received.used = c->received.text[0] = 0;
	if (connect(c->fd, (struct sockaddr *)&at, sizeof(at)) || !SSL_set_fd(c->ssl, c->fd) ||
	    SSL_connect(c->ssl) != 1)
		fail("connecting");
}

static void hang_up(struct connection *c)
{
	SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	close(c->fd);
}

/* Reads a body that has been received in part. */
static void read_body(struct connection *c, int length)
{
	struct received *r = &c->received;

	while (r->used < length) {
		int n = SSL_read(c->ssl, r->text + r->used, sizeof(r->text) - 1 - r->used);
		if (n <= 0)
			fail("reading a body");
		r->used += n;
		r->text[r->used] = 0;
	}
	drop(r, r->text + length);
}

static int get(struct connection *c, const char *path)
{
	char request[512];
	int status = 0, length = 0;
	int n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);

	if (SSL_write(c->ssl, request, n) != n)
		fail("writing");
	char *end = read_until(c->ssl, &c->received, "\r\n\r\n");
	if (!end)
		fail("reading a head");
	*end = 0;
	sscanf(c->received.text, "HTTP/1.1 %d", &status);
	char *field = strcasestr(c->received.text, "\r\nContent-Length:");
	if (field)
		length = atoi(field + strlen("\r\nContent-Length:"));
	drop(&c->received, end + 4);
	read_body(c, length);
	return status;
}

int main(int argc, char **argv)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	int fresh = !strcmp(argv[3], "true"), many = 0;
	struct connection c;
	char path[256];

	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_load_verify_locations(context, getenv("TLS_CERT"), NULL) != 1)
		fail("trusting");
	printf("[");
	while (scanf("%*[^\"]\"%255[^\"]\"", path) == 1) { /* the next text of the list */
		if (fresh || !many)
			connect_to(&c, context, argv[1]);
		printf("%s{\"Path\": \"%s\", \"Status\": %d}", many++ ? ", " : "", path, get(&c, path));
		if (fresh)
			hang_up(&c);
	}
	printf("]\n");
	return 0;
}
