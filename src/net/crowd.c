/* crowd - see crowd.h */
#include "net/crowd.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The connections of one source; exists as long as it has any, or a tunnel. */
struct crowd_group {
	struct hash_entry by_source; /* its key is the source */
	unsigned count;
	unsigned tunnels;
	unsigned lingering;
	struct crowd_entry *oldest, *newest;
	/* Of the same rank; only where count is not 0. */
	struct crowd_group *before, *behind;
	unsigned rank;
};

enum error
crowd_init(struct crowd *crowd, unsigned most, uint64_t seed)
{
	memset(crowd, 0, sizeof *crowd);
	crowd->ranks = calloc((size_t)most + 1, sizeof *crowd->ranks);
	if (crowd->ranks == NULL)
		return ERROR_MEMORY;
	crowd->most = most;
	crowd->limit = most;
	crowd->share = most / CROWD_SHARE;
	if (crowd->share < CROWD_SHARE_LEAST)
		crowd->share = CROWD_SHARE_LEAST;
	hash_table_init(&crowd->groups, crowd->buckets, CROWD_BUCKETS, seed);
	lock_init(&crowd->lock, LOCK_RANK_CROWD);
	return ERROR_NONE;
}

static void
free_group(struct hash_entry *entry)
{
	free(HASH_OBJECT(entry, struct crowd_group, by_source));
}

void
crowd_destroy(struct crowd *crowd)
{
	if (crowd->ranks == NULL)
		return;
	hash_table_clear(&crowd->groups, free_group);
	free(crowd->ranks);
	crowd->ranks = NULL;
	lock_destroy(&crowd->lock);
}

/* Returns the group of source, or NULL. */
static struct crowd_group *
find_group(struct crowd *crowd, uint64_t source)
{
	struct hash_entry *entry;

	lock_assert_held(&crowd->lock);
	entry = hash_table_find(&crowd->groups, source);
	return entry ? HASH_OBJECT(entry, struct crowd_group, by_source) : NULL;
}

/* Returns the group of source, which is created if necessary, or NULL when out
 * of memory. */
static struct crowd_group *
find_or_make_group(struct crowd *crowd, uint64_t source)
{
	struct crowd_group *group = find_group(crowd, source);

	if (group != NULL)
		return group;
	group = calloc(1, sizeof *group);
	if (group == NULL)
		return NULL;
	group->by_source.key = source;
	hash_table_put(&crowd->groups, &group->by_source);
	return group;
}

/* Free a group that has nothing left. */
static void
tidy(struct crowd *crowd, struct crowd_group *group)
{
	if (group->count > 0 || group->tunnels > 0)
		return;
	hash_table_remove(&crowd->groups, &group->by_source);
	free(group);
}

static unsigned
rank_of(const struct crowd *crowd, const struct crowd_group *group)
{
	unsigned spared = group->tunnels > 0 ? crowd->share : 0;
	unsigned rank = group->count > spared ? group->count - spared : 0;

	return rank < crowd->most ? rank : crowd->most;
}

static void
unrank_group(struct crowd *crowd, struct crowd_group *group)
{
	struct crowd_rank *rank = &crowd->ranks[group->rank];

	if (group->before != NULL)
		group->before->behind = group->behind;
	else
		rank->first = group->behind;
	if (group->behind != NULL)
		group->behind->before = group->before;
	else
		rank->last = group->before;
}

static void
rank_group(struct crowd *crowd, struct crowd_group *group)
{
	struct crowd_rank *rank;

	group->rank = rank_of(crowd, group);
	rank = &crowd->ranks[group->rank];
	group->behind = NULL;
	group->before = rank->last;
	if (rank->last != NULL)
		rank->last->behind = group;
	else
		rank->first = group;
	rank->last = group;
	if (group->rank > crowd->highest)
		crowd->highest = group->rank;
}

/* The group has `count` connections now, and `tunnels` tunnels. */
static void
change_group(struct crowd *crowd, struct crowd_group *group, unsigned count,
    unsigned tunnels)
{
	lock_assert_held(&crowd->lock);
	if (group->count > 0)
		unrank_group(crowd, group);
	group->count = count;
	group->tunnels = tunnels;
	if (group->count > 0)
		rank_group(crowd, group);
	/* It grows by one with each connection, so lowering it costs no more.
	 * */
	while (crowd->highest > 0 && crowd->ranks[crowd->highest].first == NULL)
		crowd->highest--;
}

/* Remove an entry from its group, which may be freed by that. */
static void
detach(struct crowd *crowd, struct crowd_entry *entry)
{
	struct crowd_group *group = entry->group;

	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	else
		group->oldest = entry->newer;
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		group->newest = entry->older;
	group->lingering -= entry->lingers;
	entry->group = NULL;
	crowd->count--;
	change_group(crowd, group, group->count - 1, group->tunnels);
	tidy(crowd, group);
}

static void
attach(
    struct crowd *crowd, struct crowd_group *group, struct crowd_entry *entry)
{
	entry->group = group;
	entry->newer = NULL;
	entry->older = group->newest;
	if (group->newest != NULL)
		group->newest->newer = entry;
	else
		group->oldest = entry;
	group->newest = entry;
	crowd->count++;
	change_group(crowd, group, group->count + 1, group->tunnels);
}

