/*
 * sim_server - what session.c, claim.c, link.c and tunnel.c do, with the
 * decisions of lease.h and port_claim_decide.h; see sim.h
 */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/patience.h"
#include "server/farewell.h"
#include "server/port_claim_decide.h"
#include "sim.h"

#define HANDSHAKE_MS      3000
#define REFUSE_MS         1000
#define ANNOUNCE_MS       3000 /* LINK_ANNOUNCE_MS */
#define CLIENT_TIMEOUT_MS 8000
#define UNACKNOWLEDGED_MS 15000
#define STALLED_MS        16000
#define PARTING_MS        10000
#define HOLD_MS           15000
#define ACCEPT_WITHIN_MS  10000
#define TWINS_MOST        8
/* Of the state file, port_memory.h */
#define FILE_DELAY_MS 1000
#define RESERVED_MS   90000
/* The server's side of a connection */
#define SIDE 1

static struct registry registries[SIM_SERVERS_MOST];
static bool has_registries;

static struct conn *
conn_of(const struct sim_link *link)
{
	return &world.conns[link->conn];
}

static int
number_of(const struct sim_link *link)
{
	return (int)(link - world.links);
}

static int
host_of(const struct sim_link *link)
{
	return conn_of(link)->ends[0].host;
}

static uint32_t
rtt_of(const struct sim_link *link)
{
	return conn_of(link)->ends[SIDE].rtt_ms;
}

struct uuid
sim_uuid(uint32_t id)
{
	struct uuid uuid;

	memset(&uuid, 0, sizeof uuid);
	memcpy(uuid.bytes, &id, sizeof id);
	return uuid;
}

static struct registry *
registry_of(int server)
{
	if (!has_registries)
		for (int i = 0; i < SIM_SERVERS_MOST; i++)
			registry_init(&registries[i], NULL);
	has_registries = true;
	return &registries[server];
}

bool
server_is_listening(int server)
{
	const struct sim_server *here = &world.servers[server];

	return here->is_running && !here->is_stopping;
}

/* --- The state file, as port_memory.c */

static void
port_memory_change(struct sim_server *server)
{
	if (server->has_state_file && server->file_due_ms == SIM_NEVER)
		server->file_due_ms = world.now_ms + FILE_DELAY_MS;
}

static void
port_memory_save(struct sim_server *server)
{
	bool expected = world.now_ms < server->reserved_until_ms;

	server->file_due_ms = SIM_NEVER;
	memset(server->file, 0, sizeof server->file);
	for (int port = 1; port <= SIM_PORTS; port++)
		if (server->grants[port].is_granted ||
		    (expected && server->grants[port].was_before)) {
			server->file[port] = server->grants[port];
			server->file[port].is_granted = true;
		}
}

static void
port_memory_save_if_due(struct sim_server *server)
{
	if (world.now_ms >= server->file_due_ms)
		port_memory_save(server);
}

static void
port_memory_put(struct sim_server *server, uint16_t port, bool in)
{
	struct grant *grant = &server->grants[port];

	grant->is_granted = in;
	if (in)
		grant->was_before = false;
	port_memory_change(server);
}

static void
port_memory_own(
    struct sim_server *server, uint16_t port, uint32_t instance, int host)
{
	struct grant *grant = &server->grants[port];

	if (grant->instance == instance && grant->host == host)
		return;
	grant->instance = instance;
	grant->host = host;
	port_memory_change(server);
}

static bool
port_memory_reserved(const struct sim_server *server, uint16_t port)
{
	return server->grants[port].was_before &&
	       world.now_ms < server->reserved_until_ms;
}

static struct lease_return
port_memory_match(
    const struct sim_server *server, uint16_t port, const struct sim_link *link)
{
	const struct grant *grant = &server->grants[port];
	bool is_known = grant->instance != 0 || grant->host != SIM_NONE;

	return (struct lease_return){
	    .reserved = port_memory_reserved(server, port) && is_known &&
	                server->lease_s > 0,
	    .same_instance = link->announced && grant->instance != 0 &&
	                     link->who.instance == grant->instance,
	    .trusted = server->has_secret || grant->host == host_of(link),
	};
}

/* --- Tunnels */

static int
find_tunnel(int server, uint16_t port)
{
	for (int i = 0; i < SIM_TUNNELS_MOST; i++)
		if (world.tunnels[i].used &&
		    world.tunnels[i].server == server &&
		    world.tunnels[i].port == port &&
		    world.tunnels[i].lease.state != LEASE_OVER)
			return i;
	return SIM_NONE;
}

static struct lease_client
client_of(const struct sim_link *link)
{
	return (struct lease_client){.announced = link->announced,
	    .instance = sim_uuid(link->who.instance),
	    .attempt = link->who.attempt};
}

/* Tell the lease what has happened. */
static enum lease_state
tell_lease(struct sim_tunnel *tunnel, struct lease_event event)
{
	event.now_ms = world.now_ms;
	return lease_step(&tunnel->lease, &event);
}

