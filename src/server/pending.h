/*
 * pending - visitors that wait for their data connection.
 *
 * The thread of a tunnel adds its visitors, and each of them leaves exactly
 * once: taken by the session that names its uuid, by a data connection that has
 * become idle, or by room.h; or dropped by its tunnel, whichever comes first. A
 * look-up takes the same time however many wait.
 */
#ifndef REBORE_SERVER_PENDING_H
#define REBORE_SERVER_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash_table.h"
#include "base/uuid.h"
#include "net/address.h"
#include "net/transport.h"
#include "os/lock.h"
#include "server/pulse.h"
#include "server/shares.h"
#include "wire/announcement.h"
#include "wire/principal.h"

/* A power of two. When 20,000 visitors wait, a bucket holds five of them. */
#define PENDING_BUCKETS 4096

struct pending_visitor {
	struct uuid uuid;
	/* The visitor's connection; whoever has taken or dropped the visitor
	 * owns it. */
	struct transport transport;
	struct address address;
	uint16_t public_port;
	int64_t arrived_ms;
	int64_t expires_ms;
	/* Bytes that were read from the visitor and not passed on: a buffer
	 * (buffers.h) that belongs to the visitor. NULL: none. */
	char *read_ahead;
	size_t read_ahead_size;
	/* The budget counts its data connection as expected
	 * (budget_expect()). */
	bool expecting;
	/* Its seat in the shares, which decide who gives way. */
	struct share_seat seat;
	/* How many of its bytes were passed on before the relay began. */
	size_t sent_ahead;
	/* The pulse of the client that is to serve the visitor, a reference.
	 * NULL: that client has not announced itself. */
	struct pulse *pulse;
	/* Who may accept the visitor: the principal of that client, a
	 * reference. */
	struct principal *principal;

	/* Private, under the lock of pending. */
	struct hash_entry by_uuid;
	struct pending_visitor *newer, *older;
	struct pending_group *group;
};

/* The visitors of one tunnel, in order of arrival. Fields are private. */
struct pending_group {
	struct pending_visitor *oldest, *newest;
	/* The first that is not announced; NULL: all are. */
	struct pending_visitor *next;
	/* Where pending_take_reset() and pending_take_silent() resume. */
	struct pending_visitor *look;
	unsigned count;
};

/* Fields are private. */
struct pending {
	struct lock lock;
	/* Under lock. */
	struct hash_table visitors; /* by uuid */
	struct hash_entry *buckets[PENDING_BUCKETS];
	int64_t announced_ms; /* when a visitor was last announced */
};

void pending_init(struct pending *pending);
/* No visitor may be left. */
void pending_destroy(struct pending *pending);

void pending_group_init(struct pending_group *group);

/*
 * Let a visitor wait. On success pending owns it.
 *
 * group: that of its tunnel; must live until all its visitors have left.
 * Returns false when the visitor has meanwhile been chosen to give way
 * (shares.h); it remains the caller's then.
 */
bool pending_put(struct pending *pending, struct pending_group *group,
    struct pending_visitor *visitor);

/* Returns how many visitors of group wait. */
unsigned pending_count(
    struct pending *pending, const struct pending_group *group);

/*
 * Pick the first visitor of group that is not announced yet; the caller
 * announces it.
 *
 * expires_ms: the visitor's new expiry time.
 * announcement: set to what is known of the visitor.
 * Returns false when all are announced.
 */
bool pending_announce(struct pending *pending, struct pending_group *group,
    int64_t expires_ms, struct announcement *announcement);

/* Returns what is known of a visitor; it must be the caller's. */
struct announcement pending_announcement(const struct pending_visitor *visitor);

/* Whether no visitor was announced since since_ms. */
bool pending_is_quiet(struct pending *pending, int64_t since_ms);

/* The client that the visitors of group were announced to is gone: all of them
 * will be announced again. Until then they expire at expires_ms. */
void pending_rewind(
    struct pending *pending, struct pending_group *group, int64_t expires_ms);

/* From now on only principal may accept the visitors of group. */
void pending_assign(struct pending *pending, struct pending_group *group,
    struct principal *principal);

/* Whether the visitor with this uuid waits. */
bool pending_has(struct pending *pending, const struct uuid *uuid);

/* Remove the visitor with this uuid. Returns the visitor, which is the caller's
 * from then on, or NULL if it does not wait. */
struct pending_visitor *pending_take(
    struct pending *pending, const struct uuid *uuid);

/* As pending_take(), on behalf of a data connection that has authenticated as
 * principal. Also returns NULL if the visitor is for another principal. */
struct pending_visitor *pending_accept(struct pending *pending,
    const struct uuid *uuid, const struct principal *principal);

/* Remove the oldest visitor of group if it has expired by now_ms; CLOCK_NEVER
 * removes it in any case. Returns NULL if there is none. */
struct pending_visitor *pending_expire(
    struct pending *pending, struct pending_group *group, int64_t now_ms);

/*
 * Remove the visitors of group that have reset their connections while they
 * waited. One that has only shut down its sending side goes on waiting.
 *
 * Returns the first of them, or NULL; pending_next() leads to the others, and
 * all are the caller's from then on. Costs one system call for each 32 visitors
 * that wait.
 * Threads, for this and pending_take_silent(): one at a time for each group.
 */
struct pending_visitor *pending_take_reset(
    struct pending *pending, struct pending_group *group);

/* Returns the next of a list that pending_take_reset() returned. Call it before
 * the visitor is released. */
struct pending_visitor *pending_next(struct pending_visitor *visitor);

/* Remove the oldest visitor of group that has ended its connection, or its
 * sending side, without sending a byte; most of these are health checks.
 * Returns NULL if there is none. */
struct pending_visitor *pending_take_silent(
    struct pending *pending, struct pending_group *group);

/* Returns when the oldest visitor of group expires, or CLOCK_NEVER. */
int64_t pending_next_expiry(
    struct pending *pending, const struct pending_group *group);

#endif
