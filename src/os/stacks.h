/*
 * stacks - memory for the stacks of threads, many of them in one mapping.
 *
 * Each has a guard page below it, and gives all of its memory back when it is not
 * used. In one mapping they cost the kernel less than one by one: where it has
 * MADV_GUARD_INSTALL (Linux 6.13) no description of an area for each.
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

/* All must have been given back. */
void stacks_destroy(struct stacks *stacks);

/* Returns ERROR_RESOURCES with errno when there is no memory. Threads: any. */
enum error stacks_take(struct stacks *stacks, struct stacks_place *place);

/* Nothing may run on it any more. Its content is lost. Threads: any. */
void stacks_give(struct stacks *stacks, const struct stacks_place *place);

#endif
