/*
 * shelf - small objects of one size, which are reused.
 *
 * For objects that one thread makes and another gives back before it waits for
 * a long time. Once a thread has called malloc() or free(), glibc keeps a cache
 * of 656 bytes for it until it ends; a thread that only uses a shelf has none.
 */
#ifndef REBORE_OS_SHELF_H
#define REBORE_OS_SHELF_H

#include <stddef.h>

#include "os/lock.h"

/* shelf_tidy() keeps so many objects. */
#define SHELF_KEPT_MOST 64

/* Fields are private. */
struct shelf {
	size_t size;
	struct lock lock;
	/* Under lock. */
	struct shelf_object *first;
	unsigned count;
};

/* size: of each object, at least that of a pointer. */
void shelf_init(struct shelf *shelf, size_t size);

/* Objects that have not been given back are leaked. */
void shelf_destroy(struct shelf *shelf);

/* Returns an object that is not initialized, or NULL when there is no memory.
 * Threads: any. */
void *shelf_take(struct shelf *shelf);

/* NULL is legal. Threads: any. */
void shelf_give(struct shelf *shelf, void *object);

/* Free all unused objects but SHELF_KEPT_MOST. To be called now and then, by a
 * thread that calls free() anyway. */
void shelf_tidy(struct shelf *shelf);

#endif
