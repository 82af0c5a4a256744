/* relay_outward - from the end socket to frames; see relay_stream.h */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/tcp.h"
#include "os/stack_trim.h"
#include "relay/relay_stream.h"

/* The most pieces that are filled before they are sent. */
#define PIECES_MOST (RELAY_STREAM_DATA_MOST / STREAM_PIECE_BYTES)
/* How long to wait when there is no memory to read into. */
#define REST_MS 100
/* How many bytes are staged at most: the largest frame, and two short ones. */
#define STAGED_MOST                                                            \
	(STREAM_HEAD_BYTES + STREAM_OPEN_MOST + 2 * STREAM_HEAD_BYTES)
/* The largest frame that may follow another staged one. */
#define NEXT_FRAME_BYTES (STREAM_HEAD_BYTES + STREAM_RESET_BYTES)
/* The staged bytes, and what stream_retain_count() returns for the largest
 * DATA. */
#define VECTORS                                                                \
	(1 + 3 +                                                               \
	    RELAY_STREAM_DATA_MOST /                                           \
		(STREAM_PIECE_BYTES - STREAM_PIECE_ROOM_LEAST + 1))

void
relay_outward_init(struct relay_outward *outward)
{
	stream_retain_init(&outward->kept, 0);
	outward->pipe = (struct pipe_ends)PIPE_ENDS_INITIALIZER;
	outward->piped = 0;
	outward->is_bulk = false;
	outward->cannot_splice = false;
	outward->rest_ms = 0;
	outward->staged = NULL;
	relay_outward_renew(outward);
}

void
relay_outward_destroy(struct relay_outward *outward)
{
	relay_outward_renew(outward);
	stream_retain_destroy(&outward->kept);
	pipes_return(&outward->pipe, outward->piped == 0);
}

void
relay_outward_renew(struct relay_outward *outward)
{
	free(outward->staged);
	outward->staged = NULL;
	outward->staged_size = 0;
	outward->staged_sent = 0;
	outward->left = 0;
	outward->blocked = false;
}

bool
relay_outward_is_flushed(const struct relay_outward *outward)
{
	return outward->staged_sent == outward->staged_size &&
	       outward->left == 0;
}

bool
relay_outward_wants_read(const struct relay_stream *relay)
{
	return !relay->stream.out.ended && stream_may_read(&relay->stream) > 0;
}

/* --- Reading */

/* Whether sent bytes are kept. A stream that cannot be resumed never sends
 * bytes again, except that the server may have to offer the visitor once more
 * until the client has answered. */
static bool
keeps(const struct relay_stream *relay)
{
	const struct stream *stream = &relay->stream;

	return stream_keeps(stream) ||
	       (stream->options.role == STREAM_SERVER && !stream->taken);
}

static void
prepare_bulk(struct relay_stream *relay)
{
	if (!relay->outward.is_bulk && transport_is_open(&relay->data))
		tcp_expect_bulk(transport_fd(&relay->data));
	relay->outward.is_bulk = true;
}

/* Read into pieces that are kept. Returns the number of bytes, with the error
 * that ended the reading. */
static uint64_t
read_pieces(struct relay_stream *relay, uint64_t most, enum error *error)
{
	struct stream_retain *kept = &relay->outward.kept;
	uint64_t total = 0;
	size_t room;
	size_t got;

	*error = ERROR_NONE;
	for (unsigned i = 0; i < PIECES_MOST && total < most; i++) {
		char *bytes = stream_retain_room(kept, &room);

		if (bytes == NULL) {
			relay->outward.rest_ms = clock_now_ms() + REST_MS;
			break;
		}
		if (room > most - total)
			room = (size_t)(most - total);
		*error = transport_read(&relay->end, bytes, room, &got);
		stream_retain_put(kept, got);
		total += got;
		if (*error || got < room)
			break;
		if (room == STREAM_PIECE_BYTES)
			prepare_bulk(relay);
	}
	return total;
}

/* Move bytes into the pipe, if nothing is kept and there is much to move.
 * Returns false if the bytes have to be read instead. */
static bool
splice_out(struct relay_stream *relay, uint64_t most, uint64_t *moved,
    enum error *error)
{
	struct relay_outward *outward = &relay->outward;
	size_t count;

