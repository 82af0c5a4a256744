/*
 * sim_streams - plays scenarios of streams that are interrupted, each from a seed
 * of its own, and says which of them breaks what must always be true. See
 * tests/README.md.
 *
 * Usage: sim_streams [--seed N] [--count N] [--story] [--jobs N]
 */
#include <string.h>

#include "sim_main.h"
#include "streams.h"

#define STEPS_MOST 400000
/* Once all is good: the longest pause, what the slowest has to say, and the
 * times of the streams themselves. */
#define OVER_MS   120000
#define CALM_MS   1000
#define TELL_STEP 3

struct streams streams;

enum fault {
	FAULT_VISITOR,
	FAULT_CUT,
	FAULT_REPAIR,
	FAULT_BREAK,
	FAULT_FORGET,
	FAULT_STALL,
	FAULT_KILL,
	FAULT_CLONE,
	FAULT_CLONE_ENDS,
	FAULT_COPY,
	FAULT_DOUBT,
	FAULT_STOP,
	FAULT_GOOD,
	FAULT_CALM, /* for a while: a look at those that live */
	FAULT_OVER,
};

static void
plan_fault(enum fault fault, int64_t at_ms)
{
	const struct event event = {
	    .kind = EVENT_FAULT, .actor = (int32_t)fault, .at_ms = at_ms};

	sim_push(&event);
}

/* One that a stream uses, mostly. */
static struct line *
some_line(void)
{
	struct line *line = NULL;

	for (int i = 0; i < 20; i++) {
		line = &streams.lines[sim_below(LINES_MOST)];
		if (line->number != 0 && line->use[SERVER] == LINE_USED)
			return line;
	}
	for (int i = 0; i < LINES_MOST; i++)
		if (streams.lines[i].number != 0)
			line = &streams.lines[i];
	return line != NULL && line->number != 0 ? line : NULL;
}

static void
cut_paths(void)
{
	uint32_t ways = sim_below(3);
	uint32_t length_ms = sim_chance(600)   ? sim_below(3000)
	                     : sim_chance(700) ? sim_below(12000)
	                                       : sim_below(50000);

	if (!streams.cut[CLIENT] && !streams.cut[SERVER])
		streams.cut_since_ms = world.now_ms;
	streams.cut[CLIENT] |= ways != 1;
	streams.cut[SERVER] |= ways != 0;
	sim_tell("cut%s%s", streams.cut[CLIENT] ? " to the client" : "",
	    streams.cut[SERVER] ? " to the server" : "");
	sim_wake_at(ACTOR(ACTOR_CONTROL, 2), world.now_ms + 4000);
	plan_fault(FAULT_REPAIR, world.now_ms + length_ms);
}

static void
repair_paths(void)
{
	if (!streams.cut[CLIENT] && !streams.cut[SERVER])
		return;
	sim_tell("the paths are good again");
	streams.cut[CLIENT] = streams.cut[SERVER] = false;
	streams.control_back_ms =
	    world.now_ms + 4 * streams.delay_ms + sim_below(1000);
	path_repair();
}

/* What is sent on it arrives from then on. */
static void
let_go_on(struct line *line, int side, int64_t at_ms)
{
	line->ways[side].stalled_until_ms = at_ms;
	if (line->number != 0)
		sim_wake_at(
		    ACTOR(ACTOR_LINE, (int)(line - streams.lines) * 2 + side),
		    at_ms);
}

static void
trouble_line(enum fault fault)
{
	struct line *line = some_line();
	uint32_t ends = sim_below(3);

	if (line == NULL)
		return;
	for (int side = 0; side < 2; side++) {
		if (line->number == 0 || (ends != 2 && ends != (uint32_t)side))
			continue;
		/* Where nothing is kept, silence is no sign: TCP finds out. */
		if (fault == FAULT_BREAK ||
		    (fault == FAULT_FORGET && streams.resume_ms == 0)) {
			line_break(line, side);
		} else if (fault == FAULT_FORGET) {
			sim_tell(
			    "data connection %u is forgotten towards the %s",
			    line->number, side == CLIENT ? "client" : "server");
			line->ways[side].is_forgotten = true;
		} else {
			sim_tell("data connection %u stalls towards the %s",
			    line->number, side == CLIENT ? "client" : "server");
			let_go_on(line, side, world.now_ms + sim_below(12000));
		}
	}
}

