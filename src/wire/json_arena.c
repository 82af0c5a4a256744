/* json_arena - see json_arena.h */
#include "wire/json_arena.h"

#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

/* The one in use by this thread; NULL: none. */
static _Thread_local struct json_arena *current;

static void *
json_arena_malloc(size_t size)
{
	const size_t step = _Alignof(max_align_t);
	struct json_arena *arena = current;
	void *start;

	if (arena == NULL || size > JSON_ARENA_BYTES - arena->used)
		return malloc(size);
	start = &arena->bytes[arena->used];
	/* JSON_ARENA_BYTES is a multiple of step, so this stays within. */
	arena->used += (size + step - 1) / step * step;
	return start;
}

static void
json_arena_free(void *start)
{
	const struct json_arena *arena = current;

	/* Memory of arena is not freed piece by piece. */
	if (arena == NULL || (uintptr_t)start < (uintptr_t)arena->bytes ||
	    (uintptr_t)start >= (uintptr_t)arena->bytes + JSON_ARENA_BYTES)
		free(start);
}

void
json_arena_install(void)
{
	json_set_alloc_funcs(json_arena_malloc, json_arena_free);
}

void
json_arena_begin(struct json_arena *arena)
{
	assert(current == NULL);
	arena->used = 0;
	current = arena;
}

void
json_arena_end(void)
{
	current = NULL;
}
