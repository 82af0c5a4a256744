/* lock - see lock.h */
#include "os/lock.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

/* Its address is a mark that no other living thread has. */
static _Thread_local char mark;
/* The lock that the calling thread took last and still holds, or NULL. */
static _Thread_local struct lock *innermost;

/* A failing lock is a mistake of ours, and going on would spoil data. */
static void
must(int result)
{
	if (result != 0)
		abort();
}

void
lock_init(struct lock *lock, enum lock_rank rank)
{
	lock->rank = rank;
	must(pthread_mutex_init(&lock->mutex, NULL));
	atomic_init(&lock->holder, NULL);
	lock->outer = NULL;
}

/* Abort when the calling thread may not take a lock of this rank: before it
 * waits for it, as that may be for ever. */
static void
check_rank(enum lock_rank rank)
{
	if (innermost == NULL || innermost->rank > rank)
		return;
	fprintf(stderr,
	    "rebore: a lock of rank %d is taken under one of rank %d\n",
	    (int)rank, (int)innermost->rank);
	abort();
}

void
lock_take(struct lock *lock)
{
	if (REBORE_LOCK_RANKS)
		check_rank(lock->rank);
	must(pthread_mutex_lock(&lock->mutex));
	atomic_store_explicit(&lock->holder, &mark, memory_order_relaxed);
	if (REBORE_LOCK_RANKS) {
		lock->outer = innermost;
		innermost = lock;
	}
}

void
lock_give(struct lock *lock)
{
	lock_assert_held(lock);
	if (REBORE_LOCK_RANKS) {
		assert(innermost == lock);
		innermost = lock->outer;
	}
	atomic_store_explicit(&lock->holder, NULL, memory_order_relaxed);
	must(pthread_mutex_unlock(&lock->mutex));
}

void
lock_assert_held(const struct lock *lock)
{
	assert(
	    atomic_load_explicit(&lock->holder, memory_order_relaxed) == &mark);
	(void)lock; /* unused where assert() is compiled out */
}

void
lock_assert_none(void)
{
	if (!REBORE_LOCK_RANKS || innermost == NULL)
		return;
	fprintf(stderr,
	    "rebore: a wait for a disk or a peer under a lock of rank %d\n",
	    (int)innermost->rank);
	abort();
}

void
lock_destroy(struct lock *lock)
{
	must(pthread_mutex_destroy(&lock->mutex));
}

void
lock_condition_init(struct lock_condition *condition)
{
	pthread_condattr_t attributes;

	must(pthread_condattr_init(&attributes));
	must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
	must(pthread_cond_init(&condition->condition, &attributes));
	must(pthread_condattr_destroy(&attributes));
}

void
lock_condition_tell(struct lock_condition *condition)
{
	must(pthread_cond_broadcast(&condition->condition));
}

/* Conditions refuse a clock that counts suspension: translate. */
static struct timespec
monotonic_end(int64_t deadline_ms)
{
	struct timespec end;
	int left_ms = clock_left_ms(deadline_ms);

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += left_ms / 1000;
	end.tv_nsec += (long)(left_ms % 1000) * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	return end;
}

bool
lock_condition_wait(
    struct lock_condition *condition, struct lock *lock, int64_t deadline_ms)
{
	int result;

	lock_assert_held(lock);
	if (REBORE_LOCK_RANKS)
		assert(innermost == lock && lock->outer == NULL);
	if (deadline_ms == CLOCK_NEVER) {
		result = pthread_cond_wait(&condition->condition, &lock->mutex);
	} else {
		struct timespec end = monotonic_end(deadline_ms);

		result = pthread_cond_timedwait(
		    &condition->condition, &lock->mutex, &end);
	}
	atomic_store_explicit(&lock->holder, &mark, memory_order_relaxed);
	if (REBORE_LOCK_RANKS)
		lock->outer = NULL; /* others have held it meanwhile */
	if (result != ETIMEDOUT)
		must(result);
	return result != ETIMEDOUT;
}

void
lock_condition_destroy(struct lock_condition *condition)
{
	must(pthread_cond_destroy(&condition->condition));
}
