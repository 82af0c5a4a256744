/*
 * pending - visitors that wait for their data connection.
 *
 * A visitor is put here by the thread of its tunnel, and leaves exactly once:
 * taken by the session that names its uuid, or dropped by its tunnel, whichever
 * comes first. Looking one up does not depend on how many there are.
 */
#ifndef REBORE_SERVER_PENDING_H
#define REBORE_SERVER_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "net/address.h"
#include "net/transport.h"
#include "os/lock.h"
#include "server/pulse.h"
#include "server/shares.h"
#include "wire/principal.h"

/* A power of two; a bucket holds five visitors when 20,000 wait. */
#define PENDING_BUCKETS 4096

struct pending_visitor {
	struct uuid uuid;
	/* The visitor's connection: whoever has taken or dropped the visitor
	 * owns it. */
	struct transport transport;
	struct address address;
	uint16_t public_port;
	int64_t arrived_ms;
	int64_t expires_ms;
	/* What it has sent and nobody has got: a buffer (buffers.h), given back
	 * with the visitor; NULL: nothing. */
	char *kept;
	size_t kept_size;
	/* Its data connection is counted by budget_expect(). */
	bool expecting;
	/* Its place among all that have descriptors. */
	struct share_seat seat;
	/* How much of it went ahead of the relay. */
	size_t ahead;
	/* Of the client that is to serve it, a reference; NULL: none. */
	struct pulse *pulse;
	/* Of that client, too: who may accept the visitor. A reference. */
	struct principal *principal;

	/* Private, under the lock of pending. */
	struct pending_visitor *next_in_bucket;
	struct pending_visitor *newer, *older;
	struct pending_group *group;
};

/* The visitors of one tunnel, in order of arrival. Fields are private. */
struct pending_group {
	struct pending_visitor *oldest, *newest;
	/* The first that is not announced; NULL: all are. */
	struct pending_visitor *next;
	/* The next that is to be looked at. */
	struct pending_visitor *look;
	unsigned count;
};

/* Fields are private. */
struct pending {
	struct lock lock;
	/* Under lock. */
	struct pending_visitor *buckets[PENDING_BUCKETS];
	int64_t announced_ms; /* the last one */
};

void pending_init(struct pending *pending);
/* Nobody may wait any more. */
void pending_destroy(struct pending *pending);

void pending_group_init(struct pending_group *group);

/*
 * Let a visitor wait. It belongs to pending from then on.
 *
 * group: of its tunnel; must live until all its visitors have left.
 * Returns false when it is to give way (shares.h): it stays the caller's then.
 */
bool pending_put(struct pending *pending, struct pending_group *group,
    struct pending_visitor *visitor);

/* Returns how many visitors of group wait. */
unsigned pending_count(
    struct pending *pending, const struct pending_group *group);

/*
 * Have the first visitor of group that is not announced yet announced.
 *
 * expires_ms: from now on its.
 * uuid: its name.
 * Returns false when all are announced.
 */
bool pending_announce(struct pending *pending, struct pending_group *group,
    int64_t expires_ms, struct uuid *uuid);

/* Whether no visitor was announced since then. */
bool pending_is_quiet(struct pending *pending, int64_t since_ms);

/* Nobody has heard the announcements: all visitors of group are to be announced
 * again, and until then expire at expires_ms. */
void pending_rewind(
    struct pending *pending, struct pending_group *group, int64_t expires_ms);

/* The visitors of group are another client's to accept from now on: of its
 * principal and of no other. */
void pending_assign(struct pending *pending, struct pending_group *group,
    struct principal *principal);

/* Whether the visitor with this name waits. */
bool pending_has(struct pending *pending, const struct uuid *uuid);

/* Take the visitor with this name. Returns it, the caller's now, or NULL. */
struct pending_visitor *pending_take(
    struct pending *pending, const struct uuid *uuid);

/* As pending_take(), for whoever accepts the visitor; NULL as well where the
 * visitor is not principal's to accept. */
struct pending_visitor *pending_accept(struct pending *pending,
    const struct uuid *uuid, const struct principal *principal);

/* Take the oldest visitor of group if it has expired by now_ms, or NULL.
 * CLOCK_NEVER takes it in any case. */
struct pending_visitor *pending_expire(
    struct pending *pending, struct pending_group *group, int64_t now_ms);

/*
 * Take the visitors of group that have reset their connections while they
 * waited. One that has only ended its sending side goes on waiting.
 *
 * Returns the first of them, the caller's now as the others are, which
 * pending_next() returns; or NULL. Costs a system call for 32 that wait. Threads,
 * of this and pending_take_silent(): one for a group.
 */
struct pending_visitor *pending_take_reset(
    struct pending *pending, struct pending_group *group);

/* Returns the one behind visitor; before visitor is released. */
struct pending_visitor *pending_next(struct pending_visitor *visitor);

/* Take the oldest visitor of group that has ended its connection, or its sending
 * side, without having sent a byte: a health check, as a rule. Returns it, or
 * NULL. */
struct pending_visitor *pending_take_silent(
    struct pending *pending, struct pending_group *group);

/* Returns when the oldest visitor of group expires, or CLOCK_NEVER. */
int64_t pending_next_expiry(
    struct pending *pending, const struct pending_group *group);

#endif
