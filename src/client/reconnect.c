/* reconnect - see reconnect.h */
#include "client/reconnect.h"

/* A session that stood for so long was a good one. */
#define GOOD_AFTER_MS 10000
/* Longest delay while the server keeps the port of a good session: visitors wait
 * for it, and the server may be back at any moment. */
#define GOOD_LEASE_CAP_MS 2000u
/* However short its lease is: room for a spread above RECONNECT_LEAST_MS. */
#define CAP_LEAST_MS 200u
/* The same after a session that was no good one: the server may be back at any
 * moment, too, unless it ends one short session after the other. */
#define LEASE_CAP_MS 2000u
#define HASTY_CAP_MS 7500u
/* So many short sessions in a row are no pattern yet. A Bye is taken at its word
 * then. */
#define HASTY_MOST 1

static uint32_t
min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t
max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

void
reconnect_init(struct reconnect *reconnect, uint32_t cap_ms)
{
	*reconnect = (struct reconnect){.cap_ms = cap_ms};
	backoff_init(&reconnect->backoff, cap_ms);
}

static void
learn(struct reconnect *reconnect, const struct reconnect_end *end,
    int64_t now_ms)
{
	bool is_good =
	    !end->displaced && (end->stood_ms >= GOOD_AFTER_MS || end->carried);

	if (!end->stood)
		return;
	reconnect->lease_ms = end->lease_ms;
	reconnect->lease_end_ms = now_ms + end->lease_ms;
	reconnect->hasty++;
	if (!is_good)
		return;
	reconnect->hasty = 0;
	reconnect->good_lease_end_ms = reconnect->lease_end_ms;
	backoff_init(&reconnect->backoff, reconnect->cap_ms);
}

/*
 * The longest delay now. Be back while the server keeps our port, if it does; it
 * tells for how long, so that what it tells cannot make us hit it all the time.
 */
static uint32_t
longest(const struct reconnect *reconnect, int64_t now_ms)
{
	uint32_t quarter_ms = reconnect->lease_ms / 4;
	uint32_t most_ms = reconnect->cap_ms;

	if (now_ms < reconnect->good_lease_end_ms)
		most_ms = min_u32(quarter_ms, GOOD_LEASE_CAP_MS);
	else if (now_ms < reconnect->lease_end_ms)
		most_ms = max_u32(quarter_ms, reconnect->hasty > HASTY_MOST
						  ? HASTY_CAP_MS
						  : LEASE_CAP_MS);
	/* backoff keeps the cap, if that is lower */
	return max_u32(most_ms, CAP_LEAST_MS);
}

/* A delay that the server asked for, spread by a quarter either way. */
static uint32_t
delay_of_bye(
    const struct reconnect *reconnect, uint32_t retry_ms, uint32_t random)
{
	uint32_t cap_ms = reconnect->cap_ms;
	/* A quarter more is the cap: clamping what is spread would make many
	 * the same. */
	uint32_t wish_ms = min_u32(retry_ms, cap_ms - cap_ms / 5);
	uint32_t spread_ms;

	wish_ms = max_u32(wish_ms, RECONNECT_LEAST_MS);
	spread_ms = (uint32_t)((uint64_t)(wish_ms / 2) * random >> 32);
	return min_u32(wish_ms - wish_ms / 4 + spread_ms, cap_ms);
}

uint32_t
reconnect_next(struct reconnect *reconnect, const struct reconnect_end *end,
    int64_t now_ms, uint32_t random)
{
	uint32_t delay_ms = 0;

	learn(reconnect, end, now_ms);
	if (end->bye)
		delay_ms = delay_of_bye(reconnect, end->retry_ms, random);
	if (!end->at_once && (!end->bye || reconnect->hasty > HASTY_MOST))
		delay_ms =
		    max_u32(delay_ms, backoff_next_within(&reconnect->backoff,
					  longest(reconnect, now_ms), random));
	return max_u32(delay_ms, RECONNECT_LEAST_MS);
}
