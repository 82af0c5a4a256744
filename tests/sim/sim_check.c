/*
 * sim_check - what must be true after every step; see sim.h
 *
 * The rules are written here anew, from rebore(1) and rebore-protocol(7), and
 * not from the code that they are to check.
 */
#include <string.h>

#include "base/clock.h"
#include "sim.h"

#define HEARD_MS 3000
#define LEAST_MS 100
/* "The delay starts over at 1 second after a connection that stood for 10
 * seconds or carried bytes of a visitor" */
#define GOOD_MS        10000
#define GOOD_CAP_MS    2000
#define HASTY_CAP_MS   7500
#define SHORTCUTS_MOST 3
#define CUT_EVERY_MS   5000
#define QUARREL_MS     600000
/* Of two copies, each may be displaced three times within ten minutes. */
#define FIGHTS_MOST 6
/* A visitor is told within 15 s of the last change of its client, or 10 s behind
 * its announcement, or more where the round trip is long. */
#define VISITOR_MS 45000

/* What is due is done by then. */
#define LATE_MS 2000

/* What a client may do next, by rebore(1), Reconnection. */
struct law {
	double middle_ms;
	int64_t good_lease_end_ms, lease_end_ms;
	uint32_t good_lease_ms, lease_ms;
	unsigned hasty, shortcuts;
	int64_t earliest_ms; /* the next attempt */
	int64_t slept_ms, cut_ms;
};

static struct law laws[SIM_CLIENTS_MOST];

/* When an instance was displaced by another process with it. */
static struct fight {
	uint32_t instance;
	int64_t times_ms[FIGHTS_MOST];
	unsigned count;
} fights[SIM_CLIENTS_MOST];

static struct law *
law_of(const struct sim_client *client)
{
	return &laws[client - world.clients];
}

static int
number_of(const struct sim_client *client)
{
	return (int)(client - world.clients);
}

void
check_reset(void)
{
	memset(laws, 0, sizeof laws);
	memset(fights, 0, sizeof fights);
}

void
check_restarted(const struct sim_client *client)
{
	*law_of(client) = (struct law){.middle_ms = 1000};
	/* A new process knows nothing of the fights of the one before. */
	for (int i = 0; i < SIM_CLIENTS_MOST; i++)
		if (fights[i].instance == client->instance)
			fights[i].count = 0;
}

void
check_hurried(const struct sim_client *client)
{
	law_of(client)->earliest_ms = world.now_ms;
}

static double
min(double a, double b)
{
	return a < b ? a : b;
}

static double
max(double a, double b)
{
	return a > b ? a : b;
}

/* "So while it keeps the port of the last connection that stood for 10 seconds or
 * carried bytes of a visitor, no delay is longer than 2 seconds, or than a quarter
 * of that time if that is less; while it keeps the port of one that did neither,
 * than a quarter of the time, or 2 seconds if that is more, or 7.5 seconds after
 * the second such connection in a row." */
static double
cap_now(const struct law *law, double cap_ms)
{
	double most_ms = cap_ms;

	if (world.now_ms < law->good_lease_end_ms)
		most_ms = min(law->good_lease_ms / 4.0, GOOD_CAP_MS);
	else if (world.now_ms < law->lease_end_ms)
		most_ms = max(law->lease_ms / 4.0,
		    law->hasty > 1 ? HASTY_CAP_MS : GOOD_CAP_MS);
	return min(max(most_ms, 2 * LEAST_MS), cap_ms);
}

static void
law_learn(struct law *law, const struct attempt_end *end)
{
	bool is_displaced = end->outcome == ATTEMPT_DISPLACED;

	if (!attempt_stood(end->outcome))
		return;
	law->shortcuts = 0;
	law->lease_ms = is_displaced ? 0 : end->lease_ms;
	law->lease_end_ms = world.now_ms + law->lease_ms;
	law->hasty++;
	/* "its next delay is an ordinary one" */
	if (is_displaced)
		law->good_lease_end_ms = 0;
	if (is_displaced || (end->stood_ms < GOOD_MS && !end->carried))
		return;
	law->hasty = 0;
	law->good_lease_ms = law->lease_ms;
	law->good_lease_end_ms = law->lease_end_ms;
	law->middle_ms = 1000;
}

/* Whether there is a reason to try at once: a copy, a state file that was put
 * back, a port of our own wish, a network that has changed. The first two come
 * from a server, which must not make a client spin. */
