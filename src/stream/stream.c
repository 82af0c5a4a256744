/* stream - see stream.h */
#include "stream/stream.h"

#include <assert.h>

#include "base/clock.h"
#include "base/u32.h"

static void
ask_for(struct stream *stream, unsigned actions)
{
	stream->actions |= actions;
}

static bool
has_connection(const struct stream *stream)
{
	return stream->link >= STREAM_OFFERED;
}

static void
end_stream(struct stream *stream)
{
	stream->phase = STREAM_OVER;
	stream->link = STREAM_DETACHED;
	stream->connection = STREAM_NO_CONNECTION;
	stream->ended = true;
	stream->actions &= ~(unsigned)(STREAM_DO_OFFER | STREAM_DO_DIAL);
	ask_for(stream, STREAM_DO_END);
}

static void
init_stream(
    struct stream *stream, const struct stream_options *options, int64_t now_ms)
{
	*stream = (struct stream){
	    .options = *options,
	    .keep_most = STREAM_SPAN_MOST,
	    .heard_ms = now_ms,
	    .owed_ms = CLOCK_NEVER,
	    .news_ms = CLOCK_NEVER,
	    .interrupted_ms = CLOCK_NEVER,
	    .wait_end_ms = CLOCK_NEVER,
	    .offer_end_ms = CLOCK_NEVER,
	    .offer_ms = options->offer_ms,
	    .dial_ms = CLOCK_NEVER,
	    .drain_end_ms = CLOCK_NEVER,
	    .last_end_ms = CLOCK_NEVER,
	    .doubt_end_ms = CLOCK_NEVER,
	    .lost_ms = CLOCK_NEVER,
	};
	stream_out_init(&stream->out, STREAM_LIMIT_FIRST);
	stream_in_init(&stream->in, options->window_most);
	if (!stream_keeps(stream))
		stream_in_open(&stream->in);
	backoff_init(&stream->dial, STREAM_DIAL_MOST_MS);
}

void
stream_init_server(
    struct stream *stream, const struct stream_options *options, int64_t now_ms)
{
	assert(options->role == STREAM_SERVER);
	init_stream(stream, options, now_ms);
	stream->wait_end_ms = now_ms + options->wait_ms;
	ask_for(stream, STREAM_DO_OFFER);
}

void
stream_init_client(struct stream *stream, const struct stream_options *options,
    uint32_t connection, const struct stream_head *open, int64_t now_ms)
{
	assert(options->role == STREAM_CLIENT);
	init_stream(stream, options, now_ms);
	stream->link = STREAM_ATTACHED;
	stream->connection = connection;
	stream->out.limit = u32_min(open->limit, STREAM_SPAN_MOST);
	stream->news_ms = now_ms;
}

void
stream_init_answer(struct stream *stream, const struct stream_options *options,
    enum stream_fate fate, uint32_t attempt, uint32_t connection,
    int64_t now_ms)
{
	init_stream(stream, options, now_ms);
	stream->answers = true;
	stream->taken = true;
	stream->phase = STREAM_OVER;
	stream->fate = fate == STREAM_FATE_FINISHED ? STREAM_FATE_FINISHED
	                                            : STREAM_FATE_GONE;
	stream->link = STREAM_ATTACHED;
	stream->connection = connection;
	stream->attempt = attempt;
	if (options->role == STREAM_CLIENT) {
		stream->last = STREAM_RESET;
		stream->code = STREAM_CODE_LOST;
	} else {
		stream->greeting = stream->fate == STREAM_FATE_FINISHED
		                       ? STREAM_FINISHED
		                       : STREAM_GONE;
	}
}

void
stream_keep(struct stream *stream, uint64_t bytes)
{
	stream->keep_most = bytes < STREAM_SPAN_MOST ? bytes : STREAM_SPAN_MOST;
}

/* --- Ending */

/* The end socket was reset by its owner, or we are to reset it. */
static void
reset_end(struct stream *stream)
{
	if (stream->phase == STREAM_LIVE || stream->phase == STREAM_DRAINING ||
	    stream->phase == STREAM_LEAVING)
		ask_for(stream, STREAM_DO_RESET_END);
	stream->fate = STREAM_FATE_GONE;
}

/* A stream that cannot be resumed is reset, and the other end is informed as
 * far as possible. */
static void
give_up(struct stream *stream)
{
	reset_end(stream);
	if (stream->link != STREAM_DETACHED)
		ask_for(stream, STREAM_DO_DROP);
	ask_for(stream, stream->options.role == STREAM_SERVER
			    ? STREAM_DO_BURY
			    : STREAM_DO_SAY_UNKNOWN);
	end_stream(stream);
}