	if (keeps(relay) || !outward->is_bulk || outward->cannot_splice ||
	    outward->kept.first != NULL || outward->piped > 0 ||
	    most < PIPES_BYTES || !transport_is_open(&relay->data))
		return false;
	if (outward->pipe.read_fd == -1 && pipes_borrow(&outward->pipe))
		return false;
	*error = pipes_fill(
	    &outward->pipe, transport_fd(&relay->end), PIPES_BYTES, &count);
	if (*error || count == 0) {
		/* Only a read tells an end of file from an urgent mark. */
		outward->is_bulk = false;
		if (*error != ERROR_NONE && *error != ERROR_AGAIN)
			outward->cannot_splice = true;
		return false;
	}
	outward->piped = (uint32_t)count;
	if (count < STREAM_PIECE_BYTES / 2)
		outward->is_bulk = false;
	/* The next byte that is read comes after those in the pipe. */
	stream_retain_init(
	    &outward->kept, relay->stream.out.read + (uint64_t)count);
	*moved = count;
	*error = ERROR_NONE;
	return true;
}

bool
relay_outward_read(struct relay_stream *relay)
{
	struct stream_event event = {.kind = STREAM_EVENT_READ};
	uint64_t most = stream_may_read(&relay->stream);
	enum error error;

	if (relay->stream.out.ended || most == 0 ||
	    relay->outward.rest_ms != 0 || !transport_is_open(&relay->end))
		return false;
	if (!splice_out(relay, most, &event.size, &error))
		event.size = read_pieces(relay, most, &error);
	if (event.size > 0)
		relay_stream_tell(relay, &event);
	if (relay_stream_is_interrupted(relay))
		return false;
	if (error == ERROR_CLOSED) {
		event = (struct stream_event){.kind = STREAM_EVENT_END};
		relay_stream_tell(relay, &event);
	} else if (error != ERROR_NONE && error != ERROR_AGAIN) {
		relay_stream_break_end(relay, STREAM_CODE_END);
	}
	return event.size > 0 && error == ERROR_NONE && relay->outward.is_bulk;
}

/* --- Writing */

static size_t
encode_open(const struct relay_stream *relay, uint8_t *payload)
{
	struct stream_open open = {.resume_ms = 0};

	relay->describe(relay->owner, &open);
	return stream_frame_encode_open(&open, payload);
}

/* Encode a frame, except for the bytes of DATA. Returns its length. */
static size_t
encode_frame(const struct relay_stream *relay, struct stream_frame *frame,
    uint8_t *bytes)
{
	uint8_t *payload = bytes + STREAM_HEAD_BYTES;
	struct stream_resume resume;
	size_t size = 0;

	switch (frame->head.type) {
	case STREAM_OPEN:
		size = encode_open(relay, payload);
		frame->head.length = (uint32_t)size;
		break;
	case STREAM_RESUME:
		resume = (struct stream_resume){
		    relay->id, frame->attempt, frame->place};
		stream_frame_encode_resume(&resume, payload);
		size = STREAM_RESUME_BYTES;
		break;
	case STREAM_RESUMED:
		stream_frame_encode_place(&frame->place, payload);
		size = STREAM_PLACE_BYTES;
		break;
	case STREAM_RESET:
		payload[0] = (uint8_t)frame->code;
		size = STREAM_RESET_BYTES;
		break;
	default:
		break;
	}
	stream_frame_encode_head(&frame->head, bytes);
	return STREAM_HEAD_BYTES + size;
}

/* Returns the largest DATA: exactly what is in the pipe, if anything is. */
static uint32_t
data_most(const struct relay_outward *outward)
{
	return outward->piped > 0 ? outward->piped : RELAY_STREAM_DATA_MOST;
}

/* Take frames from the stream, up to the first one with bytes. Returns whether
 * there is any. */
static bool
stage(struct relay_stream *relay, uint8_t staged[static STAGED_MOST])
{
	struct relay_outward *outward = &relay->outward;
	int64_t now_ms = clock_now_ms();
	struct stream_frame frame;

	outward->staged_size = 0;
	outward->staged_sent = 0;
	while (
	    outward->left == 0 &&
	    (outward->staged_size == 0 ||
		STAGED_MOST - outward->staged_size >= NEXT_FRAME_BYTES) &&
	    stream_next(&relay->stream, now_ms, data_most(outward), &frame)) {
		outward->staged_size += (uint8_t)encode_frame(
		    relay, &frame, staged + outward->staged_size);
		if (frame.head.type == STREAM_DATA) {
			outward->left = frame.head.length;
			outward->position = frame.position;
		}
	}
	return outward->staged_size > 0;
}