static void
tell_lease_of(struct sim_tunnel *tunnel, enum lease_event_kind kind,
    const struct sim_link *link)
{
	tell_lease(tunnel,
	    (struct lease_event){.kind = kind, .client = client_of(link)});
}

/* As publish_holder() */
static void
publish(struct sim_tunnel *tunnel)
{
	int number =
	    tunnel->incoming != SIM_NONE ? tunnel->incoming : tunnel->link;
	const struct sim_link *link;

	tunnel->holder_link = number;
	if (number == SIM_NONE)
		return;
	link = &world.links[number];
	tunnel->holder_host = host_of(link);
	port_memory_own(&world.servers[tunnel->server], tunnel->port,
	    link->announced ? link->who.instance : 0, host_of(link));
}

static bool
same_instance(const struct sim_link *a, const struct sim_link *b)
{
	return a->announced && b->announced &&
	       a->who.instance == b->who.instance;
}

static void
leave_registry(struct sim_link *link)
{
	if (link->is_entered)
		registry_remove_instance(
		    registry_of(link->server), &link->entry);
	link->is_entered = false;
}

static void
destroy_link(int number)
{
	struct sim_link *link;

	if (number == SIM_NONE)
		return;
	link = &world.links[number];
	leave_registry(link);
	net_close(link->conn, SIDE);
	conn_of(link)->link = SIM_NONE;
	link->phase = LINK_FREE;
	sim_forget(ACTOR(ACTOR_LINK, number));
}

static void
part_link(struct sim_link *link, struct say bye)
{
	bye.kind = SAY_BYE;
	if (link->announced)
		net_send(link->conn, SIDE, &bye);
}

static struct say
farewell(const struct sim_link *old, const struct sim_link *link)
{
	if (same_instance(old, link))
		return (struct say){.bits = BYE_DISPLACED};
	return (struct say){.bits = BYE_TAKEN};
}

static void
give_link(struct sim_link *link, struct sim_tunnel *tunnel)
{
	link->phase = LINK_GIVEN;
	link->tunnel = (int)(tunnel - world.tunnels);
	sim_forget(ACTOR(ACTOR_LINK, number_of(link)));
}

/* As tunnel_hand_over() */
static bool
hand_over(struct sim_tunnel *tunnel, struct sim_link *link)
{
	int previous = tunnel->incoming;

	if (tunnel->lease.state == LEASE_OVER)
		return false;
	check_hand_over(tunnel, link);
	tell_lease_of(tunnel, LEASE_PROMISE, link);
	if (previous != SIM_NONE)
		part_link(&world.links[previous],
		    farewell(&world.links[previous], link));
	tunnel->incoming = number_of(link);
	give_link(link, tunnel);
	publish(tunnel);
	destroy_link(previous);
	sim_wake(ACTOR(ACTOR_TUNNEL, link->tunnel));
	return true;
}

/* Whom the visitors of a tunnel wait for has gone or come. */
static void
rewind_visitors(struct sim_tunnel *tunnel)
{
	for (unsigned i = 0; i < world.visitors_count; i++) {
		struct visitor *visitor = &world.visitors[i];

		if (visitor->tunnel != (int)(tunnel - world.tunnels) ||
		    (visitor->state != VISITOR_WAITS &&
			visitor->state != VISITOR_ANNOUNCED))
			continue;
		visitor->state = VISITOR_WAITS;
		visitor->expires_ms = world.now_ms + HOLD_MS;
		visitor->changed_ms = world.now_ms;
	}
}

static void
announce_visitors(struct sim_tunnel *tunnel)
{
	struct sim_link *link = &world.links[tunnel->link];

	for (unsigned i = 0; i < world.visitors_count; i++) {
		struct visitor *visitor = &world.visitors[i];

		if (visitor->tunnel != (int)(tunnel - world.tunnels) ||
		    visitor->state != VISITOR_WAITS ||
		    !net_has_room(link->conn, SIDE))
			continue;
		visitor->state = VISITOR_ANNOUNCED;
		visitor->expires_ms =
		    world.now_ms +
		    patience_answer_ms(ACCEPT_WITHIN_MS, 2 * rtt_of(link));
		net_send(link->conn, SIDE,
		    &(struct say){.kind = SAY_CONNECTION, .number = i});
	}
}

static void
put_announce(struct sim_link *link)
{
	net_send(link->conn, SIDE,
	    &(struct say){.kind = SAY_ANNOUNCE,
		.number = world.servers[link->server].lease_s * 1000});
}

static void
greet(struct sim_tunnel *tunnel)
{
	struct sim_link *link = &world.links[tunnel->link];

	link->phase = LINK_ATTACHED;
	check_attach(tunnel, link);
	net_send(link->conn, SIDE,
	    &(struct say){.kind = SAY_HELLO, .port = tunnel->port});
	if (link->announced)
		put_announce(link);
	rewind_visitors(tunnel);
	announce_visitors(tunnel);
}

