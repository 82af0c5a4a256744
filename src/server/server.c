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
#include "base/random.h"
#include "net/listen.h"
#include "os/fd.h"
#include "os/memory.h"
#include "os/thread.h"
#include "os/wakeup.h"
#include "server/handout.h"
#include "server/janitor.h"
#include "server/server_state.h"
#include "server/session.h"
#include "server/spares.h"
#include "server/stream_proxy.h"
#include "server/tunnel.h"

/* Accept at most this many connections before checking for a stop. */
#define ACCEPT_MOST 64
/* Connections without a first message: at most 1/SILENT_SHARE of the
 * descriptors, at most SILENT_MOST, since each has a thread, and at most
 * 1/SILENT_MEMORY_SHARE of the memory at SILENT_BYTES each, most of which is in
 * the kernel. */
#define SILENT_SHARE        4
#define SILENT_MOST         16384
#define SILENT_BYTES        ((uint64_t)32 * 1024)
#define SILENT_MEMORY_SHARE 8
/* Pause after accept() has failed for lack of resources. */
#define REST_MS 100
/* Streams that have ended and are remembered, and for how long after the time
 * in which they may be resumed: an attempt of the client may be late. */
#define TOMBSTONES_MOST    16384
#define TOMBSTONES_MORE_MS 10000
/* How long sessions may take to end, and then the disk. */
#define END_MS 500
/* One client's spares may use 1/SPARES_SHARE of all descriptors. */
#define SPARES_SHARE 16

struct server {
	struct wakeup stop; /* once sent it stays readable */
	struct listener listener;
	pthread_t acceptor;
	struct janitor janitor;
	struct server_state state;
};

/* Take connections that have come, up to a bound: the acceptor has more to do.
 * Returns for how long to rest. */
static int
accept_clients(struct server *server)
{
	struct server_state *state = &server->state;
	enum error error = ERROR_NONE;
	struct address peer;
	char why[160];
	int fd;

	for (int i = 0;
	     i < ACCEPT_MOST && (error == ERROR_NONE || error == ERROR_RESET);
	     i++) {
		error = listen_accept(&server->listener, &fd, &peer);
		if (error == ERROR_NONE)
			session_start(state, transport_of(fd), &peer);
	}
	if (error == ERROR_NONE || error == ERROR_RESET || error == ERROR_AGAIN)
		return 0;
	snprintf(
	    why, sizeof why, "cannot accept a connection: %s", strerror(errno));
	server_state_warn_shed(state, why);
	crowd_interrupt_one(&state->silent);
	return REST_MS;
}

static void *
run_acceptor(void *argument)
{
	struct server *server = argument;
	int rest_ms = 0;

	for (;;) {
		const int *fds = server->listener.fds;
		struct pollfd slots[] = {
		    {.fd = server->stop.read_fd, .events = POLLIN},
		    {.fd = rest_ms > 0 ? -1 : fds[0], .events = POLLIN},
		    {.fd = rest_ms > 0 ? -1 : fds[1], .events = POLLIN},
		};
		int ready = poll(slots, 3, rest_ms > 0 ? rest_ms : -1);

		rest_ms = 0;
		if (ready == -1)
			continue;
		if (slots[0].revents != 0)
			return NULL;
		if (slots[1].revents != 0 || slots[2].revents != 0)
			rest_ms = accept_clients(server);
	}
}

static void
destroy(struct server *server)
{
	struct server_state *state;

	if (server == NULL)
		return;
	state = &server->state;
	thread_pool_destroy(state->threads);
	lock_destroy(&state->lock);
	object_cache_destroy(&state->visitors);
	object_cache_destroy(&state->handouts);
	object_cache_destroy(&state->stream_orders);
	stream_outage_destroy(&state->outage);
	stream_tombstones_destroy(&state->tombstones);
	stream_directory_destroy(&state->streams);
	object_cache_destroy(&state->sessions);
	roster_destroy(&state->active);
	roster_destroy(&state->claiming);
	shares_destroy(&state->shares);
	crowd_destroy(&state->silent);
	notices_destroy(&state->notices);
	pending_destroy(&state->pending);
	registry_destroy(&state->registry);
	keyring_destroy(&state->keys);
	ports_destroy(&state->ports);
	port_memory_end(&state->port_memory);
	listen_close(&server->listener);
	wakeup_close(&state->opened);
	wakeup_close(&server->stop);
	free(server);
}

static uint64_t
random_seed(void)
{
	return (uint64_t)random_u32() << 32 | random_u32();
}

static void
init_state(struct server_state *state, const struct server_options *options)
{
	const struct ports_range range = {options->min_port, options->max_port};

	state->options = options;
	state->tunnels = &tunnel_calls;
	atomic_init(&state->tunnels_now, 0);
	atomic_init(&state->stopping, false);
	atomic_init(&state->ending, false);
	registry_init(&state->registry, &tunnel_calls);
	keyring_init(&state->keys);
	ports_init(
	    &state->ports, &options->tunnels, &range, &state->port_memory);
	state->spares_most = budget_most(options->budget) / SPARES_SHARE;
	if (state->spares_most > SPARES_MOST)
		state->spares_most = SPARES_MOST;
	pending_init(&state->pending);
	roster_init(&state->active);
	roster_init(&state->claiming);
	object_cache_init(&state->sessions, sizeof(struct session_order));
	object_cache_init(&state->handouts, sizeof(struct handout_order));
	object_cache_init(&state->stream_orders, sizeof(struct stream_order));
	stream_directory_init(&state->streams);
	stream_outage_init(&state->outage);
	object_cache_init(&state->visitors, sizeof(struct pending_visitor));
	lock_init(&state->lock, LOCK_RANK_SERVER_STATE);
	notices_init(&state->notices, random_seed());
	state->penalties.seed = random_seed();
}

