/*
 * worker - one proxied connection on the client's side.
 *
 * Connects to the server (data_connection.h) and to the local service
 * (service.h) at the same time, accepts the visitor, and relays (visit.h). It
 * does not depend on the control connection, and goes on when that is lost.
 */
#ifndef REBORE_CLIENT_WORKER_H
#define REBORE_CLIENT_WORKER_H

#include <stdatomic.h>

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
#include "wire/announcement.h"
#include "wire/keyring.h"

/* The most spares, whatever a server grants. */
#define WORKER_SPARES_MOST 64

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
	struct object_cache orders;

	struct lock lock;
	/* Under lock. */
	struct repeat failures; /* failures that were logged */
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
 * before the first thread starts. */
void worker_shared_init(struct worker_shared *shared);
void worker_shared_destroy(struct worker_shared *shared);

/* server: its address. Returns NULL when there is no memory. */
struct worker_session *worker_session_create(const struct worker_shared *shared,
    const struct address *server, uint16_t public_port);

/* Release one reference. NULL is legal. */
void worker_session_release(struct worker_session *session);

/*
 * Serve a visitor, in a thread of the pool. If a worker is already on its way
 * to the visitor, or has recently accepted it, nothing is done: it was
 * announced twice.
 *
 * If descriptors are short, the visitor is turned away there, with a log line;
 * if there is no thread, there is only the log line.
 * shared, session: must outlive the worker, which takes a reference of session.
 * announcement: copied.
 */
void worker_start(struct worker_shared *shared, struct worker_session *session,
    const struct announcement *announcement);

/*
 * The server grants spares, up to `most` at a time: open some from now on. Only
 * the first grant of a session counts.
 *
 * key: by which the server finds this session.
 */
void worker_grant_spares(struct worker_shared *shared,
    struct worker_session *session, unsigned most, const struct uuid *key);

/*
 * Open spares if some are missing, and close some if no visitor has come for a
 * while. To be called now and then.
 */
void worker_tend_spares(
    struct worker_shared *shared, struct worker_session *session);

/* Release memory that is left from a flood of visitors. To be called now and
 * then. */
void worker_tidy(struct worker_shared *shared);

/* The control connection is over: end its spares. */
void worker_end_spares(struct worker_session *session);

#endif
