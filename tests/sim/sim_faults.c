/* sim_faults - who is there, and what goes wrong, by chance; see sim.h */
#include <assert.h>
#include <string.h>

#include "sim.h"

#define FAULTS_MOST 96
/* Attempts since a state file was saved that is put back. */
#define OLDER_BY 5000

enum fault_kind {
	FAULT_BOOT_CLIENT,
	FAULT_BOOT_SERVER,
	FAULT_CUT,
	FAULT_LOSS,
	FAULT_DELAY,
	FAULT_MEND, /* of the three before */
	FAULT_RESET,
	FAULT_STOP_CLIENT,
	FAULT_STOP_SERVER,
	FAULT_CONTINUE,
	FAULT_KILL_CLIENT,
	FAULT_END_CLIENT, /* on purpose */
	FAULT_POWER_CLIENT,
	FAULT_SUSPEND,
	FAULT_RESUME,
	FAULT_KILL_SERVER,
	FAULT_END_SERVER,
	FAULT_POWER_SERVER,
	FAULT_VISITOR,
	FAULT_HANG_UP,
	FAULT_ALL_GOOD,
	FAULT_LOOK, /* for the checker, once all is good */
};

enum file_fate { FILE_STAYS, FILE_IS_LOST, FILE_IS_OLDER };

struct fault {
	enum fault_kind kind;
	int who;
	int more;
};

static struct fault faults[FAULTS_MOST];
static unsigned count;

static void
plan(int64_t at_ms, enum fault_kind kind, int who, int more)
{
	struct event event = {.kind = EVENT_FAULT, .at_ms = at_ms};

	assert(count < FAULTS_MOST);
	faults[count] = (struct fault){kind, who, more};
	event.actor = (int)count++;
	sim_push(&event);
}

/* --- Who is there */

static void
make_servers(void)
{
	world.servers_count = sim_chance(100) ? 2 : 1;
	world.ports = SIM_PORTS;
	for (unsigned i = 0; i < world.servers_count; i++) {
		world.servers[i] = (struct sim_server){
		    .host = (int)i,
		    .has_secret = sim_chance(600),
		    .secret = 1,
		    .has_state_file = sim_chance(600),
		    .lease_s = sim_chance(800)   ? 30
		               : sim_chance(500) ? 5
		                                 : 0,
		    .file_due_ms = SIM_NEVER,
		};
		plan(1, FAULT_BOOT_SERVER, (int)i, FILE_STAYS);
	}
	world.hosts_count = world.servers_count;
}

static void
make_paths(int host)
{
	unsigned slow = sim_below(10);
	uint16_t delay_ms = (uint16_t)(slow < 6   ? sim_between(1, 40)
				       : slow < 9 ? sim_between(40, 200)
						  : sim_between(200, 900));

	for (unsigned server = 0; server < world.servers_count; server++)
		for (int way = 0; way < 2; way++)
			world.paths[host][server][way] = (struct path){
			    .delay_ms = delay_ms,
			    .jitter_ms = (uint16_t)(delay_ms / 4),
			    .lost_permille =
				(uint16_t)(sim_chance(200) ? sim_below(30) : 0),
			};
}

static int
new_host(void)
{
	int host = (int)world.hosts_count++;

	world.hosts[host] = (struct host){.is_down = false};
	make_paths(host);
	return host;
}

static uint32_t
some_cap_ms(void)
{
	static const uint32_t caps_s[] = {64, 64, 20, 5, 2, 1};

	return caps_s[sim_below(6)] * 1000;
}

static struct sim_client *
new_client(int server)
{
	const struct sim_server *to = &world.servers[server];
	struct sim_client *client = &world.clients[world.clients_count++];

	*client = (struct sim_client){
	    .server = server,
	    .is_rebore = !sim_chance(80),
	    .tells_process = !sim_chance(100),
	    .has_secret = to->has_secret,
	    .secret = to->secret,
	    .cap_ms = some_cap_ms(),
	    .reconnects = !sim_chance(60),
	    .has_state_file = sim_chance(600),
	    .is_right = true,
	    .is_wanted = true,
	    .twin = SIM_NONE,
	};
	/* It may have run for long before. */
	if (client->has_state_file && sim_chance(500))
		client->file = (struct state_file){.is_there = true,
		    .instance = sim_new_id(),
		    .attempt = 2 * OLDER_BY};
	return client;
}

