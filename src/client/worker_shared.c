/* worker_shared - see worker_shared.h */
#include "client/worker_shared.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* Streams that have ended and are remembered, and for how long. */
#define TOMBSTONES_MOST 16384
#define TOMBSTONES_MS   60000

enum error
worker_shared_init(struct worker_shared *shared, size_t order_bytes)
{
	lock_init(&shared->lock, LOCK_RANK_WORKER);
	memset(&shared->failures, 0, sizeof shared->failures);
	served_visitors_init(&shared->served);
	object_cache_init(&shared->orders, order_bytes);
	stream_directory_init(&shared->streams);
	stream_outage_init(&shared->outage);
	shared->latest = NULL;
	shared->disowned_count = 0;
	return stream_tombstones_init(
	    &shared->tombstones, TOMBSTONES_MOST, TOMBSTONES_MS);
}

void
worker_shared_destroy(struct worker_shared *shared)
{
	worker_session_release(shared->latest);
	stream_tombstones_destroy(&shared->tombstones);
	stream_outage_destroy(&shared->outage);
	stream_directory_destroy(&shared->streams);
	object_cache_destroy(&shared->orders);
	served_visitors_destroy(&shared->served);
	lock_destroy(&shared->lock);
}

struct worker_session *
worker_session_create(const struct worker_shared *shared,
    const struct address *server, uint16_t public_port)
{
	struct worker_session *session = calloc(1, sizeof *session);

	if (session == NULL)
		return NULL;
	session->server.address = *server;
	session->server.keys = shared->keys;
	session->public_port = public_port;
	atomic_flag_clear(&session->warned_of_loop);
	atomic_init(&session->references, 1);
	atomic_init(&session->carried, false);
	roster_init(&session->spares);
	return session;
}

void
worker_session_release(struct worker_session *session)
{
	if (session == NULL || atomic_fetch_sub(&session->references, 1) != 1)
		return;
	roster_destroy(&session->spares);
	free(session);
}

void
worker_warn_of_failure(struct worker_shared *shared, const char *reason)
{
	char more[REPEAT_MORE_SIZE];
	bool due;

	lock_take(&shared->lock);
	due = repeat_due(&shared->failures, reason, clock_now_ms(), more);
	lock_give(&shared->lock);
	if (due)
		log_warning("visitor turned away: %s%s", reason, more);
}

void
worker_set_latest(struct worker_shared *shared, struct worker_session *session)
{
	struct worker_session *old;

	atomic_fetch_add(&session->references, 1);
	lock_take(&shared->lock);
	old = shared->latest;
	shared->latest = session;
	lock_give(&shared->lock);
	worker_session_release(old);
}

struct worker_session *
worker_latest_session(struct worker_shared *shared)
{
	struct worker_session *session;

	lock_take(&shared->lock);
	session = shared->latest;
	atomic_fetch_add(&session->references, 1);
	lock_give(&shared->lock);
	return session;
}

void
worker_disown(struct worker_shared *shared, const struct uuid *id)
{
	lock_take(&shared->lock);
	/* The server finds out later where there is no room. */
	if (shared->disowned_count < WORKER_DISOWNED_MOST)
		shared->disowned[shared->disowned_count++] = *id;
	lock_give(&shared->lock);
}

bool
worker_next_disowned(struct worker_shared *shared, struct uuid *id)
{
	bool has_one;

	lock_take(&shared->lock);
	has_one = shared->disowned_count > 0;
	if (has_one)
		*id = shared->disowned[--shared->disowned_count];
	lock_give(&shared->lock);
	return has_one;
}

/* Whether the local service has the address of the tunnel's public port. */
static bool
is_public_port(const struct worker_session *session,
    const struct address *local, int data_fd)
{
	const struct address *server = &session->server.address;
	struct address own;

	if (address_port(local) != session->public_port)
		return false;
	if (address_same_host(local, server))
		return true;
	/* The server is on this host, and listens on loopback too. */
	return address_is_loopback(local) && address_of_socket(data_fd, &own) &&
	       address_same_host(&own, server);
}

void
worker_warn_of_loop(
    struct worker_session *session, const struct address *local, int data_fd)
{
	char text[ADDRESS_TEXT_SIZE];

	if (!is_public_port(session, local, data_fd) ||
	    atomic_flag_test_and_set(&session->warned_of_loop))
		return;
	address_print(local, text);
	log_warning("the local service %s seems to be the tunnel's own public "
		    "port: unless the server has that elsewhere "
		    "(--bind-tunnels), each visitor comes back as another one; "
		    "check LOCAL_PORT and --port",
	    text);
}
