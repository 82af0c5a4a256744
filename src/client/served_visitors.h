/*
 * served_visitors - the visitors that the client has recently heard of, so that
 * none is served twice.
 *
 * A visitor may be announced again while a worker is on its way to it, and may
 * be both announced and given to a spare (rebore-protocol(7), SPARES).
 */
#ifndef REBORE_CLIENT_SERVED_VISITORS_H
#define REBORE_CLIENT_SERVED_VISITORS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash_table.h"
#include "base/uuid.h"
#include "os/lock.h"

/* Powers of two. */
#define SERVED_VISITORS_BUCKETS 256
#define SERVED_VISITORS_RECENT  8192

/* A visitor that a worker, its owner, is on its way to. */
struct served_visitor {
	/* Set before served_visitors_enter(), then read-only; all else 0. */
	struct uuid uuid;
	int64_t start_ms;

	/* When it was last announced; at first start_ms. */
	_Atomic int64_t announced_ms;

	/* Private, under the lock of served. */
	struct hash_entry by_uuid;
	bool is_entered;
};

/* A visitor that was accepted a moment ago. */
struct served_visitors_recent {
	struct uuid uuid;
	int64_t accepted_ms; /* 0: none */
};

/* Fields are private. */
struct served_visitors {
	struct lock lock;
	/* Under lock. */
	struct hash_table on_their_way; /* by uuid */
	struct hash_entry *buckets[SERVED_VISITORS_BUCKETS];
	/* The last one of each place. */
	struct served_visitors_recent recent[SERVED_VISITORS_RECENT];
};

/* served: all zero; its pages are not touched before they are needed. */
void served_visitors_init(struct served_visitors *served);
/* No worker may be on its way any more. */
void served_visitors_destroy(struct served_visitors *served);

/*
 * Enter a visitor that the caller is on its way to.
 *
 * visitor: remains the caller's, and must live until served_visitors_leave().
 * Returns false, and does not enter it, if another worker is on its way to the
 * same visitor (and learns that it was announced again) or has recently
 * accepted it.
 */
bool served_visitors_enter(
    struct served_visitors *served, struct served_visitor *visitor);

/* The caller is no longer on its way. accepted: further announcements of this
 * visitor are ignored for 30 s. Legal if it was not entered. */
void served_visitors_leave(struct served_visitors *served,
    struct served_visitor *visitor, bool accepted);

/* The visitor was accepted, but nothing of it reached the service: it may be
 * announced again. */
void served_visitors_forget(
    struct served_visitors *served, const struct uuid *uuid);

#endif
