/*
 * stream - one end of one stream: a visitor's connection that outlives the data
 * connections which carry it.
 *
 * A stream joins two end sockets: the visitor's at the server, the service's at
 * the client. It is known by a random id that only its two ends have. When its
 * data connection breaks, in whatever way, the client makes another and says
 * RESUME; each end tells what it holds, and both send again from there. What
 * cannot be resumed is reset at both ends, never ended as if it were complete.
 *
 * Pure: a plain value without sockets, clock, or the bytes themselves. The caller
 * tells what happens (stream_step()), does what it is asked to (enum
 * stream_action), and sends what stream_next() says. The rules, each with its
 * reason, stand in src/README.md, Streams.
 *
 * How an end stands to its data connection:
 *
 *     DETACHED   has none. The client dials when it is due; the server waits for
 *                RESUME, and for an idle one where nobody has taken the visitor
 *     DIALLING   client: one is on its way
 *     OFFERED    server: OPEN was sent, nothing heard
 *     ASKING     client: RESUME was sent, not answered
 *     ATTACHED   frames go both ways
 *
 * and to its end socket:
 *
 *     LIVE       open
 *     RESETTING  was reset and is closed: what it had said is still sent for 2 s,
 *                then RESET
 *     DRAINING   the peer has reset: what is held is passed on for 2 s, then it is
 *                reset
 *     LEAVING    client: the server has left; what is held is passed on, then it
 *                is closed
 *     OVER       closed. What is left is to part from the data connection, so that
 *                it can carry the next stream
 *
 * Each end says one last frame (BYE, RESET, FINISHED, GONE) for a stream on a data
 * connection, and nothing behind it. Who has said and heard one is rid of the
 * stream: nothing of it can reach the next.
 */
#ifndef REBORE_STREAM_STREAM_H
#define REBORE_STREAM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/backoff.h"
#include "stream/stream_flow.h"
#include "stream/stream_frame.h"
#include "stream/stream_tombstones.h"

/* Something is owed by the peer and nothing at all was heard for so long: the
 * data connection is dead, unless the path is known to be slower. */
#define STREAM_DEAD_MS 3000
/* What is new is told so late at the most; by a client that has not said
 * anything yet, earlier. */
#define STREAM_TOLD_MS       200
#define STREAM_FIRST_TOLD_MS 100
/* A sender that has reached the limit and hears nothing asks once after so
 * long. */
#define STREAM_PROBE_MS 1000
/* For so long what an end socket had said before its reset is passed on. */
#define STREAM_DRAIN_MS 2000
/* A server whose control connection was made anew is to hear of each stream by
 * then; more than the client's spread, a dial and a round trip. */
#define STREAM_DOUBT_MS 4000
/* The longest pause between two dials for one stream. */
#define STREAM_DIAL_MOST_MS 1000
/* No data connection. */
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
	/* Of the end socket: size bytes were read, within stream_may_read();
	 * its end of file; it has taken size bytes; it was reset or refused
	 * (code), and the caller has closed it. */
	STREAM_EVENT_READ,
	STREAM_EVENT_END,
	STREAM_EVENT_TOOK,
	STREAM_EVENT_RESET,
	/* Of a data connection: a frame has come (connection, head, and by its
	 * type place or code); it was ended or reset, or is useless
	 * (connection). */
	STREAM_EVENT_FRAME,
	STREAM_EVENT_BROKEN,
	/* Server: this data connection is idle, and answers STREAM_DO_OFFER. It
	 * is used when it is stream.connection afterwards. */
	STREAM_EVENT_IDLE,
	/* Server: RESUME came on this one: connection, attempt, place. */
	STREAM_EVENT_RESUME,
	/* Client: the one that STREAM_DO_DIAL asked for stands; or does not. */
	STREAM_EVENT_DIALLED,
	STREAM_EVENT_DIAL_FAILED,
	/* Client: OPEN came on this one, for this stream, which is known. */
	STREAM_EVENT_OPENED_AGAIN,
	/* Client: the server has said Lost, with this attempt. */
	STREAM_EVENT_LOST,
	/* Server: the client has said Unknown. */
	STREAM_EVENT_UNKNOWN,
	/* The control connection had to be made anew, or the path has changed,
	 * so that the data connection may be lost although nothing says so.
	 * within_ms: the client asks for another one by then, spread over all
	 * its streams; the server waits for that. */
	STREAM_EVENT_DOUBT,
	/* The program stops. */
	STREAM_EVENT_STOP,
	/* stream_due_ms() has come; any other time does no harm. */
	STREAM_EVENT_TIME,
};

