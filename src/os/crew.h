/*
 * crew - threads that do one job each at a time, and are counted and reused.
 *
 * A thread that has done its job parks for CREW_IDLE_MS and takes the next one:
 * a job given to a parked thread costs less than half of one given to a new
 * thread. At most CREW_PARKED_MOST park.
 */
#ifndef REBORE_OS_CREW_H
#define REBORE_OS_CREW_H

#include <stdint.h>

#include "base/error.h"

#define CREW_PARKED_MOST 128
#define CREW_IDLE_MS     10000

struct crew;

/*
 * name: of its threads, 15 bytes at most, a constant.
 * Returns NULL when there is no memory.
 */
struct crew *crew_create(const char *name);

/*
 * Have run(argument) called in a thread of the crew.
 *
 * Returns ERROR_RESOURCES with errno when there is no thread for it, or
 * ERROR_STOPPED after crew_stop(); then run is not called and argument stays
 * the caller's.
 * Threads: any.
 */
enum error crew_do(struct crew *crew, void (*run)(void *), void *argument);

/* Give back the memory of threads that have ended. To be called now and then,
 * but not by a thread of the crew that goes on to wait for a long time. */
void crew_tidy(struct crew *crew);

/*
 * Take no more jobs, and wait until the running ones have ended.
 *
 * Returns ERROR_TIMEOUT when some have not by deadline_ms.
 */
enum error crew_stop(struct crew *crew, int64_t deadline_ms);

/* Only after crew_stop() has returned ERROR_NONE: jobs that still run need the
 * crew. NULL is legal. */
void crew_destroy(struct crew *crew);

#endif
