/*
 * object_cache - small objects of one size, which are reused.
 *
 * For objects that one thread makes and another gives back before it waits for
 * a long time. Once a thread has called malloc() or free(), glibc keeps a cache
 * of 656 bytes for it until it ends; a thread that only uses a cache has none.
 */
#ifndef REBORE_OS_OBJECT_CACHE_H
#define REBORE_OS_OBJECT_CACHE_H

#include <stddef.h>

#include "os/lock.h"

/* How many unused objects object_cache_tidy() leaves. */
#define OBJECT_CACHE_KEPT_MOST 64

/* Fields are private. */
struct object_cache {
	size_t size;
	struct lock lock;
	/* Under lock. */
	struct object_cache_object *first;
	unsigned count;
};

/* size: of each object, at least that of a pointer. */
void object_cache_init(struct object_cache *cache, size_t size);

/* Objects that have not been given back are leaked. */
void object_cache_destroy(struct object_cache *cache);

/* Returns an object that is not initialized, or NULL when there is no memory.
 * Threads: any. */
void *object_cache_take(struct object_cache *cache);

/* NULL is legal. Threads: any. */
void object_cache_give(struct object_cache *cache, void *object);

/* Free all unused objects except OBJECT_CACHE_KEPT_MOST. Call it now and then,
 * from a thread that calls free() anyway. */
void object_cache_tidy(struct object_cache *cache);

#endif
