/*
 * lock - a mutex that knows whether the calling thread holds it, and a
 * condition to wait for under it.
 *
 * Locks are taken in the order of lock_rank.h. Nothing that can wait for a disk
 * or a peer is called under one: such functions open with lock_assert_none().
 */
#ifndef REBORE_OS_LOCK_H
#define REBORE_OS_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "os/lock_rank.h"

/* Fields are private. */
struct lock {
	enum lock_rank rank; /* read-only */
	pthread_mutex_t mutex;
	/* The holder's mark, NULL when free; only ever compared with one's
	 * own. */
	_Atomic(const void *) holder;
	/* The lock that the holder took before this one and still holds, or
	 * NULL. Written by the holder, in builds that check the order. */
	struct lock *outer;
};

struct lock_condition {
	pthread_cond_t condition;
};

#define LOCK_INITIALIZER(rank_)                                                \
	{                                                                      \
		.rank = (rank_), .mutex = PTHREAD_MUTEX_INITIALIZER            \
	}

void lock_init(struct lock *lock, enum lock_rank rank);
/* In builds that check it, aborts if the calling thread holds a lock of this
 * rank or a lower one. */
void lock_take(struct lock *lock);
/* Locks are released in reverse order. */
void lock_give(struct lock *lock);
/* Abort unless the calling thread holds lock. */
void lock_assert_held(const struct lock *lock);
/* Abort, in builds that check the order, if the calling thread holds any lock:
 * what follows may wait for a disk or a peer. */
void lock_assert_none(void);
void lock_destroy(struct lock *lock);

void lock_condition_init(struct lock_condition *condition);
/* Wake all threads that wait for condition. */
void lock_condition_tell(struct lock_condition *condition);
/*
 * Release lock, the only one that the caller holds, wait, and take it again.
 * May return early, so the caller checks again what it waits for.
 *
 * deadline_ms: time of clock.h, or CLOCK_NEVER.
 * Returns false when the deadline has passed.
 */
bool lock_condition_wait(
    struct lock_condition *condition, struct lock *lock, int64_t deadline_ms);
void lock_condition_destroy(struct lock_condition *condition);

#endif
