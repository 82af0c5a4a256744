/*
 * resolve - looks a host name up without ever making its caller hang.
 *
 * getaddrinfo() can take 10 seconds and more, and cannot be ended. It runs in a
 * detached thread that nobody joins; whoever wants the answer waits with a
 * deadline. Callers share the look-up that is under way, but not one that began
 * before the network changed: it asks a name server that may be out of reach.
 *
 * Numeric hosts need no look-up, and neither does "localhost", which is always
 * 127.0.0.1 and ::1 (RFC 6761, 6.3).
 */
#ifndef REBORE_NET_RESOLVE_H
#define REBORE_NET_RESOLVE_H

#include <stdint.h>

#include "base/error.h"
#include "net/address.h"

/* More addresses of one name are ignored. */
#define RESOLVE_ADDRESSES_MOST 8

/* In the order in which they should be tried: families alternate (RFC 8305). */
struct resolve_list {
	struct address addresses[RESOLVE_ADDRESSES_MOST];
	unsigned count;
};

/* How many look-ups of one resolver may hang at the same time: with that many,
 * a change of the network does not start another. */
#define RESOLVE_HANGING_MOST 4

struct resolve;

/* What a caller waits for. Fields are private. */
struct resolve_ticket {
	uint64_t number; /* of a look-up; 0: none is needed */
};

/*
 * name: copied.
 * max_age_ms: an answer of this age or less is used again; 0: never.
 * Returns NULL when there is no memory.
 */
struct resolve *resolve_create(
    const struct address_name *name, int64_t max_age_ms);

/*
 * Find the addresses of the name.
 *
 * list: on success at least one address.
 * reason: on ERROR_NAME why, as a constant phrase.
 * Returns ERROR_NAME: the name server has no address; ERROR_TIMEOUT: no answer
 * by deadline_ms; ERROR_STOPPED: resolve_stop() was called; ERROR_RESOURCES:
 * there is no thread for it.
 * Threads: any.
 */
enum error resolve_lookup(struct resolve *resolve, int64_t deadline_ms,
    struct resolve_list *list, const char **reason);

/*
 * The same in two steps, for a caller that has something else to do meanwhile:
 * begin a look-up without waiting for it, then, any number of times, wait for
 * what was begun.
 *
 * resolve_finish() returns what resolve_lookup() does; resolve_begin() returns
 * ERROR_NONE or ERROR_RESOURCES.
 */
enum error resolve_begin(
    struct resolve *resolve, struct resolve_ticket *ticket);
enum error resolve_finish(struct resolve *resolve,
    struct resolve_ticket *ticket, int64_t deadline_ms,
    struct resolve_list *list, const char **reason);

/*
 * The network has changed: earlier answers are not used again, and a look-up
 * that is under way is given up. Whoever waits for it asks again, with the same
 * deadline. Threads: any.
 */
void resolve_network_changed(struct resolve *resolve);

/* End all waiting, now and later. Threads: any. */
void resolve_stop(struct resolve *resolve);

/*
 * Give the resolver up; nobody may wait any more. A look-up that hangs keeps
 * its memory until it ends. NULL is legal.
 */
void resolve_release(struct resolve *resolve);

#endif
