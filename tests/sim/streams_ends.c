/* streams_ends - what the threads of a client and a server do with their streams:
 * the loop around src/stream; see streams.h */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "streams.h"

#define DEAD_MS   3000
#define WAIT_MS   15000
#define SPREAD_MS 1000

struct sim_end *
end_of(int index)
{
	return index >= ACTOR_ANSWERS ? &streams.answers[index - ACTOR_ANSWERS]
	                              : &streams.ends[index / 2][index % 2];
}

static const char *
name_of(int side)
{
	return side == CLIENT ? "client" : "server";
}

static struct stream_options
options_of(int side)
{
	return (struct stream_options){
	    .role = side == CLIENT ? STREAM_CLIENT : STREAM_SERVER,
	    .resume_ms = streams.resume_ms,
	    .dead_ms = DEAD_MS,
	    .offer_ms = 4 * (streams.delay_ms + streams.jitter_ms) + 40,
	    .wait_ms = WAIT_MS,
	    .window_most = streams.window_most,
	};
}

/* Have all positions begin elsewhere, so that their low halves overflow. */
static void
shift_positions(struct stream *machine, uint64_t base)
{
	struct stream_out *out = &machine->out;
	struct stream_in *in = &machine->in;

	out->acked += base;
	out->sent += base;
	out->most_sent += base;
	out->read += base;
	out->limit += base;
	in->received += base;
	in->taken += base;
	in->limit += base;
	in->advertised_received += base;
	in->advertised_limit += base;
	in->window.begun += base;
}

static struct sim_end *
find_end(int side, const struct uuid *id)
{
	for (unsigned i = 0; i < streams.count; i++)
		if (streams.ends[i][side].used &&
		    uuid_equal(&streams.ends[i][side].id, id))
			return &streams.ends[i][side];
	return NULL;
}

static struct sim_end *
begin_end(int index, int side, int stream_index)
{
	struct sim_end *end = end_of(index);

	memset(end, 0, sizeof *end);
	end->used = true;
	end->side = side;
	end->index = index;
	end->stream_index = stream_index;
	return end;
}

/* --- End sockets */

/* Time has passed for the owner of the socket. */
static void
run_owner(struct sim_end *end)
{
	struct sock *sock = &end->sock;

	if (sock->ready < sock->total && world.now_ms >= sock->next_ms) {
		sock->ready += sock->chunk;
		if (sock->ready > sock->total)
			sock->ready = sock->total;
		sock->next_ms = world.now_ms + sock->gap_ms;
	}
}

static int64_t
owner_due_ms(const struct sim_end *end)
{
	const struct sock *sock = &end->sock;
	int64_t due_ms = sock->reset_at_ms;

	if (sock->state != SOCK_OPEN)
		return SIM_NEVER;
	if (sock->ready < sock->total)
		due_ms = clock_earlier(due_ms, sock->next_ms);
	if (stream_may_pass(&end->machine) > 0)
		due_ms = clock_earlier(due_ms,
		    clock_later(sock->takes_next_ms, sock->paused_until_ms));
	return due_ms;
}

/* Returns whether it is time for the owner to end or reset. */
static bool
owner_ends(const struct sim_end *end)
{
	const struct sock *sock = &end->sock;
	const struct truth *truth = &streams.truths[end->stream_index];

	return !sock->has_ended &&
	       truth->read[end->side] - truth->base == sock->total &&
	       (sock->ends_by != ENDS_WHEN_HEARD || sock->heard_end);
}

static void
reset_by_owner(struct sim_end *end, enum stream_code code)
{
	struct stream_event event = {.kind = STREAM_EVENT_RESET, .code = code};

	sim_tell("stream %d: the %s's end resets", end->stream_index,
	    name_of(end->side));
	end->sock.has_ended = true;
	streams.truths[end->stream_index].self_reset[end->side] = true;
	check_fate(end, SOCK_WAS_RESET);
	end_step(end, &event);
}

