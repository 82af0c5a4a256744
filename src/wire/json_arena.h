/*
 * json_arena - memory on the stack for the JSON of one frame.
 *
 * A frame has 256 bytes at most (message.h), so that what jansson allocates for
 * a usual one fits in two kilobytes, which are gone when the frame has been
 * read. If it called malloc(), glibc would keep a cache for each thread for as
 * long as the thread waits on its idle connection.
 */
#ifndef REBORE_WIRE_JSON_ARENA_H
#define REBORE_WIRE_JSON_ARENA_H

#include <stddef.h>

#define JSON_ARENA_BYTES 2048

/* Fields are private. */
struct json_arena {
	size_t used;
	_Alignas(max_align_t) char bytes[JSON_ARENA_BYTES];
};

/* Have jansson allocate its memory here. Without this call json_arena_begin()
 * has no effect. Threads: before the first one starts. */
void json_arena_install(void);

/*
 * Between these two calls jansson's memory in this thread comes from arena,
 * or from malloc() when that is full. All of it must be given back
 * (json_decref()) before json_arena_end(). The calls cannot be nested.
 */
void json_arena_begin(struct json_arena *arena);
void json_arena_end(void);

#endif