/* The end socket is closed. The other end learns this from RESET, as soon as
 * there is a data connection. On the server, which does not dial, that is when
 * the client asks by RESUME. */
static void
begin_reset(struct stream *stream, enum stream_code code, int64_t drain_end_ms)
{
	stream->phase = STREAM_RESETTING;
	stream->fate = STREAM_FATE_GONE;
	stream->code = code;
	stream->drain_end_ms = drain_end_ms;
	if (stream->options.role == STREAM_SERVER && !has_connection(stream))
		give_up(stream);
}

/* The stream has been interrupted, or remains so. */
static void
interrupt_stream(struct stream *stream, int64_t now_ms)
{
	if (stream->interrupted_ms == CLOCK_NEVER) {
		stream->interrupted_ms = now_ms;
		ask_for(stream, STREAM_DO_INTERRUPTED);
	}
	if (stream->options.resume_ms == 0) {
		give_up(stream);
		return;
	}
	if (stream->options.role == STREAM_SERVER)
		stream->lost_ms = now_ms;
	else
		stream->dial_ms = now_ms;
}

static void
go_on(struct stream *stream)
{
	if (stream->interrupted_ms == CLOCK_NEVER)
		return;
	stream->interrupted_ms = CLOCK_NEVER;
	ask_for(stream, STREAM_DO_RESUMED);
}

static void
detach_server(struct stream *stream, int64_t now_ms)
{
	if (stream->phase == STREAM_LIVE && !stream->taken)
		ask_for(stream, STREAM_DO_OFFER);
	else if (stream->phase == STREAM_LIVE)
		interrupt_stream(stream, now_ms);
	else if (stream->phase == STREAM_RESETTING)
		give_up(stream);
	else if (stream->phase == STREAM_DRAINING)
		/* the peer's last frame came earlier; this connection only
		 * carried our answer */
		stream->last_heard = true;
	else if (stream->phase == STREAM_OVER) {
		ask_for(stream, STREAM_DO_BURY);
		end_stream(stream);
	}
}

static void
detach_client(struct stream *stream, int64_t now_ms)
{
	/* RESET may not have arrived. What had to be sent before it was sent.
	 * */
	if (stream->phase == STREAM_OVER) {
		stream->phase = STREAM_RESETTING;
		stream->last = STREAM_NOTHING;
		stream->drain_end_ms = now_ms;
	}
	interrupt_stream(stream, now_ms);
}

/* The current data connection is lost, or is to be dropped. */
static void
detach_connection(struct stream *stream, bool drops, int64_t now_ms)
{
	if (drops)
		ask_for(stream, STREAM_DO_DROP);
	stream->link = STREAM_DETACHED;
	stream->connection = STREAM_NO_CONNECTION;
	stream->greeting = STREAM_NOTHING;
	stream->last_sent = false;
	stream->owed_ms = CLOCK_NEVER;
	stream->offer_end_ms = CLOCK_NEVER;
	stream->last_end_ms = CLOCK_NEVER;
	stream->doubt_end_ms = CLOCK_NEVER;
	if (stream->answers)
		end_stream(stream);
	else if (stream->last_heard)
		; /* the peer needs nothing more from us */
	else if (stream->options.role == STREAM_SERVER)
		detach_server(stream, now_ms);
	else
		detach_client(stream, now_ms);
}

/* The same, if the data connection was of no use: the next dial has to wait. */
static void
detach_in_vain(struct stream *stream, const struct stream_event *event)
{
	detach_connection(
	    stream, event->kind != STREAM_EVENT_BROKEN, event->now_ms);
	if (stream->dial_ms != CLOCK_NEVER)
		stream->dial_ms =
		    event->now_ms + backoff_next(&stream->dial, event->random);
}

/* The peer has violated the protocol. */
static void
refuse_frame(struct stream *stream, int64_t now_ms)
{
	if (stream->phase == STREAM_LIVE || stream->phase == STREAM_RESETTING) {
		reset_end(stream);
		stream->phase = STREAM_RESETTING;
		stream->code = STREAM_CODE_LOST;
		stream->drain_end_ms = now_ms;
	}
	detach_connection(stream, true, now_ms);
}

/* Pass END on, and leave when everything has been passed on: the server once
 * both directions are also acknowledged, the client once the server has left.
 * */
