/* sim_net - TCP between hosts; see sim.h */
#include <assert.h>
#include <string.h>

#include "sim.h"

/* As Linux: the first retransmission, the longest wait, and how many there are
 * before a connection is given up; fewer where no process has it any more. */
#define RTO_LEAST_MS   200u
#define RTO_MOST_MS    120000u
#define RETRIES_MOST   15
#define RETRIES_ORPHAN 8
#define RING_OF(index) ((index) % SIM_RING)
#define SIDE_OF_CLIENT 0
#define SIDE_OF_SERVER 1

static struct path *
path_of(const struct conn *conn, int from)
{
	int host = conn->ends[SIDE_OF_CLIENT].host;

	return &world.paths[host][conn->server][from == SIDE_OF_CLIENT ? 0 : 1];
}

/* Put a segment on its way, if it gets through. */
static void
transmit(int number, int from, struct segment segment)
{
	const struct conn *conn = &world.conns[number];
	struct path *path = path_of(conn, from);
	struct event event = {.kind = EVENT_SEGMENT};

	if (path->cut || sim_chance(path->lost_permille) ||
	    world.hosts[conn->ends[from].host].is_down)
		return;
	segment.to = (uint8_t)!from;
	segment.conn = (int16_t)number;
	segment.serial = conn->serial;
	event.segment = segment;
	event.at_ms =
	    world.now_ms + path->delay_ms + 1 + sim_below(path->jitter_ms + 1u);
	if (event.at_ms < path->last_ms - path->jitter_ms)
		event.at_ms = path->last_ms - path->jitter_ms;
	if (event.at_ms > path->last_ms)
		path->last_ms = event.at_ms;
	sim_push(&event);
}

static void
send_control(int number, int from, enum segment_kind kind)
{
	const struct end *end = &world.conns[number].ends[from];

	transmit(number, from,
	    (struct segment){.kind = (uint8_t)kind, .ack = end->expect});
}

static void
send_data(int number, int from, uint32_t index)
{
	const struct end *end = &world.conns[number].ends[from];

	transmit(number, from,
	    (struct segment){.kind = SEGMENT_DATA,
		.index = index,
		.ack = end->expect,
		.say = end->out[RING_OF(index)]});
}

static bool
is_gone(const struct end *end)
{
	return !end->is_open &&
	       (end->state == END_NONE || end->state == END_RESET);
}

/* A connection that neither end knows any more is free. */
static void
tidy(struct conn *conn)
{
	if (is_gone(&conn->ends[0]) && is_gone(&conn->ends[1]))
		conn->used = false;
}

static void
set_timer(int number, int side)
{
	struct conn *conn = &world.conns[number];
	struct end *end = &conn->ends[side];
	struct event event = {.kind = EVENT_RETRANSMIT};

	if (end->una == end->next || end->state != END_UP) {
		end->rto_at_ms = SIM_NEVER;
		return;
	}
	end->rto_at_ms = world.now_ms + end->rto_ms;
	event.at_ms = end->rto_at_ms;
	event.segment = (struct segment){.conn = (int16_t)number,
	    .serial = conn->serial,
	    .to = (uint8_t)side};
	sim_push(&event);
}

static void
wake_owner(int number, int side)
{
	const struct conn *conn = &world.conns[number];

	if (!conn->ends[side].is_open)
		return;
	if (side == SIDE_OF_CLIENT)
		sim_wake(conn->actor);
	else if (conn->link != SIM_NONE) {
		const struct sim_link *link = &world.links[conn->link];

		if (link->phase == LINK_ATTACHED || link->phase == LINK_GIVEN ||
		    link->phase == LINK_PARTING)
			sim_wake(ACTOR(ACTOR_TUNNEL, link->tunnel));
		else
			sim_wake(ACTOR(ACTOR_LINK, conn->link));
	}
}

static void
end_init(struct end *end, int host)
{
	end->state = END_NONE;
	end->host = host;
	end->is_open = false;
	end->una = end->next = 0;
	end->taken = end->expect = 0;
	end->retries = 0;
	end->rto_ms = 1000;
	end->rto_most_ms = RTO_MOST_MS;
	end->rto_at_ms = SIM_NEVER;
	end->acked_ms = world.now_ms;
	end->unacked_since_ms = world.now_ms;
	end->user_timeout_ms = 0;
	end->rtt_ms = 0;
	end->segments = 0;
	memset(end->has, 0, sizeof end->has);
}