/* The peer notices nothing, see roster.c. */
static void
interrupt(struct crowd *crowd, struct crowd_entry *entry)
{
	detach(crowd, entry);
	atomic_store(&entry->interrupted, true);
	shutdown(entry->fd, SHUT_RD);
}

static bool
interrupt_one(struct crowd *crowd)
{
	struct crowd_group *group = crowd->ranks[crowd->highest].first;

	if (group == NULL)
		return false;
	interrupt(crowd, group->oldest);
	return true;
}

enum error
crowd_enter(struct crowd *crowd, struct crowd_entry *entry, int fd,
    uint64_t source, bool *made_room)
{
	struct crowd_group *group;
	enum error error = ERROR_NONE;

	*made_room = false;
	entry->fd = fd;
	entry->group = NULL;
	entry->lingers = false;
	atomic_init(&entry->interrupted, false);
	lock_take(&crowd->lock);
	group = crowd->closed ? NULL : find_or_make_group(crowd, source);
	if (group != NULL)
		attach(crowd, group, entry);
	else
		error = crowd->closed ? ERROR_STOPPED : ERROR_MEMORY;
	if (crowd->count > crowd->limit)
		*made_room = interrupt_one(crowd);
	lock_give(&crowd->lock);
	return error;
}

void
crowd_leave(struct crowd *crowd, struct crowd_entry *entry)
{
	lock_take(&crowd->lock);
	if (entry->group != NULL)
		detach(crowd, entry);
	lock_give(&crowd->lock);
}

bool
crowd_linger(struct crowd *crowd, struct crowd_entry *entry)
{
	struct crowd_group *group;

	lock_take(&crowd->lock);
	group = entry->group;
	if (group != NULL && !entry->lingers &&
	    group->lingering < CROWD_LINGER_MOST) {
		group->lingering++;
		entry->lingers = true;
	}
	lock_give(&crowd->lock);
	return group != NULL && entry->lingers;
}

bool
crowd_interrupted(const struct crowd_entry *entry)
{
	return atomic_load(&entry->interrupted);
}

bool
crowd_interrupt_one(struct crowd *crowd)
{
	bool done;

	lock_take(&crowd->lock);
	done = interrupt_one(crowd);
	lock_give(&crowd->lock);
	return done;
}

void
crowd_shrink(struct crowd *crowd, int64_t now_ms)
{
	bool is_due;

	lock_take(&crowd->lock);
	is_due = now_ms - crowd->shrunk_ms >= CROWD_SHRINK_MS;
	if (is_due) {
		crowd->shrunk_ms = now_ms;
		crowd->limit = crowd->count - crowd->count / 8;
		if (crowd->limit < CROWD_SHARE_LEAST)
			crowd->limit = CROWD_SHARE_LEAST;
	}
	if (!is_due || crowd->count <= crowd->limit)
		interrupt_one(crowd);
	while (crowd->count > crowd->limit)
		interrupt_one(crowd);
	lock_give(&crowd->lock);
}

void
crowd_grow(struct crowd *crowd)
{
	lock_take(&crowd->lock);
	crowd->limit += crowd->limit / 64 + 1;
	if (crowd->limit > crowd->most)
		crowd->limit = crowd->most;
	lock_give(&crowd->lock);
}

void
crowd_interrupt_source(struct crowd *crowd, uint64_t source)
{
	struct crowd_entry *entry, *newer;
	struct crowd_group *group;

	lock_take(&crowd->lock);
	group = find_group(crowd, source);
	/* The group is freed with its last entry. */
	for (entry = group ? group->oldest : NULL; entry != NULL;
	     entry = newer) {
		newer = entry->newer;
		if (!entry->lingers)
			interrupt(crowd, entry);
	}
	lock_give(&crowd->lock);
}

void
crowd_interrupt_all(struct crowd *crowd)
{
	lock_take(&crowd->lock);
	crowd->closed = true;
	while (interrupt_one(crowd))
		continue;
	lock_give(&crowd->lock);
}

bool
crowd_settle(struct crowd *crowd, uint64_t source)
{
	struct crowd_group *group;

	lock_take(&crowd->lock);
	group = find_or_make_group(crowd, source);
	if (group != NULL)
		change_group(crowd, group, group->count, group->tunnels + 1);
	lock_give(&crowd->lock);
	return group != NULL;
}

void
crowd_unsettle(struct crowd *crowd, uint64_t source)
{
	struct crowd_group *group;

	lock_take(&crowd->lock);
	group = find_group(crowd, source);
	if (group != NULL) {
		change_group(crowd, group, group->count, group->tunnels - 1);
		tidy(crowd, group);
	}
	lock_give(&crowd->lock);
}

bool
crowd_is_settled(struct crowd *crowd, uint64_t source)
{
	struct crowd_group *group;
	bool settled;

	lock_take(&crowd->lock);
	group = find_group(crowd, source);
	settled = group != NULL && group->tunnels > 0;
	lock_give(&crowd->lock);
	return settled;
}
