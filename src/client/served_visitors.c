/* served_visitors - see served_visitors.h */
#include "client/served_visitors.h"

#include <stddef.h>

#include "base/clock.h"

/* A visitor that was accepted within this time is not accepted again. */
#define RECENT_MS 30000

void
served_visitors_init(struct served_visitors *served)
{
	lock_init(&served->lock, LOCK_RANK_SERVED_VISITORS);
	/* The tables start as zeros: untouched pages cost no memory. */
}

void
served_visitors_destroy(struct served_visitors *served)
{
	lock_destroy(&served->lock);
}

static struct served_visitor **
bucket_of(struct served_visitors *served, const struct uuid *uuid)
{
	lock_assert_held(&served->lock);
	return &served->buckets[uuid->bytes[0] % SERVED_VISITORS_BUCKETS];
}

static struct served_visitors_recent *
place_of(struct served_visitors *served, const struct uuid *uuid)
{
	unsigned bits = (unsigned)uuid->bytes[1] << 8 | uuid->bytes[2];

	lock_assert_held(&served->lock);
	return &served->recent[bits % SERVED_VISITORS_RECENT];
}

static bool
is_recent(struct served_visitors *served, const struct served_visitor *visitor)
{
	const struct served_visitors_recent *recent =
	    place_of(served, &visitor->uuid);

	return recent->accepted_ms != 0 &&
	       uuid_equal(&recent->uuid, &visitor->uuid) &&
	       visitor->start_ms - recent->accepted_ms < RECENT_MS;
}

/* Add it, unless another worker is on its way to the same visitor. */
static bool
link_first(struct served_visitors *served, struct served_visitor *visitor)
{
	struct served_visitor **bucket = bucket_of(served, &visitor->uuid);
	struct served_visitor *other = *bucket;

	while (other != NULL && !uuid_equal(&other->uuid, &visitor->uuid))
		other = other->next;
	if (other != NULL) {
		atomic_store(&other->announced_ms, visitor->start_ms);
		return false;
	}
	visitor->next = *bucket;
	*bucket = visitor;
	return true;
}

bool
served_visitors_enter(
    struct served_visitors *served, struct served_visitor *visitor)
{
	bool entered;

	lock_take(&served->lock);
	entered = !is_recent(served, visitor) && link_first(served, visitor);
	lock_give(&served->lock);
	return entered;
}

void
served_visitors_leave(struct served_visitors *served,
    struct served_visitor *visitor, bool accepted)
{
	struct served_visitor **link;

	lock_take(&served->lock);
	if (accepted)
		*place_of(served, &visitor->uuid) =
		    (struct served_visitors_recent){
			.uuid = visitor->uuid, .accepted_ms = clock_now_ms()};
	link = bucket_of(served, &visitor->uuid);
	while (*link != NULL && *link != visitor)
		link = &(*link)->next;
	if (*link == visitor)
		*link = visitor->next;
	lock_give(&served->lock);
}

void
served_visitors_forget(struct served_visitors *served, const struct uuid *uuid)
{
	struct served_visitors_recent *recent;

	lock_take(&served->lock);
	recent = place_of(served, uuid);
	if (uuid_equal(&recent->uuid, uuid))
		recent->accepted_ms = 0;
	lock_give(&served->lock);
}
