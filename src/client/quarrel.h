/*
 * quarrel - detects that two clients repeatedly take a port from each other.
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

/* Fields are private. All zero is the initial state. */
struct quarrel {
	/* When we were displaced, the latest first; 0: never. */
	int64_t displaced_ms[QUARREL_TIMES - 1];
};

/*
 * Record that we were displaced at now_ms, which is above 0.
 *
 * Returns whether that makes it a quarrel; then the count starts over.
 */
bool quarrel_displaced(struct quarrel *quarrel, int64_t now_ms);

#endif
