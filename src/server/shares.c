/* shares - see shares.h */
#include "server/shares.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "os/budget.h"

/* A tunnel always keeps this fraction of an equal share. */
#define FLOOR_PART 8
/* The fraction of all descriptors that is reserved for visitors. */
#define TUNNELS_PART 8
#define TUNNEL_COSTS (BUDGET_TUNNEL + BUDGET_SESSION)

struct share {
	struct tally_entry entry; /* in shares->tunnels; must be first */
	struct tally sources;
	uint16_t port; /* 0: a share of leases */
	bool closed;
};

/* The seats in a share that come from one source; exists while there are
 * any. */
struct share_source {
	struct tally_entry entry; /* in share->sources; must be first */
	struct share *share;
	uint64_t source;
	struct share_seat *newest;
	struct hash_entry in_shares;
};

enum shares_choice
shares_choose(const struct shares_facts *facts)
{
	if (facts->most > facts->floor && facts->most > facts->own + 1)
		return SHARES_OF_MOST;
	if (facts->most_source > facts->own_source + 1)
		return SHARES_OF_OWN;
	return SHARES_NEWCOMER;
}

unsigned
shares_floor(unsigned most, unsigned tunnels)
{
	unsigned part = most / BUDGET_VISITOR / FLOOR_PART;

	if (tunnels > 1)
		part /= tunnels;
	return part > 1 ? part : 1;
}

unsigned
shares_tunnels_most(unsigned most)
{
	return (most - most / TUNNELS_PART) / TUNNEL_COSTS;
}

bool
shares_init(struct shares *shares, unsigned most, uint64_t seed)
{
	memset(shares, 0, sizeof *shares);
	for (int i = 0; i < 2; i++)
		shares->leases[i] = calloc(1, sizeof *shares->leases[i]);
	if (shares->leases[0] == NULL || shares->leases[1] == NULL) {
		free(shares->leases[0]);
		free(shares->leases[1]);
		shares->leases[0] = NULL;
		return false;
	}
	shares->most = most;
	hash_table_init(
	    &shares->by_source, shares->buckets, SHARES_BUCKETS, seed);
	lock_init(&shares->lock, LOCK_RANK_SHARES);
	lock_condition_init(&shares->eased);
	object_cache_init(&shares->sources, sizeof(struct share_source));
	return true;
}

void
shares_destroy(struct shares *shares)
{
	if (shares->leases[0] == NULL)
		return;
	object_cache_destroy(&shares->sources);
	lock_condition_destroy(&shares->eased);
	lock_destroy(&shares->lock);
	free(shares->leases[0]);
	free(shares->leases[1]);
}

struct share *
shares_open(struct shares *shares, uint16_t port)
{
	struct share *share = calloc(1, sizeof *share);

	if (share == NULL)
		return NULL;
	share->port = port;
	lock_take(&shares->lock);
	shares->open++;
	lock_give(&shares->lock);
	return share;
}

void
shares_close(struct shares *shares, struct share *share)
{
	bool empty;

	lock_take(&shares->lock);
	shares->open--;
	share->closed = true;
	empty = share->entry.count == 0;
	lock_give(&shares->lock);
	if (empty)
		free(share);
}

static uint64_t
key_of(const struct share *share, uint64_t source)
{
	return source ^ (uintptr_t)share;
}

/* Returns the seats of a source in a share, or NULL: there are none. */
static struct share_source *
find_source(struct shares *shares, const struct share *share, uint64_t source)
{
	struct hash_entry *entry;

	lock_assert_held(&shares->lock);
	entry = hash_table_find(&shares->by_source, key_of(share, source));
	for (; entry != NULL; entry = hash_table_next(entry)) {
		struct share_source *found =
		    HASH_OBJECT(entry, struct share_source, in_shares);

		if (found->source == source && found->share == share)
			return found;
	}
	return NULL;
}

static struct share_source *
find_or_make_source(struct shares *shares, struct share *share, uint64_t source)
{
	struct share_source *made = find_source(shares, share, source);

	if (made != NULL)
		return made;
	made = object_cache_take(&shares->sources);
	if (made == NULL)
		return NULL;
	memset(made, 0, sizeof *made);
	made->share = share;
	made->source = source;
	made->in_shares.key = key_of(share, source);
	hash_table_put(&shares->by_source, &made->in_shares);
	return made;
}

/* Add by, 1 or -1, to the count of the source and of its share. */
static void
count(struct shares *shares, struct share_source *source, int by)
{
	struct share *share = source->share;

	tally_set(&share->sources, &source->entry,
	    source->entry.count + (unsigned)by);
	if (share->port != 0)
		tally_set(&shares->tunnels, &share->entry,
		    share->entry.count + (unsigned)by);
}

