/*
 * server port: answers GET /s/{status}/... until its standard input ends; then it
 * prints how often it answered each "METHOD path status". The variables TLS_CERT,
 * TLS_KEY and TLS_VERSION are those of server.js.
 */
#include "web.h"
#include <pthread.h>

static struct {
	char key[512];
	int n;
} counts[4096];
static int keys;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static SSL_CTX *context;

static void count(const char *method, const char *path, int status)
{
	char key[sizeof(counts[0].key)];
	int i = 0;

	snprintf(key, sizeof(key), "%s %s %d", method, path, status);
	pthread_mutex_lock(&lock);
	while (i < keys && strcmp(counts[i].key, key))
		i++;
	if (i == sizeof(counts) / sizeof(counts[0]))
		fail("too many paths");
	if (i == keys)
		strcpy(counts[keys++].key, key);
	counts[i].n++;
	pthread_mutex_unlock(&lock);
}

static void answer(SSL *ssl, const char *head)
{
	char method[16] = "", path[256] = "", body[64] = "", response[256];
	int status = 0;

	sscanf(head, "%15s %255s", method, path);
	sscanf(path, "/s/%d/", &status);
	count(method, path, status);
	if (status != 204)
		snprintf(body, sizeof(body), "status %d\n", status);
	int n = snprintf(response, sizeof(response), "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n\r\n%s", status,
			 strlen(body), body);
	SSL_write(ssl, response, n);
}

static void *serve(void *arg)
{
	int fd = (long)arg;
	struct received r = { .used = 0 };
	SSL *ssl = SSL_new(context);
	char *end;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		while ((end = read_until(ssl, &r, "\r\n\r\n"))) {
			answer(ssl, r.text);
			drop(&r, end + 4);
		}
	SSL_free(ssl);
	close(fd);
	return NULL;
}

static void *accept_all(void *arg)
{
	int listening = (long)arg;
	pthread_t thread;

	for (;;) {
		long fd = accept(listening, NULL, NULL);
		if (fd < 0 || pthread_create(&thread, NULL, serve, (void *)fd))
			fail("accepting");
		pthread_detach(thread);
	}
}

static void listen_on(const char *port)
{
	struct sockaddr_in at = local(port);
	long fd = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 256) ||
	    pthread_create(&thread, NULL, accept_all, (void *)fd))
		fail("listening");
}

int main(int argc, char **argv)
{
	int version = !strcmp(getenv("TLS_VERSION"), "1.2") ? TLS1_2_VERSION : TLS1_3_VERSION;

	context = SSL_CTX_new(TLS_method());
	if (SSL_CTX_use_certificate_chain_file(context, getenv("TLS_CERT")) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, getenv("TLS_KEY"), SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_set_min_proto_version(context, version) != 1 ||
	    SSL_CTX_set_max_proto_version(context, version) != 1)
		fail("configuring TLS");
	listen_on(argv[1]);
	while (getchar() != EOF)
		;
	pthread_mutex_lock(&lock);
	printf("{");
	for (int i = 0; i < keys; i++)
		printf("%s\"%s\": %d", i ? ", " : "", counts[i].key, counts[i].n);
	printf("}\n");
	fflush(stdout);
	_exit(0);
}