static void
repair_all(void)
{
	for (int i = 0; i < LINES_MOST; i++)
		for (int side = 0; side < 2; side++)
			let_go_on(&streams.lines[i], side, world.now_ms);
	repair_paths();
}

/* The client's place is taken by another process, and taken back. */
static void
displace_client(void)
{
	sim_tell("another process has the control connection");
	streams.clone_until_ms = world.now_ms + sim_below(5000);
	plan_fault(FAULT_CLONE_ENDS, streams.clone_until_ms);
}

static void
return_client(void)
{
	side_doubts(CLIENT);
	side_doubts(SERVER);
}

/* A copy of the client, as it was or may become, asks for a stream. */
static void
copy_asks(void)
{
	struct sim_end *end = &streams.ends[sim_below(STREAMS_MOST)][SERVER];
	uint32_t number = line_make_idle();
	struct line *line = line_of(number);
	struct parcel parcel = {.kind = PARCEL_FRAME};

	if (line == NULL || !end->used)
		return;
	sim_tell("stream %d: a copy asks", end->stream_index);
	line->use[SERVER] = LINE_FRESH;
	parcel.id = end->id;
	parcel.truth_stream = end->stream_index;
	parcel.frame.head.type = STREAM_RESUME;
	parcel.frame.attempt = end->machine.attempt + sim_below(2);
	/* What it does not have it cannot have had. */
	parcel.frame.place.received = sim_chance(500)
	                                  ? end->machine.out.acked - 1
	                                  : end->machine.out.most_sent + 1;
	parcel.frame.place.limit = end->machine.out.limit;
	side_hears(line, SERVER, &parcel);
	if (line->number == number)
		line_close(line, CLIENT, true);
}

static void
stop_side(int side)
{
	for (unsigned i = 0; i < streams.count; i++) {
		struct stream_event event = {.kind = STREAM_EVENT_STOP};

		streams.truths[i].self_reset[side] |=
		    streams.ends[i][side].used;
		end_step(&streams.ends[i][side], &event);
		end_run(&streams.ends[i][side]);
	}
}

static void
happen_fault(enum fault fault)
{
	if (fault != FAULT_VISITOR && fault != FAULT_CALM)
		streams.trouble++;
	switch (fault) {
	case FAULT_VISITOR:
		visitor_comes();
		break;
	case FAULT_CUT:
		cut_paths();
		break;
	case FAULT_GOOD:
		repair_all();
		break;
	case FAULT_REPAIR:
		repair_paths();
		break;
	case FAULT_KILL:
		side_is_killed(
		    sim_chance(500) ? SERVER : CLIENT, sim_chance(300));
		break;
	case FAULT_CLONE:
		displace_client();
		break;
	case FAULT_CLONE_ENDS:
		return_client();
		break;
	case FAULT_COPY:
		copy_asks();
		break;
	case FAULT_DOUBT:
		sim_tell("the client's address has changed");
		side_doubts(CLIENT);
		break;
	case FAULT_STOP:
		sim_tell("a side stops");
		stop_side(sim_chance(500) ? SERVER : CLIENT);
		break;
	case FAULT_CALM:
		check_resumed();
		plan_fault(FAULT_CALM, world.now_ms + CALM_MS);
		break;
	case FAULT_OVER:
		break;
	default:
		trouble_line(fault);
		break;
	}
}

static void
plan_faults(void)
{
	static const enum fault common[] = {FAULT_CUT, FAULT_BREAK,
	    FAULT_FORGET, FAULT_STALL, FAULT_BREAK, FAULT_CUT, FAULT_DOUBT};
	static const enum fault rare[] = {
	    FAULT_KILL, FAULT_CLONE, FAULT_COPY, FAULT_STOP};
	unsigned visitors = 1 + sim_below(sim_chance(300) ? STREAMS_MOST : 4);
	unsigned faults = sim_below(7);
	int64_t length_ms = sim_between(1000, 40000);

	for (unsigned i = 0; i < visitors; i++)
		plan_fault(
		    FAULT_VISITOR, 1 + sim_below((uint32_t)length_ms / 2));
	for (unsigned i = 0; i < faults; i++)
		plan_fault(
		    sim_chance(150)
			? rare[sim_below(4)]
			: common[sim_below(sizeof common / sizeof *common)],
		    1 + sim_below((uint32_t)length_ms));
	plan_fault(FAULT_GOOD, length_ms + 1);
	world.good_ms = length_ms + 1;
	plan_fault(FAULT_CALM, world.good_ms + CALM_MS);
	plan_fault(FAULT_OVER, world.good_ms + OVER_MS);
}

