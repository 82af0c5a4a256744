/*
 * stream - one end of one stream: a visitor's connection that outlives the data
 * connections which carry it.
 *
 * A stream joins two end sockets: the visitor's on the server, the service's on
 * the client. It has a random id that only its two ends know. When its data
 * connection breaks, in whatever way, the client opens another and sends
 * RESUME; each end states what it holds, and the other sends again from there.
 * A stream that cannot be resumed is reset at both ends, never ended as if it
 * were complete.
 *
 * Pure: a plain value without sockets, clock, or the bytes themselves. The
 * caller reports what happens (stream_step()), does what it is asked to (enum
 * stream_action), and sends what stream_next() returns. The rules, each with
 * its reason, are in src/README.md, Streams.
 *
 * How an end relates to its data connection:
 *
 *     DETACHED   has none. The client dials when that is due; the server waits
 *                for RESUME, or for an idle data connection if nobody has taken
 *                the visitor
 *     DIALLING   client: a dial is under way
 *     OFFERED    server: OPEN was sent, and nothing was received
 *     ASKING     client: RESUME was sent, and not answered
 *     ATTACHED   frames go both ways
 *
 * and to its end socket:
 *
 *     LIVE       open
 *     RESETTING  was reset and is closed: what was read from it is still sent,
 *                for up to 2 s, then RESET
 *     DRAINING   the peer has reset the stream: what is held is passed on, for
 *                up to 2 s, then the end socket is reset
 *     LEAVING    client: the server has left; what is held is passed on, then
 *                the end socket is closed
 *     OVER       closed. What remains is to release the data connection, so
 *                that it can carry the next stream
 *
 * Each end sends one last frame (BYE, RESET, FINISHED, GONE) for a stream on a
 * data connection, and nothing after it. An end that has sent and received one
 * is done with the stream: nothing of it can reach the next one.
 */
#ifndef REBORE_STREAM_STREAM_H
#define REBORE_STREAM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "stream/stream_flow.h"
#include "stream/stream_frame.h"
#include "stream/stream_tombstones.h"

/* A data connection is dead if the peer owes an answer and nothing at all was
 * heard for this long, unless the path is known to be slower. */
#define STREAM_DEAD_MS 3000
/* How long acknowledgements and limits are delayed at most; the second is for a
 * client that has not sent any frame yet. */
#define STREAM_ACK_DELAY_MS 200
#define STREAM_FIRST_ACK_MS 100
/* A sender that has reached the limit and hears nothing asks once, after this
 * time. */
#define STREAM_PROBE_MS 1000
/* How long bytes that an end socket sent before its reset are still passed
 * on. */
#define STREAM_DRAIN_MS 2000
/* When the control connection was re-established, the server expects to hear of
 * each stream within this time, which covers the client's spread, a dial and a
 * round trip. */
#define STREAM_DOUBT_MS 4000
/* The longest pause between two dials for a stream. */
#define STREAM_DIAL_MOST_MS 1000
/* The number that means no data connection. */
#define STREAM_NO_CONNECTION 0

enum stream_role { STREAM_SERVER, STREAM_CLIENT };

enum stream_link {
	STREAM_DETACHED,
	STREAM_DIALLING,
	STREAM_OFFERED,
	STREAM_ASKING,
	STREAM_ATTACHED,
};

enum stream_phase {
	STREAM_LIVE,
	STREAM_RESETTING,
	STREAM_DRAINING,
	STREAM_LEAVING,
	STREAM_OVER,
};