/* One that wants what another has. */
static void
make_stranger(const struct sim_client *victim)
{
	struct sim_client *client = new_client(victim->server);

	client->host = sim_chance(150) ? victim->host : new_host();
	client->is_stranger = true;
	client->asked_port = victim->asked_port
	                         ? victim->asked_port
	                         : (uint16_t)sim_between(1, world.ports);
	if (client->has_secret && sim_chance(300)) {
		client->is_right = false;
		client->secret++;
		client->has_secret = sim_chance(700);
	} else if (!client->has_secret && sim_chance(100)) {
		/* The server does not have it. */
		client->has_secret = true;
		client->is_right = false;
	}
}

static void
make_clients(void)
{
	unsigned honest = sim_between(1, 3);

	for (unsigned i = 0; i < honest; i++) {
		struct sim_client *client =
		    new_client((int)sim_below(world.servers_count));

		client->host = new_host();
		if (sim_chance(500))
			client->asked_port = (uint16_t)(i + 1);
		if (sim_chance(20))
			client->asked_port = SIM_PORTS + 1;
	}
	if (sim_chance(600))
		make_stranger(&world.clients[sim_below(honest)]);
	for (unsigned i = 0; i < world.clients_count; i++)
		plan(sim_between(2, i == 0 ? 50 : 12000), FAULT_BOOT_CLIENT,
		    (int)i, FILE_STAYS);
}

/* Start a copy of a client's state file. */
static void
plan_clone(int64_t at_ms)
{
	struct sim_client *original = &world.clients[0];
	struct sim_client *copy;

	if (world.clients_count == SIM_CLIENTS_MOST || !original->is_rebore)
		return;
	copy = &world.clients[world.clients_count++];
	original->has_state_file = true;
	original->is_cloned = true;
	*copy = *original;
	copy->twin = 0;
	copy->host = sim_chance(300) ? original->host : new_host();
	copy->cap_ms = some_cap_ms();
	plan(at_ms, FAULT_BOOT_CLIENT, (int)(copy - world.clients), FILE_STAYS);
}

/* --- What goes wrong */

static int64_t
some_while_ms(void)
{
	static const uint32_t whiles_ms[] = {
	    300, 1000, 2500, 4000, 8000, 15000, 40000};

	return sim_between(50, whiles_ms[sim_below(7)]);
}

static int
some_client(void)
{
	return (int)sim_below(world.clients_count);
}

static int
some_server(void)
{
	return (int)sim_below(world.servers_count);
}

static enum file_fate
some_fate(void)
{
	unsigned chance = sim_below(10);

	return chance < 7   ? FILE_STAYS
	       : chance < 8 ? FILE_IS_LOST
	                    : FILE_IS_OLDER;
}

static void
plan_path(int64_t at_ms, int64_t end_ms)
{
	int client = some_client();
	int way = (int)sim_below(3);
	unsigned kind = sim_below(4);

	plan(at_ms,
	    kind < 2    ? FAULT_CUT
	    : kind == 2 ? FAULT_LOSS
			: FAULT_DELAY,
	    client, way);
	plan(end_ms, FAULT_MEND, client, 0);
}