static void
settle_end(struct stream *stream)
{
	struct stream_in *in = &stream->in;
	bool leaves = stream->phase == STREAM_LEAVING ||
	              (stream->options.role == STREAM_SERVER &&
			  stream_out_is_complete(&stream->out));

	if (in->ended && stream_in_held(in) == 0 &&
	    !stream_in_is_complete(in)) {
		stream_in_pass_end(in);
		ask_for(stream, STREAM_DO_PASS_END);
	}
	if (!leaves || !stream_in_is_complete(in))
		return;
	stream->phase = STREAM_OVER;
	stream->fate = STREAM_FATE_FINISHED;
	stream->last = STREAM_BYE;
	go_on(stream); /* if it was interrupted, nothing is lost */
	ask_for(stream, STREAM_DO_CLOSE_END);
	if (!has_connection(stream) && !stream->last_heard) {
		ask_for(stream, STREAM_DO_BURY);
		end_stream(stream);
	}
}

/* Send RESET after everything that was read before it, or when that takes too
 * long. */
static void
settle_reset(struct stream *stream, int64_t now_ms)
{
	if (stream->link != STREAM_ATTACHED && stream->link != STREAM_OFFERED)
		return;
	if (now_ms < stream->drain_end_ms &&
	    (stream_out_unsent(&stream->out) > 0 ||
		stream_out_end_is_next(&stream->out)))
		return;
	stream->phase = STREAM_OVER;
	stream->last = STREAM_RESET;
}

/* Do what has become possible, in whatever order the events came. */
static void
settle_stream(struct stream *stream, int64_t now_ms)
{
	if (stream->phase == STREAM_LIVE || stream->phase == STREAM_LEAVING)
		settle_end(stream);
	else if (stream->phase == STREAM_RESETTING)
		settle_reset(stream, now_ms);
	else if (stream->phase == STREAM_DRAINING &&
		 (stream_in_held(&stream->in) == 0 ||
		     now_ms >= stream->drain_end_ms)) {
		stream->phase = STREAM_OVER;
		ask_for(stream, STREAM_DO_RESET_END);
	}
	if (stream->phase != STREAM_OVER || stream->ended ||
	    !stream->last_heard)
		return;
	if (has_connection(stream) && !stream->last_sent)
		return;
	if (has_connection(stream))
		ask_for(stream, STREAM_DO_PART);
	end_stream(stream);
}

/* --- Incoming frames */

/* The peer has reset the stream, or knows that it cannot be resumed. */
static bool
hear_reset(struct stream *stream, int64_t now_ms)
{
	stream->last_heard = true;
	stream->link = STREAM_ATTACHED;
	stream->greeting = STREAM_NOTHING;
	stream->interrupted_ms = CLOCK_NEVER;
	if (stream->phase == STREAM_OVER)
		return true;
	if (stream->phase == STREAM_LIVE) {
		stream->phase = STREAM_DRAINING;
		stream->drain_end_ms = now_ms + STREAM_DRAIN_MS;
	} else {
		stream->phase = STREAM_OVER;
	}
	stream->fate = STREAM_FATE_GONE;
	stream->last = STREAM_BYE;
	return true;
}

/* The server has left, which it only does when everything was acknowledged. */
static bool
hear_that_it_has_left(struct stream *stream)
{
	if (!stream->in.ended || !stream_out_is_complete(&stream->out))
		return false;
	stream->last_heard = true;
	stream->link = STREAM_ATTACHED;
	go_on(stream);
	if (stream->phase == STREAM_LIVE) {
		stream->phase = STREAM_LEAVING;
	} else {
		stream->phase = STREAM_OVER;
		stream->last = STREAM_BYE;
	}
	return true;
}

static bool
hear_bye(struct stream *stream)
{
	if (!stream->last_sent)
		return stream->options.role == STREAM_CLIENT &&
		       hear_that_it_has_left(stream);
	stream->last_heard = true;
	return true;
}

/* The answer to our RESUME. */
static bool
hear_answer(struct stream *stream, const struct stream_event *event)
{
	const struct stream_place all = {stream->out.read, stream->out.limit};

	if (stream->link != STREAM_ASKING || stream->greeting != STREAM_NOTHING)
		return false;
	switch (event->head.type) {
	case STREAM_RESUMED:
		if (!stream_out_resume(&stream->out, &event->place))
			return false;
		stream->link = STREAM_ATTACHED;
		backoff_init(&stream->dial, STREAM_DIAL_MOST_MS);
		go_on(stream);
		return true;
	case STREAM_FINISHED:
		return stream->out.ended &&
		       stream_out_resume(&stream->out, &all) &&
		       hear_that_it_has_left(stream);
	default:
		return hear_reset(stream, event->now_ms);
	}
}

