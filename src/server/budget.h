/*
 * budget - how many descriptors the server's connections may have together.
 *
 * A visitor is charged for its data connection, too, before that arrives:
 * otherwise visitors could take the descriptors that they need to be served.
 */
#ifndef REBORE_SERVER_BUDGET_H
#define REBORE_SERVER_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>

/* A session: its socket. */
#define BUDGET_SESSION 1
/* A tunnel, besides its session: its listener and its wake-up, which are two
 * where the system has no eventfd. */
#define BUDGET_TUNNEL 2
/* A visitor: its socket and that of its data connection. */
#define BUDGET_VISITOR 2

/* Fields are private. */
struct budget {
	/* Read-only. */
	unsigned most;
	atomic_uint used;
};

/* limit: descriptors of the process, of which some are kept back for the log,
 * the listener, and to turn away what is too much. */
void budget_init(struct budget *budget, unsigned limit);

/* Returns the most that may be taken. */
unsigned budget_most(const struct budget *budget);

/* Take count. Returns false, and nothing is taken, when that is too much. */
bool budget_take(struct budget *budget, unsigned count);

/* Take count even when it is too much. Returns whether it was not. */
bool budget_force(struct budget *budget, unsigned count);

/* Whether half of all is free: then some may be spent on what is not needed. */
bool budget_is_ample(const struct budget *budget);

void budget_give(struct budget *budget, unsigned count);

#endif
