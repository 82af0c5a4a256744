/*
 * penalties - what sources that fail to authenticate have to bear.
 *
 * Each failure makes the next answer later, up to PENALTIES_DELAY_MOST_MS, and
 * PENALTIES_FAILURES of them within a minute have the source refused for a
 * while: PENALTIES_REFUSED_MS, and twice as long each time that it happens
 * again, up to PENALTIES_REFUSED_MOST_MS. PENALTIES_FORGET_MS without a failure
 * wipe the slate clean.
 *
 * Many clients behind one address may have an old secret and try it once each
 * before they look for another. So the second time takes more failures,
 * PENALTIES_FAILURES_AGAIN: by then one of them has the new secret and proves it.
 *
 * A table of fixed size: where there is no room, the source goes whose last
 * failure is the longest ago. Pure: the clock comes from the caller.
 */
#ifndef REBORE_SERVER_PENALTIES_H
#define REBORE_SERVER_PENALTIES_H

#include <stdbool.h>
#include <stdint.h>

#define PENALTIES_FAILURES        10
#define PENALTIES_FAILURES_AGAIN  64
#define PENALTIES_WINDOW_MS       60000
#define PENALTIES_DELAY_MS        100
#define PENALTIES_DELAY_MOST_MS   2000
#define PENALTIES_REFUSED_MS      10000
#define PENALTIES_REFUSED_MOST_MS 300000
#define PENALTIES_FORGET_MS       600000

/* So many sources are remembered; one is looked for in PENALTIES_WAYS places. */
#define PENALTIES_SETS 128
#define PENALTIES_WAYS 8

/* Fields are private, but for seed; all zero is the start. */
struct penalties {
	/* Random, so that nobody can choose sources that push another out. */
	uint64_t seed;
	struct penalty {
		uint64_t source;
		int64_t last_ms; /* of the last failure; 0: the place is free */
		int64_t first_ms; /* of the failures that are counted */
		int64_t refused_until_ms;
		int64_t spared_until_ms;
		uint16_t failures;
		uint16_t refusals;
	} table[PENALTIES_SETS][PENALTIES_WAYS];
};

/*
 * Count a failure of source. While the source is refused, failures of its
 * connections that were there before count no more.
 *
 * now_ms: above 0.
 * refused_ms: set; for how long the source is to be refused from now on, 0 when
 * that has not changed.
 * Returns by how much the answer is to be late, in milliseconds.
 */
unsigned penalties_fail(struct penalties *penalties, uint64_t source,
    int64_t now_ms, unsigned *refused_ms);

/*
 * Take back that the source is to be refused, as penalties_fail() has just said,
 * and do not refuse it until until_ms. Its answers stay late.
 */
void penalties_spare(
    struct penalties *penalties, uint64_t source, int64_t until_ms);

/* Somebody at the source has authenticated: it is not refused now, and the next
 * time that it is counts as the first. */
void penalties_forgive(struct penalties *penalties, uint64_t source);

/* Whether the source is to be refused now. */
bool penalties_refuses(
    struct penalties *penalties, uint64_t source, int64_t now_ms);

#endif