/* A frame of a stream that is attached. */
static bool
hear_flow(struct stream *stream, const struct stream_event *event)
{
	const struct stream_head *head = &event->head;

	/* Bytes after a second OPEN are sent again after the server's
	 * answer. */
	if (stream->link == STREAM_ASKING)
		return head->type == STREAM_RESET
		           ? hear_reset(stream, event->now_ms)
		           : head->type != STREAM_BYE;
	if (stream->phase != STREAM_OVER &&
	    !stream_out_update(&stream->out, head->received, head->limit))
		return false;
	if (head->type == STREAM_RESET)
		return hear_reset(stream, event->now_ms);
	if (head->type == STREAM_BYE)
		return hear_bye(stream);
	if (stream->phase == STREAM_OVER)
		return true;
	if (head->type == STREAM_PROBE)
		stream->is_probed = true;
	if (head->type == STREAM_PROBED)
		stream->has_probed = false;
	return head->type == STREAM_END
	           ? stream_in_end(&stream->in)
	           : stream_in_data(&stream->in, head->length);
}

static void
hear_frame(struct stream *stream, const struct stream_event *event)
{
	bool is_right = !stream->last_heard;

	stream->heard_ms = event->now_ms;
	stream->doubt_end_ms = CLOCK_NEVER;
	if (stream->link == STREAM_OFFERED) {
		stream->link = STREAM_ATTACHED;
		stream->taken = true;
		stream->offer_end_ms = CLOCK_NEVER;
	}
	switch (event->head.type) {
	case STREAM_RESUMED:
	case STREAM_FINISHED:
	case STREAM_GONE:
		is_right = is_right && hear_answer(stream, event);
		break;
	case STREAM_DATA:
	case STREAM_PROBE:
	case STREAM_PROBED:
	case STREAM_END:
	case STREAM_RESET:
	case STREAM_BYE:
		is_right = is_right && hear_flow(stream, event);
		break;
	default: /* OPEN and RESUME are events of their own */
		is_right = false;
		break;
	}
	if (!is_right)
		refuse_frame(stream, event->now_ms);
}

/* --- Data connections */

static void
attach_connection(struct stream *stream, enum stream_link link,
    enum stream_type greeting, const struct stream_event *event)
{
	stream->link = link;
	stream->actions &= ~(unsigned)STREAM_DO_OFFER;
	stream->greeting = greeting;
	stream->connection = event->connection;
	stream->heard_ms = event->now_ms;
	stream->owed_ms = CLOCK_NEVER;
	stream->offer_end_ms = CLOCK_NEVER;
	stream->doubt_end_ms = CLOCK_NEVER;
	stream->dial_ms = CLOCK_NEVER;
	stream->lost_ms = CLOCK_NEVER;
	stream->last_sent = false;
	stream->last_heard = false;
	stream->is_probed = false;
	stream->has_probed = false;
}

/* Server: there is an idle data connection for a visitor that has not been
 * taken. */
static void
offer_visitor(struct stream *stream, const struct stream_event *event)
{
	if (stream->phase != STREAM_LIVE || stream->taken ||
	    stream->link != STREAM_DETACHED)
		return;
	attach_connection(stream, STREAM_OFFERED, STREAM_OPEN, event);
	stream->out.sent = stream->out.acked;
	stream->offer_end_ms = event->now_ms + stream->offer_ms;
}

/* Server: returns the frame that answers RESUME. */
static enum stream_type
answer_resume(struct stream *stream, const struct stream_place *place)
{
	if (stream->phase == STREAM_LIVE || stream->phase == STREAM_RESETTING) {
		if (stream_out_resume(&stream->out, place))
			return STREAM_RESUMED;
		reset_end(stream);
		stream->phase = STREAM_OVER;
	}
	return stream->fate == STREAM_FATE_FINISHED ? STREAM_FINISHED
	                                            : STREAM_GONE;
}

static void
resume_at_server(struct stream *stream, const struct stream_event *event)
{
	/* A late RESUME must not displace a newer data connection. */
	if (event->attempt <= stream->attempt || stream->answers) {
		ask_for(stream, STREAM_DO_DROP_NEW);
		return;
	}
	stream->attempt = event->attempt;
	stream->taken = true;
	/* A last frame was already sent on the data connection of a second
	 * OPEN, so the client will answer with its own. */
	if (stream->connection == event->connection && stream->last_sent) {
		stream->link = STREAM_ATTACHED;
		return;
	}
	if (has_connection(stream) && stream->connection != event->connection)
		ask_for(stream, STREAM_DO_DROP);
	attach_connection(stream, STREAM_ATTACHED,
	    answer_resume(stream, &event->place), event);
	if (stream->greeting == STREAM_RESUMED)
		go_on(stream);
}

