/*
 * resolve - looks a host name up without ever making its caller hang.
 *
 * getaddrinfo() can take 10 seconds and more, and cannot be ended. It runs in a
 * detached thread that nobody joins; whoever wants the answer waits with a
 * deadline. At most one look-up of a resolver is under way; more callers share
 * its answer.
 *
 * Numeric hosts need no look-up, and neither does "localhost", which is always
 * 127.0.0.1 and ::1 (RFC 6761, 6.3).
 */
#ifndef REBORE_NET_RESOLVE_H
#define REBORE_NET_RESOLVE_H

#include "base/error.h"
#include "net/address.h"

/* More addresses of one name are ignored. */
#define RESOLVE_ADDRESSES_MOST 8

/* In the order in which they should be tried: families alternate (RFC 8305). */
struct resolve_list {
	struct address addresses[RESOLVE_ADDRESSES_MOST];
	unsigned count;
};

struct resolve;

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
 * list: at least one address on success.
 * reason: on ERROR_NAME why, as a constant phrase.
 * Returns ERROR_NAME: the name server says no; ERROR_TIMEOUT: no answer by
 * deadline_ms; ERROR_STOPPED: resolve_stop() was called; ERROR_RESOURCES: no
 * thread for it.
 * Threads: any.
 */
enum error resolve_lookup(struct resolve *resolve, int64_t deadline_ms,
    struct resolve_list *list, const char **reason);

/* End all waiting, now and later. Threads: any. */
void resolve_stop(struct resolve *resolve);

/*
 * Give the resolver up; nobody may wait any more. A look-up that hangs keeps
 * its memory until it ends. NULL is legal.
 */
void resolve_release(struct resolve *resolve);

#endif
