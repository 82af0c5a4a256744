/*
 * quarrel - notices that two clients take a port from each other again and
 * again.
 *
 * Pure: the caller passes the time.
 */
#ifndef REBORE_CLIENT_QUARREL_H
#define REBORE_CLIENT_QUARREL_H

#include <stdbool.h>
#include <stdint.h>

/* This many displacements within this time are a quarrel. */
#define QUARREL_TIMES 3
#define QUARREL_MS    600000

/* Fields are private. All zero is none. */
struct quarrel {
	/* When we were displaced before, the latest first; 0: never. */
	int64_t displaced_ms[QUARREL_TIMES - 1];
};

/*
 * Note that we were displaced, now_ms, above 0.
 *
 * Returns whether that makes it a quarrel; then the count starts over.
 */
bool quarrel_displaced(struct quarrel *quarrel, int64_t now_ms);

#endif