/* Client: ask the server to resume the stream on this data connection. */
static void
ask_server(struct stream *stream, const struct stream_event *event)
{
	if (stream->phase == STREAM_OVER) {
		stream->phase = STREAM_RESETTING;
		stream->last = STREAM_NOTHING;
		stream->drain_end_ms = event->now_ms;
	}
	attach_connection(stream, STREAM_ASKING, STREAM_RESUME, event);
}

/* Client: the server has not heard us on the first data connection, and offers
 * the visitor on another one. */
static void
open_again(struct stream *stream, const struct stream_event *event)
{
	if (stream->last_heard || stream->answers) {
		ask_for(stream, STREAM_DO_DROP_NEW);
		return;
	}
	/* The bytes that we have sent were not kept. */
	if (!stream_keeps(stream) && stream->taken) {
		ask_for(stream, STREAM_DO_DROP_NEW);
		give_up(stream);
		return;
	}
	if (stream->link != STREAM_DETACHED)
		ask_for(stream, STREAM_DO_DROP);
	/* A dial that is called off has already counted as an attempt, and its
	 * RESUME may be on its way. */
	stream->attempt++;
	ask_server(stream, event);
}

static void
take_dialled(struct stream *stream, const struct stream_event *event)
{
	if (stream->link == STREAM_DIALLING)
		ask_server(stream, event);
	else
		ask_for(stream, STREAM_DO_DROP_NEW);
}

static void
fail_to_dial(struct stream *stream, const struct stream_event *event)
{
	if (stream->link != STREAM_DIALLING)
		return;
	stream->link = STREAM_DETACHED;
	stream->dial_ms =
	    event->now_ms + backoff_next(&stream->dial, event->random);
}

/* --- Messages of the control connection */

static void
hear_lost(struct stream *stream, const struct stream_event *event)
{
	if (stream->last_heard)
		ask_for(stream, STREAM_DO_SAY_UNKNOWN);
	/* This Lost is about an earlier data connection, and must not break the
	 * current one. */
	else if (event->attempt < stream->attempt)
		return;
	else if (has_connection(stream))
		detach_connection(stream, true, event->now_ms);
	else if (stream->link == STREAM_DETACHED)
		stream->dial_ms = event->now_ms;
}

static void
hear_unknown(struct stream *stream)
{
	if (!stream->taken || stream->ended)
		return;
	if (stream->fate != STREAM_FATE_FINISHED)
		reset_end(stream);
	if (has_connection(stream))
		ask_for(stream, STREAM_DO_DROP);
	end_stream(stream);
}

static void
doubt_connection(struct stream *stream, const struct stream_event *event)
{
	if (stream->link == STREAM_ATTACHED && !stream->last_heard)
		stream->doubt_end_ms = event->now_ms + event->within_ms;
	else if (stream->link == STREAM_DETACHED &&
		 stream->dial_ms != CLOCK_NEVER)
		stream->dial_ms = event->now_ms;
}

/* --- Outgoing frames */

/* Acknowledgements and limits go out with the next frame. If there is none,
 * they go out after a short time, or at once if the peer may be waiting for
 * them. The client's first frame also tells the server that the visitor is
 * taken; it waits a little for the service's answer. */
static bool
is_first_word(const struct stream *stream)
{
	return stream->options.role == STREAM_CLIENT && !stream->taken;
}

static int64_t
ack_due_ms(const struct stream *stream)
{
	int64_t wait_ms = STREAM_ACK_DELAY_MS;

	if (stream->link != STREAM_ATTACHED || stream->last_sent ||
	    stream->last_heard || stream->news_ms == CLOCK_NEVER)
		return CLOCK_NEVER;
	if (is_first_word(stream))
		wait_ms = STREAM_FIRST_ACK_MS;
	return stream->news_ms + wait_ms;
}

static bool
is_ack_due(const struct stream *stream, const struct stream_place *place,
    int64_t now_ms)
{
	if (stream->last_heard || stream->link != STREAM_ATTACHED)
		return false;
	if (now_ms >= ack_due_ms(stream))
		return true;
	if (is_first_word(stream))
		return stream->in.ended ||
		       stream->in.received >= STREAM_FIRST_ACK_BYTES;
	/* Both ends wait for this acknowledgement. Otherwise END can wait for
	 * what the end socket says to it, which acknowledges it as well. */
	if (stream->in.ended && stream->out.ended &&
	    stream->in.advertised_received != stream->in.received)
		return true;
	return stream_in_is_urgent(&stream->in, place, stream->keep_most);
}

/*
 * A raised limit can get lost with its data connection. The peer would then
 * wait for us while we wait for the peer. So each of them asks once: the end
 * that raises a limit that the peer has reached, and the end that has reached a
 * limit and hears nothing. After that both know the same limit, and silence is
 * only a pause.
 */