static void
detach(struct sim_tunnel *tunnel, bool keeps_lease, const char *why)
{
	int number = tunnel->link;
	const struct sim_link *link = &world.links[number];
	uint32_t length_ms = keeps_lease && link->announced
	                         ? world.servers[tunnel->server].lease_s * 1000
	                         : 0;

	tunnel->link = SIM_NONE;
	tell_lease(tunnel,
	    (struct lease_event){.kind = LEASE_LOSE, .length_ms = length_ms});
	publish(tunnel);
	rewind_visitors(tunnel);
	sim_tell("server %d: client at host %d is gone from port %u (%s), "
		 "lease %u ms",
	    tunnel->server, host_of(link), tunnel->port, why, length_ms);
	destroy_link(number);
}

/* As adopt() of tunnel.c */
static void
adopt(struct sim_tunnel *tunnel)
{
	int old = tunnel->link;
	struct sim_link *link;

	if (tunnel->incoming == SIM_NONE)
		return;
	tunnel->link = tunnel->incoming;
	tunnel->incoming = SIM_NONE;
	link = &world.links[tunnel->link];
	tell_lease_of(tunnel, LEASE_ATTACH, link);
	publish(tunnel);
	sim_tell("server %d: port %u goes to host %d, instance %u attempt %llu",
	    tunnel->server, tunnel->port, host_of(link), link->who.instance,
	    (unsigned long long)link->who.attempt);
	if (old != SIM_NONE) {
		struct sim_link *left = &world.links[old];

		part_link(left, farewell(left, link));
		leave_registry(left);
		net_end(left->conn, SIDE);
		left->phase = LINK_PARTING;
		destroy_link(tunnel->parting);
		tunnel->parting = old;
		tunnel->parting_ms = world.now_ms + PARTING_MS;
	}
	greet(tunnel);
}

static void
see_off(struct sim_tunnel *tunnel)
{
	const struct sim_link *link;
	bool has_ended = false;
	struct say say;

	if (tunnel->parting == SIM_NONE)
		return;
	link = &world.links[tunnel->parting];
	while (!has_ended && net_next(link->conn, SIDE, &say))
		has_ended = say.kind == SAY_END;
	if (!has_ended && !net_is_reset(link->conn, SIDE) &&
	    world.now_ms < tunnel->parting_ms)
		return;
	destroy_link(tunnel->parting);
	tunnel->parting = SIM_NONE;
}

/* --- Links, as link.c */

static void
take_announce(struct sim_link *link, const struct say *say)
{
	if (link->announced || world.now_ms - link->start_ms > ANNOUNCE_MS)
		return;
	link->announced = true;
	link->who = *say;
	conn_of(link)->ends[SIDE].user_timeout_ms = 0;
}

enum link_event { NOTHING, ANNOUNCED, GOODBYE, LOST };

static enum link_event
read_link(struct sim_link *link)
{
	struct say say;

	while (net_next(link->conn, SIDE, &say)) {
		if (say.kind == SAY_END)
			return LOST;
		link->heard_ms = link->said_ms = world.now_ms;
		if (say.kind == SAY_BYE)
			return GOODBYE;
		if (say.kind == SAY_ANNOUNCE && !link->announced) {
			take_announce(link, &say);
			if (link->announced)
				return ANNOUNCED;
		}
	}
	return net_is_reset(link->conn, SIDE) ? LOST : NOTHING;
}

static void
enter_registry(struct sim_link *link)
{
	link->entry.uuid = sim_uuid(link->who.instance);
	/* Only handed back to compare(). */
	link->entry.link = (const struct link *)(const void *)link;
	registry_put_instance(registry_of(link->server), &link->entry);
	link->is_entered = true;
}

static int64_t
lost_ms(const struct sim_link *link)
{
	return link->heard_ms +
	       patience_answer_ms(CLIENT_TIMEOUT_MS, rtt_of(link));
}

static void
adapt(struct sim_link *link)
{
	struct end *end = &conn_of(link)->ends[SIDE];
	uint32_t longest_ms = patience_retransmit_ms(end->rtt_ms);

	if (end->segments != link->segments)
		link->heard_ms = world.now_ms;
	link->segments = end->segments;
	if (longest_ms > link->retransmit_ms) {
		link->retransmit_ms = longest_ms;
		end->rto_most_ms = longest_ms;
	}
}

/* Returns why it is lost, or NULL. */
static const char *
do_due(struct sim_link *link)
{
	if (world.now_ms >= link->heartbeat_ms)
		adapt(link);
	if (link->announced && world.now_ms >= lost_ms(link))
		return "no heartbeat";
	if (world.now_ms >= link->heartbeat_ms) {
		link->heartbeat_ms =
		    world.now_ms + patience_heartbeat_ms(rtt_of(link));
		if (net_has_room(link->conn, SIDE)) {
			link->stalled_ms = 0;
			net_send(link->conn, SIDE,
			    &(struct say){.kind = SAY_HEARTBEAT});
		} else if (link->stalled_ms == 0) {
			link->stalled_ms = world.now_ms;
		}
	}
	if (link->stalled_ms != 0 &&
	    world.now_ms - link->stalled_ms >= STALLED_MS)
		return "takes nothing";
	return NULL;
}

