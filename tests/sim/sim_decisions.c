/*
 * sim_decisions - plays scenarios, each from a seed of its own, and says which of
 * them breaks what must always be true. See tests/README.md.
 *
 * Usage: sim_decisions [--seed N] [--count N] [--story] [--jobs N]
 */
#include <string.h>

#include "sim.h"
#include "sim_main.h"

#define FOREVER_MS 3600000
#define STEPS_MOST 1000000

bool
sim_is_running(int actor)
{
	int index = actor % 256;
	const struct sim_client *client = NULL;
	const struct sim_server *server = NULL;

	switch (actor / 256) {
	case ACTOR_CLIENT:
		client = &world.clients[index];
		break;
	case ACTOR_WORKER:
		client = &world.clients[world.workers[index].client];
		break;
	case ACTOR_LINK:
		server = &world.servers[world.links[index].server];
		break;
	default:
		server = &world.servers[world.tunnels[index].server];
		break;
	}
	if (server != NULL)
		return server->is_running && !server->is_stopped;
	return !client->is_stopped && !world.hosts[client->host].is_down;
}

void
sim_continue(void)
{
	for (int i = 0; i < ACTORS_MOST; i++)
		if (world.actors[i].is_owed && sim_is_running(i)) {
			world.actors[i].is_owed = false;
			sim_wake(i);
		}
}

static void
take_step(int actor)
{
	struct actor *turn = &world.actors[actor];

	if (turn->step_ms != world.now_ms)
		return; /* it has taken that step, or has none to take */
	turn->step_ms = SIM_NEVER;
	if (!sim_is_running(actor)) {
		turn->is_owed = true;
		return;
	}
	switch (actor / 256) {
	case ACTOR_CLIENT:
		client_step(actor % 256);
		break;
	case ACTOR_LINK:
		server_step_link(actor % 256);
		break;
	case ACTOR_TUNNEL:
		server_step_tunnel(actor % 256);
		break;
	default:
		client_step_worker(actor % 256);
		break;
	}
}

static void
happen(const struct event *event)
{
	world.now_ms = event->at_ms;
	switch (event->kind) {
	case EVENT_SEGMENT:
		net_arrive(&event->segment);
		break;
	case EVENT_RETRANSMIT:
		net_retransmit(&event->segment);
		break;
	case EVENT_STEP:
		take_step(event->actor);
		break;
	default:
		faults_happen(event->actor);
		break;
	}
}

/* What a scenario leaves of the one before is only what is overwritten. */
static void
reset_world(uint64_t seed, bool tells)
{
	for (int i = 0; i < SIM_SERVERS_MOST; i++)
		if (world.servers[i].is_running)
			server_kill(i, true);
	for (int i = 0; i < SIM_CONNS_MOST; i++)
		world.conns[i].used = false;
	for (int i = 0; i < SIM_TUNNELS_MOST; i++)
		world.tunnels[i].used = false;
	for (int i = 0; i < SIM_WORKERS_MOST; i++)
		world.workers[i].used = false;
	memset(world.hosts, 0, sizeof world.hosts);
	world.clients_count = world.visitors_count = 0;
	world.seed = world.random = seed;
	world.now_ms = 1;
	world.order = world.steps = 0;
	world.next_id = 0;
	world.failed = false;
	world.tells = tells;
	sim_engine_reset();
	check_reset();
}

/* Returns whether nothing was broken. */
static bool
play(uint64_t seed, bool tells)
{
	struct event event;

	world.tells = false;
	reset_world(seed, tells);
	faults_plan();
	while (!world.failed && sim_pop(&event)) {
		happen(&event);
		check_step();
		world.steps++;
		if (world.now_ms > world.good_ms && event.kind == EVENT_FAULT &&
		    check_recovery())
			break;
		if (world.now_ms > FOREVER_MS || world.steps > STEPS_MOST)
			sim_fail("it does not come to an end");
	}
	return !world.failed;
}

int
main(int argc, char **argv)
{
	const struct sim_program program = {
	    .name = "sim_decisions",
	    .seeds = "/tests/sim/seeds",
	    .count = 5000,
	    .play = play,
	};

	return sim_main(&program, argc, argv);
}
