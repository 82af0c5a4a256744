/*
 * relay_stream - moves the bytes of one end of a stream (stream/stream.h).
 *
 * A relay that may change its data connection: between the end socket, which is
 * the visitor's at the server and the service's at the client, and frames on the
 * data connection of now. The stream decides; this module reads and writes, and
 * keeps the bytes (relay_outward.c: from the end socket to frames; relay_inward.c:
 * from frames to the end socket). What a stream asks for that is not a matter of
 * these two sockets is left to the owner, see relay_stream_actions().
 *
 * The owner waits in poll() for both sockets, and for whatever else it likes:
 *
 *     while (!relay_stream_is_over(relay)) {
 *             relay_stream_poll(relay, slots);
 *             poll(... relay_stream_due_ms(relay) ...);
 *             relay_stream_serve(relay, slots);
 *             ... relay_stream_actions(relay) ...
 *     }
 *
 * What is received goes to the end socket by splice(2) where much comes. A
 * stream that cannot be resumed (resume_ms is 0) keeps nothing that was sent,
 * once the other end has answered, and reads frames only when the end socket
 * takes more: TCP holds its sender back, as without frames.
 *
 * Threads: its owner's.
 */
#ifndef REBORE_RELAY_RELAY_STREAM_H
#define REBORE_RELAY_RELAY_STREAM_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "net/roster.h"
#include "net/transport.h"
#include "relay/pipes.h"
#include "stream/stream.h"
#include "stream/stream_frame.h"
#include "stream/stream_retain.h"

/* The slots of relay_stream_poll(). */
#define RELAY_STREAM_SLOTS 2
#define RELAY_STREAM_END   0
#define RELAY_STREAM_DATA  1

/* The largest DATA that is sent: four pieces, which the peer can splice. */
#define RELAY_STREAM_DATA_MOST ((uint32_t)(4 * STREAM_PIECE_BYTES))

/* From the end socket to frames. Private. */
struct relay_outward {
	/* Read from the end socket; in a stream that can be resumed, until the
	 * peer has acknowledged it. */
	struct stream_retain kept;
	/* Heads of frames and short payloads that are being written, and behind
	 * them the payload of one DATA: left bytes from position on, which are
	 * in the pipe if there is something in it. */
	uint8_t staged[STREAM_HEAD_BYTES + STREAM_OPEN_MOST +
		       2 * STREAM_HEAD_BYTES];
	uint8_t staged_size;
	uint8_t staged_sent;
	uint32_t left;
	uint64_t position;
	/* For a stream that keeps nothing. */
	struct pipe_ends pipe;
	uint32_t piped;
	/* The data connection takes no more for now. */
	bool blocked;
	/* A read has filled a piece: there is much to come. */
	bool is_bulk;
	bool cannot_splice;
	/* There is no memory to read into; try again at this time. */
	int64_t rest_ms;
};

/* From frames to the end socket. Private. */
struct relay_inward {
	/* For the end socket: first what is in the pipe, then this. */
	struct pipe_ends pipe;
	uint32_t piped;
	struct stream_retain held;
	/* A frame that has come in part: its head, and its payload unless it is
	 * DATA. */
	uint8_t part[STREAM_HEAD_BYTES + STREAM_OPEN_MOST];
	uint8_t part_size;
	/* The DATA that is being read, and how much of it is still to come. */
	struct stream_head head;
	uint32_t left;
	/* The end socket takes no more for now. */
	bool blocked;
	bool is_bulk;
	/* Bytes were held at some time: memory is shared with others. */
	bool holds;
	bool cannot_splice;
};

struct relay_stream {
	/* Set by the owner between stream_init_*() and the first call here. */
	struct stream stream;
	struct uuid id;
	/* Server: what OPEN says; must live as long. */
	const struct stream_open *open;
	/* Called before the end socket or a data connection is closed here, so
	 * that the owner can take it out of where others know it. */
	void (*let_go)(void *owner, bool is_end);
	void *owner;
	/* Has both sockets. An end of file that an interruption causes is not
	 * passed on (relay_stream_is_interrupted()). NULL: none. */
	const struct roster_entry *entry;

	/* The end socket; the owner sets it by relay_stream_set_end(). */
	struct transport end;
	/* The data connection of now; relay_stream_attach(). */
	struct transport data;
	/* Whether bytes came on a data connection since the owner cleared it.
	 * */
	bool has_heard;

	/* Private from here. */
	struct relay_outward outward;
	struct relay_inward inward;
	unsigned actions;
	uint32_t connections;
	/* As in a relay (relay.c): POLLRDHUP and POLLHUP were seen. */
	bool end_half_closed;
	bool end_hung_up;
	bool data_hung_up;
	/* END was reached, perhaps before there was an end socket; the stream
	 * has closed the end socket, or does not want one any more. */
	bool passes_end;
	bool is_end_over;
	/* The stream has parted from the data connection, which is closed where
	 * the last frame is not written by then. */
	bool has_parted;
	int64_t flush_end_ms;
};

