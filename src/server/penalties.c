/* penalties - see penalties.h */
#include "server/penalties.h"

#include <stddef.h>

#include "base/hash_table.h"

static struct penalty *
set_of(struct penalties *penalties, uint64_t source)
{
	return penalties
	    ->table[hash_place(source, penalties->seed, PENALTIES_SETS)];
}

/* Returns the entry of source, or NULL. */
static struct penalty *
find_penalty(struct penalties *penalties, uint64_t source)
{
	struct penalty *set = set_of(penalties, source);

	for (int i = 0; i < PENALTIES_WAYS; i++)
		if (set[i].last_ms != 0 && set[i].source == source)
			return &set[i];
	return NULL;
}

/* Returns a new entry for source, in place of the oldest one; free ones count
 * as the oldest. */
static struct penalty *
replace(struct penalties *penalties, uint64_t source)
{
	struct penalty *set = set_of(penalties, source);
	struct penalty *oldest = &set[0];

	for (int i = 1; i < PENALTIES_WAYS; i++)
		if (set[i].last_ms < oldest->last_ms)
			oldest = &set[i];
	*oldest = (struct penalty){.source = source};
	return oldest;
}

/* Returns the delay: the first one, doubled for each failure before. */
static unsigned
delay_of(const struct penalty *penalty)
{
	unsigned delay_ms = PENALTIES_DELAY_MS;

	if (penalty->refusals > 0)
		return PENALTIES_DELAY_MOST_MS;
	for (unsigned i = 1; i < penalty->failures; i++)
		if (delay_ms < PENALTIES_DELAY_MOST_MS)
			delay_ms *= 2;
	return delay_ms < PENALTIES_DELAY_MOST_MS ? delay_ms
	                                          : PENALTIES_DELAY_MOST_MS;
}

static unsigned
refuse(struct penalty *penalty, int64_t now_ms)
{
	unsigned refused_ms = PENALTIES_REFUSED_MS;

	for (unsigned i = 0; i < penalty->refusals; i++)
		if (refused_ms < PENALTIES_REFUSED_MOST_MS)
			refused_ms *= 2;
	if (refused_ms > PENALTIES_REFUSED_MOST_MS)
		refused_ms = PENALTIES_REFUSED_MOST_MS;
	if (penalty->refusals < UINT16_MAX)
		penalty->refusals++;
	penalty->failures = 0;
	penalty->refused_until_ms = now_ms + refused_ms;
	return refused_ms;
}

/* Returns how many failures within a minute are too many. */
static unsigned
most(const struct penalty *penalty)
{
	return penalty->refusals == 1 ? PENALTIES_FAILURES_AGAIN
	                              : PENALTIES_FAILURES;
}

unsigned
penalties_fail(struct penalties *penalties, uint64_t source, int64_t now_ms,
    unsigned *refused_ms)
{
	struct penalty *penalty = find_penalty(penalties, source);
	unsigned delay_ms;

	if (penalty == NULL)
		penalty = replace(penalties, source);
	else if (now_ms - penalty->last_ms >= PENALTIES_FORGET_MS)
		*penalty = (struct penalty){.source = source};
	if (penalty->failures == 0 ||
	    now_ms - penalty->first_ms >= PENALTIES_WINDOW_MS) {
		penalty->failures = 0;
		penalty->first_ms = now_ms;
	}
	if (penalty->failures < UINT16_MAX &&
	    now_ms >= penalty->refused_until_ms)
		penalty->failures++;
	penalty->last_ms = now_ms;
	delay_ms = delay_of(penalty);
	*refused_ms = 0;
	if (penalty->failures >= most(penalty) &&
	    now_ms >= penalty->spared_until_ms)
		*refused_ms = refuse(penalty, now_ms);
	return delay_ms;
}

void
penalties_spare(struct penalties *penalties, uint64_t source, int64_t until_ms)
{
	struct penalty *penalty = find_penalty(penalties, source);

	if (penalty == NULL || penalty->refusals == 0)
		return;
	penalty->refusals--;
	penalty->failures = PENALTIES_FAILURES_AGAIN;
	penalty->refused_until_ms = 0;
	penalty->spared_until_ms = until_ms;
}

void
penalties_forgive(struct penalties *penalties, uint64_t source)
{
	struct penalty *penalty = find_penalty(penalties, source);

	if (penalty == NULL)
		return;
	penalty->refusals = 0;
	penalty->refused_until_ms = 0;
}

bool
penalties_refuses(struct penalties *penalties, uint64_t source, int64_t now_ms)
{
	const struct penalty *penalty = find_penalty(penalties, source);

	return penalty != NULL && now_ms < penalty->refused_until_ms;
}