static void
plan_client(int64_t at_ms, int64_t end_ms)
{
	int client = some_client();

	switch (sim_below(7)) {
	case 0:
	case 1:
		plan(at_ms, FAULT_STOP_CLIENT, client, 0);
		plan(end_ms, FAULT_CONTINUE, client, 0);
		break;
	case 2:
	case 3:
		plan(at_ms, FAULT_KILL_CLIENT, client, 0);
		plan(end_ms, FAULT_BOOT_CLIENT, client, (int)some_fate());
		break;
	case 4:
		plan(at_ms, FAULT_END_CLIENT, client, 0);
		plan(end_ms, FAULT_BOOT_CLIENT, client, (int)some_fate());
		break;
	case 5:
		plan(at_ms, FAULT_POWER_CLIENT, client, 0);
		plan(
		    end_ms + 3000, FAULT_BOOT_CLIENT, client, (int)some_fate());
		break;
	default:
		plan(at_ms, FAULT_SUSPEND, client, 0);
		plan(end_ms, FAULT_RESUME, client, 0);
		break;
	}
}

static void
plan_server(int64_t at_ms, int64_t end_ms)
{
	int server = some_server();
	int64_t step_ms;

	switch (sim_below(6)) {
	case 0:
	case 1:
		plan(at_ms, FAULT_STOP_SERVER, server, 0);
		plan(end_ms, FAULT_CONTINUE, -1 - server, 0);
		break;
	case 2:
		plan(at_ms, FAULT_KILL_SERVER, server, 0);
		plan(end_ms, FAULT_BOOT_SERVER, server, (int)some_fate());
		break;
	case 3:
		plan(at_ms, FAULT_END_SERVER, server, 0);
		plan(at_ms + sim_between(1, 500), FAULT_KILL_SERVER, server, 0);
		plan(end_ms + 500, FAULT_BOOT_SERVER, server, (int)some_fate());
		break;
	case 4:
		plan(at_ms, FAULT_POWER_SERVER, server, 0);
		plan(end_ms, FAULT_BOOT_SERVER, server, (int)some_fate());
		break;
	default: /* it flaps */
		step_ms = sim_between(200, 4000);
		for (int64_t i = 0; i < 6; i++) {
			plan(at_ms + i * step_ms, FAULT_KILL_SERVER, server, 0);
			plan(at_ms + i * step_ms + step_ms / 4,
			    FAULT_BOOT_SERVER, server, FILE_STAYS);
		}
		break;
	}
}

static void
plan_fault(int64_t last_ms)
{
	int64_t at_ms = sim_between(500, (uint32_t)last_ms);
	int64_t end_ms = at_ms + some_while_ms();

	switch (sim_below(10)) {
	case 0:
	case 1:
	case 2:
		plan_path(at_ms, end_ms);
		break;
	case 3:
	case 4:
	case 5:
		plan_client(at_ms, end_ms);
		break;
	case 6:
	case 7:
		plan_server(at_ms, end_ms);
		break;
	case 8:
		plan(at_ms, FAULT_RESET, some_client(), (int)sim_below(2));
		break;
	default:
		plan(at_ms, FAULT_HANG_UP, some_client(), 0);
		break;
	}
}

void
faults_plan(void)
{
	int64_t last_ms = sim_between(5000, 60000);
	unsigned faults_count = sim_between(1, 9);
	unsigned visitors = sim_below(8);

	count = 0;
	memset(world.owners, 0, sizeof world.owners);
	make_servers();
	make_clients();
	world.duplicate_permille = sim_chance(300) ? 200 : 0;
	if (sim_chance(200))
		plan_clone(sim_between(1000, (uint32_t)last_ms));
	for (unsigned i = 0; i < faults_count; i++)
		plan_fault(last_ms);
	for (unsigned i = 0; i < visitors; i++)
		plan(sim_between(500, (uint32_t)last_ms), FAULT_VISITOR,
		    some_server(), (int)sim_between(1, world.ports));
	world.good_ms = last_ms + 1000;
	plan(world.good_ms, FAULT_ALL_GOOD, 0, 0);
}

/* --- As it happens */

