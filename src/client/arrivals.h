/*
 * arrivals - the visitors that the client has heard of lately, so that none is
 * served twice.
 *
 * A visitor may be announced again while a worker is on its way to it, and both
 * announced and handed to a spare (rebore-protocol(7), SPARES).
 */
#ifndef REBORE_CLIENT_ARRIVALS_H
#define REBORE_CLIENT_ARRIVALS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "os/lock.h"

/* Powers of two. */
#define ARRIVALS_BUCKETS 256
#define ARRIVALS_RECENT  8192

/* A visitor that somebody is on the way to, its owner. */
struct arrival {
	/* Set before arrivals_enter(), then read-only. */
	struct uuid uuid;
	int64_t start_ms;

	/* When it was announced last; at first start_ms. */
	_Atomic int64_t announced_ms;

	/* Private, under the lock of arrivals. */
	struct arrival *next;
};

/* One that was accepted a moment ago. */
struct arrivals_recent {
	struct uuid uuid;
	int64_t accepted_ms; /* 0: none */
};

/* Fields are private. */
struct arrivals {
	struct lock lock;
	/* Under lock. */
	struct arrival *buckets[ARRIVALS_BUCKETS];      /* by uuid */
	struct arrivals_recent recent[ARRIVALS_RECENT]; /* the last of each */
};

/* arrivals: all zero; its pages are not written to before they are needed. */
void arrivals_init(struct arrivals *arrivals);
/* Nobody may be on the way any more. */
void arrivals_destroy(struct arrivals *arrivals);

/*
 * Be on the way to a visitor.
 *
 * arrival: stays the caller's, until arrivals_leave().
 * Returns false, and does not keep it, where another is on the way to the same
 * one (which learns that it was announced again), or has accepted it lately.
 */
bool arrivals_enter(struct arrivals *arrivals, struct arrival *arrival);

/* The way is over. accepted: further announcements of this visitor are ignored
 * for 30 s. Legal on one that was not entered. */
void arrivals_leave(
    struct arrivals *arrivals, struct arrival *arrival, bool accepted);

/* It was accepted, but nothing of it reached the service: it may come again. */
void arrivals_forget(struct arrivals *arrivals, const struct uuid *uuid);

#endif