static void
serve_link(struct sim_tunnel *tunnel)
{
	struct sim_link *link = &world.links[tunnel->link];
	int64_t said_ms = link->said_ms;
	enum link_event event = read_link(link);
	const char *why = NULL;

	while (event == ANNOUNCED) {
		enter_registry(link);
		put_announce(link);
		tell_lease_of(tunnel, LEASE_ANNOUNCE, link);
		publish(tunnel);
		check_attach(tunnel, link);
		event = read_link(link);
	}
	if (event == GOODBYE) {
		detach(tunnel, false, "goodbye");
		return;
	}
	if (tunnel->pulse)
		link->heard_ms = world.now_ms;
	if ((tunnel->pulse || link->said_ms != said_ms) &&
	    tunnel->incoming == SIM_NONE)
		tell_lease(tunnel, (struct lease_event){.kind = LEASE_HEAR});
	tunnel->pulse = false;
	why = event == LOST ? "closed or reset" : do_due(link);
	if (why == NULL && tunnel->lease.condemned)
		why = "does not answer";
	if (why != NULL)
		detach(tunnel, true, why);
}

/* --- A newcomer, as claim.c */

static void
end_link(struct sim_link *link)
{
	destroy_link(number_of(link));
}

static void
refuse(struct sim_link *link, enum sim_error error, const struct say *more)
{
	leave_registry(link);
	sim_tell("server %d: host %d is refused port %u: error %d%s%s",
	    link->server, host_of(link), link->asked, (int)error,
	    more && more->bits & BYE_COPY ? ", a copy" : "",
	    more && more->attempt > 0 ? ", told its attempt" : "");
	/* The Bye behind an Error is of the same write. */
	net_send(link->conn, SIDE,
	    &(struct say){.kind = SAY_ERROR,
		.number = error,
		.bits = more ? more->bits : 0,
		.attempt = more ? more->attempt : 0});
	net_end(link->conn, SIDE);
	link->phase = LINK_REFUSED;
	link->deadline_ms = world.now_ms + REFUSE_MS;
	sim_wake_at(ACTOR(ACTOR_LINK, number_of(link)), link->deadline_ms);
}

static void
wait_until(struct sim_link *link, int64_t until_ms)
{
	sim_wake_at(ACTOR(ACTOR_LINK, number_of(link)), until_ms);
}

static bool
has_time(const struct sim_link *link)
{
	return world.now_ms < link->claim_deadline_ms &&
	       !net_is_reset(link->conn, SIDE);
}

struct search {
	const struct sim_link *newcomer;
	enum lease_copy verdict;
	unsigned left;
};

static bool
compare(const struct link *entered, void *context)
{
	const struct sim_link *older = (const void *)entered;
	struct search *search = context;
	const struct sim_link *newcomer = search->newcomer;
	const struct lease_twin twin = {
	    .processes_known =
		older->who.process != 0 && newcomer->who.process != 0,
	    .same_process = older->who.process == newcomer->who.process,
	    .waited_ms = world.now_ms - newcomer->start_ms,
	    .silent_ms = world.now_ms - older->said_ms,
	    .tcp = net_judge(older->conn, SIDE),
	    .unacknowledged_ms = net_acknowledged_ms(older->conn, SIDE),
	    .rtt_ms = rtt_of(older),
	};

	search->verdict =
	    port_claim_graver_copy(search->verdict, lease_judge_twin(&twin));
	return search->verdict != LEASE_COPY && --search->left > 0;
}

static uint16_t
any_port(const struct sim_server *server, int number)
{
	uint16_t found = 0;
	unsigned seen = 0;

	for (int reserved_too = 0; reserved_too < 2 && found == 0;
	     reserved_too++)
		for (uint16_t port = 1; port <= world.ports; port++)
			if (!server->grants[port].is_granted &&
			    (reserved_too ||
				!port_memory_reserved(server, port)) &&
			    find_tunnel(number, port) == SIM_NONE &&
			    sim_below(++seen) == 0)
				found = port;
	return found;
}

static int
take_tunnel(void)
{
	for (int i = 0; i < SIM_TUNNELS_MOST; i++)
		if (!world.tunnels[i].used)
			return i;
	return SIM_NONE;
}