struct stream_event {
	enum stream_event_kind kind;
	int64_t now_ms;
	uint64_t size;
	/* A number by which the caller knows the data connection, not 0. What
	 * comes from another than that of now has no effect. */
	uint32_t connection;
	struct stream_head head;
	struct stream_place place;
	enum stream_code code;
	uint32_t attempt;
	uint32_t random; /* 32 random bits, with every event of a client */
	uint32_t within_ms;
};

/* What the caller is to do, a set of bits, in this order. */
enum stream_action {
	/* Close the data connection that was there before the event, or call
	 * the dial off. With DO_DROP_NEW: close that of the event, which is
	 * refused. */
	STREAM_DO_DROP = 1 << 0,
	STREAM_DO_DROP_NEW = 1 << 1,
	/* End the sending side of the end socket: END was reached. */
	STREAM_DO_PASS_END = 1 << 2,
	/* Reset the end socket; or close it in the proper way. */
	STREAM_DO_RESET_END = 1 << 3,
	STREAM_DO_CLOSE_END = 1 << 4,
	/* Dial the server, for attempt. */
	STREAM_DO_DIAL = 1 << 5,
	/* Find an idle data connection for the visitor. The event is
	 * STREAM_EVENT_IDLE, once there is one. */
	STREAM_DO_OFFER = 1 << 6,
	/* Say Lost, with attempt; or Unknown. */
	STREAM_DO_SAY_LOST = 1 << 7,
	STREAM_DO_SAY_UNKNOWN = 1 << 8,
	/* For the log: the stream was interrupted; it goes on. */
	STREAM_DO_INTERRUPTED = 1 << 9,
	STREAM_DO_RESUMED = 1 << 10,
	/* The data connection is idle again. */
	STREAM_DO_PART = 1 << 11,
	/* The other end may not know how it has ended: keep a tombstone for
	 * fate and attempt, and have it told. */
	STREAM_DO_BURY = 1 << 12,
	/* The stream is done with: it has no socket any more, and waits for
	 * nothing. */
	STREAM_DO_END = 1 << 13,
};

/* What a stream is told once. */
struct stream_options {
	enum stream_role role;
	/* How long it may be interrupted, 0: a break is the end of it. */
	uint32_t resume_ms;
	/* STREAM_DEAD_MS, or more on a slow path. */
	uint32_t dead_ms;
	/* Server: how long to wait until a first frame of the client, before
	 * the visitor is offered on another data connection: a few round trips.
	 * It is doubled with each try, up to dead_ms. */
	uint32_t offer_ms;
	/* Server: how long a visitor waits for a client that takes it. */
	uint32_t wait_ms;
	/* stream_window_most() */
	uint32_t window_most;
};

/* Open, to be looked at; changed by the functions below alone. */
struct stream {
	struct stream_options options;
	enum stream_phase phase;
	enum stream_link link;
	uint32_t connection;
	/* Of the data connection of now, or of the last one. */
	uint32_t attempt;
	struct stream_out out;
	struct stream_in in;
	/* As much may be kept in each direction, see stream_keep(). */
	uint64_t keep_most;

