/*
 * However a stream is cut into pieces, the frames are the same: those between
 * its NULs. The first byte of the input is the size of the pieces.
 */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "wire/frame.h"

struct stream {
	const char *bytes;
	size_t size;
	size_t done; /* put into the buffer */
};

static bool
put(struct frame_buffer *buffer, struct stream *stream, size_t piece)
{
	size_t room, size = stream->size - stream->done;
	char *space = frame_space(buffer, &room);

	FUZZ_MUST(room >= 1 && room <= FRAME_BUFFER_BYTES);
	if (size > room)
		size = room;
	if (size > piece)
		size = piece;
	memcpy(space, stream->bytes + stream->done, size);
	frame_put(buffer, size);
	stream->done += size;
	return size > 0;
}

/* What is left in the buffer, and what was not put yet, is the rest. */
static void
check_rest(const struct frame_buffer *buffer, const struct stream *stream,
    const char *expected)
{
	size_t size;
	const char *rest = frame_rest(buffer, &size);

	FUZZ_MUST(stream->bytes + stream->done - size == expected);
	FUZZ_MUST(memcmp(rest, expected, size) == 0);
}

static void
cut(struct stream *stream, size_t piece)
{
	const char *expected = stream->bytes;
	const char *end = stream->bytes + stream->size;
	struct frame_buffer buffer;
	enum error error = ERROR_NONE;

	frame_init(&buffer);
	while (error == ERROR_NONE) {
		const char *nul =
		    memchr(expected, '\0', (size_t)(end - expected));
		size_t size = (size_t)((nul ? nul : end) - expected);
		const char *json;
		size_t length;

		do
			error = frame_next(&buffer, &json, &length);
		while (error == ERROR_AGAIN && put(&buffer, stream, piece));
		if (size > MESSAGE_JSON_MOST)
			FUZZ_MUST(error == ERROR_PROTOCOL);
		else if (nul == NULL)
			FUZZ_MUST(error == ERROR_AGAIN);
		else
			FUZZ_MUST(error == ERROR_NONE && length == size &&
				  memcmp(json, expected, size) == 0);
		if (error == ERROR_NONE)
			expected += size + 1;
		check_rest(&buffer, stream, expected);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream stream;

	if (size == 0)
		return 0;
	stream = (struct stream){(const char *)data + 1, size - 1, 0};
	cut(&stream, data[0] + 1u);
	stream.done = 0;
	cut(&stream, SIZE_MAX);
	return 0;
}