static bool
may_be_at_once(struct sim_client *client, struct law *law)
{
	const struct attempt_end *end = &client->end;

	if (end->at_once || end->outcome == ATTEMPT_IMPOSSIBLE)
		return true;
	if (end->outcome != ATTEMPT_COPY && !end->caught_up &&
	    (end->outcome != ATTEMPT_PORT_TAKEN || !client->was_accused))
		return false;
	return ++law->shortcuts <= SHORTCUTS_MOST;
}

void
check_attempt_ends(struct sim_client *client, uint32_t delay_ms)
{
	const struct attempt_end *end = &client->end;
	struct law *law = law_of(client);
	double cap_ms = client->cap_ms;
	double wish_ms = min(max(end->retry_ms, LEAST_MS), 0.8 * cap_ms);
	double low_ms = 0, high_ms = 0, middle_ms;
	bool is_bye = end->outcome == ATTEMPT_BYE;
	bool at_once = may_be_at_once(client, law);

	law_learn(law, end);
	if (is_bye) {
		low_ms = 0.75 * wish_ms;
		high_ms = 1.25 * wish_ms;
	}
	if (!is_bye || law->hasty > 1) {
		middle_ms = min(law->middle_ms, 0.8 * cap_now(law, cap_ms));
		high_ms = max(high_ms, 1.25 * middle_ms);
		/* What is tried at once is no step. */
		if (!at_once || delay_ms > LEAST_MS)
			law->middle_ms = min(2 * middle_ms, 0.8 * cap_ms);
		if (!at_once)
			low_ms = max(low_ms, 0.75 * middle_ms);
	}
	low_ms = max(low_ms, LEAST_MS);
	high_ms = max(high_ms, LEAST_MS);
	if (delay_ms < low_ms - 4)
		sim_fail("client %d: waits %u ms, the law says %.0f at least",
		    number_of(client), delay_ms, low_ms);
	if (delay_ms > high_ms + 4)
		sim_fail("client %d: waits %u ms, the law says %.0f at most",
		    number_of(client), delay_ms, high_ms);
	law->earliest_ms = world.now_ms + (int64_t)max(low_ms - 4, LEAST_MS);
	law->slept_ms = world.hosts[client->host].slept_ms;
}

void
check_attempt_begins(struct sim_client *client)
{
	struct law *law = law_of(client);

	if (world.now_ms >= law->earliest_ms)
		return;
	/* "The same happens when the system wakes up from sleep": once in 5 s */
	if (world.hosts[client->host].slept_ms > law->slept_ms &&
	    world.now_ms >= law->cut_ms + CUT_EVERY_MS) {
		law->cut_ms = world.now_ms;
		return;
	}
	sim_fail("client %d: tries %lld ms before the law allows it",
	    number_of(client), (long long)(law->earliest_ms - world.now_ms));
}

/* "What ends a client for good is explicit evidence that no attempt can help" */
void
check_ended(const struct sim_client *client)
{
	enum attempt_outcome outcome = client->end.outcome;
	bool out_of_range = client->asked_port > world.ports;

	if (outcome == ATTEMPT_REFUSED && client->is_right)
		sim_fail("client %d: ends as if its secret were wrong",
		    number_of(client));
	if (outcome == ATTEMPT_IMPOSSIBLE && !out_of_range)
		sim_fail("client %d: ends, but its port can be had",
		    number_of(client));
	if (outcome != ATTEMPT_REFUSED && outcome != ATTEMPT_IMPOSSIBLE &&
	    client->reconnects)
		sim_fail("client %d: ends without evidence", number_of(client));
}

void
check_accused(const struct sim_client *client, const char *what)
{
	/* With an older file a Hello of its own past, which a server has that was
	 * stopped, cannot be told from one of a copy. */
	if (!client->is_cloned && !client->has_older_file)
		sim_fail("client %d: %s, but nobody has a copy of its state "
			 "file",
		    number_of(client), what);
}

/* Returns the client that made the connection of a link. */
static int
client_of(const struct sim_link *link)
{
	return world.conns[link->conn].client;
}

static bool
has_ended(const struct sim_link *link)
{
	const struct end *end = &world.conns[link->conn].ends[1];

	if (net_is_reset(link->conn, 1))
		return true;
	return end->expect > 0 &&
	       end->in[(end->expect - 1) % SIM_RING].kind == SAY_END;
}