static int64_t
probed_at_ms(const struct stream *stream)
{
	if (stream->link != STREAM_ATTACHED || stream->phase != STREAM_LIVE ||
	    !stream_out_is_blocked(&stream->out) ||
	    stream->probed_limit == stream->out.limit)
		return CLOCK_NEVER;
	return stream->heard_ms + STREAM_PROBE_MS;
}

/* Choose the type and length of the next frame. Returns false if there is none.
 * */
static bool
choose_frame(const struct stream *stream, const struct stream_place *place,
    uint32_t data_most, int64_t now_ms, struct stream_head *head)
{
	uint64_t unsent = stream_out_unsent(&stream->out);

	if (stream->greeting != STREAM_NOTHING) {
		head->type = stream->greeting;
		if (head->type == STREAM_RESUME)
			head->length = STREAM_RESUME_BYTES;
		if (head->type == STREAM_RESUMED)
			head->length = STREAM_PLACE_BYTES;
		return true;
	}
	if (stream->link == STREAM_ASKING)
		return false;
	if (stream->last != STREAM_NOTHING) {
		head->type = stream->last;
		if (head->type == STREAM_RESET)
			head->length = STREAM_RESET_BYTES;
		/* A client that still passes bytes on cannot take the next
		 * stream. */
		return stream->options.role == STREAM_SERVER ||
		       stream->phase == STREAM_OVER;
	}
	head->type = STREAM_PROBED;
	if (stream->is_probed && !stream->last_heard)
		return true;
	head->type = STREAM_DATA;
	if (unsent > 0) {
		head->length =
		    unsent < data_most ? (uint32_t)unsent : data_most;
		return true;
	}
	if (stream_out_end_is_next(&stream->out)) {
		head->type = STREAM_END;
		return true;
	}
	if (stream_in_frees(&stream->in, place) ||
	    now_ms >= probed_at_ms(stream))
		head->type = STREAM_PROBE;
	return is_ack_due(stream, place, now_ms) ||
	       now_ms >= probed_at_ms(stream);
}

/* Record that a frame is sent. */
static void
note_frame(
    struct stream *stream, const struct stream_frame *frame, int64_t now_ms)
{
	switch (frame->head.type) {
	case STREAM_DATA:
		stream_out_sent(&stream->out, frame->head.length);
		break;
	case STREAM_PROBE:
		stream->has_probed = true;
		stream->probed_limit = stream->out.limit;
		break;
	case STREAM_PROBED:
		stream->is_probed = false;
		break;
	case STREAM_END:
		stream_out_sent(&stream->out, 1);
		break;
	case STREAM_RESET:
		stream->last_sent = true;
		stream->last_end_ms = now_ms + stream->options.dead_ms / 3;
		break;
	case STREAM_BYE:
	case STREAM_FINISHED:
	case STREAM_GONE:
		stream->last_sent = true;
		stream->last_end_ms = now_ms + stream->options.dead_ms;
		break;
	default:
		break;
	}
	stream->greeting = STREAM_NOTHING;
	if (stream->options.role == STREAM_CLIENT)
		stream->taken = true;
	stream_in_advertise(&stream->in, &frame->place);
	stream->news_ms = CLOCK_NEVER;
}

static bool
is_owed(const struct stream *stream)
{
	if (stream->link == STREAM_ASKING)
		return stream->greeting == STREAM_NOTHING;
	return stream->link == STREAM_ATTACHED && !stream->last_heard &&
	       !stream->last_sent &&
	       (stream->has_probed || stream_out_is_owed(&stream->out));
}

/* Record since when the peer owes an answer, and since when it has not been
 * informed of our position. */
static void
note_times(struct stream *stream, int64_t now_ms)
{
	struct stream_place place =
	    stream_in_place(&stream->in, stream->keep_most);

	if (!is_owed(stream))
		stream->owed_ms = CLOCK_NEVER;
	else if (stream->owed_ms == CLOCK_NEVER)
		stream->owed_ms = now_ms;
	if (stream->news_ms == CLOCK_NEVER &&
	    stream_in_is_news(&stream->in, &place))
		stream->news_ms = now_ms;
}