/* The owner says what it has to say, within what may be read. */
static bool
read_end(struct sim_end *end)
{
	struct truth *truth = &streams.truths[end->stream_index];
	struct stream_event event = {.kind = STREAM_EVENT_READ};
	uint64_t told = truth->read[end->side] - truth->base;
	uint64_t most = stream_may_read(&end->machine);

	event.size = end->sock.ready - told;
	if (event.size > most)
		event.size = most;
	if (event.size == 0)
		return false;
	truth->read[end->side] += event.size;
	streams.bytes += event.size;
	end_step(end, &event);
	check_kept(end);
	return true;
}

static bool
take_end(struct sim_end *end)
{
	struct stream_event event = {.kind = STREAM_EVENT_TOOK};
	uint64_t most = stream_may_pass(&end->machine);

	if (world.now_ms < end->sock.takes_next_ms ||
	    world.now_ms < end->sock.paused_until_ms)
		return false;
	event.size = end->sock.takes < most ? end->sock.takes : most;
	if (event.size == 0)
		return false;
	end->sock.taken += event.size;
	end->sock.takes_next_ms = world.now_ms + end->sock.takes_each_ms;
	end_step(end, &event);
	check_taken(end);
	return true;
}

/* Returns whether anything was done. */
static bool
run_sock(struct sim_end *end)
{
	struct sock *sock = &end->sock;

	if (!end->used || sock->state != SOCK_OPEN)
		return false;
	if (world.now_ms >= sock->reset_at_ms) {
		reset_by_owner(end, streams.truths[end->stream_index].is_refused
					? STREAM_CODE_REFUSED
					: STREAM_CODE_END);
		return true;
	}
	if (owner_ends(end)) {
		struct stream_event event = {.kind = STREAM_EVENT_END};

		if (sock->ends_by == ENDS_BY_RESET) {
			reset_by_owner(end, STREAM_CODE_END);
			return true;
		}
		sock->has_ended = true;
		streams.truths[end->stream_index].ended[end->side] = true;
		end_step(end, &event);
		return true;
	}
	return read_end(end) || take_end(end);
}

/* --- What a step asks for */

static void
close_line_of(struct sim_end *end, bool resets)
{
	struct line *line = line_of(end->line);

	end->line = 0;
	if (line != NULL)
		line_close(line, end->side, resets);
}

static void
close_sock(struct sim_end *end, enum sock_state state)
{
	if (end->index < ACTOR_ANSWERS && end->sock.state == SOCK_OPEN)
		check_fate(end, state);
}

static void
part(struct sim_end *end)
{
	struct line *line = line_of(end->line);

	end->line = 0;
	if (line == NULL)
		return;
	line->use[end->side] = LINE_IDLE;
	line->user[end->side] = SIM_NONE;
	line->idle_order = ++streams.idle_orders;
	if (end->side == SERVER)
		server_has_idle();
}

static void
find_idle(struct sim_end *end)
{
	static const struct control_message more = {.kind = SAYS_MORE};
	struct stream_event event = {.kind = STREAM_EVENT_IDLE};
	struct line *newest = NULL;

	for (int i = 0; i < LINES_MOST; i++) {
		struct line *line = &streams.lines[i];

		if (line->number != 0 && line->use[SERVER] == LINE_IDLE &&
		    (newest == NULL || newest->idle_order < line->idle_order))
			newest = line;
	}
	end->wants_line = newest == NULL;
	if (newest == NULL) {
		control_say(CLIENT, &more);
		return;
	}
	event.connection = newest->number;
	newest->use[SERVER] = LINE_USED;
	newest->user[SERVER] = end->index;
	end->line = newest->number;
	end_step(end, &event);
	assert(end->machine.connection == event.connection || !end->used);
}

static void
say_id(struct sim_end *end, bool is_lost)
{
	const struct control_message message = {
	    .kind = is_lost ? SAYS_LOST : SAYS_UNKNOWN,
	    .id = end->id,
	    .attempt = end->machine.attempt,
	};

	control_say(!end->side, &message);
}

