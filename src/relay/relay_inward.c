/* relay_inward - from frames to the end socket; see relay_stream.h */
#include <errno.h>
#include <string.h>

#include "net/tcp.h"
#include "relay/buffers.h"
#include "relay/relay_stream.h"

/* If fewer bytes than this are missing from a DATA, splicing is no better than
 * copying. */
#define SPLICE_LEAST ((uint32_t)32 * 1024)
/* How much to read at a time without a buffer. */
#define SMALL_BYTES 2048
/* How much of what is held to write at a time. */
#define WRITE_MOST ((size_t)256 * 1024)
#define VECTORS                                                                \
	(3 + WRITE_MOST / (STREAM_PIECE_BYTES - STREAM_PIECE_ROOM_LEAST + 1))

void
relay_inward_init(struct relay_inward *inward)
{
	inward->pipe = (struct pipe_ends)PIPE_ENDS_INITIALIZER;
	inward->piped = 0;
	stream_retain_init(&inward->held, 0);
	inward->blocked = false;
	inward->is_bulk = false;
	inward->holds = false;
	inward->cannot_splice = false;
	relay_inward_renew(inward);
}

static void
drop_held(struct relay_inward *inward)
{
	pipes_return(&inward->pipe, inward->piped == 0);
	inward->piped = 0;
	stream_retain_destroy(&inward->held);
}

void
relay_inward_destroy(struct relay_inward *inward)
{
	drop_held(inward);
}

void
relay_inward_renew(struct relay_inward *inward)
{
	inward->part_size = 0;
	inward->left = 0;
}

bool
relay_inward_wants_read(const struct relay_stream *relay)
{
	if (!transport_is_open(&relay->data) || relay->has_parted)
		return false;
	/* Otherwise acknowledgements would be stuck behind bytes that are not
	 * read. */
	return stream_keeps(&relay->stream) ||
	       stream_may_pass(&relay->stream) == 0;
}

/* --- To the end socket */

/* Report that the end socket has accepted bytes, or is broken. */
static void
note_write(struct relay_stream *relay, size_t size, enum error error)
{
	struct stream_event event = {.kind = STREAM_EVENT_TOOK, .size = size};

	if (size > 0)
		relay_stream_tell(relay, &event);
	if (error == ERROR_AGAIN)
		relay->inward.blocked = true;
	else if (error)
		relay_stream_break_end(relay, STREAM_CODE_END);
}

static void
drain_pipe(struct relay_stream *relay)
{
	struct relay_inward *inward = &relay->inward;
	enum error error;
	size_t moved;

	while (inward->piped > 0 && !inward->blocked &&
	       stream_may_pass(&relay->stream) > 0) {
		error = pipes_drain(&inward->pipe, transport_fd(&relay->end),
		    inward->piped, &moved);
		if (error == ERROR_NONE && moved == 0)
			error = ERROR_SYSTEM;
		inward->piped -= (uint32_t)moved;
		note_write(relay, moved, error);
	}
}

static void
write_held(struct relay_stream *relay)
{
	struct relay_inward *inward = &relay->inward;
	struct iovec vectors[VECTORS];
	enum error error;
	uint64_t most;
	size_t count;
	size_t sent;

	while (inward->piped == 0 && !inward->blocked &&
	       (most = stream_may_pass(&relay->stream)) > 0) {
		count = stream_retain_gather(&inward->held, NULL,
		    relay->stream.in.taken,
		    most < WRITE_MOST ? (size_t)most : WRITE_MOST, vectors);
		error = transport_gather(
		    &relay->end, vectors, (unsigned)count, &sent);
		note_write(relay, sent, error);
		stream_retain_release(&inward->held, relay->stream.in.taken);
	}
}

void
relay_inward_write(struct relay_stream *relay)
{
	struct relay_inward *inward = &relay->inward;

	if (transport_is_open(&relay->end)) {
		drain_pipe(relay);
		write_held(relay);
	}
	if (relay->is_end_over)
		drop_held(inward);
	else if (inward->piped == 0)
		pipes_return(&inward->pipe, true);
}

/* --- Bytes of DATA */

/* Report size bytes of the current DATA to the stream. Returns whether to pass
 * them on. */