static enum error
init_silent(struct server_state *state)
{
	uint64_t fitting = memory_limit() / SILENT_MEMORY_SHARE / SILENT_BYTES;
	unsigned most = budget_most(state->options->budget) / SILENT_SHARE;

	if (most > SILENT_MOST)
		most = SILENT_MOST;
	if (most > fitting)
		most = (unsigned)fitting;
	return crowd_init(&state->silent, most > 0 ? most : 1, random_seed());
}

static enum error
fill(struct server *server, const struct server_options *options,
    const struct auth_key *keys, unsigned key_count,
    struct server_failure *failure)
{
	struct server_state *state = &server->state;
	struct address address;
	enum error error;

	server->listener = (struct listener)LISTENER_INITIALIZER;
	server->stop = (struct wakeup)WAKEUP_INITIALIZER;
	state->opened = (struct wakeup)WAKEUP_INITIALIZER;
	init_state(state, options);
	state->has_secret = key_count > 0;
	error = port_memory_start(
	    &state->port_memory, options->state_path, &failure->holder);
	failure->of_state_file = error != ERROR_NONE;
	if (error == ERROR_NONE)
		error = init_silent(state);
	if (error == ERROR_NONE &&
	    !shares_init(
		&state->shares, budget_most(options->budget), random_seed()))
		error = ERROR_MEMORY;
	if (error == ERROR_NONE)
		error = keyring_replace(&state->keys, keys, key_count);
	if (error == ERROR_NONE)
		error = stream_tombstones_init(&state->tombstones,
		    TOMBSTONES_MOST, options->resume_ms + TOMBSTONES_MORE_MS);
	state->threads = thread_pool_create("rebore-session");
	if (error == ERROR_NONE && state->threads == NULL)
		error = ERROR_MEMORY;
	if (error == ERROR_NONE)
		error = wakeup_open(&server->stop);
	if (error == ERROR_NONE)
		error = wakeup_open(&state->opened);
	if (error == ERROR_NONE)
		error = listen_open(&options->control, &server->listener);
	if (error == ERROR_NONE && listen_address(&server->listener, &address))
		ports_keep_control(&state->ports, address_port(&address));
	return error;
}

enum error
server_start(const struct server_options *options, const struct auth_key *keys,
    unsigned key_count, struct server **server, struct server_failure *failure)
{
	struct server *made = calloc(1, sizeof *made);
	enum error error;
	int saved;

	*server = NULL;
	memset(failure, 0, sizeof *failure);
	if (made == NULL)
		return ERROR_MEMORY;
	error = fill(made, options, keys, key_count, failure);
	if (error == ERROR_NONE)
		error = janitor_start(&made->janitor, &made->state);
	if (error == ERROR_NONE)
		error = thread_start(&made->acceptor, "rebore-accept",
		    THREAD_STACK_BYTES, run_acceptor, made);
	if (error) {
		saved = errno;
		janitor_stop(&made->janitor);
		destroy(made);
		errno = saved;
		return error;
	}
	*server = made;
	return ERROR_NONE;
}

void
server_address(const struct server *server, struct address *address)
{
	if (!listen_address(&server->listener, address))
		*address = server->state.options->control;
}

enum error
server_set_keys(struct server *server, const struct auth_key *keys,
    unsigned count, unsigned *left)
{
	struct keyring *ring = &server->state.keys;
	enum error error = keyring_replace(ring, keys, count);

	*left = keyring_outdated(ring);
	return error;
}

void
server_stop(struct server *server)
{
	struct server_state *state;
	unsigned drain_s;
	enum error error;
	unsigned left;

	if (server == NULL)
		return;
	state = &server->state;
	drain_s = state->options->drain_s;
	wakeup_send(&server->stop);
	thread_join(server->acceptor);
	listen_close(&server->listener);
	state->leaving = atomic_load(&state->tunnels_now);
	atomic_store(&state->stopping, true);
	registry_visit(&state->registry, tunnel_wake, NULL);
	crowd_interrupt_all(&state->silent);
	roster_interrupt_all(&state->claiming);
	left = roster_wait_empty(
	    &state->active, clock_now_ms() + (int64_t)drain_s * 1000);
	if (left > 0 && drain_s > 0)
		log_warning("visitors have not finished in %u s and are cut "
			    "off: %u",
		    drain_s, left);
	atomic_store(&state->ending, true);
	registry_visit(&state->registry, tunnel_wake, NULL);
	roster_interrupt_all(&state->active);
	error = thread_pool_stop(state->threads, clock_now_ms() + END_MS);
	janitor_stop(&server->janitor);
	/* Last, because threads may grant ports until they have ended. */
	if (port_memory_stop(&state->port_memory, clock_now_ms() + END_MS))
		error = ERROR_TIMEOUT;
	if (error == ERROR_NONE)
		destroy(server);
	else /* remaining threads use the state: wipe the keys nobody holds */
		(void)keyring_replace(&state->keys, NULL, 0);
}
