/* frame - see frame.h */
#include "wire/frame.h"

#include <assert.h>
#include <string.h>

void
frame_init(struct frame_buffer *buffer)
{
	buffer->start = 0;
	buffer->end = 0;
}

char *
frame_space(struct frame_buffer *buffer, size_t *room)
{
	memmove(buffer->bytes, buffer->bytes + buffer->start,
	    buffer->end - buffer->start);
	buffer->end -= buffer->start;
	buffer->start = 0;
	*room = sizeof buffer->bytes - buffer->end;
	return buffer->bytes + buffer->end;
}

void
frame_put(struct frame_buffer *buffer, size_t size)
{
	assert(size <= sizeof buffer->bytes - buffer->end);

	buffer->end += size;
}

enum error
frame_next(struct frame_buffer *buffer, const char **json, size_t *size)
{
	const char *start = buffer->bytes + buffer->start;
	size_t used = buffer->end - buffer->start;
	const char *nul = memchr(start, '\0', used);
	size_t length = nul ? (size_t)(nul - start) : used;

	if (length > MESSAGE_JSON_MOST)
		return ERROR_PROTOCOL;
	if (nul == NULL)
		return ERROR_AGAIN;
	*json = start;
	*size = length;
	buffer->start += length + 1;
	return ERROR_NONE;
}

const char *
frame_rest(const struct frame_buffer *buffer, size_t *size)
{
	*size = buffer->end - buffer->start;
	return buffer->bytes + buffer->start;
}