static bool
tell_data(struct relay_stream *relay, uint32_t size)
{
	uint64_t before = relay->stream.in.received;
	struct stream_event event = {.kind = STREAM_EVENT_FRAME,
	    .connection = relay->stream.connection,
	    .head = relay->inward.head};

	event.head.length = size;
	relay->inward.left -= size;
	relay_stream_tell(relay, &event);
	return relay->stream.in.received > before;
}

/* Hold bytes for the end socket. The limit that was sent to the peer has
 * promised room for them. */
static void
hold(struct relay_stream *relay, const uint8_t *bytes, size_t size)
{
	struct stream_retain *held = &relay->inward.held;
	size_t room;

	if (held->first == NULL)
		stream_retain_init(held, relay->stream.in.received - size);
	while (size > 0) {
		char *to = stream_retain_force(held, &room);

		if (to == NULL) {
			relay_stream_break_end(relay, STREAM_CODE_LOST);
			return;
		}
		if (room > size)
			room = size;
		memcpy(to, bytes, room);
		stream_retain_put(held, room);
		bytes += room;
		size -= room;
	}
	relay->inward.holds = true;
}

static void
take_data(struct relay_stream *relay, const uint8_t *bytes, uint32_t size)
{
	struct relay_inward *inward = &relay->inward;
	bool is_first = stream_may_pass(&relay->stream) == 0;
	enum error error;
	size_t sent = 0;

	if (!tell_data(relay, size) || relay->is_end_over)
		return;
	if (is_first && !inward->blocked && transport_is_open(&relay->end)) {
		error = transport_write(&relay->end, bytes, size, &sent);
		note_write(relay, sent, error);
	}
	if (sent < size && !relay->is_end_over)
		hold(relay, bytes + sent, size - sent);
}

/* --- Frames */

/* Returns the length of the payload that is needed to process the frame. */
static size_t
payload_of(const struct stream_head *head)
{
	return head->type == STREAM_DATA ? 0 : head->length;
}

static enum error
decode_frame(const struct relay_stream *relay, const uint8_t *payload,
    struct stream_event *event)
{
	struct stream_resume resume;
	enum error error = ERROR_NONE;

	switch (event->head.type) {
	case STREAM_RESUME:
		error = stream_frame_decode_resume(
		    payload, event->head.length, &resume);
		if (error)
			return error;
		if (!uuid_equal(&resume.id, &relay->id) ||
		    relay->stream.options.role != STREAM_SERVER)
			return ERROR_PROTOCOL;
		event->kind = STREAM_EVENT_RESUME;
		event->attempt = resume.attempt;
		event->place = resume.place;
		break;
	case STREAM_RESUMED:
		error = stream_frame_decode_place(
		    payload, event->head.length, &event->place);
		break;
	case STREAM_RESET:
		event->code = (enum stream_code)payload[0];
		break;
	default:
		break;
	}
	return error;
}

/* Process a frame that is complete, except for the bytes of DATA. */
static void
take_frame(struct relay_stream *relay)
{
	struct relay_inward *inward = &relay->inward;
	struct stream_event event = {.kind = STREAM_EVENT_FRAME,
	    .connection = relay->stream.connection,
	    .head = inward->head};

	inward->part_size = 0;
	if (decode_frame(relay, inward->part + STREAM_HEAD_BYTES, &event)) {
		relay_stream_break_data(relay);
		return;
	}
	if (inward->head.type == STREAM_DATA && inward->head.length > 0) {
		inward->left = inward->head.length;
		return;
	}
	relay_stream_tell(relay, &event);
}

/* Take missing bytes of a head, or of a payload other than DATA. Returns how
 * many were taken. */
static size_t
take_part(struct relay_stream *relay, const uint8_t *bytes, size_t size)
{
	struct relay_inward *inward = &relay->inward;
	size_t whole = STREAM_HEAD_BYTES;
	size_t missing;

	if (inward->part_size >= STREAM_HEAD_BYTES)
		whole += payload_of(&inward->head);
	missing = whole - inward->part_size;
	if (missing > size)
		missing = size;
	memcpy(inward->part + inward->part_size, bytes, missing);
	inward->part_size += (uint8_t)missing;
	if (inward->part_size < whole)
		return missing;
	if (whole == STREAM_HEAD_BYTES) {
		if (stream_frame_decode_head(inward->part, &inward->head) ||
		    payload_of(&inward->head) > STREAM_RESUME_BYTES) {
			relay_stream_break_data(relay);
			return missing;
		}
		if (payload_of(&inward->head) > 0)
			return missing;
	}
	take_frame(relay);
	return missing;
}

