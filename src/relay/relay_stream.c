/* relay_stream - see relay_stream.h */
#include "relay/relay_stream.h"

#include "base/clock.h"
#include "base/random.h"
#include "net/sockopt.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

/* How often to return from poll() when no socket can wake the thread. */
#define LOOK_MS 500
/* After this many rounds, other work is due. */
#define ROUNDS 16
/* How long writing the rest of a frame may take once the stream is over. */
#define FLUSH_MS 2000

void
relay_stream_init(struct relay_stream *relay)
{
	relay->end = (struct transport)TRANSPORT_INITIALIZER;
	relay->data = (struct transport)TRANSPORT_INITIALIZER;
	relay->has_heard = false;
	relay->actions = 0;
	relay->end_half_closed = false;
	relay->end_hung_up = false;
	relay->data_hung_up = false;
	relay->passes_end = false;
	relay->is_end_over = false;
	relay->has_parted = false;
	relay->has_greeting = false;
	relay->flush_end_ms = CLOCK_NEVER;
	relay->connections = relay->stream.connection;
	relay_outward_init(&relay->outward);
	relay_inward_init(&relay->inward);
}

/* --- The two sockets */

static void
close_end(struct relay_stream *relay, bool resets)
{
	relay->is_end_over = true;
	if (!transport_is_open(&relay->end))
		return;
	relay->let_go(relay->owner, true);
	if (resets)
		transport_reset(&relay->end);
	else if (!relay->passes_end)
		transport_keep_sent(&relay->end);
	transport_close(&relay->end);
}

static void
close_data(struct relay_stream *relay)
{
	if (!transport_is_open(&relay->data))
		return;
	relay->let_go(relay->owner, false);
	transport_close(&relay->data);
	relay->data_hung_up = false;
	relay_outward_renew(&relay->outward);
	relay_inward_renew(&relay->inward);
}

/* Pass END on. From here on a close must not discard what was passed on. */
static void
pass_end(struct relay_stream *relay)
{
	relay->passes_end = true;
	if (!transport_is_open(&relay->end))
		return;
	transport_keep_sent(&relay->end);
	(void)transport_end(&relay->end);
}

/* Carry out the actions that concern the two sockets. */
static void
do_actions(struct relay_stream *relay, unsigned actions)
{
	if (actions & STREAM_DO_DROP)
		close_data(relay);
	if (actions & STREAM_DO_PASS_END)
		pass_end(relay);
	if (actions & STREAM_DO_RESET_END)
		close_end(relay, true);
	if (actions & STREAM_DO_CLOSE_END)
		close_end(relay, false);
	if (actions & STREAM_DO_PART) {
		relay->has_parted = true;
		relay->flush_end_ms = clock_now_ms() + FLUSH_MS;
	}
	relay->actions |= actions;
}

void
relay_stream_tell(struct relay_stream *relay, struct stream_event *event)
{
	event->now_ms = clock_now_ms();
	if (stream_wants_random(&relay->stream))
		event->random = random_u32();
	do_actions(relay, stream_step(&relay->stream, event));
}

void
relay_stream_step(struct relay_stream *relay, struct stream_event event)
{
	relay_stream_tell(relay, &event);
}

void
relay_stream_break_data(struct relay_stream *relay)
{
	struct stream_event event = {.kind = STREAM_EVENT_BROKEN,
	    .connection = relay->stream.connection};

	close_data(relay);
	if (event.connection != STREAM_NO_CONNECTION)
		relay_stream_tell(relay, &event);
}

void
relay_stream_break_end(struct relay_stream *relay, enum stream_code code)
{
	struct stream_event event = {.kind = STREAM_EVENT_RESET, .code = code};

	close_end(relay, true);
	relay_stream_tell(relay, &event);
}

void
relay_stream_set_end(struct relay_stream *relay, struct transport end)
{
	if (relay->is_end_over) {
		transport_reset(&end);
		transport_close(&end);
		return;
	}
	relay->end = end;
	if (relay->passes_end)
		pass_end(relay);
}

void
relay_stream_begin(struct relay_stream *relay, struct transport data)
{
	relay->data = data;
}