bool
stream_next(struct stream *stream, int64_t now_ms, uint32_t data_most,
    struct stream_frame *frame)
{
	if (!stream->ended)
		settle_stream(stream, now_ms);
	*frame = (struct stream_frame){
	    .position = stream->out.sent,
	    .place = stream_in_place(&stream->in, stream->keep_most),
	    .attempt = stream->attempt,
	    .code = stream->code,
	};
	if (!has_connection(stream) || stream->last_sent ||
	    !choose_frame(
		stream, &frame->place, data_most, now_ms, &frame->head))
		return false;
	frame->head.received = (uint32_t)frame->place.received;
	frame->head.limit = (uint32_t)frame->place.limit;
	note_frame(stream, frame, now_ms);
	settle_stream(stream, now_ms);
	if (!stream->ended)
		note_times(stream, now_ms);
	return true;
}

/* --- Time */

/* Silence alone is no evidence, because a reader may pause for hours.
 * Acknowledgements that make no progress are no evidence either while anything
 * is heard, because the path may be slow. */
static int64_t
dead_at_ms(const struct stream *stream)
{
	if (stream->owed_ms == CLOCK_NEVER ||
	    (!stream_keeps(stream) && stream->link == STREAM_ATTACHED))
		return CLOCK_NEVER;
	return clock_later(stream->heard_ms, stream->owed_ms) +
	       stream->options.dead_ms;
}

static int64_t
parted_at_ms(const struct stream *stream)
{
	return stream->last_heard ? CLOCK_NEVER : stream->last_end_ms;
}

static int64_t
given_up_at_ms(const struct stream *stream)
{
	return stream->interrupted_ms == CLOCK_NEVER
	           ? CLOCK_NEVER
	           : stream->interrupted_ms + stream->options.resume_ms;
}

static bool
waits_in_vain(const struct stream *stream, int64_t now_ms)
{
	return stream->phase == STREAM_LIVE && !stream->taken &&
	       now_ms >= stream->wait_end_ms;
}

/* Whether the current data connection has failed although nothing reported it.
 * */
static bool
is_lost_by_time(const struct stream *stream, int64_t now_ms)
{
	return now_ms >= stream->offer_end_ms ||
	       now_ms >= parted_at_ms(stream) ||
	       now_ms >= stream->doubt_end_ms || now_ms >= dead_at_ms(stream);
}

static void
lose_by_time(struct stream *stream, const struct stream_event *event)
{
	if (stream->link == STREAM_OFFERED)
		stream->offer_ms =
		    u32_min(2 * stream->offer_ms, stream->options.dead_ms);
	if (stream->link == STREAM_ASKING)
		detach_in_vain(stream, event);
	else
		detach_connection(stream, true, event->now_ms);
}

static void
pass_stream_time(struct stream *stream, const struct stream_event *event)
{
	int64_t now_ms = event->now_ms;

	if (waits_in_vain(stream, now_ms)) {
		reset_end(stream);
		begin_reset(stream, STREAM_CODE_LOST, now_ms);
	}
	if (!stream->ended && is_lost_by_time(stream, now_ms))
		lose_by_time(stream, event);
	if (!stream->ended && now_ms >= given_up_at_ms(stream) &&
	    (stream->phase == STREAM_LIVE || stream->phase == STREAM_RESETTING))
		give_up(stream);
	if (stream->ended || stream->link != STREAM_DETACHED)
		return;
	if (now_ms >= stream->dial_ms) {
		stream->dial_ms = CLOCK_NEVER;
		stream->link = STREAM_DIALLING;
		stream->attempt++;
		ask_for(stream, STREAM_DO_DIAL);
	}
	if (now_ms >= stream->lost_ms) {
		stream->lost_ms = now_ms + STREAM_LOST_REPEAT_MS;
		ask_for(stream, STREAM_DO_SAY_LOST);
	}
}

int64_t
stream_due_ms(const struct stream *stream, bool can_write)
{
	int64_t due_ms = dead_at_ms(stream);

	if (stream->actions != 0)
		return INT64_MIN;
	if (stream->ended)
		return CLOCK_NEVER;
	due_ms = clock_earlier(due_ms, stream->offer_end_ms);
	due_ms = clock_earlier(due_ms, parted_at_ms(stream));
	due_ms = clock_earlier(due_ms, stream->doubt_end_ms);
	if (stream->phase == STREAM_LIVE || stream->phase == STREAM_RESETTING)
		due_ms = clock_earlier(due_ms, given_up_at_ms(stream));
	if (stream->phase == STREAM_LIVE && !stream->taken)
		due_ms = clock_earlier(due_ms, stream->wait_end_ms);
	if (stream->phase == STREAM_DRAINING ||
	    (stream->phase == STREAM_RESETTING &&
		stream->link == STREAM_ATTACHED))
		due_ms = clock_earlier(due_ms, stream->drain_end_ms);
	if (stream->link == STREAM_DETACHED)
		due_ms = clock_earlier(
		    due_ms, clock_earlier(stream->dial_ms, stream->lost_ms));
	if (can_write && has_connection(stream))
		due_ms = clock_earlier(due_ms,
		    clock_earlier(ack_due_ms(stream), probed_at_ms(stream)));
	return due_ms;
}

