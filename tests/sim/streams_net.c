/* streams_net - data connections that deliver in order or not at all, the paths
 * below them, and the control connection beside them; see streams.h */
#include <assert.h>
#include <string.h>

#include "streams.h"

/* TCP sends again at most so long after a path is back. */
#define AGAIN_MOST_MS 1000
/* How often to look whether an end that keeps nothing can take more. */
#define HELD_BACK_MS 5

static int64_t
delay(void)
{
	return streams.delay_ms + sim_below(streams.jitter_ms + 1);
}

struct line *
line_of(uint32_t number)
{
	for (int i = 0; number != 0 && i < LINES_MOST; i++)
		if (streams.lines[i].number == number)
			return &streams.lines[i];
	return NULL;
}

static int
index_of_line(const struct line *line)
{
	return (int)(line - streams.lines);
}

static struct line *
new_line(void)
{
	for (int i = 0; i < LINES_MOST; i++) {
		struct line *line = &streams.lines[i];

		if (line->number != 0)
			continue;
		line->number = ++streams.numbers;
		line->use[CLIENT] = line->use[SERVER] = LINE_CLOSED;
		line->user[CLIENT] = line->user[SERVER] = SIM_NONE;
		for (int to = 0; to < 2; to++) {
			line->ways[to].first = line->ways[to].count = 0;
			line->ways[to].last_ms = world.now_ms;
			line->ways[to].is_forgotten = false;
			line->ways[to].stalled_until_ms = 0;
		}
		return line;
	}
	return NULL;
}

static void
free_line(struct line *line)
{
	if (line->use[CLIENT] != LINE_CLOSED ||
	    line->use[SERVER] != LINE_CLOSED || line->ways[CLIENT].count > 0 ||
	    line->ways[SERVER].count > 0)
		return;
	line->number = 0;
	sim_forget(ACTOR(ACTOR_LINE, index_of_line(line) * 2));
	sim_forget(ACTOR(ACTOR_LINE, index_of_line(line) * 2 + 1));
}

/* The next parcel of a way is due, if its path is good. */
static void
wake_way(struct line *line, int to)
{
	struct way *way = &line->ways[to];
	int64_t at_ms;

	if (way->count == 0 || way->is_forgotten || streams.cut[to])
		return;
	at_ms = way->ring[way->first % LINE_RING].at_ms;
	if (at_ms < way->stalled_until_ms)
		at_ms = way->stalled_until_ms;
	sim_wake_at(ACTOR(ACTOR_LINE, index_of_line(line) * 2 + to), at_ms);
}

uint32_t
line_dial(int index)
{
	struct line *line = new_line();

	if (line == NULL)
		return 0;
	line->use[CLIENT] = LINE_DIALLED;
	line->user[CLIENT] = index;
	/* There and back, then the challenge; or a while in vain. */
	line->dial_end_ms = world.now_ms + 4 * delay();
	if (streams.cut[CLIENT] || streams.cut[SERVER] || sim_chance(20))
		line->dial_end_ms = world.now_ms + 1500;
	sim_wake_at(ACTOR(ACTOR_LINE, index_of_line(line) * 2 + CLIENT),
	    line->dial_end_ms);
	return line->number;
}

uint32_t
line_make_idle(void)
{
	struct line *line;

	if (streams.cut[CLIENT] || streams.cut[SERVER])
		return 0;
	line = new_line();
	if (line == NULL)
		return 0;
	line->use[CLIENT] = line->use[SERVER] = LINE_IDLE;
	line->idle_order = ++streams.idle_orders;
	return line->number;
}

bool
line_has_room(const struct line *line, int to)
{
	return line->ways[to].count < LINE_RING / 4;
}

void
line_send(struct line *line, int to, const struct parcel *parcel)
{
	struct way *way = &line->ways[to];
	struct parcel *place =
	    &way->ring[(way->first + way->count) % LINE_RING];

	assert(way->count < LINE_RING);
	way->count++;
	*place = *parcel;
	place->at_ms = world.now_ms + delay();
	if (place->at_ms < way->last_ms)
		place->at_ms = way->last_ms;
	way->last_ms = place->at_ms;
	wake_way(line, to);
}

void
line_close(struct line *line, int side, bool resets)
{
	struct way *way = &line->ways[!side];
	const struct parcel parcel = {
	    .kind = resets ? PARCEL_RESET : PARCEL_END};

	if (line->use[side] == LINE_CLOSED)
		return;
	line->use[side] = LINE_CLOSED;
	line->user[side] = SIM_NONE;
	if (line->use[!side] == LINE_CLOSED) {
		line->ways[CLIENT].count = line->ways[SERVER].count = 0;
	} else if (resets && (streams.cut[!side] || sim_chance(500))) {
		/* A reset overtakes what it follows, and is sent once. */
		way->count = 0;
		if (!streams.cut[!side] && !way->is_forgotten)
			line_send(line, !side, &parcel);
	} else {
		line_send(line, !side, &parcel);
	}
	/* What the side had not read is gone. */
	line->ways[side].count = 0;
	free_line(line);
}

/* The connection is reset at this side, by whatever is on the way. */
void
line_break(struct line *line, int side)
{
	if (line->use[side] == LINE_CLOSED || line->use[side] == LINE_DIALLED)
		return;
	sim_tell("data connection %u is reset at the %s", line->number,
	    side == CLIENT ? "client" : "server");
	line->ways[side].count = 0;
	/* Whoever sends now is told by a reset, or is not. */
	if (streams.resume_ms > 0)
		line->ways[!side].is_forgotten |= sim_chance(500);
	side_is_broken(line, side);
}

