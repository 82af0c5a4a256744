/*
 * pending - visitors that wait for their data connection.
 *
 * A visitor is put here by the thread of its tunnel, and leaves exactly once:
 * taken by the session that names its uuid, or dropped by its tunnel, whichever
 * comes first. Looking one up does not depend on how many there are.
 */
#ifndef REBORE_SERVER_PENDING_H
#define REBORE_SERVER_PENDING_H

#include <stdint.h>

#include "base/uuid.h"
#include "net/address.h"
#include "os/lock.h"

/* A power of two; a bucket holds five visitors when 20,000 wait. */
#define PENDING_BUCKETS 4096

struct pending_visitor {
	struct uuid uuid;
	/* The visitor's socket: whoever has taken or dropped the visitor owns
	 * it. */
	int fd;
	struct address address;
	uint16_t public_port;
	int64_t arrived_ms;
	int64_t expires_ms;

	/* Private, under the lock of pending. */
	struct pending_visitor *next_in_bucket;
	struct pending_visitor *newer, *older;
	struct pending_group *group;
};

/* The visitors of one tunnel, in order of arrival. Fields are private. */
struct pending_group {
	struct pending_visitor *oldest, *newest;
};

/* Fields are private. */
struct pending {
	struct lock lock;
	/* Under lock. */
	struct pending_visitor *buckets[PENDING_BUCKETS];
};

void pending_init(struct pending *pending);
/* Nobody may wait any more. */
void pending_destroy(struct pending *pending);

void pending_group_init(struct pending_group *group);

/*
 * Let a visitor wait. It belongs to pending from then on.
 *
 * group: of its tunnel; must live until all its visitors have left. In a group
 * expires_ms must not go down.
 */
void pending_put(struct pending *pending, struct pending_group *group,
    struct pending_visitor *visitor);

/* Take the visitor with this name. Returns it, the caller's now, or NULL. */
struct pending_visitor *pending_take(
    struct pending *pending, const struct uuid *uuid);

/* Take the oldest visitor of group if it has expired by now_ms, or NULL.
 * CLOCK_NEVER takes it in any case. */
struct pending_visitor *pending_expire(
    struct pending *pending, struct pending_group *group, int64_t now_ms);

/* Returns when the oldest visitor of group expires, or CLOCK_NEVER. */
int64_t pending_next_expiry(
    struct pending *pending, const struct pending_group *group);

#endif
