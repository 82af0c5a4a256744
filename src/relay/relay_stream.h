/*
 * relay_stream - moves the bytes of one end of a stream (stream/stream.h).
 *
 * A relay whose data connection may change: it moves bytes between the end
 * socket (the visitor's on the server, the service's on the client) and frames
 * on the current data connection. The stream decides; this module reads and
 * writes, and keeps the bytes (relay_outward.c: from the end socket to frames;
 * relay_inward.c: from frames to the end socket). Actions that do not concern
 * these two sockets are left to the owner, see relay_stream_actions().
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
 * When much is received, it goes to the end socket by splice(2). A stream that
 * cannot be resumed (resume_ms is 0) keeps nothing that was sent, once the
 * other end has answered, and reads frames only when the end socket accepts
 * more: TCP holds the sender back, as it would without frames.
 *
 * Threads: the owner's.
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
	/* Bytes read from the end socket; if the stream can be resumed, until
	 * the peer has acknowledged them. */
	struct stream_retain kept;
	/* Heads of frames and short payloads that are being written, followed
	 * by the payload of one DATA: left bytes from position on, in the pipe
	 * if that is not empty. Between calls: from malloc(), or NULL. */
	uint8_t *staged;
	uint8_t staged_size;
	uint8_t staged_sent;
	uint32_t left;
	uint64_t position;
	/* Only for a stream that cannot be resumed. */
	struct pipe_ends pipe;
	uint32_t piped;
	/* The data connection accepts no more for now. */
	bool blocked;
	/* A read has filled a piece, so there is probably much to come. */
	bool is_bulk;
	bool cannot_splice;
	/* When to try again after there was no memory to read into; 0: there is
	 * memory. */
	int64_t rest_ms;
};

/* From frames to the end socket. Private. */
struct relay_inward {
	/* Bytes for the end socket: first those in the pipe, then these. */
	struct pipe_ends pipe;
	uint32_t piped;
	struct stream_retain held;
	/* The part of a frame that has arrived: its head and, except for DATA,
	 * its payload, of which RESUME has the longest: OPEN never comes
	 * here. */
	uint8_t part[STREAM_HEAD_BYTES + STREAM_RESUME_BYTES];
	uint8_t part_size;
	/* The DATA that is being read, and how many of its bytes are missing.
	 * */
	struct stream_head head;
	uint32_t left;
	/* The end socket accepts no more for now. */
	bool blocked;
	bool is_bulk;
	/* Bytes have been held at some time, so memory has to be shared. */
	bool holds;
	bool cannot_splice;
};

struct relay_stream {
	/* Set by the owner between stream_init_*() and the first call here. */
	struct stream stream;
	struct uuid id;
	/* Server: tells the content of OPEN, of which everything is 0 before. */
	void (*describe)(const void *owner, struct stream_open *open);
	/* Called before this module closes the end socket or a data connection,
	 * so that the owner can remove it from where other threads know it. */
	void (*let_go)(void *owner, bool is_end);
	void *owner;
	/* The entry that holds both sockets. An end of file caused by an
	 * interruption is not passed on (relay_stream_is_interrupted()). NULL:
	 * none. */
	const struct roster_entry *entry;

	/* The end socket; the owner sets it by relay_stream_set_end(). */
	struct transport end;
	/* The current data connection; set by relay_stream_attach(). */
	struct transport data;
	/* Bytes have arrived on a data connection; the owner may clear it. */
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
	 * has closed the end socket, or no longer wants one. */
	bool passes_end;
	bool is_end_over;
	/* A data connection was attached, and its first frame is to be
	 * written. */
	bool has_greeting;
	/* The stream has parted from the data connection. If the last frame is
	 * not written by flush_end_ms, the connection is closed. */
	bool has_parted;
	int64_t flush_end_ms;
};

/* Initialize everything except stream, id, describe, let_go, owner and entry,
 * which the owner has set. */
void relay_stream_init(struct relay_stream *relay);

/* Close whatever is open, reset what has not ended well, and release memory. */
void relay_stream_destroy(struct relay_stream *relay);

/* Set the end socket: connected, prepared, and to be reset when closed
 * (transport_reset()). Owned by this module from then on. */
void relay_stream_set_end(struct relay_stream *relay, struct transport end);