enum stream_event_kind {
	/* The end socket: size bytes were read, within stream_may_read(); it
	 * reached its end of file; it accepted size bytes; it was reset or
	 * refused (code), and the caller has closed it. */
	STREAM_EVENT_READ,
	STREAM_EVENT_END,
	STREAM_EVENT_TOOK,
	STREAM_EVENT_RESET,
	/* A data connection: a frame arrived (connection, head and, depending
	 * on its type, place or code); the connection was closed or reset, or
	 * is useless (connection). */
	STREAM_EVENT_FRAME,
	STREAM_EVENT_BROKEN,
	/* Server: this data connection is idle; in response to STREAM_DO_OFFER.
	 * It is in use if it equals stream.connection afterwards. */
	STREAM_EVENT_IDLE,
	/* Server: RESUME arrived on this data connection: connection, attempt,
	 * place. */
	STREAM_EVENT_RESUME,
	/* Client: the dial that STREAM_DO_DIAL asked for has succeeded, or
	 * failed. */
	STREAM_EVENT_DIALLED,
	STREAM_EVENT_DIAL_FAILED,
	/* Client: OPEN for this stream, which exists already, arrived on this
	 * data connection. */
	STREAM_EVENT_OPENED_AGAIN,
	/* Client: Lost with this attempt number arrived. */
	STREAM_EVENT_LOST,
	/* Server: the client has said that it does not know the stream. */
	STREAM_EVENT_UNKNOWN,
	/* The control connection was re-established, or the path has changed,
	 * so the data connection may be lost without a sign. The client
	 * replaces it within within_ms, spread over all its streams; the server
	 * waits that long for it. */
	STREAM_EVENT_DOUBT,
	/* The program stops. */
	STREAM_EVENT_STOP,
	/* The time of stream_due_ms() has come; harmless at any other time. */
	STREAM_EVENT_TIME,
};

struct stream_event {
	enum stream_event_kind kind;
	int64_t now_ms;
	uint64_t size;
	/* A number, not 0, by which the caller identifies the data connection.
	 * Events of any other than the current one have no effect. */
	uint32_t connection;
	struct stream_head head;
	struct stream_place place;
	enum stream_code code;
	uint32_t attempt;
	uint32_t random; /* 32 random bits, if stream_wants_random() */
	uint32_t within_ms;
};

/* What the caller has to do, a set of bits, in this order. */
enum stream_action {
	/* Close the previous data connection, or call off the dial. With
	 * DO_DROP_NEW: close the data connection of the event, which is
	 * refused. */
	STREAM_DO_DROP = 1 << 0,
	STREAM_DO_DROP_NEW = 1 << 1,
	/* End the sending side of the end socket. */
	STREAM_DO_PASS_END = 1 << 2,
	/* Reset the end socket; or close it in the normal way. */
	STREAM_DO_RESET_END = 1 << 3,
	STREAM_DO_CLOSE_END = 1 << 4,
	/* Dial the server, with the attempt number in attempt. */
	STREAM_DO_DIAL = 1 << 5,
	/* Find an idle data connection for the visitor, and report it by
	 * STREAM_EVENT_IDLE once there is one. */
	STREAM_DO_OFFER = 1 << 6,
	/* Send Lost with attempt; or tell the server that the stream is
	 * unknown. */
	STREAM_DO_SAY_LOST = 1 << 7,
	STREAM_DO_SAY_UNKNOWN = 1 << 8,
	/* For the log: the stream was interrupted; it was resumed. */
	STREAM_DO_INTERRUPTED = 1 << 9,
	STREAM_DO_RESUMED = 1 << 10,
	/* The data connection is idle again. */
	STREAM_DO_PART = 1 << 11,
	/* The other end may not know how the stream has ended: keep a tombstone
	 * with fate and attempt. */
	STREAM_DO_BURY = 1 << 12,
	/* The stream is over: it has no sockets and waits for nothing. */
	STREAM_DO_END = 1 << 13,
};

/* Fixed when a stream begins. */
struct stream_options {
	enum stream_role role;
	/* How long the stream may be interrupted; 0: an interruption ends it.
	 * */
	uint32_t resume_ms;
	/* STREAM_DEAD_MS, or more on a slow path. */
	uint32_t dead_ms;
	/* Server: how long to wait for the client's first frame before the
	 * visitor is offered on another data connection: a few round trips.
	 * Doubled with each attempt, up to dead_ms. */
	uint32_t offer_ms;
	/* Server: how long a visitor waits for a client to take it. */
	uint32_t wait_ms;
	/* stream_window_most() */
	uint32_t window_most;
};

/* Fields may be read, and are changed by the functions below alone. */
struct stream {
	struct stream_options options;
	enum stream_phase phase;
	enum stream_link link;
	uint32_t connection;
	/* The attempt number of the current, or the last, data connection. */
	uint32_t attempt;
	struct stream_out out;
	struct stream_in in;
	/* How much may be kept in each direction, see stream_keep(). */
	uint64_t keep_most;