void
relay_inward_feed(struct relay_stream *relay, const uint8_t *bytes, size_t size)
{
	struct relay_inward *inward = &relay->inward;

	/* Bytes after the end of the stream, or of a dropped connection, are
	 * ignored. */
	while (
	    size > 0 && transport_is_open(&relay->data) && !relay->has_parted) {
		size_t taken;

		if (inward->left > 0) {
			taken = size < inward->left ? size : inward->left;
			take_data(relay, bytes, (uint32_t)taken);
		} else {
			taken = take_part(relay, bytes, size);
		}
		bytes += taken;
		size -= taken;
	}
}

/* --- From the data connection */

/* Prepare the end socket for a lot of data. */
static void
note_bulk(struct relay_stream *relay)
{
	if (!relay->inward.is_bulk && transport_is_open(&relay->end))
		tcp_expect_bulk(transport_fd(&relay->end));
	relay->inward.is_bulk = true;
}

/* Move bytes of a long DATA into the pipe. Returns false if they have to be
 * read instead. */
static bool
splice_in(struct relay_stream *relay, bool *more)
{
	struct relay_inward *inward = &relay->inward;
	enum error error;
	size_t moved;

	if (inward->left < SPLICE_LEAST || inward->cannot_splice ||
	    !transport_is_open(&relay->end) || inward->held.first != NULL ||
	    inward->piped > 0 || stream_may_pass(&relay->stream) > 0)
		return false;
	if (inward->pipe.read_fd == -1 && pipes_borrow(&inward->pipe))
		return false;
	error = pipes_fill(&inward->pipe, transport_fd(&relay->data),
	    inward->left < PIPES_BYTES ? inward->left : PIPES_BYTES, &moved);
	if (error == ERROR_SYSTEM)
		inward->cannot_splice = true;
	/* Only a read can tell what there is. */
	if (error || moved == 0)
		return false;
	inward->piped = (uint32_t)moved;
	relay->has_heard = true;
	*more = true;
	note_bulk(relay);
	if (tell_data(relay, (uint32_t)moved))
		return true;
	pipes_return(&inward->pipe, false);
	inward->piped = 0;
	return true;
}

static enum error
read_into(struct relay_stream *relay, uint8_t *bytes, size_t size, size_t *got)
{
	enum error error = transport_read(&relay->data, bytes, size, got);

	if (error == ERROR_NONE) {
		relay->has_heard = true;
		relay_inward_feed(relay, bytes, *got);
	}
	return error;
}

/* A function of its own, so that its array is not on the stack of a thread that
 * waits. */
static enum error
read_small(struct relay_stream *relay, bool *more)
{
	uint8_t bytes[SMALL_BYTES];
	size_t got;
	enum error error = read_into(relay, bytes, sizeof bytes, &got);

	*more = got == sizeof bytes;
	return error;
}

static enum error
read_frames(struct relay_stream *relay, bool *more)
{
	char *buffer = buffers_borrow();
	enum error error;
	size_t got;

	if (buffer == NULL)
		return read_small(relay, more);
	error = read_into(relay, (uint8_t *)buffer, BUFFERS_BYTES, &got);
	buffers_return(buffer);
	*more = got == BUFFERS_BYTES;
	if (*more)
		note_bulk(relay);
	return error;
}

bool
relay_inward_read(struct relay_stream *relay)
{
	bool more = false;
	enum error error;

	if (!relay_inward_wants_read(relay) || splice_in(relay, &more))
		return more;
	error = read_frames(relay, &more);
	if (error != ERROR_NONE && error != ERROR_AGAIN)
		relay_stream_break_data(relay);
	/* the rest of a long DATA is spliced */
	return more || relay->inward.left >= SPLICE_LEAST;
}
