/*
 * spares - data connections that a client has opened ahead of need.
 *
 * They belong to one tunnel, and to one control session of its client: they are
 * closed when that ends. Nobody waits on them: they cost a descriptor each.
 */
#ifndef REBORE_SERVER_SPARES_H
#define REBORE_SERVER_SPARES_H

#include <stdbool.h>

#include "os/lock.h"
#include "server/budget.h"

/* Of one tunnel. */
#define SPARES_MOST 64

/* Fields are private. */
struct spares {
	/* Read-only. */
	struct budget *budget;
	unsigned most;

	struct lock lock;
	/* Under lock. */
	bool open;
	unsigned count;
	int fds[SPARES_MOST];
};

/* budget: what a spare that is closed gives its place back to. most: how many
 * are kept, SPARES_MOST at most. */
void spares_init(struct spares *spares, struct budget *budget, unsigned most);
void spares_destroy(struct spares *spares);

/* Begin to take spares, or close all and take no more. */
void spares_open(struct spares *spares);
void spares_close(struct spares *spares);

/*
 * Keep a data connection, with the place in the budget that it has. Threads:
 * any.
 *
 * Returns false when none is wanted; fd stays the caller's then.
 */
bool spares_add(struct spares *spares, int fd);

/* Close those whose client has closed them. */
void spares_sweep(struct spares *spares);

/* Close all, and go on taking new ones. Threads: any. */
void spares_shed(struct spares *spares);

/* Returns the newest that is still connected, the caller's now, with its place
 * in the budget; -1: there is none. Threads: any. */
int spares_take(struct spares *spares);

#endif
