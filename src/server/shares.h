/*
 * shares - who has how many of the server's descriptors, and who gives way when
 * they are short.
 *
 * Each visitor has a seat in the share of its tunnel. A lease whose client is
 * away and for which no visitor waits has a seat as well. Within a share, seats
 * are grouped by source (net/source.h). No operation takes longer when there
 * are more seats.
 *
 * room.h carries out the decisions under the lock of the shares, so that
 * whoever is chosen cannot leave meanwhile. That lock is taken before those of
 * pending, a roster and an object cache.
 */
#ifndef REBORE_SERVER_SHARES_H
#define REBORE_SERVER_SHARES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash_table.h"
#include "net/roster.h"
#include "os/lock.h"
#include "os/object_cache.h"
#include "server/tally.h"

/* A power of two. */
#define SHARES_BUCKETS 4096

struct share;
struct share_source;

/* A visitor or lease that may have to give way; embedded in it. All zero: not
 * seated. Fields are private. */
struct share_seat {
	/* Under the lock of the shares. */
	struct share_source *source; /* NULL: not seated, or sent away */
	struct share_seat *newer, *older;
	struct roster_entry *entry; /* NULL: no thread serves it */
	unsigned owes;              /* descriptors it will release */
	bool is_lease;
	/* Threads: any. */
	atomic_bool sent_away;
};

/* Fields are private. */
struct shares {
	/* Read-only. */
	unsigned most;

	struct lock lock;
	struct lock_condition eased; /* fewer descriptors are owed */
	/* Under lock. */
	struct tally tunnels; /* the shares of tunnels */
	struct share *leases[2];
	struct hash_table by_source; /* of all shares */
	struct hash_entry *buckets[SHARES_BUCKETS];
	struct object_cache sources;
	unsigned open;         /* number of tunnels */
	unsigned leases_going; /* tunnels that were sent away */
	/* Descriptors not yet released by those sent away. */
	unsigned owed;
};

/* The facts of a decision. */
struct shares_facts {
	/* Visitors of the newcomer's tunnel, and those among them of its
	 * source. */
	unsigned own;
	unsigned own_source;
	/* Visitors of the tunnel with the most. */
	unsigned most;
	/* Visitors of the source with the most in the newcomer's tunnel. */
	unsigned most_source;
	/* A tunnel with no more visitors than this gives up none to others. */
	unsigned floor;
};

enum shares_choice {
	/* Nobody has more than the newcomer would have: the newcomer gives
	 * way. */
	SHARES_NEWCOMER,
	/* The newest visitor of the tunnel with the most, from the source with
	 * the most there. */
	SHARES_OF_MOST,
	/* The newest visitor of the newcomer's tunnel, from the source with the
	 * most there. */
	SHARES_OF_OWN,
};

/* Decide who gives way to a visitor when descriptors are short. Pure. */
enum shares_choice shares_choose(const struct shares_facts *facts);

/* Returns how many visitors a tunnel always keeps: an eighth of an equal share
 * of `most` descriptors among this many tunnels, but at least one. Pure. */
unsigned shares_floor(unsigned most, unsigned tunnels);

/* Returns how many tunnels there may be: an eighth of the descriptors is
 * reserved for visitors. Pure. */
unsigned shares_tunnels_most(unsigned most);

/*
 * most: descriptors, as in budget_most(). seed: random (hash_table.h).
 * Returns false when out of memory; nothing has to be destroyed then.
 */
bool shares_init(struct shares *shares, unsigned most, uint64_t seed);
/* All seats must have left. */
void shares_destroy(struct shares *shares);

/* Begin the share of a tunnel. Returns NULL when out of memory. */
struct share *shares_open(struct shares *shares, uint16_t port);

/* The tunnel is over. Its visitors may stay; the share is freed with the
 * last. */
void shares_close(struct shares *shares, struct share *share);

/*
 * Seat a visitor in the share of its tunnel.
 *
 * Returns false when out of memory.
 * Threads, for this and all that follow: any.
 */
bool shares_enter(struct shares *shares, struct share *share,
    struct share_seat *seat, uint64_t source);

/* Seat a lease. useful: its tunnel has had visitors, so it gives way after
 * those that have had none. */
bool shares_enter_lease(struct shares *shares, struct share_seat *seat,
    uint64_t source, bool useful);

/* Leave, once the descriptors are free. Legal on a seat that is not taken. */
void shares_leave(struct shares *shares, struct share_seat *seat);

/*
 * Bind: a thread serves the visitor from now on, with this entry in roster.
 * Unbind it before the entry leaves the roster. A visitor that has to give way
 * is interrupted.
 */
void shares_bind(struct shares *shares, struct share_seat *seat,
    struct roster *roster, struct roster_entry *entry);
void shares_unbind(struct shares *shares, struct share_seat *seat);

/* Whether it has to give way. */
bool shares_is_sent_away(const struct share_seat *seat);

/* What follows is for room.h, under shares->lock. */

/* Whether the number of tunnels is at its limit. */
bool shares_has_too_many_tunnels(const struct shares *shares);

/* Returns the lease that gives way first, or NULL. */
struct share_seat *shares_find_lease(struct shares *shares);

/*
 * Returns who gives way to a visitor from source in share, or NULL. share: NULL
 * when it is a new tunnel that needs room.
 */
struct share_seat *shares_find_visitor(
    struct shares *shares, const struct share *share, uint64_t source);

/* Send seat away: the caller has notified its owner, or shares_bind() will.
 * owes: the descriptors that will be free once it has left. */
void shares_send_away(
    struct shares *shares, struct share_seat *seat, unsigned owes);

/* The port of the share that seat is in, 0 for leases; its source. */
uint16_t shares_port_of(const struct share_seat *seat);
uint64_t shares_source_of(const struct share_seat *seat);

#endif
