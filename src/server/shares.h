/*
 * shares - who has how many of the server's descriptors, and who gives way when
 * they are short.
 *
 * Visitors have a seat each, in the share of their tunnel; leases whose client is
 * away and for which nobody waits have one, too. Within a share they are known by
 * their source (net/source.h). Nothing here depends on how many there are.
 *
 * What is decided here is done by room.h, under the lock of the shares, so that
 * nobody who is chosen can leave meanwhile. That lock comes before those of
 * pending, of a roster and of an object cache.
 */
#ifndef REBORE_SERVER_SHARES_H
#define REBORE_SERVER_SHARES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/roster.h"
#include "os/lock.h"
#include "os/object_cache.h"
#include "server/tally.h"

/* A power of two. */
#define SHARES_BUCKETS 4096

struct share;
struct share_source;

/* One that may have to give way. Part of a visitor or a tunnel; all zero is one
 * that is not seated. Fields are private. */
struct share_seat {
	/* Under the lock of the shares. */
	struct share_source *source; /* NULL: not seated, or sent away */
	struct share_seat *newer, *older;
	struct roster_entry *entry; /* NULL: no thread serves it */
	unsigned owes;              /* descriptors that will be free */
	bool is_lease;
	/* Threads: any. */
	atomic_bool sent_away;
};

/* Fields are private. */
struct shares {
	/* Read-only. */
	unsigned most;

	struct lock lock;
	struct lock_condition eased; /* less is owed */
	/* Under lock. */
	struct tally tunnels; /* of shares */
	struct share *leases[2];
	struct share_source *buckets[SHARES_BUCKETS];
	struct object_cache sources;
	unsigned open;         /* tunnels */
	unsigned leases_going; /* tunnels that are sent away */
	unsigned owed;         /* descriptors of those sent away */
};

/* What a decision depends on. */
struct shares_facts {
	/* Visitors of the newcomer's tunnel, and those of its source there. */
	unsigned own;
	unsigned own_source;
	/* Visitors of the tunnel that has most. */
	unsigned most;
	/* Visitors of the source that has most in the newcomer's tunnel. */
	unsigned most_source;
	/* A tunnel that has no more than these gives none to others. */
	unsigned floor;
};

enum shares_choice {
	/* Nobody has more than the newcomer would have: it goes itself. */
	SHARES_NEWCOMER,
	/* The newest visitor of the tunnel, and there of the source, that has
	 * most. */
	SHARES_OF_MOST,
	/* The newest visitor of the newcomer's tunnel from the source that has
	 * most there. */
	SHARES_OF_OWN,
};

/* Decide who gives way to a visitor when descriptors are short. Pure. */
enum shares_choice shares_choose(const struct shares_facts *facts);

/* Returns how many visitors a tunnel keeps in any case: an eighth of what would
 * be its part of `most` descriptors among so many tunnels, but one at the least.
 * Pure. */
unsigned shares_floor(unsigned most, unsigned tunnels);

/* Returns how many tunnels there may be: an eighth of the descriptors is never
 * theirs. Pure. */
unsigned shares_tunnels_most(unsigned most);

/*
 * most: descriptors, as in budget_most().
 * Returns false when there is no memory; then nothing is to be destroyed.
 */
bool shares_init(struct shares *shares, unsigned most);
/* All must have left. */
void shares_destroy(struct shares *shares);

/* Begin the share of a tunnel. Returns NULL when there is no memory. */
struct share *shares_open(struct shares *shares, uint16_t port);

/* The tunnel is over. Its visitors may stay; the share goes with the last. */
void shares_close(struct shares *shares, struct share *share);

/*
 * Seat a visitor in the share of its tunnel.
 *
 * Returns false when there is no memory.
 * Threads, of this and all that follow: any.
 */
bool shares_enter(struct shares *shares, struct share *share,
    struct share_seat *seat, uint64_t source);

/* Seat a lease. useful: its tunnel has had visitors, so that it goes after those
 * that have had none. */
bool shares_enter_lease(struct shares *shares, struct share_seat *seat,
    uint64_t source, bool useful);

/* Leave, when the descriptors are free. Legal on one that is not seated. */
void shares_leave(struct shares *shares, struct share_seat *seat);

/*
 * A thread serves the visitor from now on, with this entry in roster; or it does
 * not any more, before the entry leaves the roster. One that is to give way is
 * interrupted.
 */
void shares_bind(struct shares *shares, struct share_seat *seat,
    struct roster *roster, struct roster_entry *entry);
void shares_unbind(struct shares *shares, struct share_seat *seat);

/* Whether it is to give way. */
bool shares_is_sent_away(const struct share_seat *seat);

/* What follows is for room.h, under shares->lock. */

/* Whether one more tunnel is too much. */
bool shares_has_too_many_tunnels(const struct shares *shares);

/* Returns the lease that is the first to go, or NULL. */
struct share_seat *shares_find_lease(struct shares *shares);

/*
 * Returns who gives way to a visitor from source in share, or NULL. share: NULL:
 * to a new tunnel.
 */
struct share_seat *shares_find_visitor(
    struct shares *shares, const struct share *share, uint64_t source);

/* Send seat away: its owner has been told, or will be by shares_bind(). owes:
 * what will be free when it has left. */
void shares_send_away(
    struct shares *shares, struct share_seat *seat, unsigned owes);

/* Where seat is: the port of its share, 0 for leases; its source. */
uint16_t shares_port_of(const struct share_seat *seat);
uint64_t shares_source_of(const struct share_seat *seat);

#endif
