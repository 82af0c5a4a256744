/*
 * served_visitors - the visitors that the client has heard of lately, so that
 * none is served twice.
 *
 * A visitor may be announced again while a worker is on its way to it, and both
 * announced and handed to a spare (rebore-protocol(7), SPARES).
 */
#ifndef REBORE_CLIENT_SERVED_VISITORS_H
#define REBORE_CLIENT_SERVED_VISITORS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "os/lock.h"

/* Powers of two. */
#define SERVED_VISITORS_BUCKETS 256
#define SERVED_VISITORS_RECENT  8192

/* A visitor that somebody is on the way to, its owner. */
struct served_visitor {
	/* Set before served_visitors_enter(), then read-only. */
	struct uuid uuid;
	int64_t start_ms;

	/* When it was announced last; at first start_ms. */
	_Atomic int64_t announced_ms;

	/* Private, under the lock of served. */
	struct served_visitor *next;
};

/* One that was accepted a moment ago. */
struct served_visitors_recent {
	struct uuid uuid;
	int64_t accepted_ms; /* 0: none */
};

/* Fields are private. */
struct served_visitors {
	struct lock lock;
	/* Under lock. */
	struct served_visitor *buckets[SERVED_VISITORS_BUCKETS]; /* by uuid */
	struct served_visitors_recent
	    recent[SERVED_VISITORS_RECENT]; /* the last of each */
};

/* served: all zero; its pages are not written to before they are needed. */
void served_visitors_init(struct served_visitors *served);
/* Nobody may be on the way any more. */
void served_visitors_destroy(struct served_visitors *served);

/*
 * Be on the way to a visitor.
 *
 * visitor: stays the caller's, until served_visitors_leave().
 * Returns false, and does not keep it, where another is on the way to the same
 * one (which learns that it was announced again), or has accepted it lately.
 */
bool served_visitors_enter(
    struct served_visitors *served, struct served_visitor *visitor);

/* The way is over. accepted: further announcements of this visitor are ignored
 * for 30 s. Legal on one that was not entered. */
void served_visitors_leave(struct served_visitors *served,
    struct served_visitor *visitor, bool accepted);

/* It was accepted, but nothing of it reached the service: it may come again. */
void served_visitors_forget(
    struct served_visitors *served, const struct uuid *uuid);

#endif
