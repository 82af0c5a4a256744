/* pending - see pending.h */
#include "server/pending.h"

#include <poll.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"

/* Without POLLRDHUP poll() reports an end of file as readable data; is_end()
 * then looks closer. */
#ifndef POLLRDHUP
#define POLLRDHUP POLLIN
#endif

/* How many visitors are examined with one call of poll(). */
#define LOOK_MOST 32

void
pending_init(struct pending *pending)
{
	lock_init(&pending->lock, LOCK_RANK_PENDING);
	memset(pending->buckets, 0, sizeof pending->buckets);
	/* uuids are random, so that no seed is needed. */
	hash_table_init(
	    &pending->visitors, pending->buckets, PENDING_BUCKETS, 0);
	pending->announced_ms = INT64_MIN;
}

void
pending_destroy(struct pending *pending)
{
	lock_destroy(&pending->lock);
}

void
pending_group_init(struct pending_group *group)
{
	group->oldest = NULL;
	group->newest = NULL;
	group->next = NULL;
	group->look = NULL;
	group->count = 0;
}

bool
pending_put(struct pending *pending, struct pending_group *group,
    struct pending_visitor *visitor)
{
	lock_take(&pending->lock);
	/* The thread that sends the visitor away looks for it here
	 * afterwards. */
	if (shares_is_sent_away(&visitor->seat)) {
		lock_give(&pending->lock);
		return false;
	}
	visitor->by_uuid.key = hash_of_uuid(&visitor->uuid);
	hash_table_put(&pending->visitors, &visitor->by_uuid);
	visitor->group = group;
	visitor->newer = NULL;
	visitor->older = group->newest;
	if (group->newest != NULL)
		group->newest->newer = visitor;
	else
		group->oldest = visitor;
	group->newest = visitor;
	if (group->next == NULL)
		group->next = visitor;
	group->count++;
	lock_give(&pending->lock);
	return true;
}

/* Remove a visitor from its bucket and from its group. */
static void
unlink_visitor(struct pending *pending, struct pending_visitor *visitor)
{
	struct pending_group *group = visitor->group;

	lock_assert_held(&pending->lock);
	hash_table_remove(&pending->visitors, &visitor->by_uuid);
	group->count--;
	if (group->next == visitor)
		group->next = visitor->newer;
	if (group->look == visitor)
		group->look = visitor->newer;
	if (visitor->older != NULL)
		visitor->older->newer = visitor->newer;
	else
		group->oldest = visitor->newer;
	if (visitor->newer != NULL)
		visitor->newer->older = visitor->older;
	else
		group->newest = visitor->older;
}

/* Returns the visitor with this uuid, or NULL. */
static struct pending_visitor *
find_visitor(struct pending *pending, const struct uuid *uuid)
{
	struct hash_entry *entry;

	lock_assert_held(&pending->lock);
	entry = hash_table_find(&pending->visitors, hash_of_uuid(uuid));
	for (; entry != NULL; entry = hash_table_next(entry)) {
		struct pending_visitor *visitor =
		    HASH_OBJECT(entry, struct pending_visitor, by_uuid);

		if (uuid_equal(&visitor->uuid, uuid))
			return visitor;
	}
	return NULL;
}

bool
pending_has(struct pending *pending, const struct uuid *uuid)
{
	bool has;

	lock_take(&pending->lock);
	has = find_visitor(pending, uuid) != NULL;
	lock_give(&pending->lock);
	return has;
}

struct pending_visitor *
pending_take(struct pending *pending, const struct uuid *uuid)
{
	struct pending_visitor *visitor;

	lock_take(&pending->lock);
	visitor = find_visitor(pending, uuid);
	if (visitor != NULL)
		unlink_visitor(pending, visitor);
	lock_give(&pending->lock);
	return visitor;
}

struct pending_visitor *
pending_accept(struct pending *pending, const struct uuid *uuid,
    const struct principal *principal)
{
	struct pending_visitor *visitor;

	lock_take(&pending->lock);
	visitor = find_visitor(pending, uuid);
	if (visitor != NULL && !principal_same(visitor->principal, principal))
		visitor = NULL;
	if (visitor != NULL)
		unlink_visitor(pending, visitor);
	lock_give(&pending->lock);
	return visitor;
}

struct pending_visitor *
pending_expire(
    struct pending *pending, struct pending_group *group, int64_t now_ms)
{
	struct pending_visitor *visitor;

	lock_take(&pending->lock);
	visitor = group->oldest;
	if (visitor != NULL && visitor->expires_ms <= now_ms)
		unlink_visitor(pending, visitor);
	else
		visitor = NULL;
	lock_give(&pending->lock);
	return visitor;
}

/* Some visitors of a group, for poll(). A descriptor may have been closed and
 * reused by then: the result counts only if the visitor still waits
 * afterwards. */
struct look {
	struct pollfd slots[LOOK_MOST];
	struct uuid uuids[LOOK_MOST];
	unsigned count;
};