static void
finish_end(struct sim_end *end, unsigned actions)
{
	struct truth *truth = &streams.truths[end->stream_index];
	bool buries = (actions & STREAM_DO_BURY) != 0;

	sim_tell("stream %d: over at the %s%s%s", end->stream_index,
	    name_of(end->side),
	    end->machine.fate == STREAM_FATE_FINISHED ? ", finished" : ", gone",
	    end->index >= ACTOR_ANSWERS ? " (answered)" : "");
	if (end->line != 0)
		sim_fail("a stream leaves its data connection behind");
	if (buries || end->side == CLIENT)
		stream_tombstones_put(&streams.tombstones[end->side], &end->id,
		    end->machine.fate == STREAM_FATE_FINISHED
			? STREAM_FATE_FINISHED
			: STREAM_FATE_GONE,
		    end->machine.attempt, buries, world.now_ms);
	else if (end->index >= ACTOR_ANSWERS && end->machine.last_heard)
		stream_tombstones_remove(
		    &streams.tombstones[end->side], &end->id);
	if (end->index < ACTOR_ANSWERS && end->sock.state == SOCK_OPEN)
		sim_fail("a stream leaves its end socket behind");
	if (end->index < ACTOR_ANSWERS)
		truth->is_finished[end->side] =
		    end->machine.fate == STREAM_FATE_FINISHED;
	end->used = false;
	sim_forget(ACTOR(ACTOR_END, end->index));
	if (buries)
		sim_wake_at(ACTOR(ACTOR_CONTROL, 3), world.now_ms);
}

static void
do_actions(struct sim_end *end, unsigned actions, uint32_t new_line)
{
	if (actions & STREAM_DO_DROP)
		close_line_of(end, true);
	if (actions & STREAM_DO_DROP_NEW) {
		struct line *line = line_of(new_line);

		if (line != NULL)
			line_close(line, end->side, true);
	}
	if (end->machine.connection != 0)
		end->line = end->machine.connection;
	if (actions & STREAM_DO_PASS_END) {
		end->sock.heard_end = true;
		check_end(end);
	}
	if (actions & STREAM_DO_RESET_END)
		close_sock(end, SOCK_RESET);
	if (actions & STREAM_DO_CLOSE_END)
		close_sock(end, SOCK_CLOSED);
	if (actions & STREAM_DO_DIAL)
		end->line = line_dial(end->index);
	if (actions & STREAM_DO_OFFER)
		find_idle(end);
	if (!end->used)
		return;
	if (actions & STREAM_DO_SAY_LOST)
		say_id(end, true);
	if (actions & STREAM_DO_SAY_UNKNOWN)
		say_id(end, false);
	if ((actions & STREAM_DO_SAY_UNKNOWN) && (actions & STREAM_DO_END))
		streams.truths[end->stream_index].has_given_up[end->side] =
		    true;
	if ((actions & STREAM_DO_BURY) && (actions & STREAM_DO_END))
		streams.truths[end->stream_index].has_given_up[end->side] =
		    true;
	if (actions & STREAM_DO_INTERRUPTED)
		sim_tell("stream %d: interrupted at the %s", end->stream_index,
		    name_of(end->side));
	if (actions & STREAM_DO_RESUMED)
		sim_tell("stream %d: resumed at the %s, from %lld / %lld",
		    end->stream_index, name_of(end->side),
		    (long long)end->machine.out.sent,
		    (long long)end->machine.in.received);
	if (actions & STREAM_DO_PART)
		part(end);
	if (actions & STREAM_DO_END)
		finish_end(end, actions);
}

void
end_step(struct sim_end *end, struct stream_event *event)
{
	if (!end->used)
		return;
	event->now_ms = world.now_ms;
	event->random = sim_random();
	do_actions(end, stream_step(&end->machine, event), event->connection);
}

/* --- The loop of an end */

