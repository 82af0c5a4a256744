/* stream_flow - see stream_flow.h */
#include "stream/stream_flow.h"

#include <assert.h>

void
stream_out_init(struct stream_out *out, uint64_t limit)
{
	*out = (struct stream_out){.limit = limit};
}

/* Bytes alone, without END. */
static uint64_t
bytes_read(const struct stream_out *out)
{
	return out->read - (out->ended ? 1 : 0);
}

uint64_t
stream_out_room(const struct stream_out *out, uint64_t keep_most)
{
	uint64_t most = out->acked + keep_most;

	if (most > out->limit)
		most = out->limit;
	return out->ended || most < out->read ? 0 : most - out->read;
}

void
stream_out_read(struct stream_out *out, uint64_t size)
{
	assert(!out->ended && size <= out->limit - out->read);
	out->read += size;
}

void
stream_out_end(struct stream_out *out)
{
	if (out->ended)
		return;
	out->ended = true;
	out->read++;
}

uint64_t
stream_out_unsent(const struct stream_out *out)
{
	uint64_t bytes = bytes_read(out);

	return bytes > out->sent ? bytes - out->sent : 0;
}

bool
stream_out_end_is_next(const struct stream_out *out)
{
	return out->ended && out->sent + 1 == out->read;
}

void
stream_out_sent(struct stream_out *out, uint64_t size)
{
	assert(size <= out->read - out->sent);
	out->sent += size;
	if (out->most_sent < out->sent)
		out->most_sent = out->sent;
}

bool
stream_out_is_owed(const struct stream_out *out)
{
	return out->sent > out->acked;
}

bool
stream_out_is_complete(const struct stream_out *out)
{
	return out->ended && out->acked == out->read;
}

bool
stream_out_is_blocked(const struct stream_out *out)
{
	return !out->ended && out->acked == out->limit;
}

/* Limits only grow: a lower one was sent before one that has arrived
 * already. */
static void
raise_limit(struct stream_out *out, uint64_t limit)
{
	if (out->limit < limit)
		out->limit = limit;
}

bool
stream_out_update(struct stream_out *out, uint32_t received, uint32_t limit)
{
	uint64_t position;

	if (!stream_frame_position(received, out->acked, out->sent, &position))
		return false;
	out->acked = position;
	if (!stream_frame_position(
		limit, position, position + STREAM_SPAN_MOST, &position))
		return false;
	raise_limit(out, position);
	return true;
}

bool
stream_out_resume(struct stream_out *out, const struct stream_place *place)
{
	if (place->received < out->acked || place->received > out->most_sent)
		return false;
	out->acked = out->sent = place->received;
	raise_limit(out, place->limit);
	return true;
}

void
stream_in_init(struct stream_in *in, uint32_t window_most)
{
	/* The peer knows the first limit without being told. */
	*in = (struct stream_in){.limit = STREAM_LIMIT_FIRST,
	    .advertised_limit = STREAM_LIMIT_FIRST,
	    .window_most = window_most};
	stream_window_init(&in->window, window_most, 0);
}

void
stream_in_open(struct stream_in *in)
{
	in->window_most = STREAM_SPAN_MOST / 2;
	in->window.size = in->window_most;
}

static uint64_t
bytes_received(const struct stream_in *in)
{
	return in->received - (in->ended ? 1 : 0);
}

uint64_t
stream_in_held(const struct stream_in *in)
{
	uint64_t bytes = bytes_received(in);

	return bytes > in->taken ? bytes - in->taken : 0;
}

bool
stream_in_data(struct stream_in *in, uint64_t size)
{
	if (size == 0)
		return true;
	if (in->ended || in->received > in->limit ||
	    size > in->limit - in->received)
		return false;
	in->received += size;
	return true;
}

bool
stream_in_end(struct stream_in *in)
{
	if (in->ended)
		return false;
	in->ended = true;
	in->received++;
	return true;
}

void
stream_in_took(struct stream_in *in, uint64_t size)
{
	assert(size <= stream_in_held(in));
	in->taken += size;
	stream_window_took(
	    &in->window, in->window_most, bytes_received(in), in->taken);
}

void
stream_in_pass_end(struct stream_in *in)
{
	assert(in->ended && stream_in_held(in) == 0);
	in->taken = in->received;
}

bool
stream_in_is_complete(const struct stream_in *in)
{
	return in->ended && in->taken == in->received;
}

struct stream_place
stream_in_place(const struct stream_in *in, uint64_t keep_most)
{
	uint64_t ahead = in->window.size;
	struct stream_place place = {in->received, in->limit};

	if (ahead > keep_most)
		ahead = keep_most;
	if (place.limit < in->taken + ahead)
		place.limit = in->taken + ahead;
	/* END needs no room. */
	if (place.limit < place.received)
		place.limit = place.received;
	return place;
}

void
stream_in_advertise(struct stream_in *in, const struct stream_place *place)
{
	in->limit = place->limit;
	in->advertised_received = place->received;
	in->advertised_limit = place->limit;
}

bool
stream_in_frees(const struct stream_in *in, const struct stream_place *place)
{
	return !in->ended && in->received >= in->advertised_limit &&
	       place->limit > in->advertised_limit;
}

bool
stream_in_is_news(const struct stream_in *in, const struct stream_place *place)
{
	return place->received != in->advertised_received ||
	       place->limit != in->advertised_limit;
}

bool
stream_in_is_urgent(const struct stream_in *in,
    const struct stream_place *place, uint64_t keep_most)
{
	uint64_t window = in->window.size;

	if (window > keep_most)
		window = keep_most;
	return place->received - in->advertised_received >= window / 4 ||
	       place->limit - in->advertised_limit >= window / 4;
}