/* Whether nothing will ever come of it: a request that was lost. */
static bool
is_stale(const struct conn *conn)
{
	const struct end *far = &conn->ends[SIDE_OF_SERVER];

	return is_gone(&conn->ends[SIDE_OF_CLIENT]) && !far->is_open &&
	       far->state != END_UP &&
	       world.now_ms - conn->ends[SIDE_OF_CLIENT].dialled_ms > 60000;
}

static int
take_conn(int client, int server)
{
	for (int i = 0; i < SIM_CONNS_MOST; i++) {
		struct conn *conn = &world.conns[i];

		if (conn->used && !is_stale(conn))
			continue;
		conn->used = true;
		conn->serial++;
		conn->server = server;
		conn->client = client;
		conn->link = SIM_NONE;
		end_init(&conn->ends[0], world.clients[client].host);
		conn->ends[0].dialled_ms = world.now_ms;
		end_init(&conn->ends[1], world.servers[server].host);
		return i;
	}
	return SIM_NONE;
}

int
net_dial(int client, int server, int actor)
{
	int number = take_conn(client, server);
	struct conn *conn;

	assert(number != SIM_NONE);
	conn = &world.conns[number];
	conn->actor = actor;
	conn->ends[0].state = END_SYN_SENT;
	conn->ends[0].is_open = true;
	send_control(number, SIDE_OF_CLIENT, SEGMENT_SYN);
	if (sim_chance(world.duplicate_permille)) {
		/* A second request beside it, which nobody waits for. */
		int twin = take_conn(client, server);

		if (twin != SIM_NONE)
			send_control(twin, SIDE_OF_CLIENT, SEGMENT_SYN);
	}
	return number;
}

void
net_dial_again(int number)
{
	if (world.conns[number].ends[0].state == END_SYN_SENT)
		send_control(number, SIDE_OF_CLIENT, SEGMENT_SYN);
}

bool
net_has_room(int number, int side)
{
	const struct end *end = &world.conns[number].ends[side];

	return end->next - end->una < SIM_RING - 8;
}

bool
net_send(int number, int side, const struct say *say)
{
	struct end *end = &world.conns[number].ends[side];
	bool was_idle = end->una == end->next;

	if (end->state != END_UP || end->next - end->una >= SIM_RING)
		return false;
	if (was_idle)
		end->unacked_since_ms = world.now_ms;
	end->out[RING_OF(end->next)] = *say;
	send_data(number, side, end->next++);
	if (was_idle)
		set_timer(number, side);
	return true;
}

bool
net_next(int number, int side, struct say *say)
{
	struct end *end = &world.conns[number].ends[side];

	if (end->taken == end->expect)
		return false;
	*say = end->in[RING_OF(end->taken)];
	end->has[RING_OF(end->taken)] = false;
	/* An end of file is read again and again. */
	if (say->kind != SAY_END)
		end->taken++;
	else
		end->has[RING_OF(end->taken)] = true;
	return true;
}

bool
net_is_up(int number, int side)
{
	return world.conns[number].ends[side].state == END_UP;
}

bool
net_is_reset(int number, int side)
{
	enum end_state state = world.conns[number].ends[side].state;

	return state == END_RESET || state == END_NONE;
}

void
net_end(int number, int side)
{
	net_send(number, side, &(struct say){.kind = SAY_END});
}

static void
drop_end(struct conn *conn, int side, enum end_state state)
{
	conn->ends[side].state = state;
	conn->ends[side].rto_at_ms = SIM_NEVER;
}

static bool
has_ended_sending(const struct end *end)
{
	return end->next > 0 && end->next > end->una
	           ? end->out[RING_OF(end->next - 1)].kind == SAY_END
	           : end->next > 0 &&
	                 end->out[RING_OF(end->next - 1)].kind == SAY_END;
}

void
net_close(int number, int side)
{
	struct conn *conn = &world.conns[number];
	struct end *end = &conn->ends[side];
	bool unread = end->taken < end->expect &&
	              end->in[RING_OF(end->taken)].kind != SAY_END;

	if (!end->is_open)
		return;
	end->is_open = false;
	if (end->state == END_UP && !unread) {
		/* The system goes on sending what was written. */
		if (!has_ended_sending(end))
			net_end(number, side);
		if (end->una == end->next)
			drop_end(conn, side, END_NONE);
	} else {
		if (end->state == END_UP)
			send_control(number, side, SEGMENT_RST);
		drop_end(conn, side, END_NONE);
	}
	tidy(conn);
}

