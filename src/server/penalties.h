/*
 * penalties - delays and refusals for sources that fail to authenticate.
 *
 * Each failure makes the next answer later, up to PENALTIES_DELAY_MOST_MS.
 * After PENALTIES_FAILURES of them within a minute the source is refused for
 * PENALTIES_REFUSED_MS, and for twice as long each further time, up to
 * PENALTIES_REFUSED_MOST_MS. PENALTIES_FORGET_MS without a failure wipe the
 * slate clean.
 *
 * Many clients behind one address may have an old secret, and each tries it
 * once before it looks for another. So the second refusal takes more failures,
 * PENALTIES_FAILURES_AGAIN: by then one of the clients has authenticated with
 * the new secret.
 *
 * The table has a fixed size: when it is full, the source whose last failure is
 * longest ago is forgotten. Pure: the caller passes the time.
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

/* The number of sources remembered; each has PENALTIES_WAYS possible places. */
#define PENALTIES_SETS 128
#define PENALTIES_WAYS 8

/* Fields are private, except for seed; all zero is the initial state. */
struct penalties {
	/* Random, so that nobody can choose sources that evict a given one. */
	uint64_t seed;
	struct penalty {
		uint64_t source;
		int64_t last_ms; /* of the last failure; 0: the entry is free */
		int64_t first_ms; /* of the first failure counted */
		int64_t refused_until_ms;
		int64_t spared_until_ms;
		uint16_t failures;
		uint16_t refusals;
	} table[PENALTIES_SETS][PENALTIES_WAYS];
};

/*
 * Count a failure of source. While the source is refused, failures on its older
 * connections no longer count.
 *
 * now_ms: above 0.
 * refused_ms: set to how long the source is to be refused from now on; 0: no
 * change.
 * Returns the delay of the answer, in milliseconds.
 */
unsigned penalties_fail(struct penalties *penalties, uint64_t source,
    int64_t now_ms, unsigned *refused_ms);

/*
 * Revoke the refusal that penalties_fail() has just returned, and do not refuse
 * the source again before until_ms. Its answers remain delayed.
 */
void penalties_spare(
    struct penalties *penalties, uint64_t source, int64_t until_ms);

/* A client at the source has authenticated: the source is no longer refused,
 * and its next refusal counts as the first. */
void penalties_forgive(struct penalties *penalties, uint64_t source);

/* Whether the source is to be refused now. */
bool penalties_refuses(
    struct penalties *penalties, uint64_t source, int64_t now_ms);

#endif
