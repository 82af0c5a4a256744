/* spares - see spares.h */
#include "server/spares.h"

#include <poll.h>
#include <string.h>

void
spares_init(struct spares *spares, struct budget *budget, unsigned most)
{
	spares->budget = budget;
	spares->most = most < SPARES_MOST ? most : SPARES_MOST;
	lock_init(&spares->lock, LOCK_RANK_SPARES);
	spares->open = false;
	spares->principal = NULL;
	spares->serial = 0;
	spares->session = 0;
	spares->count = 0;
}

void
spares_destroy(struct spares *spares)
{
	spares_close(spares);
	lock_destroy(&spares->lock);
}

void
spares_open(struct spares *spares, const struct principal *principal)
{
	lock_take(&spares->lock);
	spares->principal = principal;
	spares->open = true;
	spares->session++;
	lock_give(&spares->lock);
}

static bool
keep(struct spares *spares, const struct spare *spare)
{
	lock_assert_held(&spares->lock);
	if (!spares->open || spares->count >= spares->most)
		return false;
	spares->all[spares->count++] = *spare;
	return true;
}

bool
spares_add(struct spares *spares, struct transport transport,
    const struct principal *principal, bool is_local)
{
	struct spare spare = {.transport = transport, .is_local = is_local};
	bool added;

	lock_take(&spares->lock);
	spare.serial = spares->serial++;
	spare.session = spares->session;
	added = principal_same(spares->principal, principal) &&
	        keep(spares, &spare);
	lock_give(&spares->lock);
	return added;
}

bool
spares_return(struct spares *spares, const struct spare *spare)
{
	bool added;

	lock_take(&spares->lock);
	added = keep(spares, spare);
	lock_give(&spares->lock);
	return added;
}

bool
spares_reuse(struct spares *spares, const struct spare *spare)
{
	struct spare again = *spare;
	bool added;

	lock_take(&spares->lock);
	again.serial = spares->serial++;
	added = again.session == spares->session && keep(spares, &again);
	lock_give(&spares->lock);
	return added;
}

unsigned
spares_count(struct spares *spares)
{
	unsigned count;

	lock_take(&spares->lock);
	count = spares->count;
	lock_give(&spares->lock);
	return count;
}

bool
spares_has_session(struct spares *spares, uint32_t session)
{
	bool has;

	lock_take(&spares->lock);
	has = spares->open && spares->session == session;
	lock_give(&spares->lock);
	return has;
}

/* Take the newest. Returns false when there is none. */
static bool
pop(struct spares *spares, struct spare *spare)
{
	bool found;

	lock_take(&spares->lock);
	found = spares->count > 0;
	if (found)
		*spare = spares->all[--spares->count];
	lock_give(&spares->lock);
	return found;
}

/* Clients send nothing on a spare, so a readable one has ended. */
static bool
is_alive(const struct spare *spare)
{
	size_t got;
	char byte;

	return transport_peek(&spare->transport, &byte, 1, &got) == ERROR_AGAIN;
}

/* Close a spare and release its place in the budget. */
static void
drop_spare(struct spares *spares, struct spare *spare)
{
	transport_close(&spare->transport);
	budget_give(spares->budget, BUDGET_SESSION);
}

bool
spares_take(struct spares *spares, struct spare *spare)
{
	while (pop(spares, spare)) {
		if (is_alive(spare))
			return true;
		drop_spare(spares, spare);
	}
	return false;
}

/* Whether a spare has this serial number or a later one. Serial numbers may
 * wrap around. */
static bool
is_no_older(const struct spare *spare, uint32_t serial)
{
	return spare->serial - serial < UINT32_MAX / 2;
}

/* Close all spares but those that is_kept selects, under one lock. Returns how
 * many were closed. */
static unsigned
sift(struct spares *spares,
    bool (*is_kept)(const struct spare *spare, uint32_t serial),
    uint32_t serial)
{
	unsigned remaining = 0;
	unsigned closed;

	lock_take(&spares->lock);
	for (unsigned i = 0; i < spares->count; i++) {
		if (is_kept(&spares->all[i], serial))
			spares->all[remaining++] = spares->all[i];
		else
			/* Does not block, so the lock may be held. */
			transport_close(&spares->all[i].transport);
	}
	closed = spares->count - remaining;
	spares->count = remaining;
	lock_give(&spares->lock);
	budget_give(spares->budget, closed * BUDGET_SESSION);
	return closed;
}

/* All spares, for poll(). */
struct look {
	struct pollfd slots[SPARES_MOST];
	uint32_t serials[SPARES_MOST];
	unsigned count;
};

static void
list_all(struct spares *spares, struct look *look)
{
	lock_take(&spares->lock);
	look->count = spares->count;
	for (unsigned i = 0; i < look->count; i++) {
		look->serials[i] = spares->all[i].serial;
		look->slots[i] =
		    transport_poll(&spares->all[i].transport, POLLIN);
	}
	lock_give(&spares->lock);
}

/* Close the spare with this serial number if it is there and has ended. */
static void
drop_if_ended(struct spares *spares, uint32_t serial)
{
	struct spare ended = {.transport = TRANSPORT_INITIALIZER};
	unsigned i = 0;

	lock_take(&spares->lock);
	while (i < spares->count && spares->all[i].serial != serial)
		i++;
	if (i < spares->count && !is_alive(&spares->all[i])) {
		ended = spares->all[i];
		spares->count--;
		memmove(&spares->all[i], &spares->all[i + 1],
		    (spares->count - i) * sizeof spares->all[0]);
	}
	lock_give(&spares->lock);
	if (transport_is_open(&ended.transport))
		drop_spare(spares, &ended);
}

void
spares_sweep(struct spares *spares)
{
	struct look look;

	list_all(spares, &look);
	/* One system call for all of them, without the lock. A descriptor may
	 * have been closed and reused by then, so those that poll() reports are
	 * checked again. */
	if (look.count == 0 || poll(look.slots, look.count, 0) <= 0)
		return;
	for (unsigned i = 0; i < look.count; i++)
		if (look.slots[i].revents != 0)
			drop_if_ended(spares, look.serials[i]);
}

void
spares_trim(struct spares *spares, unsigned most)
{
	struct spare dropped[SPARES_MOST];
	unsigned count = 0;

	lock_take(&spares->lock);
	if (spares->count > most) {
		count = spares->count - most;
		memcpy(dropped, spares->all, count * sizeof dropped[0]);
		memmove(spares->all, spares->all + count,
		    most * sizeof spares->all[0]);
		spares->count = most;
	}
	lock_give(&spares->lock);
	for (unsigned i = 0; i < count; i++)
		drop_spare(spares, &dropped[i]);
}

unsigned
spares_condemn(struct spares *spares, uint32_t serial)
{
	return sift(spares, is_no_older, serial);
}

void
spares_shed(struct spares *spares)
{
	struct spare spare;

	while (pop(spares, &spare))
		drop_spare(spares, &spare);
}

void
spares_close(struct spares *spares)
{
	lock_take(&spares->lock);
	spares->open = false;
	spares->principal = NULL;
	lock_give(&spares->lock);
	spares_shed(spares);
}