/*
 * Attach a data connection, together with its event (IDLE, RESUME, DIALLED,
 * OPENED_AGAIN), whose number is set here. The connection is owned by this
 * module from then on, also if the stream refuses it.
 */
void relay_stream_attach(struct relay_stream *relay, struct transport data,
    struct stream_event *event);

/* Attach the client's first data connection, on which OPEN arrived, with the
 * number that was passed to stream_init_client(). */
void relay_stream_begin(struct relay_stream *relay, struct transport data);

/* Read from the end socket without asking poll(), so that what has already
 * arrived goes out together with the first frame. */
void relay_stream_read_ahead(struct relay_stream *relay);

/* Process bytes that arrived on the data connection after a frame that the
 * owner has read. */
void relay_stream_feed(
    struct relay_stream *relay, const uint8_t *bytes, size_t size);

/* Process any other kind of event. now_ms is set here. */
void relay_stream_step(struct relay_stream *relay, struct stream_event event);

/* Fill slots with what to poll for. */
void relay_stream_poll(
    const struct relay_stream *relay, struct pollfd slots[RELAY_STREAM_SLOTS]);

/* Returns when relay_stream_serve() is due, or CLOCK_NEVER. */
int64_t relay_stream_due_ms(const struct relay_stream *relay);

/* Returns the time-out for poll() with the slots of relay_stream_poll() until
 * due_ms: short where neither socket is read, so that an end of their receiving
 * sides (roster.h) would not be noticed. */
int relay_stream_wait_ms(
    const struct pollfd slots[RELAY_STREAM_SLOTS], int64_t due_ms);

/* Move what can be moved, and do what is due. Call it after poll(), and once
 * before the first. */
void relay_stream_serve(
    struct relay_stream *relay, const struct pollfd slots[RELAY_STREAM_SLOTS]);

/*
 * Returns the actions since the last call that the owner has to carry out, a
 * set of STREAM_DO_DIAL, _OFFER, _SAY_LOST, _SAY_UNKNOWN, _INTERRUPTED,
 * _RESUMED, _BURY.
 */
unsigned relay_stream_actions(struct relay_stream *relay);

/* Whether the owner has been asked to end (roster.h), and has to report
 * STREAM_EVENT_STOP. */
bool relay_stream_is_interrupted(const struct relay_stream *relay);

/* Whether the stream is over and its last frame is written. */
bool relay_stream_is_over(const struct relay_stream *relay);

/* Returns the data connection, which belongs to the caller from then on, if it
 * is idle again; otherwise none. Only once the stream is over. */
struct transport relay_stream_part(struct relay_stream *relay);

/* Return the number of bytes passed on to the end socket, or read from it. */
uint64_t relay_stream_to_end(const struct relay_stream *relay);
uint64_t relay_stream_from_end(const struct relay_stream *relay);

/* For relay_*ward.c alone. */

/* Process an event and carry out its actions, which may close either socket. */
void relay_stream_tell(struct relay_stream *relay, struct stream_event *event);
/* Report that the data connection is broken or violates the protocol; or that
 * the end socket is broken. */
void relay_stream_break_data(struct relay_stream *relay);
void relay_stream_break_end(struct relay_stream *relay, enum stream_code code);

void relay_outward_init(struct relay_outward *outward);
void relay_outward_destroy(struct relay_outward *outward);
/* The data connection is replaced or gone: drop what was being written. */
void relay_outward_renew(struct relay_outward *outward);
/* Whether something may be read from the end socket. */
bool relay_outward_wants_read(const struct relay_stream *relay);
/* Read from the end socket. Returns whether there may be more. */
bool relay_outward_read(struct relay_stream *relay);
/* Write frames until there are none, or the data connection accepts no more. */
void relay_outward_write(struct relay_stream *relay);
/* Whether every frame that was begun is written. */
bool relay_outward_is_flushed(const struct relay_outward *outward);

void relay_inward_init(struct relay_inward *inward);
void relay_inward_destroy(struct relay_inward *inward);
void relay_inward_renew(struct relay_inward *inward);
/* Read frames. Returns whether there may be more. */
bool relay_inward_read(struct relay_stream *relay);
void relay_inward_feed(
    struct relay_stream *relay, const uint8_t *bytes, size_t size);
/* Pass on to the end socket what it accepts. */
void relay_inward_write(struct relay_stream *relay);
/* Whether frames may be read now. */
bool relay_inward_wants_read(const struct relay_stream *relay);

#endif