void
relay_stream_attach(struct relay_stream *relay, struct transport data,
    struct stream_event *event)
{
	/* numbers count up, except for 0, which is none */
	if (++relay->connections == STREAM_NO_CONNECTION)
		relay->connections++;
	event->connection = relay->connections;
	relay_stream_tell(relay, event);
	if (relay->stream.connection != event->connection) {
		transport_close(&data);
		return;
	}
	close_data(relay);
	relay->data = data;
	relay->has_greeting = true;
}

/* --- Waiting */

static bool
has_to_pass(const struct relay_stream *relay)
{
	return stream_may_pass(&relay->stream) > 0;
}

static struct pollfd
interest_in_end(const struct relay_stream *relay)
{
	short events = 0;

	if (!transport_is_open(&relay->end))
		return (struct pollfd){.fd = -1};
	if (relay->outward.rest_ms == 0 && relay_outward_wants_read(relay))
		events |= POLLIN;
	if (has_to_pass(relay))
		events |= POLLOUT;
	if (!relay->end_half_closed && !relay->stream.out.ended)
		events |= POLLRDHUP;
	if (relay->end_hung_up && events == 0)
		/* POLLHUP cannot be masked: poll() would not wait. */
		return (struct pollfd){.fd = -1};
	return transport_poll(&relay->end, events);
}

static struct pollfd
interest_in_data(const struct relay_stream *relay)
{
	short events = 0;

	if (!transport_is_open(&relay->data))
		return (struct pollfd){.fd = -1};
	if (relay_inward_wants_read(relay))
		events |= POLLIN;
	if (relay->outward.blocked)
		events |= POLLOUT;
	if (relay->data_hung_up && events == 0)
		return (struct pollfd){.fd = -1};
	return transport_poll(&relay->data, events);
}

void
relay_stream_poll(
    const struct relay_stream *relay, struct pollfd slots[RELAY_STREAM_SLOTS])
{
	slots[RELAY_STREAM_END] = interest_in_end(relay);
	slots[RELAY_STREAM_DATA] = interest_in_data(relay);
}

int
relay_stream_wait_ms(
    const struct pollfd slots[RELAY_STREAM_SLOTS], int64_t due_ms)
{
	int left_ms = clock_left_ms(due_ms);

	if (left_ms != -1 && left_ms < LOOK_MS)
		return left_ms;
	for (int i = 0; i < RELAY_STREAM_SLOTS; i++)
		if (slots[i].fd != -1 &&
		    (slots[i].events & (POLLIN | POLLRDHUP)) != 0)
			return left_ms;
	return LOOK_MS;
}

int64_t
relay_stream_due_ms(const struct relay_stream *relay)
{
	int64_t due_ms = stream_due_ms(&relay->stream, !relay->outward.blocked);

	if (relay->has_greeting)
		return INT64_MIN;
	if (relay->outward.rest_ms != 0)
		due_ms = clock_earlier(due_ms, relay->outward.rest_ms);
	return clock_earlier(due_ms, relay->flush_end_ms);
}

/* --- Moving */

/* Process what poll() has reported for the end socket. Reading and writing
 * detect a failure by themselves; if nothing is being read, ask the socket for
 * it. */
static void
look_at_end(struct relay_stream *relay, short revents)
{
	if ((revents & POLLRDHUP) != 0)
		relay->end_half_closed = true;
	if ((revents & POLLHUP) != 0)
		relay->end_hung_up = true;
	if ((revents & POLLOUT) != 0)
		relay->inward.blocked = false;
	if ((revents & POLLERR) == 0 || relay_outward_wants_read(relay))
		return;
	relay->end_hung_up = true;
	if (sockopt_take_error(transport_fd(&relay->end)) != 0)
		relay_stream_break_end(relay, STREAM_CODE_END);
}

static void
look_at_data(struct relay_stream *relay, short revents)
{
	if ((revents & POLLOUT) != 0)
		relay->outward.blocked = false;
	if ((revents & (POLLHUP | POLLERR)) == 0 ||
	    relay_inward_wants_read(relay))
		return;
	relay->data_hung_up = true;
	if ((revents & POLLERR) != 0 &&
	    sockopt_take_error(transport_fd(&relay->data)) != 0)
		relay_stream_break_data(relay);
}