static void
boot_client(int number, enum file_fate fate)
{
	struct sim_client *client = &world.clients[number];

	if (client->phase != CLIENT_OFF || client->is_stopped ||
	    world.hosts[client->host].is_down)
		return;
	if (client->twin != SIM_NONE && !client->file.is_there) {
		/* The copy is made when it is used for the first time. */
		client->file = world.clients[client->twin].file;
		if (!client->file.is_there)
			return;
	}
	if (fate == FILE_IS_LOST)
		client->file.is_there = false;
	else if (fate == FILE_IS_OLDER && client->file.attempt > OLDER_BY) {
		client->file.attempt -= OLDER_BY;
		client->has_older_file = true;
	}
	client_boot(number);
}

static void
boot_server(int number, enum file_fate fate)
{
	struct sim_server *server = &world.servers[number];

	if (server->is_running)
		return;
	if (fate == FILE_IS_LOST)
		memset(server->file, 0, sizeof server->file);
	world.hosts[server->host].is_down = false;
	server_boot(number);
}

static void
spoil_paths(const struct sim_client *client, enum fault_kind kind, int way)
{
	for (unsigned server = 0; server < world.servers_count; server++)
		for (int i = 0; i < 2; i++) {
			struct path *path =
			    &world.paths[client->host][server][i];

			if (way != 2 && way != i)
				continue;
			if (kind == FAULT_CUT)
				path->cut = true;
			else if (kind == FAULT_LOSS)
				path->lost_permille =
				    (uint16_t)sim_between(100, 600);
			else
				path->delay_ms =
				    (uint16_t)(path->delay_ms +
					       sim_between(200, 2500));
		}
	sim_tell("path of client %d: %s, %s", (int)(client - world.clients),
	    kind == FAULT_CUT    ? "cut"
	    : kind == FAULT_LOSS ? "loses"
				 : "slow",
	    way == 0   ? "to the server"
	    : way == 1 ? "from the server"
		       : "both ways");
}

static void
mend_paths(int host)
{
	for (unsigned server = 0; server < world.servers_count; server++)
		for (int i = 0; i < 2; i++) {
			struct path *path = &world.paths[host][server][i];

			path->cut = false;
			path->lost_permille = 0;
			path->delay_ms =
			    path->delay_ms > 250 ? 30 : path->delay_ms;
		}
}

static void
reset_connections(int client, bool both)
{
	sim_tell("connections of client %d are reset%s", client,
	    both ? "" : " at the server alone");
	for (int i = 0; i < SIM_CONNS_MOST; i++)
		if (world.conns[i].used && world.conns[i].client == client)
			net_inject_reset(i, both);
}

static void
suspend(struct sim_client *client)
{
	struct host *host = &world.hosts[client->host];

	if (host->is_down)
		return;
	sim_tell("host %d is suspended", client->host);
	host->is_down = host->is_suspended = true;
	host->down_ms = world.now_ms;
}

static void
resume(int number)
{
	struct host *host = &world.hosts[number];

	if (!host->is_suspended)
		return;
	sim_tell("host %d wakes", number);
	host->is_down = host->is_suspended = false;
	host->slept_ms += world.now_ms - host->down_ms;
	net_wake_host(number);
	sim_continue();
}

static void
lose_power(struct sim_client *client)
{
	struct host *host = &world.hosts[client->host];

	if (host->is_suspended)
		return;
	for (unsigned i = 0; i < world.clients_count; i++)
		if (world.clients[i].host == client->host &&
		    world.clients[i].phase != CLIENT_OFF)
			client_kill((int)i, true);
}

static void
all_good(void)
{
	sim_tell("from here on nothing goes wrong");
	world.duplicate_permille = 0;
	for (unsigned i = world.servers_count; i < world.hosts_count; i++) {
		mend_paths((int)i);
		resume((int)i);
	}
	for (unsigned i = 0; i < world.servers_count; i++) {
		world.servers[i].is_stopped = false;
		if (world.servers[i].is_stopping)
			server_kill((int)i, false);
		boot_server((int)i, FILE_STAYS);
	}
	for (unsigned i = 0; i < world.clients_count; i++) {
		world.clients[i].is_stopped = false;
		boot_client((int)i, FILE_STAYS);
	}
	sim_continue();
	plan(world.now_ms + 1000, FAULT_LOOK, 0, 0);
}