/* As open_tunnel() and ports_open() */
static void
open_tunnel(struct sim_link *link)
{
	struct sim_server *server = &world.servers[link->server];
	uint16_t port = link->asked;
	int number = take_tunnel();
	struct sim_tunnel *tunnel;
	struct lease_client client;

	if (port == 0)
		port = any_port(server, link->server);
	if (port == 0 || number == SIM_NONE) {
		refuse(link, SIM_ERROR_NO_PORT, NULL);
		return;
	}
	if (port > world.ports) {
		refuse(link, SIM_ERROR_RANGE, NULL);
		return;
	}
	if (find_tunnel(link->server, port) != SIM_NONE) {
		refuse(link, SIM_ERROR_IN_USE, NULL); /* the system says so */
		return;
	}
	check_opening(link, port);
	tunnel = &world.tunnels[number];
	*tunnel = (struct sim_tunnel){.used = true,
	    .server = link->server,
	    .port = port,
	    .incoming = SIM_NONE,
	    .link = number_of(link),
	    .parting = SIM_NONE,
	    .holder_link = SIM_NONE,
	    .holder_host = SIM_NONE};
	client = client_of(link);
	lease_init(&tunnel->lease, &client);
	tell_lease(tunnel, (struct lease_event){.kind = LEASE_HEAR});
	give_link(link, tunnel);
	publish(tunnel);
	port_memory_put(server, port, true);
	sim_tell("server %d: port %u opened for host %d, instance %u attempt "
		 "%llu",
	    link->server, port, host_of(link), link->who.instance,
	    (unsigned long long)link->who.attempt);
	greet(tunnel);
	sim_wake(ACTOR(ACTOR_TUNNEL, number));
}

/* As tunnel_judge() */
static enum lease_verdict
judge(struct sim_tunnel *tunnel, const struct sim_link *newcomer)
{
	const struct sim_server *server = &world.servers[tunnel->server];
	struct lease_client client = client_of(newcomer);
	bool trusted =
	    server->has_secret || tunnel->holder_host == host_of(newcomer);
	enum tcp_verdict tcp =
	    lease_has_connection(&tunnel->lease)
		? net_judge(world.links[tunnel->holder_link].conn, SIDE)
		: TCP_GONE;
	struct lease_claim claim =
	    lease_claim_of(&tunnel->lease, &client, trusted, tcp, world.now_ms);
	enum lease_verdict verdict = lease_judge(&claim);

	if (verdict == LEASE_YIELDS || verdict == LEASE_CONDEMNS)
		check_judgement(tunnel, newcomer);
	if (verdict == LEASE_CONDEMNS) {
		tell_lease(tunnel, (struct lease_event){.kind = LEASE_CONDEMN});
		sim_wake(ACTOR(ACTOR_TUNNEL, (int)(tunnel - world.tunnels)));
	}
	return verdict;
}

/* Others wait for the turnstile: one of them goes on. */
static void
release_turnstile(struct sim_link *link)
{
	registry_release(registry_of(link->server), link->asked);
	for (int i = 0; i < SIM_LINKS_MOST; i++)
		if (world.links[i].phase == LINK_LOOKING &&
		    world.links[i].server == link->server &&
		    world.links[i].asked == link->asked &&
		    &world.links[i] != link)
			sim_wake(ACTOR(ACTOR_LINK, i));
}

static void
look(struct sim_link *link)
{
	int holder;

	if (registry_claim(registry_of(link->server), link->asked, 0)) {
		if (world.now_ms >= link->claim_deadline_ms)
			refuse(link, SIM_ERROR_IN_USE, NULL);
		else
			wait_until(link, link->claim_deadline_ms);
		return;
	}
	holder = find_tunnel(link->server, link->asked);
	link->has_holder = holder != SIM_NONE;
	link->tunnel = holder;
	if (holder != SIM_NONE) {
		link->verdict = judge(&world.tunnels[holder], link);
		link->told_attempt = world.tunnels[holder].lease.holder.attempt;
	}
	link->phase = LINK_ACTING;
	/* A thread may be late between its look and what that leads to. */
	wait_until(link, world.now_ms + (sim_chance(50) ? sim_below(20) : 0));
}

/* The tunnel may have ended since the look. */
static bool
hand_over_to(int number, struct sim_link *link)
{
	struct sim_tunnel *tunnel = &world.tunnels[number];

	return tunnel->used && tunnel->server == link->server &&
	       tunnel->port == link->asked && hand_over(tunnel, link);
}

static void
act(struct sim_link *link)
{
	const struct port_claim_facts facts = {
	    .has_holder = link->has_holder,
	    .verdict = link->verdict,
	    .remembered = port_memory_match(
		&world.servers[link->server], link->asked, link),
	    .has_time = has_time(link),
	};
	enum port_claim_step step = port_claim_decide(&facts);
	struct say more = {.kind = SAY_BYE};

	if (step == PORT_CLAIM_HANDS_OVER && !hand_over_to(link->tunnel, link))
		step = PORT_CLAIM_OPENS;
	release_turnstile(link);
	switch (step) {
	case PORT_CLAIM_HANDS_OVER:
		break;
	case PORT_CLAIM_OPENS:
		open_tunnel(link);
		break;
	case PORT_CLAIM_LOOKS_AGAIN:
		link->phase = LINK_LOOKING;
		wait_until(link, world.now_ms + PORT_CLAIM_ASK_AGAIN_MS);
		break;
	case PORT_CLAIM_TELLS_ATTEMPT:
		more.attempt = link->told_attempt;
		refuse(link, SIM_ERROR_IN_USE, &more);
		break;
	case PORT_CLAIM_REFUSES:
		refuse(link, SIM_ERROR_IN_USE, NULL);
		break;
	}
}