static bool
enter(struct shares *shares, struct share *share, struct share_seat *seat,
    uint64_t source)
{
	struct share_source *of;

	lock_take(&shares->lock);
	of = find_or_make_source(shares, share, source);
	if (of != NULL) {
		seat->source = of;
		seat->newer = NULL;
		seat->older = of->newest;
		if (of->newest != NULL)
			of->newest->newer = seat;
		of->newest = seat;
		count(shares, of, 1);
	}
	seat->entry = NULL;
	seat->owes = 0;
	seat->is_lease = share->port == 0;
	atomic_store(&seat->sent_away, false);
	lock_give(&shares->lock);
	return of != NULL;
}

bool
shares_enter(struct shares *shares, struct share *share,
    struct share_seat *seat, uint64_t source)
{
	return enter(shares, share, seat, source);
}

bool
shares_enter_lease(struct shares *shares, struct share_seat *seat,
    uint64_t source, bool useful)
{
	return enter(shares, shares->leases[useful], seat, source);
}

/* Take a seat off its source, and free what has become empty. */
static void
unseat(struct shares *shares, struct share_seat *seat)
{
	struct share_source *source = seat->source;
	struct share *share = source->share;

	lock_assert_held(&shares->lock);
	if (seat->newer != NULL)
		seat->newer->older = seat->older;
	else
		source->newest = seat->older;
	if (seat->older != NULL)
		seat->older->newer = seat->newer;
	seat->source = NULL;
	count(shares, source, -1);
	if (source->entry.count > 0)
		return;
	hash_table_remove(&shares->by_source, &source->in_shares);
	object_cache_give(&shares->sources, source);
	if (share->closed && share->entry.count == 0)
		free(share);
}

void
shares_leave(struct shares *shares, struct share_seat *seat)
{
	lock_take(&shares->lock);
	if (seat->source != NULL)
		unseat(shares, seat);
	if (seat->owes > 0) {
		shares->owed -= seat->owes;
		if (seat->is_lease)
			shares->leases_going--;
		lock_condition_tell(&shares->eased);
	}
	seat->owes = 0;
	lock_give(&shares->lock);
}

void
shares_bind(struct shares *shares, struct share_seat *seat,
    struct roster *roster, struct roster_entry *entry)
{
	lock_take(&shares->lock);
	seat->entry = entry;
	if (atomic_load(&seat->sent_away))
		roster_interrupt(roster, entry);
	lock_give(&shares->lock);
}

void
shares_unbind(struct shares *shares, struct share_seat *seat)
{
	lock_take(&shares->lock);
	seat->entry = NULL;
	lock_give(&shares->lock);
}

bool
shares_is_sent_away(const struct share_seat *seat)
{
	return atomic_load(&seat->sent_away);
}

bool
shares_has_too_many_tunnels(const struct shares *shares)
{
	lock_assert_held(&shares->lock);
	return shares->open - shares->leases_going >=
	       shares_tunnels_most(shares->most);
}

static struct share_seat *
newest_of_most(const struct share *share)
{
	/* The entry is the first member of a source. */
	const struct share_source *source =
	    (struct share_source *)tally_most(&share->sources);

	return source ? source->newest : NULL;
}

struct share_seat *
shares_find_lease(struct shares *shares)
{
	struct share_seat *seat;

	lock_assert_held(&shares->lock);
	seat = newest_of_most(shares->leases[false]);
	return seat ? seat : newest_of_most(shares->leases[true]);
}

struct share_seat *
shares_find_visitor(
    struct shares *shares, const struct share *share, uint64_t source)
{
	/* The entry is the first member of a share. */
	const struct share *most = (struct share *)tally_most(&shares->tunnels);
	struct shares_facts facts = {
	    .most = most ? most->entry.count : 0,
	    .floor = shares_floor(shares->most, shares->open),
	};

	lock_assert_held(&shares->lock);
	if (share != NULL && share->entry.count > 0) {
		const struct share_source *own =
		    find_source(shares, share, source);

		facts.own = share->entry.count;
		facts.own_source = own ? own->entry.count : 0;
		facts.most_source = tally_most(&share->sources)->count;
	}
	switch (shares_choose(&facts)) {
	case SHARES_OF_MOST:
		return newest_of_most(most);
	case SHARES_OF_OWN:
		return newest_of_most(share);
	case SHARES_NEWCOMER:
		break;
	}
	return NULL;
}

void
shares_send_away(struct shares *shares, struct share_seat *seat, unsigned owes)
{
	unseat(shares, seat);
	seat->owes = owes;
	shares->owed += owes;
	if (seat->is_lease)
		shares->leases_going++;
	atomic_store(&seat->sent_away, true);
}

uint16_t
shares_port_of(const struct share_seat *seat)
{
	return seat->source->share->port;
}

uint64_t
shares_source_of(const struct share_seat *seat)
{
	return seat->source->source;
}