enum tcp_verdict
net_judge(int number, int side)
{
	const struct end *end = &world.conns[number].ends[side];
	int64_t silent_ms = world.now_ms - end->acked_ms;

	/* As tcp_linux.c: an end of file that came or went is another state. */
	if (end->state != END_UP || has_ended_sending(end) ||
	    (end->expect > 0 &&
		end->in[RING_OF(end->expect - 1)].kind == SAY_END))
		return TCP_GONE;
	if (end->una == end->next || silent_ms < TCP_DOUBT_MS)
		return TCP_ALIVE;
	return silent_ms < TCP_GONE_MS ? TCP_DOUBTFUL : TCP_GONE;
}

int64_t
net_acknowledged_ms(int number, int side)
{
	return world.now_ms - world.conns[number].ends[side].acked_ms;
}

static void
measure(struct end *end, int64_t sample_ms)
{
	if (end->rtt_ms == 0)
		end->rtt_ms = (uint32_t)sample_ms;
	else
		end->rtt_ms =
		    (uint32_t)((7 * (int64_t)end->rtt_ms + sample_ms) / 8);
	if (end->rtt_ms == 0)
		end->rtt_ms = 1;
	end->rto_ms = RTO_LEAST_MS + 2 * end->rtt_ms;
}

static void
take_ack(int number, int side, const struct segment *segment)
{
	struct conn *conn = &world.conns[number];
	struct end *end = &conn->ends[side];
	bool again = end->retries > 0;

	if (segment->kind == SEGMENT_ACK)
		end->acked_ms = world.now_ms;
	if (segment->ack <= end->una || segment->ack > end->next)
		return;
	if (!again && segment->ack == end->una + 1)
		measure(end, world.now_ms - end->unacked_since_ms);
	else
		end->rto_ms = RTO_LEAST_MS + 2 * end->rtt_ms;
	end->una = segment->ack;
	end->acked_ms = world.now_ms;
	end->unacked_since_ms = world.now_ms;
	end->retries = 0;
	if (again)
		for (uint32_t i = end->una; i < end->next; i++)
			send_data(number, side, i);
	set_timer(number, side);
	if (!end->is_open && end->una == end->next) {
		drop_end(conn, side, END_NONE);
		tidy(conn);
	}
}

static void
take_data(int number, int side, const struct segment *segment)
{
	struct conn *conn = &world.conns[number];
	struct end *end = &conn->ends[side];
	uint32_t before = end->expect;

	if (!end->is_open && segment->say.kind != SAY_END) {
		send_control(number, side, SEGMENT_RST);
		drop_end(conn, side, END_NONE);
		tidy(conn);
		return;
	}
	end->segments++;
	if (segment->index >= end->expect &&
	    segment->index < end->taken + SIM_RING) {
		end->in[RING_OF(segment->index)] = segment->say;
		end->has[RING_OF(segment->index)] = true;
	}
	while (end->expect < end->taken + SIM_RING &&
	       end->has[RING_OF(end->expect)])
		end->expect++;
	send_control(number, side, SEGMENT_ACK);
	if (end->expect != before || side == SIDE_OF_SERVER)
		wake_owner(number, side);
}

static void
take_reset(int number, int side)
{
	struct conn *conn = &world.conns[number];
	struct end *end = &conn->ends[side];

	if (end->state == END_NONE || end->state == END_RESET)
		return;
	drop_end(conn, side, end->is_open ? END_RESET : END_NONE);
	wake_owner(number, side);
	tidy(conn);
}

/* A request has come to a server's host. */
static void
take_syn(int number)
{
	struct conn *conn = &world.conns[number];
	struct end *end = &conn->ends[SIDE_OF_SERVER];

	if (end->state == END_NONE) {
		if (!server_is_listening(conn->server)) {
			send_control(number, SIDE_OF_SERVER, SEGMENT_RST);
			return;
		}
		end->state = END_SYN_RECEIVED;
		end->dialled_ms = world.now_ms;
	}
	send_control(number, SIDE_OF_SERVER, SEGMENT_SYN_ACK);
}