static void
reset_streams(uint64_t seed, bool tells)
{
	for (int i = 0; i < LINES_MOST; i++)
		streams.lines[i].number = 0;
	for (int i = 0; i < ANSWERS_MOST; i++)
		streams.answers[i].used = false;
	for (int i = 0; i < STREAMS_MOST; i++)
		streams.ends[i][CLIENT].used = streams.ends[i][SERVER].used =
		    false;
	for (int side = 0; side < 2; side++) {
		stream_tombstones_destroy(&streams.tombstones[side]);
		if (stream_tombstones_init(&streams.tombstones[side],
			TOMBSTONES_MOST, TOMBSTONES_KEEP_MS) != ERROR_NONE)
			sim_fail("no memory");
		streams.cut[side] = false;
		streams.control_first[side] = streams.control_count[side] = 0;
		streams.control_last_ms[side] = 0;
	}
	streams.control_up = true;
	streams.clone_until_ms = 0;
	streams.numbers = 0;
	streams.idle_orders = streams.frames_alone = streams.bytes = 0;
	streams.count = streams.trouble = 0;
	world.seed = world.random = seed;
	world.now_ms = 1;
	world.order = world.steps = 0;
	world.failed = false;
	world.tells = tells;
	sim_engine_reset();
}

static void
choose_options(void)
{
	static const uint32_t windows[] = {
	    STREAM_WINDOW_LEAST, STREAM_WINDOW_NEAR, STREAM_WINDOW_FAR};
	static const uint32_t resumes[] = {0, 3000, 30000, 30000, 30000};

	streams.delay_ms = sim_chance(500) ? sim_below(3) : sim_below(150);
	streams.jitter_ms = sim_chance(500) ? 0 : sim_below(40);
	streams.resume_ms = resumes[sim_below(5)];
	streams.window_most = windows[sim_below(3)];
	streams.data_most = sim_chance(500) ? 65536 : 262144;
	streams.keep_most =
	    sim_chance(700) ? STREAM_SPAN_MOST : STREAM_WINDOW_LEAST;
	streams.may_keep_change = sim_chance(150);
	for (uint32_t i = sim_below(4); i > 0; i--)
		line_make_idle();
	sim_tell("%u ms + %u, resume %u ms, window %u KiB", streams.delay_ms,
	    streams.jitter_ms, streams.resume_ms, streams.window_most / 1024);
}

static void
tell_tombstones(void)
{
	struct control_message lost = {.kind = SAYS_LOST};

	while (stream_tombstones_tell(
	    &streams.tombstones[SERVER], world.now_ms, &lost.id, &lost.attempt))
		control_say(CLIENT, &lost);
	sim_wake_at(ACTOR(ACTOR_CONTROL, TELL_STEP),
	    stream_tombstones_due_ms(&streams.tombstones[SERVER]));
}

static void
take_turn(int actor)
{
	struct actor *turn = &world.actors[actor];
	int index = actor % 256;

	if (turn->step_ms != world.now_ms)
		return;
	turn->step_ms = SIM_NEVER;
	switch (actor / 256) {
	case ACTOR_END:
		end_run(end_of(index));
		break;
	case ACTOR_LINE:
		line_arrive(index);
		break;
	default:
		if (index == TELL_STEP)
			tell_tombstones();
		else if (index == 2)
			control_renew();
		else
			control_arrive(index);
		break;
	}
}

/* Returns whether nothing was broken. */
static bool
play_streams(uint64_t seed, bool tells)
{
	struct event event;

	reset_streams(seed, tells);
	choose_options();
	plan_faults();
	while (!world.failed && sim_pop(&event)) {
		world.now_ms = event.at_ms;
		world.steps++;
		check_spin();
		if (event.kind == EVENT_STEP)
			take_turn(event.actor);
		else
			happen_fault((enum fault)event.actor);
		if (event.kind == EVENT_FAULT && event.actor == FAULT_OVER) {
			check_over();
			break;
		}
		if (world.steps > STEPS_MOST)
			sim_fail("it does not come to an end");
	}
	return !world.failed;
}

int
main(int argc, char **argv)
{
	const struct sim_program program = {
	    .name = "sim_streams",
	    .seeds = "/tests/sim/seeds_streams",
	    .count = 5000,
	    .play = play_streams,
	};

	return sim_main(&program, argc, argv);
}