static void
end_dial(struct line *line)
{
	bool stands = !streams.cut[CLIENT] && !streams.cut[SERVER] &&
	              line->dial_end_ms <= world.now_ms && !sim_chance(20);

	if (stands) {
		line->use[CLIENT] = LINE_USED;
		line->use[SERVER] = LINE_FRESH;
	}
	line_is_dialled(line, stands);
}

void
line_arrive(int index)
{
	struct line *line = &streams.lines[index / 2];
	int side = index % 2;
	struct way *way = &line->ways[side];
	struct parcel parcel;

	if (line->number == 0)
		return;
	if (side == CLIENT && line->use[CLIENT] == LINE_DIALLED) {
		end_dial(line);
		return;
	}
	if (way->count == 0 || way->is_forgotten || streams.cut[side])
		return;
	if (side_holds_back(line, side)) {
		sim_wake_at(
		    ACTOR(ACTOR_LINE, index), world.now_ms + HELD_BACK_MS);
		return;
	}
	parcel = way->ring[way->first % LINE_RING];
	if (parcel.at_ms > world.now_ms ||
	    way->stalled_until_ms > world.now_ms) {
		wake_way(line, side);
		return;
	}
	way->first++;
	way->count--;
	wake_way(line, side);
	if (line->use[side] == LINE_CLOSED) {
		/* Nobody is there: a reset comes back, once. */
		way->count = 0;
		if (parcel.kind == PARCEL_FRAME && !streams.cut[!side] &&
		    line->use[!side] != LINE_CLOSED)
			line_break(line, !side);
		else
			free_line(line);
		return;
	}
	if (parcel.kind == PARCEL_FRAME)
		side_hears(line, side, &parcel);
	else
		side_is_broken(line, side);
}

/* A path is good again: what waits is sent again soon. */
void
path_repair(void)
{
	for (int i = 0; i < LINES_MOST; i++)
		for (int to = 0; streams.lines[i].number != 0 && to < 2; to++) {
			struct way *way = &streams.lines[i].ways[to];
			int64_t again_ms = world.now_ms + streams.delay_ms +
			                   sim_below(AGAIN_MOST_MS);

			for (uint32_t j = 0; j < way->count; j++) {
				struct parcel *parcel =
				    &way->ring[(way->first + j) % LINE_RING];

				if (parcel->at_ms < again_ms)
					parcel->at_ms = again_ms;
			}
			if (way->last_ms < again_ms)
				way->last_ms = again_ms;
			wake_way(&streams.lines[i], to);
		}
	sim_wake_at(ACTOR(ACTOR_CONTROL, 2), world.now_ms + 1);
}

void
control_say(int to, const struct control_message *message)
{
	struct control_message *place;

	if (!streams.control_up || streams.control_count[to] == CONTROL_RING)
		return;
	place = &streams.control[to][(streams.control_first[to] +
					 streams.control_count[to]++) %
				     CONTROL_RING];
	*place = *message;
	place->at_ms = world.now_ms + delay();
	if (place->at_ms < streams.control_last_ms[to])
		place->at_ms = streams.control_last_ms[to];
	streams.control_last_ms[to] = place->at_ms;
	if (!streams.cut[to])
		sim_wake_at(ACTOR(ACTOR_CONTROL, to), place->at_ms);
}

void
control_arrive(int side)
{
	struct control_message message;

	if (streams.cut[side] || streams.control_count[side] == 0 ||
	    !streams.control_up)
		return;
	message =
	    streams.control[side][streams.control_first[side] % CONTROL_RING];
	if (message.at_ms <= world.now_ms) {
		streams.control_first[side]++;
		streams.control_count[side]--;
		side_hears_control(side, &message);
	}
	if (streams.control_count[side] > 0)
		sim_wake_at(ACTOR(ACTOR_CONTROL, side),
		    streams
			.control[side]
				[streams.control_first[side] % CONTROL_RING]
			.at_ms);
}

/* The control connection: lost with its path after a while, made anew when that
 * is good. */
void
control_renew(void)
{
	bool cut = streams.cut[CLIENT] || streams.cut[SERVER];

	if (streams.control_up && cut &&
	    world.now_ms >= streams.cut_since_ms + 4000) {
		sim_tell("the control connection is lost");
		streams.control_up = false;
		streams.control_count[CLIENT] = 0;
		streams.control_count[SERVER] = 0;
	}
	if (cut) {
		sim_wake_at(ACTOR(ACTOR_CONTROL, 2),
		    streams.cut_since_ms + 4000 > world.now_ms
			? streams.cut_since_ms + 4000
			: world.now_ms + 1000);
		return;
	}
	sim_wake_at(ACTOR(ACTOR_CONTROL, CLIENT), world.now_ms + 1);
	sim_wake_at(ACTOR(ACTOR_CONTROL, SERVER), world.now_ms + 1);
	if (streams.control_up)
		return;
	if (streams.control_back_ms <= world.now_ms) {
		sim_tell("the control connection is made anew");
		streams.control_up = true;
		side_doubts(CLIENT);
		side_doubts(SERVER);
		return;
	}
	sim_wake_at(ACTOR(ACTOR_CONTROL, 2), streams.control_back_ms);
}