static void
take_syn_ack(int number)
{
	struct conn *conn = &world.conns[number];
	struct end *end = &conn->ends[SIDE_OF_CLIENT];

	if (end->state == END_NONE || end->state == END_RESET) {
		send_control(number, SIDE_OF_CLIENT, SEGMENT_RST);
		return;
	}
	if (end->state == END_SYN_SENT) {
		end->state = END_UP;
		measure(end, world.now_ms - end->dialled_ms);
		end->acked_ms = world.now_ms;
		wake_owner(number, SIDE_OF_CLIENT);
	}
	send_control(number, SIDE_OF_CLIENT, SEGMENT_ACK);
}

/* The way there and back is known: the server's process can have it. */
static void
establish(int number)
{
	struct conn *conn = &world.conns[number];
	struct end *end = &conn->ends[SIDE_OF_SERVER];

	end->state = END_UP;
	end->acked_ms = world.now_ms;
	measure(end, world.now_ms - end->dialled_ms);
	conn->link = server_accepts(conn->server, number);
	if (conn->link == SIM_NONE) {
		send_control(number, SIDE_OF_SERVER, SEGMENT_RST);
		drop_end(conn, SIDE_OF_SERVER, END_NONE);
		tidy(conn);
		return;
	}
	end->is_open = true;
}

void
net_arrive(const struct segment *segment)
{
	int number = segment->conn;
	int side = segment->to;
	struct conn *conn = &world.conns[number];
	struct end *end = &conn->ends[side];

	if (!conn->used || conn->serial != segment->serial ||
	    world.hosts[end->host].is_down)
		return;
	if (segment->kind == SEGMENT_RST) {
		take_reset(number, side);
	} else if (segment->kind == SEGMENT_SYN) {
		take_syn(number);
	} else if (segment->kind == SEGMENT_SYN_ACK) {
		take_syn_ack(number);
	} else if (end->state == END_NONE || end->state == END_RESET) {
		send_control(number, side, SEGMENT_RST);
	} else {
		if (end->state == END_SYN_RECEIVED)
			establish(number);
		if (end->state != END_UP)
			return;
		take_ack(number, side, segment);
		if (segment->kind == SEGMENT_DATA && end->state == END_UP)
			take_data(number, side, segment);
	}
	tidy(conn);
}

static bool
is_given_up(const struct end *end)
{
	if (end->user_timeout_ms > 0 &&
	    world.now_ms - end->unacked_since_ms >= end->user_timeout_ms)
		return true;
	return end->retries > (end->is_open ? RETRIES_MOST : RETRIES_ORPHAN);
}

void
net_retransmit(const struct segment *timer)
{
	int number = timer->conn;
	int side = timer->to;
	struct conn *conn = &world.conns[number];
	struct end *end = &conn->ends[side];

	if (!conn->used || conn->serial != timer->serial ||
	    end->rto_at_ms != world.now_ms || end->state != END_UP)
		return;
	if (world.hosts[end->host].is_down)
		return; /* net_wake_host() sets the timer again */
	end->retries++;
	if (is_given_up(end)) {
		drop_end(conn, side, end->is_open ? END_RESET : END_NONE);
		wake_owner(number, side);
		tidy(conn);
		return;
	}
	end->rto_ms = 2 * end->rto_ms < end->rto_most_ms ? 2 * end->rto_ms
	                                                 : end->rto_most_ms;
	send_data(number, side, end->una);
	set_timer(number, side);
}

void
net_wake_host(int host)
{
	for (int i = 0; i < SIM_CONNS_MOST; i++)
		for (int side = 0; side < 2; side++)
			if (world.conns[i].used &&
			    world.conns[i].ends[side].host == host)
				set_timer(i, side);
}

void
net_lose_host(int host)
{
	for (int i = 0; i < SIM_CONNS_MOST; i++) {
		struct conn *conn = &world.conns[i];

		for (int side = 0; conn->used && side < 2; side++)
			if (conn->ends[side].host == host) {
				conn->ends[side].is_open = false;
				drop_end(conn, side, END_NONE);
			}
		if (conn->used)
			tidy(conn);
	}
}

void
net_inject_reset(int number, bool both)
{
	if (!world.conns[number].used)
		return;
	take_reset(number, SIDE_OF_SERVER);
	if (both && world.conns[number].used)
		take_reset(number, SIDE_OF_CLIENT);
}