static void
note_fight(uint32_t instance)
{
	struct fight *fight = fights;
	int64_t first_ms;

	while (fight->instance != 0 && fight->instance != instance)
		if (++fight == fights + SIM_CLIENTS_MOST)
			return;
	fight->instance = instance;
	first_ms = fight->times_ms[fight->count % FIGHTS_MOST];
	if (fight->count >= FIGHTS_MOST && world.now_ms - first_ms < QUARREL_MS)
		sim_fail("instance %u is fought for %d times within %.1f s",
		    instance, FIGHTS_MOST + 1,
		    (double)(world.now_ms - first_ms) / 1000);
	fight->times_ms[fight->count++ % FIGHTS_MOST] = world.now_ms;
}

static bool
is_same_instance(const struct sim_link *a, const struct sim_link *b)
{
	return a->announced && b->announced &&
	       a->who.instance == b->who.instance;
}

/* "the server has a secret, which it has proved to know, or it comes from the same
 * address as the holder" */
static bool
is_trusted(const struct sim_link *link, int host)
{
	return world.servers[link->server].has_secret ||
	       world.conns[link->conn].ends[0].host == host;
}

/* Whether the port was promised to this instance, which has not come for it. */
static bool
is_promised(const struct sim_tunnel *tunnel, const struct sim_link *link)
{
	const struct uuid instance = sim_uuid(link->who.instance);

	return uuid_equal(&tunnel->lease.holder.instance, &instance);
}

/* When the judgement is made: it is carried out a moment later. */
void
check_judgement(const struct sim_tunnel *tunnel, const struct sim_link *link)
{
	const struct owner *owner = &world.owners[tunnel->server][tunnel->port];
	bool is_owner =
	    link->announced && (owner->instance == link->who.instance ||
				   is_promised(tunnel, link));
	const struct sim_link *holder;
	int64_t silent_ms;

	if (!is_owner && owner->can_lease &&
	    !is_trusted(link, tunnel->holder_host))
		sim_fail("port %u: a stranger gets it who is not trusted",
		    tunnel->port);
	if (tunnel->holder_link == SIM_NONE)
		return;
	holder = &world.links[tunnel->holder_link];
	if (is_same_instance(link, holder))
		return;
	silent_ms = world.now_ms - holder->said_ms;
	if (silent_ms < HEARD_MS && !has_ended(holder))
		sim_fail("port %u: the holder, instance %u, was heard %lld ms "
			 "ago, and another has its place",
		    tunnel->port, holder->who.instance, (long long)silent_ms);
}

/* "Until that client is back, for 90 seconds at the longest, it refuses others
 * that ask for that port, unless they are trusted; with --lease 0 it does not." */
void
check_opening(const struct sim_link *link, uint16_t port)
{
	const struct sim_server *server = &world.servers[link->server];
	const struct grant *grant = &server->grants[port];

	if (link->asked == 0 || !grant->was_before || server->lease_s == 0 ||
	    world.now_ms >= server->reserved_until_ms ||
	    (grant->instance == 0 && grant->host == SIM_NONE) ||
	    is_trusted(link, grant->host) ||
	    (link->announced && grant->instance == link->who.instance))
		return;
	sim_fail("port %u: it is kept for another since the restart", port);
}

void
check_hand_over(const struct sim_tunnel *tunnel, const struct sim_link *link)
{
	const struct sim_link *holder;

	if (tunnel->holder_link == SIM_NONE)
		return;
	holder = &world.links[tunnel->holder_link];
	if (is_same_instance(link, holder) &&
	    client_of(link) != client_of(holder))
		note_fight(link->who.instance);
}

void
check_attach(const struct sim_tunnel *tunnel, const struct sim_link *link)
{
	struct owner *owner = &world.owners[tunnel->server][tunnel->port];

	*owner = (struct owner){.instance = link->who.instance,
	    .client = client_of(link),
	    .can_lease = link->announced,
	    .since_ms = world.now_ms};
}

static void
check_ports(void)
{
	uint32_t seen[SIM_SERVERS_MOST] = {0};

	for (int i = 0; i < SIM_TUNNELS_MOST; i++) {
		const struct sim_tunnel *tunnel = &world.tunnels[i];

		if (!tunnel->used || tunnel->lease.state == LEASE_OVER)
			continue;
		if (seen[tunnel->server] >> tunnel->port & 1)
			sim_fail("server %d: port %u has two owners",
			    tunnel->server, tunnel->port);
		seen[tunnel->server] |= 1u << tunnel->port;
	}
}

static void
check_visitors(void)
{
	for (unsigned i = 0; i < world.visitors_count; i++) {
		const struct visitor *visitor = &world.visitors[i];

		if (visitor->times_taken > 1 || visitor->times_served > 1)
			sim_fail("visitor %u is served twice", i);
	}
}