/* relay->stream, id, open, let_go and owner are set; the rest is not. */
void relay_stream_init(struct relay_stream *relay);

/* Close whatever is left, reset what has not ended well, and free. */
void relay_stream_destroy(struct relay_stream *relay);

/* Give it the end socket: connected, prepared, reset when it is closed
 * (transport_reset()). Owned from now on. */
void relay_stream_set_end(struct relay_stream *relay, struct transport end);

/*
 * Give it a data connection with the event that it comes with (IDLE, RESUME,
 * DIALLED, OPENED_AGAIN): its number is set here. The data connection is owned
 * from now on, also when the stream refuses it.
 */
void relay_stream_attach(struct relay_stream *relay, struct transport data,
    struct stream_event *event);

/* The client's first data connection, on which OPEN came: as
 * relay_stream_attach(), with the number that stream_init_client() was told. */
void relay_stream_begin(struct relay_stream *relay, struct transport data);

/* Read from the end socket, whatever poll() says, so that what it has said
 * already goes out with the first frame. */
void relay_stream_read_ahead(struct relay_stream *relay);

/* Bytes that came on the data connection already, behind a frame that the owner
 * has read. */
void relay_stream_feed(
    struct relay_stream *relay, const uint8_t *bytes, size_t size);

/* Take an event of another kind than those above. now_ms is set here. */
void relay_stream_step(struct relay_stream *relay, struct stream_event event);

/* What to wait for. */
void relay_stream_poll(
    const struct relay_stream *relay, struct pollfd slots[RELAY_STREAM_SLOTS]);

/* Returns when relay_stream_serve() is due whatever comes: CLOCK_NEVER: not
 * before. */
int64_t relay_stream_due_ms(const struct relay_stream *relay);

/* Whether poll() is woken when the receiving side of the end socket or of the
 * data connection is ended (roster.h). */
bool relay_stream_is_wakeable(const struct pollfd slots[RELAY_STREAM_SLOTS]);

/* Move what can be moved, and do what is due; after poll(), and once before the
 * first. */
void relay_stream_serve(
    struct relay_stream *relay, const struct pollfd slots[RELAY_STREAM_SLOTS]);

/*
 * Returns what the stream has asked for since the last call and the owner is to
 * do, a set of STREAM_DO_DIAL, _OFFER, _SAY_LOST, _SAY_UNKNOWN, _INTERRUPTED,
 * _RESUMED, _BURY.
 */
unsigned relay_stream_actions(struct relay_stream *relay);

/* Whether the owner is asked to end (roster.h): it steps STREAM_EVENT_STOP. */
bool relay_stream_is_interrupted(const struct relay_stream *relay);

/* Whether the stream is done with, and so is what there is to be written. */
bool relay_stream_is_over(const struct relay_stream *relay);

/* Returns the data connection, which is idle again and the caller's from then
 * on; none when it is not. Only once it is over. */
struct transport relay_stream_part(struct relay_stream *relay);

/* Bytes that were passed on to the end socket, and read from it. */
uint64_t relay_stream_to_end(const struct relay_stream *relay);
uint64_t relay_stream_from_end(const struct relay_stream *relay);

/* For relay_*ward.c alone. */

/* An event; does what it asks for, which may close either socket. */
void relay_stream_tell(struct relay_stream *relay, struct stream_event *event);
/* The data connection is broken, or breaks a rule; the end socket is. */
void relay_stream_break_data(struct relay_stream *relay);
void relay_stream_break_end(struct relay_stream *relay, enum stream_code code);

void relay_outward_init(struct relay_outward *outward);
void relay_outward_destroy(struct relay_outward *outward);
/* Another data connection, or none: what was being written is dropped. */
void relay_outward_renew(struct relay_outward *outward);
/* Whether something may be read from the end socket. */
bool relay_outward_wants_read(const struct relay_stream *relay);
/* Read from the end socket what may be read. Returns whether there may be more.
 */
bool relay_outward_read(struct relay_stream *relay);
/* Write frames until there are none, or the data connection takes no more. */
void relay_outward_write(struct relay_stream *relay);
/* Whether all that was begun is written. */
bool relay_outward_is_flushed(const struct relay_outward *outward);

void relay_inward_init(struct relay_inward *inward);
void relay_inward_destroy(struct relay_inward *inward);
void relay_inward_renew(struct relay_inward *inward);
/* Read frames. Returns whether there may be more. */
bool relay_inward_read(struct relay_stream *relay);
void relay_inward_feed(
    struct relay_stream *relay, const uint8_t *bytes, size_t size);
/* Pass on to the end socket what it takes. */
void relay_inward_write(struct relay_stream *relay);
/* Whether frames may be read now. */
bool relay_inward_wants_read(const struct relay_stream *relay);

#endif
