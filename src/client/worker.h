/*
 * worker - one proxied connection on the client's side.
 *
 * Dials back to the server and dials the local service at the same time,
 * accepts the visitor, and relays. Depends on nothing of the control
 * connection: it goes on when that is lost.
 */
#ifndef REBORE_CLIENT_WORKER_H
#define REBORE_CLIENT_WORKER_H

#include <stdatomic.h>

#include "base/error.h"
#include "base/repeat.h"
#include "base/uuid.h"
#include "client/served_visitors.h"
#include "net/address.h"
#include "net/resolve.h"
#include "net/roster.h"
#include "os/budget.h"
#include "os/lock.h"
#include "os/object_cache.h"
#include "os/thread_pool.h"
#include "wire/auth.h"
#include "wire/keyring.h"

/* More spares are never kept, whatever a server grants. */
#define WORKER_SPARES_MOST 64

/* What all workers of a client share. */
struct worker_context {
	/* Set before the first thread starts, then read-only. */
	struct keyring *keys; /* NULL: no secret */
	unsigned spares;      /* to be kept when nothing happens; 0: none */
	struct address_name local_name;
	struct resolve *local;
	struct thread_pool *threads;
	struct roster *roster;
	int stop_fd; /* readable when proxied connections are to end */
	struct budget *budget; /* of the process */
	/* A visitor waits so long for a local service that does not answer. */
	int64_t local_retry_ms;

	/* Each with a lock of its own. */
	struct served_visitors served;
	struct object_cache orders;

	struct lock lock;
	/* Under lock. */
	struct repeat told; /* of failures that come again and again */
};

/*
 * What the workers of one control connection share with it. Made by
 * worker_session_create() with one reference; gone with the last.
 */
struct worker_session {
	/* Read-only: where data connections go, and the tunnel's public port
	 * there. */
	struct address server;
	uint16_t public_port;

	atomic_uint references;
	/* Whether bytes of a visitor have reached the local service. */
	atomic_bool carried;
	/* The warning of a service that is the public port was given. */
	atomic_flag warned_of_loop;

	/* Spares: those that wait for a visitor, or are on their way there; how
	 * many there are and should be; when the last visitor came. */
	struct roster spares;
	struct uuid key; /* set before the first is granted, then read-only */
	atomic_uint spares_kept;
	atomic_uint spares_wanted;
	atomic_uint spares_most; /* that the server grants; 0: none */
	_Atomic int64_t visitor_ms;
	/* The server is so near that more would not be worth it. */
	atomic_bool is_near;
	/* The round trip of the control connection; 0: not known. */
	_Atomic uint32_t rtt_ms;
	_Atomic int64_t spares_rest_ms; /* none is opened before */
};

/*
 * Prepare what has no other owner: limits and the lock. The other fields are
 * the caller's to set.
 */
void worker_context_init(struct worker_context *context);
void worker_context_destroy(struct worker_context *context);

/* Returns NULL when there is no memory. */
struct worker_session *worker_session_create(
    const struct address *server, uint16_t public_port);

/* Give one reference back. NULL is legal. */
void worker_session_release(struct worker_session *session);

/*
 * Serve the visitor that waits under uuid, in a thread of the thread pool. One that is
 * announced again while a worker is on its way to it is left to that one, and so
 * is one that was accepted a moment ago: both announcements were under way.
 *
 * Where descriptors are short the visitor is turned away there, with a log
 * line; where there is no thread, the log line is all.
 * context, session: must outlive the worker; it takes a reference of session.
 */
void worker_start(struct worker_context *context,
    struct worker_session *session, const struct uuid *uuid);

/*
 * The server grants spares, most at a time: keep some from now on. Only the first
 * grant of a session counts.
 *
 * key: by which the server knows them as of this session.
 */
void worker_grant_spares(struct worker_context *context,
    struct worker_session *session, unsigned most, const struct uuid *key);

/*
 * Have as many spares as are wanted: more where some are missing, fewer where
 * no visitor has come for a while. To be called now and then.
 */
void worker_tend_spares(
    struct worker_context *context, struct worker_session *session);

/* Give back memory that a flood has left. To be called now and then. */
void worker_tidy(struct worker_context *context);

/* The control connection is over: its spares are, too. */
void worker_end_spares(struct worker_session *session);

#endif