/* As is_copy() */
static void
compare_all(struct sim_link *link)
{
	struct search search = {
	    .newcomer = link, .verdict = LEASE_NO_COPY, .left = TWINS_MOST};
	struct say more = {.kind = SAY_BYE, .bits = BYE_COPY};

	if (link->announced)
		registry_visit_older(
		    registry_of(link->server), &link->entry, compare, &search);
	if (search.verdict == LEASE_COPY) {
		refuse(link, SIM_ERROR_IN_USE, &more);
	} else if (search.verdict == LEASE_UNCLEAR && has_time(link)) {
		wait_until(link, world.now_ms + PORT_CLAIM_ASK_AGAIN_MS);
	} else if (link->asked == 0 || link->asked > world.ports) {
		open_tunnel(link);
	} else {
		link->phase = LINK_LOOKING;
		look(link);
	}
}

/* As hear() of claim.c */
static void
hear(struct sim_link *link)
{
	bool asks_for_one = link->asked > 0 && link->asked <= world.ports;
	bool is_contested = false;
	struct lease_return remembered;

	if (read_link(link) == LOST) {
		end_link(link);
		return;
	}
	if (asks_for_one) {
		remembered = port_memory_match(
		    &world.servers[link->server], link->asked, link);
		is_contested =
		    find_tunnel(link->server, link->asked) != SIM_NONE ||
		    !lease_admits(&remembered);
	}
	if (!link->announced && is_contested &&
	    world.now_ms < link->deadline_ms) {
		wait_until(link, link->deadline_ms);
		return;
	}
	if (link->announced)
		enter_registry(link);
	link->phase = LINK_COMPARING;
	compare_all(link);
}

static void
begin_claim(struct sim_link *link, uint16_t asked)
{
	link->asked = asked;
	link->start_ms = link->heard_ms = link->said_ms = world.now_ms;
	link->claim_deadline_ms = world.now_ms + PORT_CLAIM_VERDICT_MS;
	link->deadline_ms = world.now_ms + PORT_CLAIM_ANNOUNCE_WAIT_MS;
	conn_of(link)->ends[SIDE].user_timeout_ms = UNACKNOWLEDGED_MS;
	adapt(link);
	link->phase = LINK_HEARING;
	hear(link);
}

/* --- Data connections, as proxy.c */

static void
begin_relay(struct sim_link *link, uint32_t number)
{
	struct visitor *visitor = &world.visitors[number];

	if (number >= world.visitors_count || visitor->server != link->server ||
	    (visitor->state != VISITOR_ANNOUNCED &&
		visitor->state != VISITOR_WAITS)) {
		end_link(link);
		return;
	}
	visitor->state = VISITOR_SERVED;
	visitor->times_taken++;
	link->visitor = (int)number;
	link->phase = LINK_RELAYING;
	net_send(link->conn, SIDE, &(struct say){.kind = SAY_BYTES});
	wait_until(link, world.now_ms + sim_between(100, 20000));
	link->deadline_ms =
	    world.actors[ACTOR(ACTOR_LINK, number_of(link))].step_ms;
}

static void
relay(struct sim_link *link)
{
	const struct visitor *visitor = &world.visitors[link->visitor];
	struct say say;

	while (net_next(link->conn, SIDE, &say)) {
		if (say.kind == SAY_END) {
			end_link(link);
			return;
		}
		if (world.tunnels[visitor->tunnel].used)
			world.tunnels[visitor->tunnel].pulse = true;
	}
	if (net_is_reset(link->conn, SIDE) || world.now_ms >= link->deadline_ms)
		end_link(link);
	else
		wait_until(link, link->deadline_ms);
}

/* --- Sessions, as session.c */

static void
authenticate(struct sim_link *link, const struct say *say)
{
	const struct sim_server *server = &world.servers[link->server];

	if (say->kind != SAY_AUTHENTICATE) {
		refuse(link, SIM_ERROR_NO_AUTHENTICATION, NULL);
	} else if (say->number != server->secret) {
		refuse(link, SIM_ERROR_SECRET, NULL);
	} else {
		link->phase = LINK_EXPECTING;
		link->deadline_ms =
		    world.now_ms +
		    patience_answer_ms(HANDSHAKE_MS, rtt_of(link));
	}
}

static void
play_role(struct sim_link *link, const struct say *say)
{
	if (say->kind == SAY_HELLO)
		begin_claim(link, say->port);
	else if (say->kind == SAY_ACCEPT)
		begin_relay(link, say->number);
	else
		end_link(link);
}