/* Update the stream's share of the memory that all streams have. */
static void
share_kept(struct relay_stream *relay)
{
	uint64_t free_bytes;

	if (!stream_keeps(&relay->stream))
		return;
	free_bytes = stream_retain_free();
	stream_keep(&relay->stream,
	    stream_window_share(relay->stream.options.window_most, free_bytes));
}

static void
step_time(struct relay_stream *relay)
{
	struct stream_event event = {.kind = STREAM_EVENT_TIME};
	int64_t now_ms = clock_now_ms();

	if (relay->outward.rest_ms != 0 && now_ms >= relay->outward.rest_ms)
		relay->outward.rest_ms = 0;
	if (now_ms >= stream_due_ms(&relay->stream, !relay->outward.blocked))
		relay_stream_tell(relay, &event);
}

/* Returns whether there may be more to move. */
static bool
move_both_ways(struct relay_stream *relay, bool reads_data, bool reads_end)
{
	bool more = reads_data && relay_inward_read(relay);

	relay_inward_write(relay);
	if (reads_end && relay_outward_read(relay))
		more = true;
	step_time(relay);
	relay_outward_write(relay);
	/* the last frame may have completed the stream */
	if (stream_due_ms(&relay->stream, !relay->outward.blocked) == INT64_MIN)
		step_time(relay);
	return more;
}

void
relay_stream_serve(
    struct relay_stream *relay, const struct pollfd slots[RELAY_STREAM_SLOTS])
{
	short end = slots[RELAY_STREAM_END].revents;
	short data = slots[RELAY_STREAM_DATA].revents;
	bool more = true;

	relay->has_greeting = false;
	look_at_end(relay, end);
	look_at_data(relay, data);
	for (int i = 0; i < ROUNDS && more && !relay->stream.ended; i++)
		more = move_both_ways(
		    relay, (data & ~POLLOUT) != 0, (end & ~POLLOUT) != 0);
	if (relay->inward.holds || relay->outward.is_bulk)
		share_kept(relay);
	if (!relay->stream.ended)
		return;
	relay_outward_write(relay);
	if (clock_now_ms() >= relay->flush_end_ms)
		close_data(relay);
}

void
relay_stream_read_ahead(struct relay_stream *relay)
{
	(void)relay_outward_read(relay);
}

bool
relay_stream_is_interrupted(const struct relay_stream *relay)
{
	return relay->entry != NULL && roster_interrupted(relay->entry);
}

void
relay_stream_feed(struct relay_stream *relay, const uint8_t *bytes, size_t size)
{
	relay_inward_feed(relay, bytes, size);
}

unsigned
relay_stream_actions(struct relay_stream *relay)
{
	unsigned actions = relay->actions;

	relay->actions = 0;
	return actions &
	       (STREAM_DO_DIAL | STREAM_DO_OFFER | STREAM_DO_SAY_LOST |
		   STREAM_DO_SAY_UNKNOWN | STREAM_DO_INTERRUPTED |
		   STREAM_DO_RESUMED | STREAM_DO_BURY);
}

bool
relay_stream_is_over(const struct relay_stream *relay)
{
	return relay->stream.ended &&
	       (!relay->has_parted || !transport_is_open(&relay->data) ||
		   relay_outward_is_flushed(&relay->outward));
}

struct transport
relay_stream_part(struct relay_stream *relay)
{
	struct transport data = relay->data;

	if (!relay->has_parted || !transport_is_open(&data))
		return (struct transport)TRANSPORT_INITIALIZER;
	relay->let_go(relay->owner, false);
	relay->data = (struct transport)TRANSPORT_INITIALIZER;
	return data;
}

void
relay_stream_destroy(struct relay_stream *relay)
{
	close_data(relay);
	close_end(relay, true);
	relay_outward_destroy(&relay->outward);
	relay_inward_destroy(&relay->inward);
}

uint64_t
relay_stream_to_end(const struct relay_stream *relay)
{
	const struct stream_in *in = &relay->stream.in;

	return in->taken - (stream_in_is_complete(in) ? 1 : 0);
}

uint64_t
relay_stream_from_end(const struct relay_stream *relay)
{
	const struct stream_out *out = &relay->stream.out;

	return out->read - (out->ended ? 1 : 0);
}