/* --- Events */

static void
reset_by_end(struct stream *stream, const struct stream_event *event)
{
	switch (stream->phase) {
	case STREAM_LIVE:
		begin_reset(
		    stream, event->code, event->now_ms + STREAM_DRAIN_MS);
		break;
	case STREAM_LEAVING:
	case STREAM_DRAINING:
		if (stream->phase == STREAM_LEAVING)
			stream->last = STREAM_BYE;
		stream->phase = STREAM_OVER;
		stream->fate = STREAM_FATE_GONE;
		break;
	default:
		break;
	}
}

static void
stop_stream(struct stream *stream, int64_t now_ms)
{
	if (stream->phase == STREAM_LIVE) {
		reset_end(stream);
		begin_reset(stream, STREAM_CODE_STOPPED, now_ms);
	} else if (stream->phase == STREAM_RESETTING) {
		stream->drain_end_ms = now_ms;
	}
}

/* Process an event of the end socket. */
static void
step_end(struct stream *stream, const struct stream_event *event)
{
	switch (event->kind) {
	case STREAM_EVENT_READ:
		if (stream->phase == STREAM_LIVE)
			stream_out_read(&stream->out, event->size);
		break;
	case STREAM_EVENT_END:
		if (stream->phase == STREAM_LIVE)
			stream_out_end(&stream->out);
		break;
	case STREAM_EVENT_TOOK:
		if (stream_may_pass(stream) >= event->size)
			stream_in_took(&stream->in, event->size);
		break;
	default:
		reset_by_end(stream, event);
		break;
	}
}

/* Process an event of a data connection or of the control connection. */
static void
step_connection(struct stream *stream, const struct stream_event *event)
{
	switch (event->kind) {
	case STREAM_EVENT_FRAME:
		if (event->connection == stream->connection)
			hear_frame(stream, event);
		break;
	case STREAM_EVENT_BROKEN:
		if (event->connection != stream->connection)
			break;
		if (stream->link == STREAM_ASKING)
			detach_in_vain(stream, event);
		else
			detach_connection(stream, false, event->now_ms);
		break;
	case STREAM_EVENT_IDLE:
		offer_visitor(stream, event);
		break;
	case STREAM_EVENT_RESUME:
		resume_at_server(stream, event);
		break;
	case STREAM_EVENT_DIALLED:
		take_dialled(stream, event);
		break;
	case STREAM_EVENT_DIAL_FAILED:
		fail_to_dial(stream, event);
		break;
	case STREAM_EVENT_OPENED_AGAIN:
		open_again(stream, event);
		break;
	case STREAM_EVENT_LOST:
		hear_lost(stream, event);
		break;
	case STREAM_EVENT_UNKNOWN:
		hear_unknown(stream);
		break;
	case STREAM_EVENT_DOUBT:
		doubt_connection(stream, event);
		break;
	default:
		break;
	}
}

unsigned
stream_step(struct stream *stream, const struct stream_event *event)
{
	unsigned actions;

	if (stream->ended) {
		if (event->kind == STREAM_EVENT_RESUME ||
		    event->kind == STREAM_EVENT_DIALLED)
			ask_for(stream, STREAM_DO_DROP_NEW);
	} else if (event->kind == STREAM_EVENT_TIME) {
		pass_stream_time(stream, event);
	} else if (event->kind == STREAM_EVENT_STOP) {
		stop_stream(stream, event->now_ms);
	} else if (event->kind <= STREAM_EVENT_RESET) {
		step_end(stream, event);
	} else {
		step_connection(stream, event);
	}
	if (!stream->ended)
		settle_stream(stream, event->now_ms);
	if (!stream->ended)
		note_times(stream, event->now_ms);
	actions = stream->actions;
	stream->actions = 0;
	return actions;
}

uint64_t
stream_may_read(const struct stream *stream)
{
	if (stream->phase != STREAM_LIVE)
		return 0;
	if ((stream->link == STREAM_ATTACHED ||
		stream->link == STREAM_OFFERED) &&
	    stream_out_unsent(&stream->out) > 0)
		return 0;
	return stream_out_room(&stream->out, stream->keep_most);
}

uint64_t
stream_may_pass(const struct stream *stream)
{
	switch (stream->phase) {
	case STREAM_LIVE:
	case STREAM_DRAINING:
	case STREAM_LEAVING:
		return stream_in_held(&stream->in);
	default:
		return 0;
	}
}