	/* Server: the client has said something, whatever it was. Client: it
	 * has said something. */
	bool taken;
	/* There is only a stream that has ended to be answered for. */
	bool answers;
	/* What opens the data connection of now, if that has not been sent:
	 * OPEN, RESUME, or an answer to RESUME. */
	enum stream_type greeting;
	/* The last frame that is due, BYE or RESET; whether it was
	 * sent on the data connection of now; and whether the peer has said its
	 * own, so that it needs no data connection any more. */
	enum stream_type last;
	bool last_sent;
	bool last_heard;
	enum stream_code code;
	/* PROBE came, or was sent, and is not answered; and the limit of the
	 * peer at which it was sent last. */
	bool is_probed;
	bool has_probed;
	uint64_t probed_limit;
	/* What the stream has come to, as far as is known. */
	enum stream_fate fate;
	bool ended; /* DO_END was said */
	/* To be done at the next step. */
	unsigned actions;

	int64_t heard_ms;
	int64_t owed_ms;        /* since when the peer owes something */
	int64_t news_ms;        /* since when something is not told */
	int64_t interrupted_ms; /* since when; CLOCK_NEVER: it is not */
	int64_t wait_end_ms;
	int64_t offer_end_ms;
	uint32_t offer_ms;
	int64_t dial_ms;
	struct backoff dial;
	int64_t drain_end_ms;
	int64_t last_end_ms; /* the peer's last frame is here by then */
	int64_t doubt_end_ms;
	int64_t lost_ms; /* when Lost is said next */
};

/* A visitor has come; the first action is STREAM_DO_OFFER. */
void stream_init_server(struct stream *stream,
    const struct stream_options *options, int64_t now_ms);

/* OPEN has come, of an id that is not known, on an idle data connection. */
void stream_init_client(struct stream *stream,
    const struct stream_options *options, uint32_t connection,
    const struct stream_head *open, int64_t now_ms);

/*
 * RESUME (server) or OPEN (client) has come for a stream that has ended: there
 * is only to answer, and to part from the data connection.
 *
 * fate: from the tombstones; an unknown one is gone.
 */
void stream_init_answer(struct stream *stream,
    const struct stream_options *options, enum stream_fate fate,
    uint32_t attempt, uint32_t connection, int64_t now_ms);

/* The stream may keep bytes in each direction; stream_window_share(), to be
 * told now and then. There is no limit before. */
void stream_keep(struct stream *stream, uint64_t bytes);

/*
 * Whether what was sent may have to be sent again: it can be resumed. Otherwise
 * the caller keeps nothing once the other end has answered, and reads frames
 * only when the end socket takes more: TCP holds the sender back, and silence
 * is no sign of anything.
 */
static inline bool
stream_keeps(const struct stream *stream)
{
	return stream->options.resume_ms > 0;
}

/* Take an event. Returns a set of enum stream_action; 0: wait. */
unsigned stream_step(struct stream *stream, const struct stream_event *event);

/* A frame to be sent. */
struct stream_frame {
	struct stream_head head;
	/* DATA: its bytes are from here on. */
	uint64_t position;
	/* RESUME, RESUMED */
	struct stream_place place;
	uint32_t attempt;
	/* RESET */
	enum stream_code code;
};

/*
 * Take the next frame that is to be sent on the data connection of now. To be
 * called after each event until there is none, but only when the data
 * connection can be written to; a frame that is taken is one that is sent. The
 * length of OPEN, which the caller writes, is left at 0.
 *
 * data_most: of one DATA.
 * Returns false when there is none.
 */
bool stream_next(struct stream *stream, int64_t now_ms, uint32_t data_most,
    struct stream_frame *frame);

/* Returns how many bytes may be read from the end socket now. While there is a
 * data connection, that is only what can be sent on at once; during an
 * interruption, what the peer and the memory have room for. */
uint64_t stream_may_read(const struct stream *stream);

/* Returns how many bytes are held for the end socket. */
uint64_t stream_may_pass(const struct stream *stream);

/*
 * Returns when STREAM_EVENT_TIME, and stream_next() behind it, are due:
 * INT64_MIN where actions wait to be taken; CLOCK_NEVER: not before another
 * event.
 *
 * can_write: the data connection can be written to; else nothing is due there.
 */
int64_t stream_due_ms(const struct stream *stream, bool can_write);

#endif