static void
hear_session(struct sim_link *link)
{
	struct say say;

	while (link->phase == LINK_AUTHENTICATING ||
	       link->phase == LINK_EXPECTING) {
		if (!net_next(link->conn, SIDE, &say)) {
			if (net_is_reset(link->conn, SIDE))
				end_link(link);
			else if (world.now_ms >= link->deadline_ms)
				refuse(link, SIM_ERROR_TIMEOUT, NULL);
			else
				wait_until(link, link->deadline_ms);
			return;
		}
		if (say.kind == SAY_END)
			end_link(link);
		else if (link->phase == LINK_AUTHENTICATING)
			authenticate(link, &say);
		else
			play_role(link, &say);
	}
}

static void
drain(struct sim_link *link)
{
	struct say say;

	while (net_next(link->conn, SIDE, &say))
		if (say.kind == SAY_END) {
			end_link(link);
			return;
		}
	if (net_is_reset(link->conn, SIDE) || world.now_ms >= link->deadline_ms)
		end_link(link);
	else
		wait_until(link, link->deadline_ms);
}

/* The process has the connection: its system may have had it for long. */
static void
start_session(struct sim_link *link)
{
	bool has_secret = world.servers[link->server].has_secret;

	link->phase = has_secret ? LINK_AUTHENTICATING : LINK_EXPECTING;
	link->deadline_ms =
	    world.now_ms + patience_answer_ms(HANDSHAKE_MS, rtt_of(link));
	if (has_secret)
		net_send(
		    link->conn, SIDE, &(struct say){.kind = SAY_CHALLENGE});
	hear_session(link);
}

void
server_step_link(int number)
{
	struct sim_link *link = &world.links[number];

	switch (link->phase) {
	case LINK_ACCEPTED:
		start_session(link);
		break;
	case LINK_AUTHENTICATING:
	case LINK_EXPECTING:
		hear_session(link);
		break;
	case LINK_HEARING:
		hear(link);
		break;
	case LINK_COMPARING:
		compare_all(link);
		break;
	case LINK_LOOKING:
		look(link);
		break;
	case LINK_ACTING:
		act(link);
		break;
	case LINK_REFUSED:
		drain(link);
		break;
	case LINK_RELAYING:
		relay(link);
		break;
	case LINK_FREE:
	case LINK_GIVEN:
	case LINK_ATTACHED:
	case LINK_PARTING:
		break;
	}
}

int
server_accepts(int server, int conn)
{
	int number = 0;
	struct sim_link *link;

	if (!server_is_listening(server))
		return SIM_NONE;
	while (
	    number < SIM_LINKS_MOST && world.links[number].phase != LINK_FREE)
		number++;
	if (number == SIM_LINKS_MOST)
		return SIM_NONE;
	link = &world.links[number];
	*link = (struct sim_link){
	    .phase = LINK_ACCEPTED,
	    .server = server,
	    .conn = conn,
	    .start_ms = world.now_ms,
	    .heard_ms = world.now_ms,
	    .said_ms = world.now_ms,
	    .tunnel = SIM_NONE,
	    .visitor = SIM_NONE,
	};
	world.conns[conn].link = number;
	sim_wake(ACTOR(ACTOR_LINK, number));
	return number;
}

/* --- The tunnel's thread, as tunnel_run() */

static bool
is_over(struct sim_tunnel *tunnel)
{
	struct sim_server *server = &world.servers[tunnel->server];
	enum lease_state before = tunnel->lease.state;
	enum lease_state now =
	    tell_lease(tunnel, (struct lease_event){.kind = LEASE_LOOK});

	if (now == LEASE_OVER && before != LEASE_OVER && !server->is_stopping)
		port_memory_put(server, tunnel->port, false);
	return now == LEASE_OVER;
}

static void
part(struct sim_tunnel *tunnel)
{
	const struct sim_server *server = &world.servers[tunnel->server];
	struct say bye = {
	    .number = farewell_retry_ms(server->leaving, sim_random())};

	tell_lease(tunnel, (struct lease_event){.kind = LEASE_PART});
	if (tunnel->link == SIM_NONE)
		return;
	part_link(&world.links[tunnel->link], bye);
	detach(tunnel, true, "the server stops");
}