	/* Server: a frame of the client was received. Client: a frame was
	 * sent. */
	bool taken;
	/* The stream has ended, and this struct only answers for it. */
	bool answers;
	/* The frame that must come first on the current data connection, if it
	 * was not sent yet: OPEN, RESUME, or the answer to RESUME. */
	enum stream_type greeting;
	/* The last frame that is due, BYE or RESET; whether it was sent on the
	 * current data connection; and whether the peer's last frame was
	 * received, after which the stream no longer needs a data
	 * connection. */
	enum stream_type last;
	bool last_sent;
	bool last_heard;
	enum stream_code code;
	/* PROBE was received, or sent, and not answered yet; and the peer's
	 * limit when PROBE was last sent. */
	bool is_probed;
	bool has_probed;
	uint64_t probed_limit;
	/* How the stream has ended, as far as is known. */
	enum stream_fate fate;
	bool ended; /* DO_END was returned */
	/* for the next step to return */
	unsigned actions;

	int64_t heard_ms;
	int64_t owed_ms; /* since when the peer owes an answer */
	/* since when an acknowledgement or limit is due */
	int64_t news_ms;
	int64_t interrupted_ms; /* since when; CLOCK_NEVER: not interrupted */
	int64_t wait_end_ms;
	int64_t offer_end_ms;
	uint32_t offer_ms;
	int64_t dial_ms;
	struct backoff dial;
	int64_t drain_end_ms;
	int64_t last_end_ms; /* the deadline for the peer's last frame */
	int64_t doubt_end_ms;
	int64_t lost_ms; /* when Lost is sent next */
};

/* Start with a visitor that has arrived; the first action is STREAM_DO_OFFER.
 * */
void stream_init_server(struct stream *stream,
    const struct stream_options *options, int64_t now_ms);

/* Start with OPEN, with an unknown id, on an idle data connection. */
void stream_init_client(struct stream *stream,
    const struct stream_options *options, uint32_t connection,
    const struct stream_head *open, int64_t now_ms);

/*
 * Start only to answer RESUME (server) or OPEN (client) for a stream that has
 * ended, and then to release the data connection.
 *
 * fate: from the tombstones; an unknown one counts as gone.
 */
void stream_init_answer(struct stream *stream,
    const struct stream_options *options, enum stream_fate fate,
    uint32_t attempt, uint32_t connection, int64_t now_ms);

/* Set how many bytes the stream may keep in each direction:
 * stream_window_share(), to be updated now and then. Before the first call
 * there is no limit. */
void stream_keep(struct stream *stream, uint64_t bytes);

/*
 * Whether sent bytes may have to be sent again, because the stream can be
 * resumed. Otherwise the caller keeps nothing once the other end has answered,
 * and reads frames only when the end socket accepts more: TCP holds the sender
 * back, and silence is no evidence of anything.
 */
static inline bool
stream_keeps(const struct stream *stream)
{
	return stream->options.resume_ms > 0;
}

/* Whether the next event needs random bits, to spread the next dial: the client
 * dials, or asks on a new data connection, and either may be in vain. */
static inline bool
stream_wants_random(const struct stream *stream)
{
	return stream->link == STREAM_DIALLING || stream->link == STREAM_ASKING;
}

/* Process an event. Returns a set of enum stream_action; 0: wait. */
unsigned stream_step(struct stream *stream, const struct stream_event *event);

/* A frame to send. */
struct stream_frame {
	struct stream_head head;
	/* DATA: the position of its first byte. */
	uint64_t position;
	/* RESUME, RESUMED */
	struct stream_place place;
	uint32_t attempt;
	/* RESET */
	enum stream_code code;
};

/*
 * Take the next frame to send on the current data connection. Call it after
 * each event until it returns false, but only while the data connection is
 * writable: a frame that was taken counts as sent. The length of OPEN, which
 * the caller encodes, is left at 0.
 *
 * data_most: the largest DATA.
 * Returns false if there is no frame.
 */
bool stream_next(struct stream *stream, int64_t now_ms, uint32_t data_most,
    struct stream_frame *frame);

/* Returns how many bytes may be read from the end socket now. With a data
 * connection, only as much as can be sent at once; during an interruption, as
 * much as the peer and the memory have room for. */
uint64_t stream_may_read(const struct stream *stream);

/* Returns how many bytes are held for the end socket. */
uint64_t stream_may_pass(const struct stream *stream);

/*
 * Returns when STREAM_EVENT_TIME, followed by stream_next(), is due: INT64_MIN
 * if actions are waiting; CLOCK_NEVER: not before another event.
 *
 * can_write: the data connection is writable; otherwise nothing is due on it.
 */
int64_t stream_due_ms(const struct stream *stream, bool can_write);

#endif
