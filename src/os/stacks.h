/*
 * stacks - memory for the stacks of threads, many of them in one mapping.
 *
 * Each stack has a guard page below it, and gives all of its memory back when
 * its thread has ended. Many stacks in one mapping cost the kernel less than a
 * mapping each: where it has MADV_GUARD_INSTALL (Linux 6.13), it describes all
 * of them as one area.
 */
#ifndef REBORE_OS_STACKS_H
#define REBORE_OS_STACKS_H

#include "base/error.h"
#include "os/lock.h"

struct stacks_chunk;

/* THREAD_STACK_BYTES (thread.h) of memory, from lowest upwards. */
struct stacks_place {
	void *lowest;
	struct stacks_chunk *chunk; /* private */
};

/* Fields are private. */
struct stacks {
	struct lock lock;
	/* Under lock: the mappings that have room. */
	struct stacks_chunk *open;
};

void stacks_init(struct stacks *stacks);

/* All stacks must have been given back. */
void stacks_destroy(struct stacks *stacks);

/* Returns ERROR_RESOURCES with errno when there is no memory. Threads: any. */
enum error stacks_take(struct stacks *stacks, struct stacks_place *place);

/* The thread must have ended. Threads: any. */
void stacks_give(struct stacks *stacks, const struct stacks_place *place);

#endif
