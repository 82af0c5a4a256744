/*
 * worker_shared - what the workers of a client share: among all of them, and
 * among those of one control connection.
 */
#ifndef REBORE_CLIENT_WORKER_SHARED_H
#define REBORE_CLIENT_WORKER_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/repeat.h"
#include "base/uuid.h"
#include "client/client_options.h"
#include "client/data_connection.h"
#include "client/served_visitors.h"
#include "net/address.h"
#include "net/resolve.h"
#include "net/roster.h"
#include "os/lock.h"
#include "os/object_cache.h"
#include "os/thread_pool.h"
#include "stream/stream_directory.h"
#include "stream/stream_outage.h"
#include "stream/stream_tombstones.h"
#include "wire/keyring.h"

/* The most spares, whatever a server grants. */
#define WORKER_SPARES_MOST 64

/* The most streams that wait until the server can be told that they are
 * unknown. */
#define WORKER_DISOWNED_MOST 64

/* What all workers of a client share. */
struct worker_shared {
	/* Set before the first thread starts, then read-only. */
	const struct client_options *options;
	struct keyring *keys; /* NULL: no secret */
	struct resolve *local;
	struct thread_pool *threads;
	struct roster *roster;
	int stop_fd; /* readable when proxied connections are to end */

	/* Each with a lock of its own. */
	struct served_visitors served;
	/* Visitors whose connections outlive their data connection, and those
	 * that have ended. */
	struct stream_directory streams;
	struct stream_tombstones tombstones;
	struct stream_outage outage;
	struct object_cache orders;

	struct lock lock;
	/* Under lock. */
	struct repeat failures; /* failures that were logged */
	/* The session of the latest control connection; a reference. */
	struct worker_session *latest;
	/* Streams to tell the server that they are unknown. */
	struct uuid disowned[WORKER_DISOWNED_MOST];
	unsigned disowned_count;
};

/*
 * What the workers of one control connection share with it. Created by
 * worker_session_create() with one reference; freed with the last.
 */
struct worker_session {
	/* Where data connections go; its rtt_ms may be set at any time. */
	struct data_connection_server server;
	/* Of the tunnel; read-only. */
	uint16_t public_port;

	atomic_uint references;
	/* Whether bytes of a visitor have reached the local service. */
	atomic_bool carried;
	/* The warning that the service is the public port was given. */
	atomic_flag warned_of_loop;

	/* How long streams may be interrupted; 0: data connections carry none.
	 * Set before any spare is opened. */
	uint32_t resume_ms;
	/* Spares that wait for a visitor or are being opened; how many there
	 * are and should be; when the last visitor came. */
	struct roster spares;
	struct uuid key; /* set before the first is granted, then read-only */
	atomic_uint spares_now;
	atomic_uint spares_wanted;
	atomic_uint spares_most; /* that the server grants; 0: none */
	_Atomic int64_t visitor_ms;
	/* The server is so near that more spares would not be worth it. */
	atomic_bool is_near;
	_Atomic int64_t spares_rest_ms; /* none is opened earlier */
};

/* Initialize the fields that have no other owner. The caller sets the others
 * before the first thread starts. Returns ERROR_MEMORY or none. */
enum error worker_shared_init(struct worker_shared *shared, size_t order_bytes);
void worker_shared_destroy(struct worker_shared *shared);

/* server: its address. Returns NULL when there is no memory. */
struct worker_session *worker_session_create(const struct worker_shared *shared,
    const struct address *server, uint16_t public_port);

/* Release one reference. NULL is legal. */
void worker_session_release(struct worker_session *session);

/* Make this the session at whose server streams are resumed. */
void worker_set_latest(
    struct worker_shared *shared, struct worker_session *session);

/* Returns a reference to that session. */
struct worker_session *worker_latest_session(struct worker_shared *shared);

/* Have the server told that a stream is unknown here; and take the next such
 * stream. */
void worker_disown(struct worker_shared *shared, const struct uuid *id);
bool worker_next_disowned(struct worker_shared *shared, struct uuid *id);

/* Warn, once, if the local service is the public port: a visitor that is passed
 * on there comes back as the next one. data_fd: of a data connection. */
void worker_warn_of_loop(
    struct worker_session *session, const struct address *local, int data_fd);

/* Warn that a visitor was not served; the same reason only once in a while. */
void worker_warn_of_failure(struct worker_shared *shared, const char *reason);

#endif
