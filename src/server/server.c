/* server - see server.h */
#include "server/server.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/listen.h"
#include "os/fd.h"
#include "os/thread.h"
#include "os/wakeup.h"
#include "server/context.h"
#include "server/session.h"

/* A listener that cannot accept for want of something rests. */
#define REST_MS 100
/* How long sessions may take to end. */
#define END_MS 500

struct server {
	/* Set before the first thread starts, then read-only. */
	struct server_options options;
	struct wakeup stop; /* once sent it stays readable */
	int listener;
	pthread_t acceptor;
	struct context context;
};

/* Take the connections that have come. Returns for how long to rest. */
static int
accept_clients(struct server *server)
{
	struct context *context = &server->context;
	struct address peer;
	enum error error;
	char why[160];
	int fd;

	do {
		error = listen_accept(server->listener, &fd, &peer);
		if (error == ERROR_NONE)
			session_start(context, fd, &peer);
	} while (error == ERROR_NONE || error == ERROR_RESET);
	if (error == ERROR_AGAIN)
		return 0;
	snprintf(
	    why, sizeof why, "cannot accept a connection: %s", strerror(errno));
	context_warn_shed(context, why);
	roster_interrupt_oldest(&context->silent);
	return REST_MS;
}

static void *
run_acceptor(void *argument)
{
	struct server *server = argument;
	int rest_ms = 0;

	for (;;) {
		struct pollfd slots[] = {
		    {.fd = server->stop.read_fd, .events = POLLIN},
		    {.fd = rest_ms > 0 ? -1 : server->listener,
			.events = POLLIN},
		};
		int ready = poll(slots, 2, rest_ms > 0 ? rest_ms : -1);

		rest_ms = 0;
		if (ready == -1)
			continue;
		if (slots[0].revents != 0)
			return NULL;
		if (slots[1].revents != 0)
			rest_ms = accept_clients(server);
	}
}

static void
destroy(struct server *server)
{
	struct context *context;

	if (server == NULL)
		return;
	context = &server->context;
	crew_destroy(context->crew);
	lock_destroy(&context->lock);
	roster_destroy(&context->active);
	roster_destroy(&context->silent);
	pending_destroy(&context->pending);
	fd_close(&server->listener);
	wakeup_close(&server->stop);
	free(server);
}

static void
fill_context(struct server *server)
{
	struct context *context = &server->context;
	const struct server_options *options = &server->options;

	context->key = options->has_secret ? &options->key : NULL;
	context->tunnels = options->tunnels;
	context->range.min = options->min_port;
	context->range.max = options->max_port;
	budget_init(&context->budget, fd_limit());
	pending_init(&context->pending);
	roster_init(&context->silent);
	roster_init(&context->active);
	lock_init(&context->lock);
}

static enum error
create(const struct server_options *options, struct server **made)
{
	struct server *server = calloc(1, sizeof *server);
	enum error error;

	*made = server;
	if (server == NULL)
		return ERROR_MEMORY;
	server->options = *options;
	server->listener = -1;
	server->stop = (struct wakeup)WAKEUP_INITIALIZER;
	fill_context(server);
	server->context.crew = crew_create("rebore-session");
	if (server->context.crew == NULL)
		return ERROR_MEMORY;
	error = wakeup_open(&server->stop);
	if (error == ERROR_NONE)
		error = listen_open(&options->control, &server->listener);
	return error;
}

enum error
server_start(const struct server_options *options, struct server **server)
{
	enum error error = create(options, server);

	if (error == ERROR_NONE)
		error = thread_start(&(*server)->acceptor, "rebore-accept",
		    THREAD_STACK_BYTES, run_acceptor, *server);
	if (error) {
		destroy(*server);
		*server = NULL;
	}
	return error;
}

void
server_address(const struct server *server, struct address *address)
{
	if (!address_of_socket(server->listener, address))
		*address = server->options.control;
}

void
server_stop(struct server *server)
{
	if (server == NULL)
		return;
	wakeup_send(&server->stop);
	thread_join(server->acceptor);
	fd_close(&server->listener);
	roster_interrupt_all(&server->context.silent);
	roster_interrupt_all(&server->context.active);
	if (crew_stop(server->context.crew, clock_now_ms() + END_MS) ==
	    ERROR_NONE)
		destroy(server);
}
