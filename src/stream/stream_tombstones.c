/* stream_tombstones - see stream_tombstones.h */
#include "stream/stream_tombstones.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"

struct stream_tombstone {
	struct uuid id;
	/* STREAM_FATE_UNKNOWN: removed, and the place is not free yet. */
	enum stream_fate fate;
	uint32_t attempt;
	int64_t expires_ms;
	/* The next older one of its bucket. */
	uint32_t older;
	/* Its neighbours among those that the client is informed of. */
	bool reports;
	int64_t report_ms;
	uint32_t before, after;
};

enum error
stream_tombstones_init(
    struct stream_tombstones *tombstones, uint32_t most, uint32_t keep_ms)
{
	assert(most > 0 && (most & (most - 1)) == 0);
	*tombstones = (struct stream_tombstones){
	    .most = most,
	    .keep_ms = keep_ms,
	    .first = 1,
	    .ring = calloc((size_t)most + 1, sizeof *tombstones->ring),
	    .buckets = calloc(most, sizeof *tombstones->buckets),
	};
	lock_init(&tombstones->lock, LOCK_RANK_STREAM_TOMBSTONES);
	if (tombstones->ring != NULL && tombstones->buckets != NULL)
		return ERROR_NONE;
	stream_tombstones_destroy(tombstones);
	return ERROR_MEMORY;
}

void
stream_tombstones_destroy(struct stream_tombstones *tombstones)
{
	free(tombstones->ring);
	free(tombstones->buckets);
	lock_destroy(&tombstones->lock);
}

static uint32_t *
bucket_of_id(struct stream_tombstones *tombstones, const struct uuid *id)
{
	/* All bytes are random, except for a few bits of the seventh and the
	 * ninth. */
	uint32_t hash = (uint32_t)id->bytes[0] << 16 |
	                (uint32_t)id->bytes[1] << 8 | id->bytes[2];

	lock_assert_held(&tombstones->lock);
	return &tombstones->buckets[hash & (tombstones->most - 1)];
}

/* Returns the link to the tombstone of this id; it is 0 if there is none. */
static uint32_t *
link_to(struct stream_tombstones *tombstones, const struct uuid *id)
{
	uint32_t *link = bucket_of_id(tombstones, id);

	while (*link != 0 && !uuid_equal(&tombstones->ring[*link].id, id))
		link = &tombstones->ring[*link].older;
	return link;
}

static void
report_no_more(
    struct stream_tombstones *tombstones, struct stream_tombstone *stone)
{
	if (!stone->reports)
		return;
	stone->reports = false;
	if (stone->before != 0)
		tombstones->ring[stone->before].after = stone->after;
	else
		tombstones->report_first = stone->after;
	if (stone->after != 0)
		tombstones->ring[stone->after].before = stone->before;
	else
		tombstones->report_last = stone->before;
}

/* Inform the client of this one next. */
static void
report_first(struct stream_tombstones *tombstones, uint32_t place)
{
	struct stream_tombstone *stone = &tombstones->ring[place];

	stone->before = 0;
	stone->after = tombstones->report_first;
	if (tombstones->report_first != 0)
		tombstones->ring[tombstones->report_first].before = place;
	else
		tombstones->report_last = place;
	tombstones->report_first = place;
}

/* Inform the client of this one again, last. */
static void
report_again(
    struct stream_tombstones *tombstones, uint32_t place, int64_t again_ms)
{
	struct stream_tombstone *stone = &tombstones->ring[place];

	report_no_more(tombstones, stone);
	stone->reports = true;
	stone->report_ms = again_ms;
	stone->before = tombstones->report_last;
	stone->after = 0;
	if (tombstones->report_last != 0)
		tombstones->ring[tombstones->report_last].after = place;
	else
		tombstones->report_first = place;
	tombstones->report_last = place;
}

static void
unlink_stone(struct stream_tombstones *tombstones, uint32_t *link)
{
	struct stream_tombstone *stone = &tombstones->ring[*link];

	report_no_more(tombstones, stone);
	*link = stone->older;
	stone->fate = STREAM_FATE_UNKNOWN;
}

