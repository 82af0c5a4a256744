/*
 * crowd - connections that have not proved anything yet, by source, so that no
 * source can crowd out the others.
 *
 * Their number is limited. A connection beyond that interrupts the oldest one
 * of the source that has the most; of several such sources, the one that
 * reached that number first. A source that is settled (it has a tunnel) has a
 * share that does not count, so that it goes last as long as it stays within
 * its share.
 *
 * As with a roster (roster.h), the owner of a connection enters it, uses it
 * alone, and leaves before it closes the connection. Others may only interrupt.
 */
#ifndef REBORE_NET_CROWD_H
#define REBORE_NET_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash_table.h"
#include "os/lock.h"

/* A power of two. */
#define CROWD_BUCKETS 4096

/* A settled source's share of the whole: a part of CROWD_SHARE, but not less
 * than CROWD_SHARE_LEAST connections. */
#define CROWD_SHARE       16
#define CROWD_SHARE_LEAST 4

/* The system needs a moment to end threads. */
#define CROWD_SHRINK_MS 100

/* How many connections of one source may linger. */
#define CROWD_LINGER_MOST 64

struct crowd_group;

/* Fields are private. */
struct crowd_entry {
	/* Under the crowd's lock. */
	int fd;
	struct crowd_group *group; /* NULL: it was interrupted */
	bool lingers;
	struct crowd_entry *newer, *older;
	atomic_bool interrupted;
};

/* Fields are private. */
struct crowd {
	struct lock lock;
	/* Read-only. */
	unsigned most;
	unsigned share;
	/* Under lock. */
	struct hash_table groups; /* by source */
	struct hash_entry *buckets[CROWD_BUCKETS];
	/* By the number of connections that count: most + 1 lists of sources,
	 * in the order in which they reached that number. */
	struct crowd_rank {
		struct crowd_group *first, *last;
	} * ranks;
	unsigned highest; /* no rank above it has a source */
	unsigned count;   /* connections, without the interrupted ones */
	unsigned limit; /* of them now: most, or less while threads are short */
	int64_t shrunk_ms;
	bool closed;
};

/*
 * most: connections, 1 or more.
 * seed: random, so that nobody can choose sources that are slow to find.
 * Returns ERROR_MEMORY if there is none; then nothing has to be destroyed.
 */
enum error crowd_init(struct crowd *crowd, unsigned most, uint64_t seed);

/* All connections must have left. Legal on a crowd that is all zero. */
void crowd_destroy(struct crowd *crowd);

/*
 * Enter a connection, which remains the caller's.
 *
 * entry: used by the crowd until crowd_leave(); initialized by this.
 * made_room: set to whether another connection was interrupted for it.
 * Returns ERROR_STOPPED after crowd_interrupt_all(), or ERROR_MEMORY; then the
 * connection is not entered.
 * Threads, of this and all that follow: any.
 */
enum error crowd_enter(struct crowd *crowd, struct crowd_entry *entry, int fd,
    uint64_t source, bool *made_room);

/* Remove the connection, before its descriptor is closed. */
void crowd_leave(struct crowd *crowd, struct crowd_entry *entry);

/* Ask for permission to delay the answer to the peer. Returns false if
 * CROWD_LINGER_MOST connections of its source linger already, or if it is
 * interrupted. */
bool crowd_linger(struct crowd *crowd, struct crowd_entry *entry);

/* Returns whether the owner is asked to end. */
bool crowd_interrupted(const struct crowd_entry *entry);

/* Interrupt the connection that would make room. Returns false if there is
 * none. */
bool crowd_interrupt_one(struct crowd *crowd);

/*
 * There is no thread for another connection: interrupt an eighth of the
 * connections, and admit no more than are left until crowd_grow(). At most once
 * in CROWD_SHRINK_MS; before that, interrupt one.
 */
void crowd_shrink(struct crowd *crowd, int64_t now_ms);

/* Admit a few more again. Call it once a second. */
void crowd_grow(struct crowd *crowd);

/* Interrupt all connections of one source except those that linger. */
void crowd_interrupt_source(struct crowd *crowd, uint64_t source);

/* Interrupt all, and let nobody enter any more. */
void crowd_interrupt_all(struct crowd *crowd);

/*
 * A source has one more tunnel, or one less.
 *
 * crowd_settle() returns false when there is no memory: then the tunnel is not
 * counted, and crowd_unsettle() must not be called for it.
 */
bool crowd_settle(struct crowd *crowd, uint64_t source);
void crowd_unsettle(struct crowd *crowd, uint64_t source);

/* Whether the source has a tunnel. */
bool crowd_is_settled(struct crowd *crowd, uint64_t source);

#endif