static void
send_frame(struct sim_end *end, struct line *line, struct stream_frame *frame)
{
	struct parcel parcel = {
	    .kind = PARCEL_FRAME,
	    .frame = *frame,
	    .id = end->id,
	    .truth_stream = end->stream_index,
	    .truth_position = frame->position,
	};

	if (frame->head.type == STREAM_DATA && frame->head.length > 0 &&
	    frame->position < end->kept_from)
		sim_fail("stream %d: what is to be sent was forgotten",
		    end->stream_index);
	if (frame->head.type != STREAM_DATA || frame->head.length == 0)
		streams.frames_alone++;
	end->kept_from = end->machine.out.acked;
	line_send(line, !end->side, &parcel);
}

static bool
run_line(struct sim_end *end)
{
	struct line *line = line_of(end->line);
	struct stream_frame frame;

	if (line == NULL || end->machine.connection == 0 ||
	    !line_has_room(line, !end->side) ||
	    !stream_next(
		&end->machine, world.now_ms, streams.data_most, &frame))
		return false;
	send_frame(end, line, &frame);
	return true;
}

static int64_t
end_due_ms(const struct sim_end *end)
{
	const struct line *line = line_of(end->line);

	return stream_due_ms(
	    &end->machine, line != NULL && line_has_room(line, !end->side));
}

void
end_run(struct sim_end *end)
{
	unsigned rounds = 0;

	if (!end->used)
		return;
	run_owner(end);
	for (;;) {
		struct stream_event event = {.kind = STREAM_EVENT_TIME};

		if (!end->used || world.failed)
			return;
		if (++rounds > 2000) {
			sim_fail("stream %d: the %s spins", end->stream_index,
			    name_of(end->side));
			return;
		}
		if (streams.may_keep_change)
			stream_keep(&end->machine,
			    stream_window_share(
				STREAM_WINDOW_FAR, sim_below(4096) * 1024));
		if (end_due_ms(end) <= world.now_ms) {
			end_step(end, &event);
			if (!end->used)
				return;
			/* What is due may be a frame. */
			if (!run_line(end) && end_due_ms(end) <= world.now_ms &&
			    rounds > 1000)
				sim_tell("due again at once");
			continue;
		}
		if (!run_line(end) && !run_sock(end))
			break;
	}
	sim_wake_at(ACTOR(ACTOR_END, end->index), end_due_ms(end));
	sim_wake_at(ACTOR(ACTOR_END, end->index), owner_due_ms(end));
}

/* --- What comes on data connections */

static void
answer_for(struct line *line, int side, const struct uuid *id,
    enum stream_fate fate, uint32_t attempt, int stream_index)
{
	struct stream_options options = options_of(side);
	struct sim_end *end = NULL;
	int index = ACTOR_ANSWERS;

	while (index < ACTOR_ANSWERS + ANSWERS_MOST && end_of(index)->used)
		index++;
	if (index == ACTOR_ANSWERS + ANSWERS_MOST) {
		line_close(line, side, true);
		return;
	}
	end = begin_end(index, side, stream_index);
	end->sock.state = SOCK_CLOSED;
	end->id = *id;
	stream_init_answer(
	    &end->machine, &options, fate, attempt, line->number, world.now_ms);
	end->line = line->number;
	line->use[side] = LINE_USED;
	line->user[side] = index;
	sim_wake_at(ACTOR(ACTOR_END, index), world.now_ms);
}