static void
happen_to_client(const struct fault *fault)
{
	struct sim_client *client = &world.clients[fault->who];
	bool is_on = client->phase != CLIENT_OFF && !client->is_stopped &&
	             !world.hosts[client->host].is_suspended;

	switch (fault->kind) {
	case FAULT_STOP_CLIENT:
		sim_tell("client %d is stopped", fault->who);
		client->is_stopped = client->phase != CLIENT_OFF;
		break;
	case FAULT_KILL_CLIENT:
		if (is_on)
			client_kill(fault->who, false);
		break;
	case FAULT_END_CLIENT:
		if (is_on)
			client_ask_to_stop(fault->who);
		break;
	case FAULT_POWER_CLIENT:
		lose_power(client);
		break;
	case FAULT_SUSPEND:
		suspend(client);
		break;
	case FAULT_RESUME:
		resume(client->host);
		break;
	case FAULT_HANG_UP:
		if (is_on)
			client_hang_up(fault->who);
		break;
	default:
		break;
	}
}

static void
happen_to_server(const struct fault *fault)
{
	struct sim_server *server = &world.servers[fault->who];

	switch (fault->kind) {
	case FAULT_STOP_SERVER:
		sim_tell("server %d is stopped", fault->who);
		server->is_stopped = server->is_running;
		break;
	case FAULT_KILL_SERVER:
		if (server->is_running)
			server_kill(fault->who, false);
		server->is_stopped = false;
		break;
	case FAULT_END_SERVER:
		if (server->is_running && !server->is_stopped &&
		    !server->is_stopping)
			server_ask_to_stop(fault->who);
		break;
	case FAULT_POWER_SERVER:
		if (server->is_running)
			server_kill(fault->who, true);
		world.hosts[server->host].is_down = true;
		server->is_stopped = false;
		break;
	default:
		break;
	}
}

static void
go_on(int who)
{
	if (who < 0)
		world.servers[-1 - who].is_stopped = false;
	else
		world.clients[who].is_stopped = false;
	sim_tell("%s %d goes on", who < 0 ? "server" : "client",
	    who < 0 ? -1 - who : who);
	sim_continue();
}

static void
look_again(int number)
{
	struct event event = {
	    .kind = EVENT_FAULT, .at_ms = world.now_ms + 250, .actor = number};

	if (!check_recovery())
		sim_push(&event);
}

void
faults_happen(int number)
{
	const struct fault *fault = &faults[number];

	if (fault->kind != FAULT_LOOK && fault->kind != FAULT_ALL_GOOD &&
	    world.now_ms > world.good_ms)
		return;
	switch (fault->kind) {
	case FAULT_BOOT_CLIENT:
		boot_client(fault->who, (enum file_fate)fault->more);
		break;
	case FAULT_BOOT_SERVER:
		boot_server(fault->who, (enum file_fate)fault->more);
		break;
	case FAULT_CUT:
	case FAULT_LOSS:
	case FAULT_DELAY:
		spoil_paths(
		    &world.clients[fault->who], fault->kind, fault->more);
		break;
	case FAULT_MEND:
		sim_tell("path of client %d: good", fault->who);
		mend_paths(world.clients[fault->who].host);
		break;
	case FAULT_RESET:
		reset_connections(fault->who, fault->more == 1);
		break;
	case FAULT_CONTINUE:
		go_on(fault->who);
		break;
	case FAULT_VISITOR:
		if (world.servers[fault->who].is_running)
			server_add_visitor(fault->who, (uint16_t)fault->more);
		break;
	case FAULT_ALL_GOOD:
		all_good();
		break;
	case FAULT_LOOK:
		look_again(number);
		break;
	case FAULT_STOP_SERVER:
	case FAULT_KILL_SERVER:
	case FAULT_END_SERVER:
	case FAULT_POWER_SERVER:
		happen_to_server(fault);
		break;
	default:
		happen_to_client(fault);
		break;
	}
}
