/* served_visitors - see served_visitors.h */
#include "client/served_visitors.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/random.h"

/* A visitor that was accepted within this time is not accepted again. */
#define RECENT_MS 30000

/* The caller provides zeroed memory. The places of recent ones are not touched
 * here, so that unused pages cost nothing. */
void
served_visitors_init(struct served_visitors *served)
{
	lock_init(&served->lock, LOCK_RANK_SERVED_VISITORS);
	hash_table_init(&served->on_their_way, served->buckets,
	    SERVED_VISITORS_BUCKETS, random_u32());
}

void
served_visitors_destroy(struct served_visitors *served)
{
	lock_destroy(&served->lock);
}

/* Returns the entry of the worker that is on its way to this visitor, or NULL. */
static struct served_visitor *
find_other_worker(struct served_visitors *served, const struct uuid *uuid)
{
	struct hash_entry *entry;

	lock_assert_held(&served->lock);
	entry = hash_table_find(&served->on_their_way, hash_of_uuid(uuid));
	for (; entry != NULL; entry = hash_table_next(entry)) {
		struct served_visitor *visitor =
		    HASH_OBJECT(entry, struct served_visitor, by_uuid);

		if (uuid_equal(&visitor->uuid, uuid))
			return visitor;
	}
	return NULL;
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
add_first(struct served_visitors *served, struct served_visitor *visitor)
{
	struct served_visitor *other =
	    find_other_worker(served, &visitor->uuid);

	if (other != NULL) {
		atomic_store(&other->announced_ms, visitor->start_ms);
		return false;
	}
	visitor->by_uuid.key = hash_of_uuid(&visitor->uuid);
	visitor->is_entered = true;
	hash_table_put(&served->on_their_way, &visitor->by_uuid);
	return true;
}

bool
served_visitors_enter(
    struct served_visitors *served, struct served_visitor *visitor)
{
	bool entered;

	lock_take(&served->lock);
	entered = !is_recent(served, visitor) && add_first(served, visitor);
	lock_give(&served->lock);
	return entered;
}

void
served_visitors_leave(struct served_visitors *served,
    struct served_visitor *visitor, bool accepted)
{
	lock_take(&served->lock);
	if (accepted)
		*place_of(served, &visitor->uuid) =
		    (struct served_visitors_recent){
			.uuid = visitor->uuid, .accepted_ms = clock_now_ms()};
	if (visitor->is_entered)
		hash_table_remove(&served->on_their_way, &visitor->by_uuid);
	visitor->is_entered = false;
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