/* The client begins with a visitor. */
static void
begin_service(struct line *line, const struct parcel *parcel)
{
	int stream_index = parcel->truth_stream;
	struct truth *truth = &streams.truths[stream_index];
	struct stream_options options = options_of(CLIENT);
	struct stream_head open = parcel->frame.head;
	struct sim_end *end =
	    begin_end(stream_index * 2 + CLIENT, CLIENT, stream_index);

	if (truth->begun++ > 0 && !truth->was_killed[CLIENT])
		sim_fail("stream %d is begun twice", stream_index);
	truth->read[CLIENT] = truth->base;
	truth->ended[CLIENT] = false;
	open.limit -= (uint32_t)truth->base;
	end->id = parcel->id;
	end->sock = truth->plan;
	end->sock.next_ms += world.now_ms;
	end->kept_from = truth->base;
	if (end->sock.reset_at_ms != SIM_NEVER)
		end->sock.reset_at_ms += world.now_ms;
	truth->was_there[CLIENT] = true;
	stream_init_client(
	    &end->machine, &options, line->number, &open, world.now_ms);
	shift_positions(&end->machine, truth->base);
	stream_keep(&end->machine, streams.keep_most);
	end->line = line->number;
	line->use[CLIENT] = LINE_USED;
	line->user[CLIENT] = end->index;
	sim_wake(ACTOR(ACTOR_END, end->index));
}

static void
client_hears_open(struct line *line, const struct parcel *parcel)
{
	struct stream_event event = {
	    .kind = STREAM_EVENT_OPENED_AGAIN, .connection = line->number};
	struct sim_end *end = find_end(CLIENT, &parcel->id);
	enum stream_fate fate = stream_tombstones_ask(
	    &streams.tombstones[CLIENT], &parcel->id, world.now_ms);

	if (end != NULL) {
		line->use[CLIENT] = LINE_USED;
		line->user[CLIENT] = end->index;
		end_step(end, &event);
		end_run(end);
	} else if (fate != STREAM_FATE_UNKNOWN) {
		answer_for(
		    line, CLIENT, &parcel->id, fate, 0, parcel->truth_stream);
	} else {
		begin_service(line, parcel);
	}
}

static void
server_hears_resume(struct line *line, const struct parcel *parcel)
{
	struct stream_event event = {.kind = STREAM_EVENT_RESUME,
	    .connection = line->number,
	    .attempt = parcel->frame.attempt,
	    .place = parcel->frame.place};
	struct sim_end *end = find_end(SERVER, &parcel->id);

	if (end == NULL) {
		answer_for(line, SERVER, &parcel->id,
		    stream_tombstones_ask(
			&streams.tombstones[SERVER], &parcel->id, world.now_ms),
		    parcel->frame.attempt, parcel->truth_stream);
		return;
	}
	line->use[SERVER] = LINE_USED;
	line->user[SERVER] = end->index;
	end_step(end, &event);
	end_run(end);
}

void
side_hears(struct line *line, int side, const struct parcel *parcel)
{
	struct stream_event event = {.kind = STREAM_EVENT_FRAME,
	    .connection = line->number,
	    .head = parcel->frame.head,
	    .place = parcel->frame.place,
	    .code = parcel->frame.code};
	struct sim_end *end;

	if (line->use[side] == LINE_IDLE && side == CLIENT &&
	    parcel->frame.head.type == STREAM_OPEN) {
		client_hears_open(line, parcel);
		return;
	}
	if (line->use[side] == LINE_FRESH ||
	    parcel->frame.head.type == STREAM_RESUME) {
		server_hears_resume(line, parcel);
		return;
	}
	if (line->use[side] != LINE_USED) {
		sim_fail(
		    "a frame of stream %d comes on an idle data connection",
		    parcel->truth_stream);
		return;
	}
	end = end_of(line->user[side]);
	check_frame(end, parcel);
	end_step(end, &event);
	end_run(end);
}

void
side_is_broken(struct line *line, int side)
{
	struct stream_event event = {
	    .kind = STREAM_EVENT_BROKEN, .connection = line->number};
	struct sim_end *end =
	    line->user[side] == SIM_NONE ? NULL : end_of(line->user[side]);

	line_close(line, side, true);
	if (end == NULL || !end->used || end->line != event.connection)
		return;
	end->line = 0;
	end_step(end, &event);
	end_run(end);
}

