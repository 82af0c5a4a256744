/*
 * sim_decisions - plays scenarios, each from a seed of its own, and says which of
 * them breaks what must always be true. See tests/README.md.
 *
 * Usage: sim_decisions [--seed N] [--count N] [--story] [--jobs N]
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

/* As many as make check has time for. */
#define COUNT      5000
#define TOLD_MOST  20
#define FOREVER_MS 3600000
#define STEPS_MOST 1000000
#define SEEDS_NAME "/tests/sim/seeds"

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

/* Play count scenarios from a seed on, and tell those that fail. Returns how many
 * do. */
static unsigned
play_many(uint64_t seed, uint64_t number)
{
	unsigned bad = 0;

	for (uint64_t i = 0; i < number; i++)
		if (!play(seed + i, false) && ++bad <= TOLD_MOST) {
			printf("# seed %" PRIu64 ": %s\n", seed + i, world.why);
			if (bad == 1)
				play(seed + i, true);
			fflush(stdout);
		}
	return bad;
}

/* The same, shared among processes. Returns whether none fails. */
static bool
play_shared(uint64_t seed, uint64_t number, unsigned jobs)
{
	uint64_t share = (number + jobs - 1) / jobs;
	bool good = true;
	int status;

	fflush(stdout);
	for (unsigned i = 0; i < jobs; i++)
		if (fork() == 0)
			_exit(play_many(seed + i * share, share) > 0);
	while (wait(&status) > 0)
		good = good && status == 0;
	return good;
}

/* Play the seeds that are kept, because they have failed once: a number a line,
 * and what it was behind a #. */
static bool
play_kept(unsigned *case_number)
{
	const char *top = getenv("top_srcdir");
	char path[4096], line[512];
	bool good = true;
	FILE *file;

	snprintf(path, sizeof path, "%s%s", top ? top : ".", SEEDS_NAME);
	file = fopen(path, "re");
	if (file == NULL) {
		printf("not ok - %s: %s\n", path, strerror(errno));
		return false;
	}
	while (fgets(line, sizeof line, file) != NULL) {
		char *end;
		uint64_t seed = strtoull(line, &end, 10);
		bool is_good;

		if (end == line)
			continue;
		line[strcspn(line, "\n")] = '\0';
		is_good = play(seed, false);
		printf("%s %u - seed %" PRIu64 "%s\n",
		    is_good ? "ok" : "not ok", ++*case_number, seed, end);
		if (!is_good)
			play(seed, true);
		good = good && is_good;
	}
	fclose(file);
	return good;
}

static int
usage(void)
{
	fprintf(stderr, "usage: sim_decisions [--seed N] [--count N] "
			"[--jobs N] [--story]\n");
	return 2;
}

int
main(int argc, char **argv)
{
	uint64_t seed = 1, number = COUNT;
	unsigned jobs = 1, case_number = 0;
	bool has_seed = false, has_count = false, good = true;

	for (int i = 1; i < argc; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--story") == 0) {
			play(seed, true);
			printf("# %s\n", world.failed ? world.why : "good");
			return world.failed;
		}
		if (value == NULL)
			return usage();
		if (strcmp(argv[i], "--seed") == 0) {
			seed = strtoull(value, NULL, 10);
			has_seed = true;
		} else if (strcmp(argv[i], "--count") == 0) {
			number = strtoull(value, NULL, 10);
			has_count = true;
		} else if (strcmp(argv[i], "--jobs") == 0) {
			jobs = (unsigned)strtoul(value, NULL, 10);
		} else {
			return usage();
		}
	}
	if (has_seed && !has_count)
		number = 1;
	if (jobs == 0)
		return usage();
	if (!has_seed)
		good = play_kept(&case_number);
	if (jobs > 1) {
		good = play_shared(seed, number, jobs) && good;
	} else if (play_many(seed, number) > 0) {
		good = false;
	}
	printf("%s %u - scenarios: %" PRIu64 ", from seed %" PRIu64 "\n",
	    good ? "ok" : "not ok", ++case_number, number, seed);
	printf("1..%u\n", case_number);
	return !good;
}
