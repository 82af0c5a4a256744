/* scratch - see scratch.h */
#include "wire/scratch.h"

#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

/* The one in use by this thread; NULL: none. */
static _Thread_local struct scratch *current;

static void *
scratch_malloc(size_t size)
{
	const size_t step = _Alignof(max_align_t);
	struct scratch *scratch = current;
	void *start;

	if (scratch == NULL || size > SCRATCH_BYTES - scratch->used)
		return malloc(size);
	start = &scratch->bytes[scratch->used];
	/* SCRATCH_BYTES is a multiple of step, so this stays within. */
	scratch->used += (size + step - 1) / step * step;
	return start;
}

static void
scratch_free(void *start)
{
	const struct scratch *scratch = current;

	/* Memory of scratch is not freed piece by piece. */
	if (scratch == NULL || (uintptr_t)start < (uintptr_t)scratch->bytes ||
	    (uintptr_t)start >= (uintptr_t)scratch->bytes + SCRATCH_BYTES)
		free(start);
}

void
scratch_install(void)
{
	json_set_alloc_funcs(scratch_malloc, scratch_free);
}

void
scratch_begin(struct scratch *scratch)
{
	assert(current == NULL);
	scratch->used = 0;
	current = scratch;
}

void
scratch_end(void)
{
	current = NULL;
}
