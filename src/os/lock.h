/*
 * lock - a mutex that knows whether the calling thread holds it, and a
 * condition to wait for under it.
 *
 * Locks are leaves: no function of another module that takes a lock is called
 * under one, except where a header says so, and no system call that can block.
 */
#ifndef REBORE_OS_LOCK_H
#define REBORE_OS_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Fields are private. */
struct lock {
	pthread_mutex_t mutex;
	/* The holder's mark, NULL when free; only ever compared with one's own. */
	_Atomic(const void *) holder;
};

struct lock_condition {
	pthread_cond_t condition;
};

#define LOCK_INITIALIZER                                                       \
	{                                                                      \
		.mutex = PTHREAD_MUTEX_INITIALIZER                             \
	}

void lock_init(struct lock *lock);
void lock_take(struct lock *lock);
void lock_give(struct lock *lock);
/* Abort unless the calling thread holds lock. */
void lock_assert_held(const struct lock *lock);
void lock_destroy(struct lock *lock);

void lock_condition_init(struct lock_condition *condition);
/* Wake all that wait for condition. */
void lock_condition_tell(struct lock_condition *condition);
/*
 * Give lock, wait, and take it again. May also return for no reason, so the
 * caller asks again for what it waits for.
 *
 * deadline_ms: time of clock.h, or CLOCK_NEVER.
 * Returns false when the deadline has passed.
 */
bool lock_condition_wait(
    struct lock_condition *condition, struct lock *lock, int64_t deadline_ms);
void lock_condition_destroy(struct lock_condition *condition);

#endif
