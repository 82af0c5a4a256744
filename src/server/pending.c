/* pending - see pending.h */
#include "server/pending.h"

#include <poll.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"

void
pending_init(struct pending *pending)
{
	lock_init(&pending->lock);
	memset(pending->buckets, 0, sizeof pending->buckets);
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
	group->count = 0;
}

/* The names are random, so any bits of them are a hash. */
static struct pending_visitor **
bucket_of(struct pending *pending, const struct uuid *uuid)
{
	unsigned bits = (unsigned)uuid->bytes[0] << 8 | uuid->bytes[1];

	return &pending->buckets[bits % PENDING_BUCKETS];
}

void
pending_put(struct pending *pending, struct pending_group *group,
    struct pending_visitor *visitor)
{
	struct pending_visitor **bucket = bucket_of(pending, &visitor->uuid);

	lock_take(&pending->lock);
	visitor->next_in_bucket = *bucket;
	*bucket = visitor;
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
}

/* Take *link off its bucket, and off its group. */
static struct pending_visitor *
unlink_visitor(struct pending *pending, struct pending_visitor **link)
{
	struct pending_visitor *visitor = *link;
	struct pending_group *group = visitor->group;

	lock_assert_held(&pending->lock);
	*link = visitor->next_in_bucket;
	group->count--;
	if (group->next == visitor)
		group->next = visitor->newer;
	if (visitor->older != NULL)
		visitor->older->newer = visitor->newer;
	else
		group->oldest = visitor->newer;
	if (visitor->newer != NULL)
		visitor->newer->older = visitor->older;
	else
		group->newest = visitor->older;
	return visitor;
}

/* Returns where the visitor is linked, or where NULL is. */
static struct pending_visitor **
find(struct pending *pending, const struct uuid *uuid)
{
	struct pending_visitor **link = bucket_of(pending, uuid);

	lock_assert_held(&pending->lock);
	while (*link != NULL && !uuid_equal(&(*link)->uuid, uuid))
		link = &(*link)->next_in_bucket;
	return link;
}

bool
pending_has(struct pending *pending, const struct uuid *uuid)
{
	bool has;

	lock_take(&pending->lock);
	has = *find(pending, uuid) != NULL;
	lock_give(&pending->lock);
	return has;
}

struct pending_visitor *
pending_take(struct pending *pending, const struct uuid *uuid)
{
	struct pending_visitor **link;
	struct pending_visitor *visitor = NULL;

	lock_take(&pending->lock);
	link = find(pending, uuid);
	if (*link != NULL)
		visitor = unlink_visitor(pending, link);
	lock_give(&pending->lock);
	return visitor;
}

/* Take a visitor that is known to be there. */
static struct pending_visitor *
unlink_known(struct pending *pending, struct pending_visitor *visitor)
{
	struct pending_visitor **link = bucket_of(pending, &visitor->uuid);

	while (*link != visitor)
		link = &(*link)->next_in_bucket;
	return unlink_visitor(pending, link);
}

struct pending_visitor *
pending_expire(
    struct pending *pending, struct pending_group *group, int64_t now_ms)
{
	struct pending_visitor *visitor;

	lock_take(&pending->lock);
	visitor = group->oldest;
	if (visitor != NULL && visitor->expires_ms <= now_ms)
		unlink_known(pending, visitor);
	else
		visitor = NULL;
	lock_give(&pending->lock);
	return visitor;
}

/* Asks without waiting, so a lock may be held. */
static bool
is_reset(const struct pending_visitor *visitor)
{
	struct pollfd slot = {.fd = visitor->fd};

	return poll(&slot, 1, 0) == 1 && (slot.revents & POLLERR) != 0;
}

struct pending_visitor *
pending_take_reset(struct pending *pending, struct pending_group *group)
{
	struct pending_visitor *visitor;

	lock_take(&pending->lock);
	visitor = group->oldest;
	while (visitor != NULL && !is_reset(visitor))
		visitor = visitor->newer;
	if (visitor != NULL)
		unlink_known(pending, visitor);
	lock_give(&pending->lock);
	return visitor;
}

unsigned
pending_count(struct pending *pending, struct pending_group *group)
{
	unsigned count;

	lock_take(&pending->lock);
	count = group->count;
	lock_give(&pending->lock);
	return count;
}

bool
pending_announce(struct pending *pending, struct pending_group *group,
    int64_t expires_ms, struct uuid *uuid)
{
	struct pending_visitor *visitor;

	lock_take(&pending->lock);
	visitor = group->next;
	if (visitor != NULL) {
		*uuid = visitor->uuid;
		visitor->expires_ms = expires_ms;
		group->next = visitor->newer;
	}
	lock_give(&pending->lock);
	return visitor != NULL;
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
