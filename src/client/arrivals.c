/* arrivals - see arrivals.h */
#include "client/arrivals.h"

#include <stddef.h>

#include "base/clock.h"

/* A visitor that was accepted so lately is not accepted again. */
#define RECENT_MS 30000

void
arrivals_init(struct arrivals *arrivals)
{
	lock_init(&arrivals->lock, LOCK_RANK_ARRIVALS);
	/* The tables start as zeros: untouched, they cost no memory. */
}

void
arrivals_destroy(struct arrivals *arrivals)
{
	lock_destroy(&arrivals->lock);
}

static struct arrival **
bucket_of(struct arrivals *arrivals, const struct uuid *uuid)
{
	lock_assert_held(&arrivals->lock);
	return &arrivals->buckets[uuid->bytes[0] % ARRIVALS_BUCKETS];
}

static struct arrivals_recent *
place_of(struct arrivals *arrivals, const struct uuid *uuid)
{
	unsigned bits = (unsigned)uuid->bytes[1] << 8 | uuid->bytes[2];

	lock_assert_held(&arrivals->lock);
	return &arrivals->recent[bits % ARRIVALS_RECENT];
}

static bool
is_recent(struct arrivals *arrivals, const struct arrival *arrival)
{
	const struct arrivals_recent *recent =
	    place_of(arrivals, &arrival->uuid);

	return recent->accepted_ms != 0 &&
	       uuid_equal(&recent->uuid, &arrival->uuid) &&
	       arrival->start_ms - recent->accepted_ms < RECENT_MS;
}

/* Link it where nobody else is on the way to the same one. */
static bool
link_first(struct arrivals *arrivals, struct arrival *arrival)
{
	struct arrival **bucket = bucket_of(arrivals, &arrival->uuid);
	struct arrival *other = *bucket;

	while (other != NULL && !uuid_equal(&other->uuid, &arrival->uuid))
		other = other->next;
	if (other != NULL) {
		atomic_store(&other->announced_ms, arrival->start_ms);
		return false;
	}
	arrival->next = *bucket;
	*bucket = arrival;
	return true;
}

bool
arrivals_enter(struct arrivals *arrivals, struct arrival *arrival)
{
	bool entered;

	lock_take(&arrivals->lock);
	entered =
	    !is_recent(arrivals, arrival) && link_first(arrivals, arrival);
	lock_give(&arrivals->lock);
	return entered;
}

void
arrivals_leave(
    struct arrivals *arrivals, struct arrival *arrival, bool accepted)
{
	struct arrival **link;

	lock_take(&arrivals->lock);
	if (accepted)
		*place_of(arrivals, &arrival->uuid) = (struct arrivals_recent){
		    .uuid = arrival->uuid, .accepted_ms = clock_now_ms()};
	link = bucket_of(arrivals, &arrival->uuid);
	while (*link != NULL && *link != arrival)
		link = &(*link)->next;
	if (*link == arrival)
		*link = arrival->next;
	lock_give(&arrivals->lock);
}

void
arrivals_forget(struct arrivals *arrivals, const struct uuid *uuid)
{
	struct arrivals_recent *recent;

	lock_take(&arrivals->lock);
	recent = place_of(arrivals, uuid);
	if (uuid_equal(&recent->uuid, uuid))
		recent->accepted_ms = 0;
	lock_give(&arrivals->lock);
}