static void
drop_visitors(struct sim_tunnel *tunnel, bool all)
{
	for (unsigned i = 0; i < world.visitors_count; i++) {
		struct visitor *visitor = &world.visitors[i];

		if (visitor->tunnel == (int)(tunnel - world.tunnels) &&
		    (visitor->state == VISITOR_WAITS ||
			visitor->state == VISITOR_ANNOUNCED) &&
		    (all || world.now_ms >= visitor->expires_ms))
			visitor->state = VISITOR_TOLD;
	}
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
tunnel_due_ms(const struct sim_tunnel *tunnel)
{
	int64_t due_ms = world.servers[tunnel->server].file_due_ms;
	bool is_parted = tunnel->lease.state == LEASE_PARTED;

	for (unsigned i = 0; i < world.visitors_count; i++) {
		const struct visitor *visitor = &world.visitors[i];

		if (visitor->tunnel == (int)(tunnel - world.tunnels) &&
		    !is_parted &&
		    (visitor->state == VISITOR_WAITS ||
			visitor->state == VISITOR_ANNOUNCED))
			due_ms = earlier(due_ms, visitor->expires_ms);
	}
	if (tunnel->parting != SIM_NONE)
		due_ms = earlier(due_ms, tunnel->parting_ms);
	if (tunnel->link == SIM_NONE)
		return earlier(due_ms, lease_due_ms(&tunnel->lease));
	due_ms = earlier(due_ms, world.links[tunnel->link].heartbeat_ms);
	if (world.links[tunnel->link].announced)
		due_ms = earlier(due_ms, lost_ms(&world.links[tunnel->link]));
	return due_ms;
}

void
server_step_tunnel(int number)
{
	struct sim_tunnel *tunnel = &world.tunnels[number];
	struct sim_server *server = &world.servers[tunnel->server];

	if (!tunnel->used)
		return;
	port_memory_save_if_due(server); /* which is the saver's */
	see_off(tunnel);
	adopt(tunnel);
	if (tunnel->link != SIM_NONE)
		serve_link(tunnel);
	if (tunnel->pulse)
		tell_lease(tunnel, (struct lease_event){.kind = LEASE_HEAR});
	tunnel->pulse = false;
	if (server->is_stopping &&
	    (tunnel->lease.state != LEASE_PARTED || tunnel->link != SIM_NONE))
		part(tunnel);
	if (tunnel->lease.state != LEASE_PARTED)
		drop_visitors(tunnel, false);
	if (tunnel->link != SIM_NONE)
		announce_visitors(tunnel);
	if (!is_over(tunnel)) {
		sim_wake_at(ACTOR(ACTOR_TUNNEL, number), tunnel_due_ms(tunnel));
		return;
	}
	destroy_link(tunnel->parting);
	drop_visitors(tunnel, true);
	sim_tell("server %d: port %u is free", tunnel->server, tunnel->port);
	tunnel->used = false;
}

void
server_add_visitor(int server, uint16_t port)
{
	int number = find_tunnel(server, port);
	struct visitor *visitor;

	if (number == SIM_NONE ||
	    world.tunnels[number].lease.state == LEASE_PARTED ||
	    world.visitors_count == SIM_VISITORS_MOST)
		return; /* the system refuses it */
	visitor = &world.visitors[world.visitors_count++];
	*visitor = (struct visitor){.state = VISITOR_WAITS,
	    .server = server,
	    .tunnel = number,
	    .arrived_ms = world.now_ms,
	    .changed_ms = world.now_ms,
	    .expires_ms = world.now_ms + HOLD_MS};
	sim_wake(ACTOR(ACTOR_TUNNEL, number));
}

/* --- Its process */

void
server_boot(int number)
{
	struct sim_server *server = &world.servers[number];

	server->is_running = true;
	server->is_stopped = false;
	server->is_stopping = false;
	server->start_ms = world.now_ms;
	server->file_due_ms = SIM_NEVER;
	server->reserved_until_ms =
	    server->has_state_file ? world.now_ms + RESERVED_MS : 0;
	for (int port = 1; port <= SIM_PORTS; port++) {
		struct grant *grant = &server->grants[port];

		*grant = (struct grant){.host = SIM_NONE};
		if (!server->has_state_file || !server->file[port].is_granted)
			continue;
		*grant = server->file[port];
		grant->is_granted = false;
		grant->was_before = true;
	}
	sim_tell("server %d starts", number);
}

/* Whether it goes with the power of its host, so that nobody is told. */
void
server_kill(int number, bool silently)
{
	struct sim_server *server = &world.servers[number];

	sim_tell("server %d %s", number, silently ? "loses power" : "is gone");
	server->is_running = false;
	if (silently)
		net_lose_host(server->host);
	for (int i = 0; i < SIM_LINKS_MOST; i++)
		if (world.links[i].phase != LINK_FREE &&
		    world.links[i].server == number) {
			if (world.links[i].phase == LINK_ACTING)
				registry_release(
				    registry_of(number), world.links[i].asked);
			destroy_link(i);
		}
	for (int i = 0; i < SIM_TUNNELS_MOST; i++)
		if (world.tunnels[i].used &&
		    world.tunnels[i].server == number) {
			drop_visitors(&world.tunnels[i], true);
			world.tunnels[i].used = false;
			sim_forget(ACTOR(ACTOR_TUNNEL, i));
		}
}

/* SIGTERM; the end follows as server_kill(). */
void
server_ask_to_stop(int number)
{
	struct sim_server *server = &world.servers[number];

	sim_tell("server %d is asked to stop", number);
	server->is_stopping = true;
	server->leaving = 0;
	for (int i = 0; i < SIM_TUNNELS_MOST; i++)
		if (world.tunnels[i].used && world.tunnels[i].server == number)
			server->leaving++;
	for (int i = 0; i < SIM_TUNNELS_MOST; i++)
		if (world.tunnels[i].used && world.tunnels[i].server == number)
			server_step_tunnel(i);
	if (server->has_state_file)
		port_memory_save(server);
}