void
line_is_dialled(struct line *line, bool stands)
{
	struct stream_event event = {
	    .kind = stands ? STREAM_EVENT_DIALLED : STREAM_EVENT_DIAL_FAILED,
	    .connection = line->number};
	struct sim_end *end = end_of(line->user[CLIENT]);

	if (!stands) {
		end->line = 0;
		line_close(line, CLIENT, true);
	}
	end_step(end, &event);
	end_run(end);
}

/* An end that keeps nothing reads a frame only when its socket takes more. */
bool
side_holds_back(const struct line *line, int side)
{
	const struct sim_end *end =
	    line->user[side] == SIM_NONE ? NULL : end_of(line->user[side]);

	return end != NULL && end->used && !stream_keeps(&end->machine) &&
	       stream_may_pass(&end->machine) > 0;
}

/* --- Control */

void
side_hears_control(int side, const struct control_message *message)
{
	struct stream_event event = {.attempt = message->attempt};
	struct control_message answer = *message;
	struct sim_end *end = find_end(side, &message->id);

	answer.kind = SAYS_UNKNOWN;
	switch (message->kind) {
	case SAYS_MORE:
		if (line_make_idle() != 0)
			server_has_idle();
		return;
	case SAYS_UNKNOWN:
		event.kind = STREAM_EVENT_UNKNOWN;
		/* It need not be told any more. Whether it is the client that
		 * has the stream is another matter: it may still ask. */
		stream_tombstones_ask(
		    &streams.tombstones[SERVER], &message->id, world.now_ms);
		break;
	default:
		event.kind = STREAM_EVENT_LOST;
		if (end == NULL || world.now_ms < streams.clone_until_ms) {
			control_say(SERVER, &answer);
			return;
		}
		break;
	}
	if (end == NULL)
		return;
	end_step(end, &event);
	end_run(end);
}

void
side_doubts(int side)
{
	for (unsigned i = 0; i < streams.count; i++) {
		struct stream_event event = {.kind = STREAM_EVENT_DOUBT,
		    .within_ms = side == CLIENT ? sim_below(SPREAD_MS)
		                                : STREAM_DOUBT_MS};

		end_step(&streams.ends[i][side], &event);
		end_run(&streams.ends[i][side]);
	}
}

/* --- Visitors and processes */

/* An idle data connection for whoever waits for one. */
void
server_has_idle(void)
{
	for (unsigned i = 0; i < streams.count; i++) {
		struct sim_end *end = &streams.ends[i][SERVER];

		if (!end->used || !end->wants_line)
			continue;
		end->wants_line = false;
		if (end->machine.connection == 0 && !end->machine.taken &&
		    end->machine.phase == STREAM_LIVE) {
			find_idle(end);
			end_run(end);
		}
	}
}

static uint64_t
some_bytes(void)
{
	switch (sim_below(6)) {
	case 0:
		return 0;
	case 1:
		return sim_below(2);
	case 2:
		return sim_below(200000);
	case 3:
		return sim_chance(200) ? sim_below(3000000) : sim_below(600000);
	default:
		return sim_below(3000);
	}
}

static void
plan_sock(struct sock *sock)
{
	memset(sock, 0, sizeof *sock);
	sock->total = some_bytes();
	sock->chunk = sim_chance(500)
	                  ? 1 + sim_below(20000) + (uint32_t)sock->total / 20
	                  : 1 + (uint32_t)sock->total;
	sock->gap_ms = sim_chance(300) ? sim_below(1000) : sim_below(50);
	sock->next_ms = sim_chance(500) ? 0 : sim_below(5000);
	sock->ends_by = sim_chance(100)   ? ENDS_BY_RESET
	                : sim_chance(400) ? ENDS_WHEN_HEARD
	                                  : ENDS_BY_END;
	sock->reset_at_ms = SIM_NEVER;
	if (sim_chance(60))
		sock->reset_at_ms = sim_below(10000);
	sock->takes = sim_chance(300) ? 30000 + sim_below(100000) : 1 << 30;
	sock->takes_each_ms = sock->takes < 1 << 30 ? sim_below(200) : 0;
	if (sim_chance(100))
		sock->paused_until_ms = world.now_ms + sim_below(20000);
}