/* Collect the next visitors to examine. silent: only those that have sent
 * nothing that was read. */
static void
look_on(struct pending *pending, struct pending_group *group, bool silent,
    struct look *look)
{
	look->count = 0;
	lock_take(&pending->lock);
	while (group->look != NULL && look->count < LOOK_MOST) {
		const struct pending_visitor *visitor = group->look;

		group->look = visitor->newer;
		if (silent && visitor->read_ahead_size > 0)
			continue;
		look->uuids[look->count] = visitor->uuid;
		look->slots[look->count++] =
		    transport_poll(&visitor->transport, silent ? POLLRDHUP : 0);
	}
	lock_give(&pending->lock);
}

/* Whether the first thing to read is the end of file. */
static bool
is_end(int fd)
{
	const struct transport visitor = transport_of(fd);
	size_t got;
	char byte;

	return transport_peek(&visitor, &byte, 1, &got) == ERROR_CLOSED;
}

static bool
has_left(const struct pollfd *slot, bool silent)
{
	if ((slot->revents & POLLERR) != 0)
		return true;
	return silent && (slot->revents & (POLLRDHUP | POLLHUP)) != 0 &&
	       is_end(slot->fd);
}

static void
rewind_look(struct pending *pending, struct pending_group *group)
{
	lock_take(&pending->lock);
	group->look = group->oldest;
	lock_give(&pending->lock);
}

/*
 * Move visitors that have left from their group to a list of its own, linked by
 * newer: all of them, or only the oldest. No lock is held during the system
 * call.
 */
static struct pending_visitor *
take_left(
    struct pending *pending, struct pending_group *group, bool silent, bool all)
{
	struct pending_visitor *first = NULL;
	struct pending_visitor **last = &first;
	struct look look;

	rewind_look(pending, group);
	do {
		look_on(pending, group, silent, &look);
		if (look.count == 0 || poll(look.slots, look.count, 0) <= 0)
			continue;
		for (unsigned i = 0; i < look.count && (all || first == NULL);
		     i++) {
			if (!has_left(&look.slots[i], silent))
				continue;
			*last = pending_take(pending, &look.uuids[i]);
			if (*last != NULL)
				last = &(*last)->newer;
			*last = NULL;
		}
	} while (look.count == LOOK_MOST && (all || first == NULL));
	return first;
}

struct pending_visitor *
pending_take_reset(struct pending *pending, struct pending_group *group)
{
	return take_left(pending, group, false, true);
}

struct pending_visitor *
pending_take_silent(struct pending *pending, struct pending_group *group)
{
	return take_left(pending, group, true, false);
}

struct pending_visitor *
pending_next(struct pending_visitor *visitor)
{
	return visitor->newer;
}

unsigned
pending_count(struct pending *pending, const struct pending_group *group)
{
	unsigned count;

	lock_take(&pending->lock);
	count = group->count;
	lock_give(&pending->lock);
	return count;
}

struct announcement
pending_announcement(const struct pending_visitor *visitor)
{
	return (struct announcement){.uuid = visitor->uuid,
	    .visitor = visitor->address,
	    .public_port = visitor->public_port};
}

bool
pending_announce(struct pending *pending, struct pending_group *group,
    int64_t expires_ms, struct announcement *announcement)
{
	struct pending_visitor *visitor;

	lock_take(&pending->lock);
	visitor = group->next;
	if (visitor != NULL) {
		*announcement = pending_announcement(visitor);
		visitor->expires_ms = expires_ms;
		group->next = visitor->newer;
		pending->announced_ms = clock_now_ms();
	}
	lock_give(&pending->lock);
	return visitor != NULL;
}

bool
pending_is_quiet(struct pending *pending, int64_t since_ms)
{
	bool is_quiet;

	lock_take(&pending->lock);
	is_quiet = pending->announced_ms < since_ms;
	lock_give(&pending->lock);
	return is_quiet;
}

void
pending_rewind(
    struct pending *pending, struct pending_group *group, int64_t expires_ms)
{
	lock_take(&pending->lock);
	group->next = group->oldest;
	for (struct pending_visitor *one = group->oldest; one != NULL;
	     one = one->newer)
		one->expires_ms = expires_ms;
	lock_give(&pending->lock);
}

void
pending_assign(struct pending *pending, struct pending_group *group,
    struct principal *principal)
{
	lock_take(&pending->lock);
	for (struct pending_visitor *one = group->oldest; one != NULL;
	     one = one->newer) {
		principal_hold(principal);
		principal_release(one->principal);
		one->principal = principal;
	}
	lock_give(&pending->lock);
}

int64_t
pending_next_expiry(struct pending *pending, const struct pending_group *group)
{
	int64_t expires_ms = CLOCK_NEVER;

	lock_take(&pending->lock);
	if (group->oldest != NULL)
		expires_ms = group->oldest->expires_ms;
	lock_give(&pending->lock);
	return expires_ms;
}