/* Write the staged bytes and the payload after them, once. */
static enum error
write_staged(struct relay_stream *relay, uint8_t *staged, size_t *sent)
{
	struct relay_outward *outward = &relay->outward;
	size_t size = (size_t)(outward->staged_size - outward->staged_sent);
	struct iovec vectors[VECTORS];
	size_t count = 0;

	staged += outward->staged_sent;
	/* The head of a single frame is placed in front of its bytes. */
	if (outward->left > 0 && outward->piped == 0 &&
	    size == STREAM_HEAD_BYTES && outward->staged_sent == 0) {
		count = stream_retain_gather(&outward->kept, staged,
		    outward->position, outward->left, vectors);
		return transport_gather(
		    &relay->data, vectors, (unsigned)count, sent);
	}
	if (size > 0)
		vectors[count++] = (struct iovec){staged, size};
	if (outward->left > 0 && outward->piped == 0)
		count += stream_retain_gather(&outward->kept, NULL,
		    outward->position, outward->left, vectors + count);
	return transport_gather(&relay->data, vectors, (unsigned)count, sent);
}

/* Write once. Returns ERROR_AGAIN if nothing more is accepted. */
static enum error
write_once(struct relay_stream *relay, uint8_t *staged_bytes)
{
	struct relay_outward *outward = &relay->outward;
	size_t staged = (size_t)(outward->staged_size - outward->staged_sent);
	enum error error;
	size_t sent;

	if (staged == 0 && outward->piped > 0) {
		error = pipes_drain(&outward->pipe, transport_fd(&relay->data),
		    outward->left, &sent);
		if (error == ERROR_NONE && sent == 0)
			error = ERROR_SYSTEM;
		outward->piped -= (uint32_t)sent;
		outward->position += sent;
		outward->left -= (uint32_t)sent;
		return error;
	}
	error = write_staged(relay, staged_bytes, &sent);
	if (sent < staged) {
		outward->staged_sent += (uint8_t)sent;
		return error;
	}
	outward->staged_sent = outward->staged_size;
	outward->position += sent - staged;
	outward->left -= (uint32_t)(sent - staged);
	return error;
}

/* Release what will not be sent again. */
static void
release(struct relay_stream *relay)
{
	struct relay_outward *outward = &relay->outward;
	const struct stream_out *out = &relay->stream.out;
	uint64_t position = keeps(relay) ? out->acked : out->sent;

	/* A peer may acknowledge bytes that are not written yet. */
	if (outward->left > 0 && position > outward->position)
		position = outward->position;
	stream_retain_release(&outward->kept, position);
	if (outward->piped == 0)
		pipes_return(&outward->pipe, true);
}

/* Keep what is staged and not written, for the next call. */
static void
keep_staged(struct relay_stream *relay, const uint8_t *staged)
{
	struct relay_outward *outward = &relay->outward;

	if (outward->staged_sent == outward->staged_size) {
		free(outward->staged);
		outward->staged = NULL;
		return;
	}
	if (outward->staged != NULL)
		return;
	outward->staged = malloc(outward->staged_size);
	if (outward->staged == NULL) {
		relay_stream_break_data(relay);
		return;
	}
	memcpy(outward->staged, staged, outward->staged_size);
}

/* A function of its own, so that its array is not on the stack of a thread that
 * waits. */
static STACK_TRIM_APART void
write_frames(struct relay_stream *relay)
{
	struct relay_outward *outward = &relay->outward;
	uint8_t bytes[STAGED_MOST];
	enum error error;

	while (transport_is_open(&relay->data) && !outward->blocked) {
		if (relay_outward_is_flushed(outward)) {
			free(outward->staged);
			outward->staged = NULL;
			if (!stage(relay, bytes))
				break;
		}
		error = write_once(
		    relay, outward->staged != NULL ? outward->staged : bytes);
		if (error == ERROR_AGAIN)
			outward->blocked = true;
		else if (error)
			relay_stream_break_data(relay);
	}
	keep_staged(relay, bytes);
}

void
relay_outward_write(struct relay_stream *relay)
{
	if (transport_is_open(&relay->data) && !relay->outward.blocked)
		write_frames(relay);
	release(relay);
}