void
visitor_comes(void)
{
	struct stream_options options = options_of(SERVER);
	int stream_index = (int)streams.count++;
	struct truth *truth = &streams.truths[stream_index];
	struct sim_end *end =
	    begin_end(stream_index * 2 + SERVER, SERVER, stream_index);

	memset(truth, 0, sizeof *truth);
	memset(&streams.ends[stream_index][CLIENT], 0, sizeof *end);
	truth->used = true;
	if (sim_chance(300))
		truth->base = ((uint64_t)sim_below(3) << 32) +
		              ((uint64_t)1 << 32) - sim_below(400000);
	truth->read[CLIENT] = truth->read[SERVER] = truth->base;
	for (int i = 0; i < UUID_BYTES; i++)
		truth->id.bytes[i] = (uint8_t)sim_random();
	plan_sock(&truth->plan);
	truth->is_refused = sim_chance(60);
	if (truth->is_refused) {
		truth->plan.reset_at_ms = sim_below(30);
		truth->plan.total = 0;
		truth->plan.ends_by = ENDS_WHEN_HEARD;
		truth->plan.paused_until_ms = SIM_NEVER;
	}
	plan_sock(&end->sock);
	/* Somebody has to begin. */
	if (end->sock.ends_by == ENDS_WHEN_HEARD)
		end->sock.ends_by = ENDS_BY_END;
	end->sock.next_ms += world.now_ms;
	if (end->sock.reset_at_ms != SIM_NEVER)
		end->sock.reset_at_ms += world.now_ms;
	end->kept_from = truth->base;
	end->id = truth->id;
	truth->was_there[SERVER] = true;
	sim_tell("stream %d: a visitor, %llu bytes there, %llu back",
	    stream_index, (unsigned long long)end->sock.total,
	    (unsigned long long)truth->plan.total);
	stream_init_server(&end->machine, &options, world.now_ms);
	shift_positions(&end->machine, truth->base);
	stream_keep(&end->machine, streams.keep_most);
	sim_wake_at(ACTOR(ACTOR_END, end->index), world.now_ms);
}

/* A process ends, and what it has is reset; silently: with its host. */
void
side_is_killed(int side, bool silently)
{
	sim_tell("the %s is %s", name_of(side), silently ? "lost" : "killed");
	for (unsigned i = 0; i < streams.count; i++) {
		struct sim_end *end = &streams.ends[i][side];

		streams.truths[i].was_killed[side] = true;
		if (!end->used)
			continue;
		if (end->sock.state == SOCK_OPEN)
			check_fate(end, SOCK_RESET);
		end->used = false;
		sim_forget(ACTOR(ACTOR_END, end->index));
	}
	for (int i = 0; i < ANSWERS_MOST; i++)
		if (streams.answers[i].used &&
		    streams.answers[i].side == side) {
			streams.answers[i].used = false;
			sim_forget(ACTOR(ACTOR_END, streams.answers[i].index));
		}
	for (int i = 0; i < LINES_MOST; i++) {
		struct line *line = &streams.lines[i];

		if (line->number == 0 || line->use[side] == LINE_CLOSED)
			continue;
		if (silently && streams.resume_ms > 0)
			line->ways[!side].is_forgotten = true;
		line_close(line, side, true);
	}
	stream_tombstones_destroy(&streams.tombstones[side]);
	if (stream_tombstones_init(&streams.tombstones[side], TOMBSTONES_MOST,
		TOMBSTONES_KEEP_MS) != ERROR_NONE)
		sim_fail("no memory");
	streams.control_up = false;
	streams.control_count[CLIENT] = streams.control_count[SERVER] = 0;
	streams.control_back_ms = world.now_ms + 300 + sim_below(1000);
	sim_wake_at(ACTOR(ACTOR_CONTROL, 2), streams.control_back_ms);
}
