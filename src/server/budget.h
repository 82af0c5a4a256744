/*
 * budget - how many descriptors the server's connections may have together: what
 * the system allows, or less, where memory would not be enough for so many.
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
	bool is_limited; /* by budget_limit() */
	atomic_uint used;
	/* Data connections that visitors are charged for, and that have not
	 * arrived yet: they are charged as sessions until they say Accept. */
	atomic_uint expected;
};

/* limit: descriptors of the process, of which some are kept back for the log,
 * the listener, and to turn away what is too much. */
void budget_init(struct budget *budget, unsigned limit);

/* Have no more descriptors taken than so many visitors need. Before any is taken;
 * a limit that is lower already stays. */
void budget_limit(struct budget *budget, unsigned visitors);

/* Returns why no more can be taken, for people, a constant. */
const char *budget_reason(const struct budget *budget);

/* Returns the most that may be taken. */
unsigned budget_most(const struct budget *budget);

/* Take count. Returns false, and nothing is taken, when that is too much. */
bool budget_take(struct budget *budget, unsigned count);

/* A visitor waits for its data connection, or does not any more. */
void budget_expect(struct budget *budget);
void budget_arrive(struct budget *budget);

/* Take count even when it is too much, beyond what is expected. Returns whether
 * it was not. */
bool budget_force(struct budget *budget, unsigned count);

/* Whether half of all is free: then some may be spent on what is not needed. */
bool budget_is_ample(const struct budget *budget);

/* Returns how much too much it would be to take count, 0 when it is not. */
unsigned budget_excess(const struct budget *budget, unsigned count);

void budget_give(struct budget *budget, unsigned count);

#endif
