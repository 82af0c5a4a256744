/*
 * thread_pool - threads that do one job each at a time, and are counted and
 * reused.
 *
 * A thread that has done its job parks for THREAD_POOL_IDLE_MS and takes the
 * next one: a job given to a parked thread costs less than half of one given to
 * a new thread. At most THREAD_POOL_PARKED_MOST park.
 */
#ifndef REBORE_OS_THREAD_POOL_H
#define REBORE_OS_THREAD_POOL_H

#include <stdint.h>

#include "base/error.h"

#define THREAD_POOL_PARKED_MOST 128
#define THREAD_POOL_IDLE_MS     10000

struct thread_pool;

/*
 * name: of its threads, 15 bytes at most, a constant.
 * Returns NULL when there is no memory.
 */
struct thread_pool *thread_pool_create(const char *name);

/*
 * Have run(argument) called in a thread of the pool.
 *
 * Returns ERROR_RESOURCES with errno when there is no thread for it, or
 * ERROR_STOPPED after thread_pool_stop(); then run is not called and argument
 * stays the caller's.
 * Threads: any.
 */
enum error thread_pool_run(
    struct thread_pool *pool, void (*run)(void *), void *argument);

/* Give back the memory of threads that have ended. Call it now and then, but
 * not from a thread of the pool that goes on to wait for a long time. */
void thread_pool_tidy(struct thread_pool *pool);

/*
 * Take no more jobs, and wait until the running ones have ended.
 *
 * Returns ERROR_TIMEOUT when some have not by deadline_ms.
 */
enum error thread_pool_stop(struct thread_pool *pool, int64_t deadline_ms);

/* Only after thread_pool_stop() has returned ERROR_NONE: jobs that still run
 * need the pool. NULL is legal. */
void thread_pool_destroy(struct thread_pool *pool);

#endif
