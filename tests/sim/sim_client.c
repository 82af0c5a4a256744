/*
 * sim_client - what client.c, control.c, handshake.c and worker.c do, with the
 * decisions of control_state.h and reconnect.h; see sim.h
 */
#include <assert.h>
#include <string.h>

#include "base/patience.h"
#include "base/protocol_times.h"
#include "sim.h"

/* As in the files that are named above */
#define HEARTBEAT_TIMEOUT_MS 8000
#define SUSPENDED_MS         2000
#define CUT_EVERY_MS         5000
#define LOOK_MS              5000
#define RESERVE              1000
#define SERVE_WITHIN_MS      9000
#define REDIAL_MS            500
#define RECENT_MS            30000
/* The client's side of a connection */
#define SIDE 0

static int
number_of(const struct sim_client *client)
{
	return (int)(client - world.clients);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Requests of a dial that is not answered: as TCP sends them, and a new one every
 * 3 s beside those. */
static int64_t
next_syn_ms(int64_t dialled_ms, unsigned *syns)
{
	unsigned sent = (*syns)++;

	return dialled_ms + 3000 * (int64_t)(sent / 2) + 1000 * (sent % 2);
}

/* --- The state file, as identity.c */

static void
identity_save(struct sim_client *client)
{
	if (!client->has_state_file)
		return;
	client->reserved = client->attempt + RESERVE;
	client->file = (struct state_file){.is_there = true,
	    .instance = client->instance,
	    .attempt = client->reserved,
	    .port = client->public_port};
}

static void
identity_start(struct sim_client *client)
{
	client->process = sim_new_id();
	client->instance = sim_new_id();
	client->attempt = 0;
	client->reserved = 0;
	client->public_port = 0;
	if (client->has_state_file && client->file.is_there) {
		client->instance = client->file.instance;
		client->attempt = client->file.attempt;
		client->public_port = client->file.port;
	}
	identity_save(client);
}

static uint64_t
identity_next_attempt(struct sim_client *client)
{
	client->attempt++;
	if (client->has_state_file && client->attempt >= client->reserved)
		identity_save(client);
	return client->attempt;
}

static bool
identity_catch_up(struct sim_client *client, uint64_t attempt)
{
	if (client->attempt > attempt)
		return false;
	client->attempt = attempt;
	identity_save(client);
	return true;
}

static void
identity_renew(struct sim_client *client)
{
	client->instance = sim_new_id();
	client->attempt = 0;
	identity_save(client);
}

/* --- One attempt, as handshake.c */

static void
shake_end(struct shake *shake)
{
	if (shake->conn != SIM_NONE)
		net_close(shake->conn, SIDE);
	shake->conn = SIM_NONE;
}

static void
shake_begin(struct sim_client *client, int which, uint16_t asked,
    uint32_t connect_ms, int server)
{
	struct shake *shake = &client->shakes[which];

	*shake = (struct shake){
	    .phase = SHAKE_DIALLING,
	    .outcome = OUTCOME_FAILED,
	    .asked = asked,
	    .server = server,
	    .dialled_ms = world.now_ms,
	    .deadline_ms = world.now_ms + connect_ms,
	    .syns = 1,
	};
	shake->conn = net_dial(
	    number_of(client), server, ACTOR(ACTOR_CLIENT, number_of(client)));
	shake->next_syn_ms = next_syn_ms(world.now_ms, &shake->syns);
}

static void
shake_over(struct shake *shake, enum shake_outcome outcome)
{
	shake->phase = SHAKE_OVER;
	shake->outcome = outcome;
	if (outcome != OUTCOME_DONE)
		shake_end(shake);
}

static void
say_hello(struct sim_client *client, struct shake *shake)
{
	if (shake->is_gone) {
		shake_over(shake, OUTCOME_ABANDONED);
		return;
	}
	shake->is_committed = true;
	net_send(shake->conn, SIDE,
	    &(struct say){.kind = SAY_HELLO, .port = shake->asked});
	if (client->is_rebore)
		net_send(shake->conn, SIDE,
		    &(struct say){.kind = SAY_ANNOUNCE,
			.instance = client->instance,
			.attempt = identity_next_attempt(client),
			.process =
			    client->tells_process ? client->process : 0});
	shake->phase = SHAKE_ANSWER;
	shake->deadline_ms = world.now_ms + shake->answer_ms;
	sim_tell("client %d: Hello for port %u, instance %u attempt %llu",
	    number_of(client), shake->asked, client->instance,
	    (unsigned long long)client->attempt);
}

static void
shake_dialling(struct sim_client *client, struct shake *shake)
{
	uint32_t rtt_ms;

	if (net_is_up(shake->conn, SIDE)) {
		rtt_ms = world.conns[shake->conn].ends[SIDE].rtt_ms;
		shake->answer_ms =
		    patience_answer_ms(PROTOCOL_HANDSHAKE_MS, rtt_ms);
		if (!client->has_secret) {
			say_hello(client, shake);
			return;
		}
		shake->phase = SHAKE_CHALLENGE;
		shake->deadline_ms = world.now_ms + shake->answer_ms;
	} else if (net_is_reset(shake->conn, SIDE) ||
		   world.now_ms >= shake->deadline_ms) {
		shake_over(shake, OUTCOME_FAILED);
	} else if (world.now_ms >= shake->next_syn_ms) {
		net_dial_again(shake->conn);
		shake->next_syn_ms =
		    next_syn_ms(shake->dialled_ms, &shake->syns);
	}
}

static enum shake_outcome
outcome_of_error(uint32_t error)
{
	switch (error) {
	case SIM_ERROR_SECRET:
	case SIM_ERROR_NO_AUTHENTICATION:
		return OUTCOME_REFUSED;
	case SIM_ERROR_RANGE:
		return OUTCOME_IMPOSSIBLE;
	case SIM_ERROR_IN_USE:
		return OUTCOME_PORT_TAKEN;
	default:
		return OUTCOME_FAILED;
	}
}

/* With the Error comes the Bye that is behind it. */
static void
read_error(struct shake *shake, const struct say *error)
{
	enum shake_outcome outcome = outcome_of_error(error->number);

	shake->known_attempt = error->attempt;
	if (error->bits & BYE_COPY)
		outcome = OUTCOME_COPY;
	shake_over(shake, outcome);
}

static void
read_answer(
    struct sim_client *client, struct shake *shake, const struct say *say)
{
	switch (say->kind) {
	case SAY_HELLO:
		if (shake->phase == SHAKE_CHALLENGE) {
			shake_over(shake, OUTCOME_REFUSED);
			break;
		}
		shake->port = say->port;
		shake_over(shake, OUTCOME_DONE);
		break;
	case SAY_CHALLENGE:
		if (shake->phase == SHAKE_ANSWER) {
			shake_over(shake, client->has_secret ? OUTCOME_FAILED
							     : OUTCOME_REFUSED);
			break;
		}
		net_send(shake->conn, SIDE,
		    &(struct say){
			.kind = SAY_AUTHENTICATE, .number = client->secret});
		say_hello(client, shake);
		break;
	case SAY_ERROR:
		read_error(shake, say);
		break;
	default:
		shake_over(shake, OUTCOME_FAILED);
		break;
	}
}

static void
shake_step(struct sim_client *client, struct shake *shake)
{
	struct say say;

	if (shake->phase == SHAKE_DIALLING)
		shake_dialling(client, shake);
	while (
	    shake->phase == SHAKE_CHALLENGE || shake->phase == SHAKE_ANSWER) {
		if (net_next(shake->conn, SIDE, &say)) {
			read_answer(client, shake, &say);
		} else if (net_is_reset(shake->conn, SIDE) ||
			   world.now_ms >= shake->deadline_ms) {
			shake_over(shake, OUTCOME_FAILED);
		} else {
			break;
		}
	}
}

static int64_t
shake_due_ms(const struct shake *shake)
{
	if (shake->phase == SHAKE_DIALLING)
		return earlier(shake->deadline_ms, shake->next_syn_ms);
	if (shake->phase == SHAKE_CHALLENGE || shake->phase == SHAKE_ANSWER)
		return shake->deadline_ms;
	return SIM_NEVER;
}

/* --- Visitors, as worker.c with served_visitors.c */

static bool
is_known_visitor(const struct sim_client *client, uint32_t visitor)
{
	for (int i = 0; i < SIM_WORKERS_MOST; i++) {
		struct sim_worker *worker = &world.workers[i];

		if (!worker->used || worker->process != client->process ||
		    worker->visitor != visitor)
			continue;
		if (worker->served_ms == 0)
			worker->announced_ms = world.now_ms;
		return true;
	}
	return false;
}

static void
worker_dial(struct sim_worker *worker)
{
	int number = (int)(worker - world.workers);

	worker->conn = net_dial(
	    worker->client, worker->server, ACTOR(ACTOR_WORKER, number));
	worker->said = false;
	worker->next_ms = world.now_ms;
	worker->syns = 1;
	worker->next_syn_ms = next_syn_ms(world.now_ms, &worker->syns);
	worker->deadline_ms = world.now_ms + PROTOCOL_CONNECT_MS;
}

static void
worker_start(struct sim_client *client, uint32_t visitor)
{
	struct sim_worker *worker = world.workers;

	if (is_known_visitor(client, visitor))
		return;
	while (worker < world.workers + SIM_WORKERS_MOST && worker->used)
		worker++;
	if (worker == world.workers + SIM_WORKERS_MOST)
		return;
	*worker = (struct sim_worker){.used = true,
	    .client = number_of(client),
	    .process = client->process,
	    .visitor = visitor,
	    .server = client->shakes[client->current].server,
	    .start_ms = world.now_ms,
	    .announced_ms = world.now_ms};
	worker_dial(worker);
	sim_wake(ACTOR(ACTOR_WORKER, (int)(worker - world.workers)));
}

static void
worker_end(struct sim_worker *worker)
{
	if (worker->conn != SIM_NONE)
		net_close(worker->conn, SIDE);
	worker->conn = SIM_NONE;
	/* One that was accepted is remembered for a while. */
	if (worker->served_ms == 0)
		worker->used = false;
}

static void
worker_read(struct sim_worker *worker, const struct say *say)
{
	struct sim_client *client = &world.clients[worker->client];

	if (say->kind == SAY_CHALLENGE) {
		net_send(worker->conn, SIDE,
		    &(struct say){
			.kind = SAY_AUTHENTICATE, .number = client->secret});
		net_send(worker->conn, SIDE,
		    &(struct say){
			.kind = SAY_ACCEPT, .number = worker->visitor});
		worker->said = true;
	} else if (say->kind == SAY_BYTES && worker->served_ms == 0) {
		/* It reaches the service. */
		worker->served_ms = world.now_ms;
		world.visitors[worker->visitor].times_served++;
		client->carried = true;
	} else if (say->kind == SAY_END) {
		net_close(worker->conn, SIDE);
		worker->conn = SIM_NONE;
	}
}

static void
worker_try(struct sim_worker *worker)
{
	struct sim_client *client = &world.clients[worker->client];
	struct say say;

	if (net_is_up(worker->conn, SIDE) && !worker->said &&
	    !client->has_secret) {
		net_send(worker->conn, SIDE,
		    &(struct say){
			.kind = SAY_ACCEPT, .number = worker->visitor});
		worker->said = true;
	}
	while (worker->conn != SIM_NONE && net_next(worker->conn, SIDE, &say))
		worker_read(worker, &say);
	if (worker->conn != SIM_NONE &&
	    (net_is_reset(worker->conn, SIDE) ||
		(!net_is_up(worker->conn, SIDE) &&
		    world.now_ms >= worker->deadline_ms))) {
		net_close(worker->conn, SIDE);
		worker->conn = SIM_NONE;
	}
	if (worker->conn != SIM_NONE && !net_is_up(worker->conn, SIDE) &&
	    world.now_ms >= worker->next_syn_ms) {
		net_dial_again(worker->conn);
		worker->next_syn_ms =
		    next_syn_ms(worker->next_ms, &worker->syns);
	}
}

void
client_step_worker(int number)
{
	struct sim_worker *worker = &world.workers[number];
	int actor = ACTOR(ACTOR_WORKER, number);

	if (!worker->used)
		return;
	if (worker->served_ms != 0 && worker->conn == SIM_NONE) {
		if (world.now_ms - worker->served_ms >= RECENT_MS)
			worker->used = false;
		else
			sim_wake_at(actor, worker->served_ms + RECENT_MS);
		return;
	}
	if (worker->conn == SIM_NONE)
		worker_dial(worker);
	worker_try(worker);
	if (worker->served_ms != 0) {
		if (worker->conn != SIM_NONE &&
		    world.clients[worker->client].phase != CLIENT_OFF)
			net_send(worker->conn, SIDE,
			    &(struct say){.kind = SAY_BYTES});
		sim_wake_at(actor, world.now_ms + 1000);
	} else if (world.now_ms - worker->announced_ms >= SERVE_WITHIN_MS) {
		worker_end(worker);
	} else {
		sim_wake_at(
		    actor, worker->conn == SIM_NONE
			       ? world.now_ms + REDIAL_MS
			       : earlier(worker->announced_ms + SERVE_WITHIN_MS,
				     net_is_up(worker->conn, SIDE)
					 ? SIM_NEVER
					 : earlier(worker->deadline_ms,
					       worker->next_syn_ms)));
	}
}

/* --- Connections that stand, as control.c */

static struct shake *
current_of(struct sim_client *client)
{
	return &client->shakes[client->current];
}

/* As established() of client.c */
static void
established(struct sim_client *client, uint16_t port)
{
	sim_tell("client %d: has port %u", number_of(client), port);
	if (client->public_port != port) {
		client->public_port = port;
		identity_save(client);
	}
	client->was_accused = false;
	reconnect_stands(&client->reconnect, port);
}

static void begin_rival(struct sim_client *client);

static void
start_rival(struct sim_client *client)
{
	/* The thread of the one before is joined first. */
	if (client->rival_runs)
		client->is_to_start_rival = true;
	else
		begin_rival(client);
}

static void
call_off(struct sim_client *client)
{
	struct shake *other = &client->shakes[client->other];

	other->is_gone = !other->is_committed;
	if (other->is_gone && other->phase != SHAKE_OVER)
		shake_over(other, OUTCOME_ABANDONED);
}

static void
promote(struct sim_client *client)
{
	sim_tell("client %d: the second connection takes the place of the "
		 "first",
	    number_of(client));
	shake_end(current_of(client));
	client->other = client->current;
	client->current ^= 1;
	client->end.lease_ms = 0;
	established(client, current_of(client)->port);
}

static void
do_actions(struct sim_client *client, unsigned actions)
{
	int conn = current_of(client)->conn;
	const struct shake *other = &client->shakes[client->other];
	const struct say bye = {.kind = SAY_BYE};

	if ((actions & CONTROL_DO_BEAT) && net_has_room(conn, SIDE))
		net_send(conn, SIDE, &(struct say){.kind = SAY_HEARTBEAT});
	if (actions & CONTROL_DO_BYE_CURRENT)
		net_send(conn, SIDE, &bye);
	if ((actions & CONTROL_DO_BYE_RIVAL) && other->conn != SIM_NONE)
		net_send(other->conn, SIDE, &bye);
	if (actions & CONTROL_DO_CALL_OFF)
		call_off(client);
	if (actions & CONTROL_DO_START_RIVAL)
		start_rival(client);
	if (actions & CONTROL_DO_PROMOTE)
		promote(client);
}

static void
step_state(struct sim_client *client, enum control_event_kind kind)
{
	const struct control_event event = {
	    .kind = kind,
	    .now_ms = world.now_ms,
	    .wants_heartbeats = true,
	};

	do_actions(client, control_state_step(&client->control, &event));
}

static void
begin_rival(struct sim_client *client)
{
	const struct shake *current = current_of(client);

	sim_tell("client %d: the server is silent, dials a second connection",
	    number_of(client));
	client->is_to_start_rival = false;
	client->rival_runs = true;
	client->rival_has_committed = false;
	shake_begin(client, client->other, current->port,
	    patience_answer_ms(PROTOCOL_CONNECT_AGAIN_MS,
		world.conns[current->conn].ends[SIDE].rtt_ms),
	    current->server);
}

static bool
has_current(const struct sim_client *client)
{
	return control_state_has_current(&client->control);
}

static enum control_event_kind
kind_of_bye(const struct say *bye)
{
	if (bye->bits & BYE_DISPLACED)
		return CONTROL_EVENT_BYE_DISPLACED;
	return bye->bits & BYE_TAKEN ? CONTROL_EVENT_BYE_TAKEN
	                             : CONTROL_EVENT_BYE;
}

/* As handle() of control.c */
static void
handle(struct sim_client *client, const struct say *say)
{
	switch (say->kind) {
	case SAY_CONNECTION:
		worker_start(client, say->number);
		step_state(client, CONTROL_EVENT_HEARD);
		break;
	case SAY_ANNOUNCE:
		client->end.lease_ms = say->number;
		step_state(client, CONTROL_EVENT_ANNOUNCED);
		break;
	case SAY_BYE:
		if (!client->control.announced) {
			step_state(client, CONTROL_EVENT_HEARD);
			break;
		}
		client->end.retry_ms = say->number;
		step_state(client, kind_of_bye(say));
		break;
	case SAY_ERROR:
	case SAY_END:
		step_state(client, CONTROL_EVENT_BROKEN);
		break;
	default:
		step_state(client, CONTROL_EVENT_HEARD);
		break;
	}
}

static void
read_messages(struct sim_client *client)
{
	struct say say;

	while (has_current(client) &&
	       net_next(current_of(client)->conn, SIDE, &say))
		handle(client, &say);
	if (has_current(client) && net_is_reset(current_of(client)->conn, SIDE))
		step_state(client, CONTROL_EVENT_BROKEN);
}

/* The rival's thread */
static void
step_rival(struct sim_client *client)
{
	struct shake *other = &client->shakes[client->other];

	if (!client->rival_runs)
		return;
	shake_step(client, other);
	if (other->is_committed && !client->rival_has_committed) {
		client->rival_has_committed = true;
		step_state(client, CONTROL_EVENT_RIVAL_COMMITTED);
	}
}

/* The rival has come to its end. */
static void
settle_rival(struct sim_client *client)
{
	const struct shake *other = &client->shakes[client->other];

	if (!client->rival_runs || other->phase != SHAKE_OVER)
		return;
	client->rival_runs = false;
	if (other->outcome == OUTCOME_DONE)
		step_state(client, CONTROL_EVENT_RIVAL_GRANTED);
	else if (other->outcome == OUTCOME_FAILED ||
		 other->outcome == OUTCOME_ABANDONED)
		step_state(client, CONTROL_EVENT_RIVAL_FAILED);
	else
		step_state(client, CONTROL_EVENT_RIVAL_REFUSED);
	if (client->is_to_start_rival)
		begin_rival(client);
}

static void
mind_sleep(struct sim_client *client)
{
	int64_t slept_ms = world.hosts[client->host].slept_ms;

	if (slept_ms - client->slept_ms > SUSPENDED_MS)
		step_state(client, CONTROL_EVENT_NETWORK_CHANGED);
	client->slept_ms = slept_ms;
}

/* --- The supervisor, as client.c */

static void
attempt(struct sim_client *client)
{
	uint16_t port = reconnect_port(&client->reconnect, world.now_ms);

	check_attempt_begins(client);
	client->phase = CLIENT_TRYING;
	client->carried = false;
	client->rival_runs = false;
	client->is_to_start_rival = false;
	client->current = 0;
	client->other = 1;
	client->shakes[1] = (struct shake){.conn = SIM_NONE};
	client->end = (struct attempt_end){.asked_port = port};
	shake_begin(client, 0, port,
	    patience_dial_ms(reconnect_failures(&client->reconnect)),
	    client->server);
}

/* As complete() of client.c */
static void
complete(struct sim_client *client)
{
	struct attempt_end *end = &client->end;

	if (end->outcome == ATTEMPT_PORT_TAKEN)
		end->caught_up = identity_catch_up(client, end->known_attempt);
	if (end->caught_up)
		sim_tell("client %d: goes on from attempt %llu",
		    number_of(client), (unsigned long long)client->attempt);
	if (end->outcome == ATTEMPT_DISPLACED)
		check_accused(client, "displaced");
}

static void
take_new_identity(struct sim_client *client)
{
	sim_tell("client %d: takes a new identity", number_of(client));
	check_accused(client, "told to be another");
	client->was_accused = true;
	identity_renew(client);
}

/* An attempt has come to its end, perhaps after its tunnel stood. */
static void
end_attempt(struct sim_client *client, enum attempt_outcome outcome)
{
	struct reconnect_decision decision;

	client->end.outcome = outcome;
	complete(client);
	decision = reconnect_decide(
	    &client->reconnect, &client->end, world.now_ms, sim_random());
	if (decision.needs_identity)
		take_new_identity(client);
	if (decision.is_final) {
		client->phase = CLIENT_ENDED;
		sim_tell("client %d: ends, outcome %d", number_of(client),
		    (int)outcome);
		check_ended(client);
		sim_forget(ACTOR(ACTOR_CLIENT, number_of(client)));
		return;
	}
	sim_tell("client %d: outcome %d, waits %u ms", number_of(client),
	    (int)outcome, decision.delay_ms);
	check_attempt_ends(client, decision.delay_ms);
	client->phase = CLIENT_RESTING;
	client->rest_end_ms = world.now_ms + decision.delay_ms;
	client->slept_ms = world.hosts[client->host].slept_ms;
}

static enum attempt_outcome
outcome_of(enum shake_outcome outcome)
{
	switch (outcome) {
	case OUTCOME_PORT_TAKEN:
		return ATTEMPT_PORT_TAKEN;
	case OUTCOME_COPY:
		return ATTEMPT_COPY;
	case OUTCOME_REFUSED:
		return ATTEMPT_REFUSED;
	case OUTCOME_IMPOSSIBLE:
		return ATTEMPT_IMPOSSIBLE;
	default:
		return ATTEMPT_FAILED;
	}
}

/* As stand() of control.c */
static void
step_standing(struct sim_client *client)
{
	bool is_rival_first = sim_chance(500);

	if (is_rival_first)
		step_rival(client);
	read_messages(client);
	if (!is_rival_first)
		step_rival(client);
	settle_rival(client);
	read_messages(client); /* came with the answer to the rival's Hello */
	mind_sleep(client);
	step_state(client, CONTROL_EVENT_TIME);
	if (client->control.phase != CONTROL_OVER)
		return;
	shake_end(&client->shakes[client->other]);
	shake_end(&client->shakes[client->current]);
	client->end.stood_ms = world.now_ms - client->stood_since_ms;
	client->end.carried = client->carried;
	client->end.at_once = client->control.at_once;
	end_attempt(client, control_state_outcome(&client->control));
}

static void
step_trying(struct sim_client *client)
{
	struct shake *shake = current_of(client);

	shake_step(client, shake);
	if (shake->phase != SHAKE_OVER)
		return;
	if (shake->outcome != OUTCOME_DONE) {
		client->end.known_attempt = shake->known_attempt;
		end_attempt(client, outcome_of(shake->outcome));
		return;
	}
	client->phase = CLIENT_STANDING;
	client->stood_since_ms = world.now_ms;
	client->slept_ms = world.hosts[client->host].slept_ms;
	control_state_init(
	    &client->control, HEARTBEAT_TIMEOUT_MS, world.now_ms);
	established(client, shake->port);
	step_standing(client); /* what came with the answer */
}

static int64_t
standing_due_ms(const struct sim_client *client)
{
	int64_t due_ms = control_state_due_ms(&client->control);

	if (client->rival_runs)
		due_ms = earlier(
		    due_ms, shake_due_ms(&client->shakes[client->other]));
	return due_ms;
}

/* As rest_once() of client.c */
static void
step_resting(struct sim_client *client)
{
	int64_t slept_ms = world.hosts[client->host].slept_ms;

	if (slept_ms - client->slept_ms > SUSPENDED_MS) {
		client->rest_end_ms = earlier(client->rest_end_ms,
		    later(world.now_ms, client->cut_ms + CUT_EVERY_MS));
		client->cut_ms = client->rest_end_ms;
	}
	client->slept_ms = slept_ms;
	if (world.now_ms >= client->rest_end_ms)
		attempt(client);
}

static int64_t
client_due_ms(struct sim_client *client)
{
	switch (client->phase) {
	case CLIENT_TRYING:
		return shake_due_ms(current_of(client));
	case CLIENT_STANDING:
		return standing_due_ms(client);
	case CLIENT_RESTING:
		return earlier(client->rest_end_ms, world.now_ms + LOOK_MS);
	default:
		return SIM_NEVER;
	}
}

void
client_step(int number)
{
	struct sim_client *client = &world.clients[number];

	if (client->phase == CLIENT_TRYING)
		step_trying(client);
	else if (client->phase == CLIENT_STANDING)
		step_standing(client);
	else if (client->phase == CLIENT_RESTING)
		step_resting(client);
	sim_wake_at(ACTOR(ACTOR_CLIENT, number), client_due_ms(client));
}

void
client_boot(int number)
{
	struct sim_client *client = &world.clients[number];
	const struct reconnect_rules rules = {
	    .public_port = client->asked_port,
	    .reconnect = client->reconnects,
	    .cap_ms = client->cap_ms,
	};

	assert(client->phase == CLIENT_OFF || client->phase == CLIENT_ENDED);
	identity_start(client);
	client->is_stopped = false;
	client->was_accused = false;
	client->cut_ms = 0;
	client->slept_ms = world.hosts[client->host].slept_ms;
	check_restarted(client);
	reconnect_init(&client->reconnect, &rules, client->public_port);
	client->shakes[0].conn = client->shakes[1].conn = SIM_NONE;
	sim_tell("client %d starts: instance %u attempt %llu port %u", number,
	    client->instance, (unsigned long long)client->attempt,
	    client->public_port);
	attempt(client);
	sim_wake(ACTOR(ACTOR_CLIENT, number));
}

/* All of its descriptors are closed by the system. */
static void
close_all(struct sim_client *client)
{
	shake_end(&client->shakes[0]);
	shake_end(&client->shakes[1]);
	for (int i = 0; i < SIM_WORKERS_MOST; i++)
		if (world.workers[i].used &&
		    world.workers[i].client == number_of(client)) {
			worker_end(&world.workers[i]);
			world.workers[i].used = false;
			sim_forget(ACTOR(ACTOR_WORKER, i));
		}
	sim_forget(ACTOR(ACTOR_CLIENT, number_of(client)));
}

void
client_kill(int number, bool silently)
{
	struct sim_client *client = &world.clients[number];

	sim_tell(
	    "client %d %s", number, silently ? "loses power" : "is killed");
	if (silently)
		net_lose_host(client->host);
	close_all(client);
	client->phase = CLIENT_OFF;
}

void
client_ask_to_stop(int number)
{
	struct sim_client *client = &world.clients[number];

	sim_tell("client %d is asked to stop", number);
	if (client->phase == CLIENT_STANDING)
		step_state(client, CONTROL_EVENT_STOP);
	close_all(client);
	client->phase = CLIENT_OFF;
}

/* SIGHUP */
void
client_hang_up(int number)
{
	struct sim_client *client = &world.clients[number];

	if (client->phase != CLIENT_RESTING)
		return;
	sim_tell("client %d is asked to try at once", number);
	client->rest_end_ms = world.now_ms;
	check_hurried(client); /* a person may be faster than the law */
	sim_wake(ACTOR(ACTOR_CLIENT, number));
}
