/*
 * scratch - memory for the JSON of one frame, on the stack.
 *
 * A frame has 256 bytes at most (message.h), so what jansson makes of a usual one
 * fits in two kilobytes, and is gone when the frame is read. From malloc() it would
 * leave some behind in each thread's cache, for as long as the thread waits.
 */
#ifndef REBORE_WIRE_SCRATCH_H
#define REBORE_WIRE_SCRATCH_H

#include <stddef.h>

#define SCRATCH_BYTES 2048

/* Fields are private. */
struct scratch {
	size_t used;
	_Alignas(max_align_t) char bytes[SCRATCH_BYTES];
};

/* Have jansson ask here for its memory. Before the first thread starts; without
 * it scratch_begin() has no effect. */
void scratch_install(void);

/*
 * From here on what jansson wants in this thread comes from scratch, and from
 * malloc() when it is full. All of it must be given back (json_decref()) before
 * scratch_end(). Not one within another.
 */
void scratch_begin(struct scratch *scratch);
void scratch_end(void);

#endif