/* Free the places of the oldest: those no longer needed, and one more if there
 * must be room. */
static void
free_places(
    struct stream_tombstones *tombstones, bool needs_room, int64_t now_ms)
{
	while (tombstones->count > 0) {
		struct stream_tombstone *stone =
		    &tombstones->ring[tombstones->first];

		if (stone->fate != STREAM_FATE_UNKNOWN) {
			if (stone->expires_ms > now_ms &&
			    !(needs_room &&
				tombstones->count == tombstones->most))
				return;
			unlink_stone(
			    tombstones, link_to(tombstones, &stone->id));
		}
		tombstones->first = tombstones->first % tombstones->most + 1;
		tombstones->count--;
	}
}

static void
add_stone(
    struct stream_tombstones *tombstones, const struct stream_tombstone *stone)
{
	uint32_t place = tombstones->first + tombstones->count;
	uint32_t *bucket = bucket_of_id(tombstones, &stone->id);

	if (place > tombstones->most)
		place -= tombstones->most;
	tombstones->count++;
	tombstones->ring[place] = *stone;
	tombstones->ring[place].older = *bucket;
	*bucket = place;
	if (stone->reports)
		report_first(tombstones, place);
}

void
stream_tombstones_put(struct stream_tombstones *tombstones,
    const struct uuid *id, enum stream_fate fate, uint32_t attempt,
    bool reports, int64_t now_ms)
{
	const struct stream_tombstone stone = {
	    .id = *id,
	    .fate = fate,
	    .attempt = attempt,
	    .expires_ms = now_ms + tombstones->keep_ms,
	    .reports = reports,
	    .report_ms = now_ms,
	};

	assert(fate != STREAM_FATE_UNKNOWN);
	lock_take(&tombstones->lock);
	free_places(tombstones, true, now_ms);
	if (*link_to(tombstones, id) == 0)
		add_stone(tombstones, &stone);
	lock_give(&tombstones->lock);
}

enum stream_fate
stream_tombstones_ask(
    struct stream_tombstones *tombstones, const struct uuid *id, int64_t now_ms)
{
	enum stream_fate fate = STREAM_FATE_UNKNOWN;
	uint32_t place;

	lock_take(&tombstones->lock);
	free_places(tombstones, false, now_ms);
	place = *link_to(tombstones, id);
	if (place != 0) {
		fate = tombstones->ring[place].fate;
		report_no_more(tombstones, &tombstones->ring[place]);
	}
	lock_give(&tombstones->lock);
	return fate;
}

void
stream_tombstones_remove(
    struct stream_tombstones *tombstones, const struct uuid *id)
{
	uint32_t *link;

	lock_take(&tombstones->lock);
	link = link_to(tombstones, id);
	if (*link != 0)
		unlink_stone(tombstones, link);
	lock_give(&tombstones->lock);
}

bool
stream_tombstones_tell(struct stream_tombstones *tombstones, int64_t now_ms,
    struct uuid *id, uint32_t *attempt)
{
	struct stream_tombstone *stone;
	uint32_t place;
	bool reports;

	lock_take(&tombstones->lock);
	free_places(tombstones, false, now_ms);
	place = tombstones->report_first;
	stone = &tombstones->ring[place];
	reports = place != 0 && stone->report_ms <= now_ms;
	if (reports) {
		*id = stone->id;
		*attempt = stone->attempt;
		report_again(tombstones, place, now_ms + STREAM_LOST_REPEAT_MS);
	}
	lock_give(&tombstones->lock);
	return reports;
}

int64_t
stream_tombstones_due_ms(struct stream_tombstones *tombstones)
{
	int64_t due_ms = CLOCK_NEVER;

	lock_take(&tombstones->lock);
	if (tombstones->report_first != 0)
		due_ms = tombstones->ring[tombstones->report_first].report_ms;
	lock_give(&tombstones->lock);
	return due_ms;
}
