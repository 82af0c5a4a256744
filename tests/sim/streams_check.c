/* streams_check - what must always be true of streams; see streams.h */
#include <string.h>

#include "streams.h"

/* A path is back, the control connection is made anew, the dial may fail once,
 * and round trips take up to 400 ms. */
#define RESUMED_MS 6000

/* The position at which what a side has said ends. */
static uint64_t
said_by(const struct sim_end *end, int side)
{
	return streams.truths[end->stream_index].read[side];
}

/* A frame comes to an end: it is of its stream, and follows what came before. */
void
check_frame(const struct sim_end *end, const struct parcel *parcel)
{
	const struct stream *machine = &end->machine;

	if (end->stream_index != parcel->truth_stream) {
		sim_fail("a frame of stream %d reaches stream %d",
		    parcel->truth_stream, end->stream_index);
		return;
	}
	if (machine->link == STREAM_ASKING || machine->phase == STREAM_OVER)
		return;
	if ((parcel->frame.head.type == STREAM_END ||
		(parcel->frame.head.type == STREAM_DATA &&
		    parcel->frame.head.length > 0)) &&
	    parcel->truth_position != machine->in.received)
		sim_fail("stream %d: bytes are lost or come twice",
		    end->stream_index);
}

void
check_taken(const struct sim_end *end)
{
	uint64_t base = streams.truths[end->stream_index].base;

	if (base + end->sock.taken > said_by(end, !end->side))
		sim_fail(
		    "stream %d: bytes that nobody has said", end->stream_index);
}

/* An end is passed on. */
void
check_end(const struct sim_end *end)
{
	const struct truth *truth = &streams.truths[end->stream_index];

	if (!truth->ended[!end->side] ||
	    truth->base + end->sock.taken != said_by(end, !end->side))
		sim_fail("stream %d: a false end", end->stream_index);
}

void
check_kept(const struct sim_end *end)
{
	const struct stream *machine = &end->machine;
	/* What cannot be resumed is kept until the client has answered. */
	bool keeps =
	    stream_keeps(machine) || (end->side == SERVER && !machine->taken);
	uint64_t kept = keeps ? machine->out.read - machine->out.acked : 0;
	uint64_t most = streams.window_most > STREAM_LIMIT_FIRST
	                    ? streams.window_most
	                    : STREAM_LIMIT_FIRST;

	if (kept > most + 1 ||
	    (!streams.may_keep_change && kept > streams.keep_most + 1) ||
	    (stream_keeps(machine) && stream_may_pass(machine) > most))
		sim_fail("stream %d: more is kept than the window",
		    end->stream_index);
}

/* The end socket is closed now, in one way or another. */
void
check_fate(struct sim_end *end, enum sock_state state)
{
	struct truth *truth = &streams.truths[end->stream_index];

	end->sock.state = state;
	truth->fate[end->side] = state;
	if (state == SOCK_CLOSED &&
	    (!end->sock.heard_end || !truth->ended[end->side]))
		sim_fail(
		    "stream %d: closed before its ends", end->stream_index);
}

void
check_spin(void)
{
	if (world.now_ms != streams.spin_ms) {
		streams.spin_ms = world.now_ms;
		streams.spin_count = 0;
	}
	if (++streams.spin_count > 5000)
		sim_fail("it spins");
}

static void
tell_end(const struct sim_end *end)
{
	const struct stream *machine = &end->machine;

	sim_tell("stream %d at the %s: phase %d, link %d, sent %llu of %llu, "
		 "acknowledged %llu, received %llu, taken %llu%s",
	    end->stream_index, end->side == CLIENT ? "client" : "server",
	    (int)machine->phase, (int)machine->link,
	    (unsigned long long)machine->out.sent,
	    (unsigned long long)machine->out.read,
	    (unsigned long long)machine->out.acked,
	    (unsigned long long)machine->in.received,
	    (unsigned long long)machine->in.taken,
	    machine->in.ended ? ", ended" : "");
}

/* All has been good for a while: nothing is interrupted for long. */
void
check_resumed(void)
{
	for (unsigned i = 0; i < streams.count; i++)
		for (int side = 0; side < 2; side++) {
			const struct sim_end *end = &streams.ends[i][side];
			int64_t since_ms = end->machine.interrupted_ms;

			if (!end->used || since_ms == SIM_NEVER)
				continue;
			if (since_ms < world.good_ms)
				since_ms = world.good_ms;
			if (world.now_ms - since_ms < RESUMED_MS)
				continue;
			tell_end(end);
			sim_fail("stream %u: is not resumed at the %s", i,
			    side == CLIENT ? "client" : "server");
		}
}

static void
check_fates(int i)
{
	const struct truth *truth = &streams.truths[i];
	enum sock_state visitor = truth->fate[SERVER];
	enum sock_state service = truth->fate[CLIENT];

	if (!truth->was_there[CLIENT]) {
		if (visitor == SOCK_CLOSED)
			sim_fail("stream %d: closed, and never served", i);
		return;
	}
	if (visitor == SOCK_OPEN || service == SOCK_OPEN) {
		sim_fail("stream %d: never ends", i);
		return;
	}
	if ((visitor == SOCK_CLOSED) == (service == SOCK_CLOSED))
		return;
	/* Who was reset by itself or ended later than the other is no matter of
	 * ours, nor is a process that was killed or has waited in vain. */
	if (visitor == SOCK_CLOSED &&
	    (truth->self_reset[CLIENT] || truth->was_killed[CLIENT] ||
		truth->has_given_up[CLIENT] || truth->was_killed[SERVER]))
		return;
	sim_fail("stream %d: complete at one end alone", i);
}

/* All has been good for so long that everything has ended. */
void
check_over(void)
{
	uint64_t most;

	for (unsigned i = 0; i < streams.count; i++) {
		for (int side = 0; side < 2; side++)
			if (streams.ends[i][side].used) {
				tell_end(&streams.ends[i][side]);
				sim_fail("stream %u: never ends at the %s", i,
				    side == CLIENT ? "client" : "server");
			}
		check_fates((int)i);
	}
	for (int i = 0; i < ANSWERS_MOST; i++)
		if (streams.answers[i].used)
			sim_fail("an answer never ends");
	for (int i = 0; i < LINES_MOST; i++)
		if (streams.lines[i].number != 0 &&
		    (streams.lines[i].use[SERVER] == LINE_USED ||
			streams.lines[i].use[CLIENT] == LINE_USED))
			sim_fail("data connection %u is never idle again",
			    streams.lines[i].number);
	/* Four acknowledgements a window, and what time and trouble cost. */
	most = 200 + streams.bytes / 4096 + streams.trouble * 60 +
	       streams.count * (uint64_t)world.now_ms / 100;
	if (streams.frames_alone > most)
		sim_fail("%llu frames without a byte, for %llu bytes",
		    (unsigned long long)streams.frames_alone,
		    (unsigned long long)streams.bytes);
}
