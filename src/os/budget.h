/*
 * budget - how many descriptors the connections of this process may have
 * together: what the system allows, or less if there is not enough memory for
 * that many.
 *
 * There is one for the process, made by main(): all tunnels of a server or a
 * client take from it, and so do the pipes (relay/pipes.h).
 *
 * A visitor is charged in advance for its second connection: otherwise visitors
 * could take the descriptors that they need to be served.
 *
 * Threads: any, except for budget_init() and budget_limit(), which are called
 * before the first thread starts.
 */
#ifndef REBORE_OS_BUDGET_H
#define REBORE_OS_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A session of a server, or a spare: its socket. */
#define BUDGET_SESSION 1
/* A tunnel of a server, besides its session: its listener and its wake-up,
 * which takes two descriptors on a system without eventfd. */
#define BUDGET_TUNNEL 2
/* A visitor: its socket and that of its data connection; on a client those of
 * its data connection and of the local service. */
#define BUDGET_VISITOR 2
/* A pipe: its two ends. */
#define BUDGET_PIPE 2

/* Fields are private. */
struct budget {
	/* Read-only. */
	unsigned descriptors; /* for connections and pipes together */
	unsigned most;        /* for connections */
	bool is_limited;      /* by budget_limit() */
	/* Descriptors of connections and, in the upper half, those of pipes:
	 * one word, because they are compared with the limit together. */
	_Atomic uint64_t used;
	/* Data connections that visitors are charged for and that have not
	 * arrived yet. They are charged as sessions until they say Accept. */
	atomic_uint expected;
};

/* limit: descriptors of the process. Some are reserved for the log, the
 * listener, a client's control connections, and for turning away connections.
 * */
void budget_init(struct budget *budget, unsigned limit);

/* Limit the descriptors of connections to what this many visitors need. A lower
 * limit stays as it is. */
void budget_limit(struct budget *budget, unsigned visitors);

/* Whether budget_limit() sets the limit, and not the system. */
bool budget_is_limited(const struct budget *budget);

/* Returns why no more can be taken, as a constant text for people. */
const char *budget_reason(const struct budget *budget);

/* Returns the most that may be taken for connections. */
unsigned budget_most(const struct budget *budget);

/* Take count. Returns false, and takes nothing, if there are not enough. */
bool budget_take(struct budget *budget, unsigned count);

/* A visitor waits for its data connection, or no longer does. */
void budget_expect(struct budget *budget);
void budget_arrive(struct budget *budget);

/* Take count unconditionally. Returns false if that is too much, even counting
 * what is expected. */
bool budget_force(struct budget *budget, unsigned count);

/* Whether half of the descriptors are free, so that some may be spent on what
 * is not strictly needed. */
bool budget_is_ample(const struct budget *budget);

/* Returns how many descriptors are missing to take count; 0: none. */
unsigned budget_excess(const struct budget *budget, unsigned count);

void budget_give(struct budget *budget, unsigned count);

/* Take the descriptors of a pipe. They count against what the system allows,
 * not against the limit of visitors. Returns false, and takes nothing, if there
 * are none. */
bool budget_take_pipe(struct budget *budget);
void budget_give_pipe(struct budget *budget);

#endif