void
check_step(void)
{
	check_ports();
	check_visitors();
}

/* Whether the server has this client at a port; 0: at any. */
static bool
is_attached(const struct sim_client *client, uint16_t port)
{
	for (int i = 0; i < SIM_TUNNELS_MOST; i++) {
		const struct sim_tunnel *tunnel = &world.tunnels[i];

		if (tunnel->used && tunnel->server == client->server &&
		    tunnel->link != SIM_NONE &&
		    (port == 0 || tunnel->port == port) &&
		    client_of(&world.links[tunnel->link]) == number_of(client))
			return client->phase == CLIENT_STANDING;
	}
	return false;
}

/* The port that is this client's, as nobody has had it since; 0: none. */
static uint16_t
rightful_port(const struct sim_client *client)
{
	for (uint16_t port = 1; port <= world.ports; port++) {
		const struct owner *owner = &world.owners[client->server][port];

		if (owner->client == number_of(client) && owner->since_ms > 0 &&
		    owner->instance == client->instance && client->is_rebore &&
		    (client->asked_port == port ||
			(client->asked_port == 0 &&
			    client->public_port == port)))
			return port;
	}
	return 0;
}

/* How long a client may take until it has its port again when all is good. */
static int64_t
bound_ms(const struct sim_client *client, uint16_t port)
{
	const struct sim_server *server = &world.servers[client->server];

	/* See tests/README.md */
	if (client->is_cloned)
		return 8 * (int64_t)client->cap_ms + 120000;
	if (port != 0)
		return client->cap_ms + 20000;
	return 2 * (int64_t)client->cap_ms + server->lease_s * 1000 + 60000;
}

/*
 * Since when nothing keeps a client from having its port again: since all is good,
 * since it had the port, and, where the port was granted within the last second
 * before a server was killed, so that the state file names another, since that
 * one's time is over (rebore-server(8), --state-file).
 */
static int64_t
free_since_ms(const struct sim_client *client, uint16_t port)
{
	const struct sim_server *server = &world.servers[client->server];
	const struct grant *grant = &server->grants[port];
	int64_t since_ms = world.good_ms;

	if (port == 0)
		return since_ms;
	since_ms =
	    clock_later(since_ms, world.owners[client->server][port].since_ms);
	if (grant->was_before && grant->instance != client->instance)
		since_ms = clock_later(since_ms, server->reserved_until_ms);
	return since_ms;
}

/* Whether it goes on until it has a port: any, or the one that is its own. One
 * that wants what another has waits for it. */
static bool
is_expected(const struct sim_client *client, uint16_t port)
{
	return client->is_wanted && client->is_right && client->reconnects &&
	       client->phase != CLIENT_ENDED && client->phase != CLIENT_OFF &&
	       (port != 0 || client->asked_port == 0);
}

static void
check_leases(void)
{
	for (int i = 0; i < SIM_TUNNELS_MOST; i++) {
		const struct sim_tunnel *tunnel = &world.tunnels[i];

		if (tunnel->used && tunnel->lease.state == LEASE_LEASED &&
		    tunnel->incoming == SIM_NONE &&
		    world.now_ms > tunnel->lease.end_ms + LATE_MS &&
		    world.now_ms > world.good_ms + LATE_MS)
			sim_fail("port %u: its lease is over, and it is kept",
			    tunnel->port);
	}
}

bool
check_recovery(void)
{
	bool is_done = world.now_ms >= world.good_ms + 3000;

	check_leases();

	for (unsigned i = 0; i < world.clients_count; i++) {
		const struct sim_client *client = &world.clients[i];
		uint16_t port = rightful_port(client);

		if (!is_expected(client, port) || is_attached(client, port))
			continue;
		is_done = false;
		if (world.now_ms >
		    free_since_ms(client, port) + bound_ms(client, port))
			sim_fail("client %u is not back%s%.0d in time", i,
			    port ? " at port " : "", port);
	}
	for (unsigned i = 0; i < world.visitors_count; i++) {
		const struct visitor *visitor = &world.visitors[i];

		if (visitor->state != VISITOR_WAITS &&
		    visitor->state != VISITOR_ANNOUNCED)
			continue;
		is_done = false;
		if (world.now_ms > world.good_ms + VISITOR_MS &&
		    world.now_ms > visitor->changed_ms + VISITOR_MS)
			sim_fail("visitor %u waits for ever", i);
	}
	return is_done;
}
