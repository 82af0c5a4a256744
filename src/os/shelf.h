/*
 * shelf - memory for small objects of one size, kept for the next one.
 *
 * For what one thread makes and another, which may then wait for hours, is done
 * with: a thread that has called malloc() or free() once has a cache of glibc's
 * for the rest of its life, 656 bytes, and one that takes and gives has none.
 */
#ifndef REBORE_OS_SHELF_H
#define REBORE_OS_SHELF_H

#include <stddef.h>

#include "os/lock.h"

/* shelf_tidy() leaves so many. */
#define SHELF_KEPT_MOST 64

/* Fields are private. */
struct shelf {
	size_t size;
	struct lock lock;
	/* Under lock. */
	struct shelf_object *first;
	unsigned count;
};

/* size: of each object, a pointer's at least. */
void shelf_init(struct shelf *shelf, size_t size);

/* All objects must have been given back, or are lost. */
void shelf_destroy(struct shelf *shelf);

/* Returns size bytes that are not initialized, or NULL when there is no memory.
 * Threads: any. */
void *shelf_take(struct shelf *shelf);

/* NULL is legal. Threads: any. */
void shelf_give(struct shelf *shelf, void *object);

/* Give back what more than a few have left. To be called now and then, by a
 * thread that calls free() anyway. */
void shelf_tidy(struct shelf *shelf);

#endif
