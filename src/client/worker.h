/*
 * worker - one proxied connection on the client's side.
 *
 * Connects to the server (data_connection.h) and to the local service
 * (service.h) at the same time, accepts the visitor, and relays (visit.h). It
 * does not depend on the control connection, and goes on when that is lost.
 */
#ifndef REBORE_CLIENT_WORKER_H
#define REBORE_CLIENT_WORKER_H

#include "client/worker_shared.h"
#include "wire/announcement.h"

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

/* The server asks for so many more data connections, each for a visitor that
 * waits. Returns how many of them are not opened because descriptors, memory or
 * threads are short, which is logged. */
unsigned worker_dial(struct worker_shared *shared,
    struct worker_session *session, unsigned count);

/* Release memory that is left from a flood of visitors. To be called now and
 * then. */
void worker_tidy(struct worker_shared *shared);

/* Returns the size of what a worker starts with, for worker_shared_init(). */
size_t worker_order_size(void);

/* The control connection is over: end its spares. */
void worker_end_spares(struct worker_session *session);

#endif
