/* port_claim - see port_claim.h */
#include "server/port_claim.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/protocol_times.h"
#include "net/source.h"
#include "net/tcp.h"
#include "server/port_claim_decide.h"
#include "server/room.h"

/* How many connections of one instance a newcomer is compared with. There is
 * one, or two for a moment; more are the work of an attacker. */
#define TWINS_MOST 8

/* A newcomer that asks for a port, and its progress. */
struct port_claim {
	struct link *link; /* NULL: handed over, or gone */
	uint16_t asked;
	int64_t deadline_ms;
	struct tunnel *tunnel;
	/* Sent after the Error to a newcomer that is refused. */
	struct message_bye bye;
	/* The link's, while only this thread uses it: a stop interrupts it. */
	struct roster_entry entry;
	bool is_entered;
	bool is_stopped;
};

/* Let a stop interrupt the claim, unless the server already stops. */
static void
enter_claim(struct port_claim *claim)
{
	claim->is_entered =
	    roster_enter(&claim->link->server->claiming, &claim->entry,
		transport_fd(&claim->link->transport), -1) > 0;
	claim->is_stopped = !claim->is_entered;
}

/* Call it before others may use the link, and before it is closed. */
static void
leave_claim(struct port_claim *claim)
{
	if (!claim->is_entered)
		return;
	roster_leave(&claim->link->server->claiming, &claim->entry);
	claim->is_entered = false;
}

static bool
is_stopped(struct port_claim *claim)
{
	if (claim->is_entered && roster_interrupted(&claim->entry))
		claim->is_stopped = true;
	return claim->is_stopped;
}

static void
end_claim(struct port_claim *claim)
{
	leave_claim(claim);
	link_destroy(claim->link);
	claim->link = NULL;
}

/* Refuse the newcomer. Ends the link. A stopping server sends nothing: the
 * client is to come back, whatever the outcome would have been. */
static void
refuse_newcomer(struct port_claim *claim, const char *refusal)
{
	struct message bye = {.kind = MESSAGE_BYE, .as.bye = claim->bye};
	bool has_more = claim->bye.copy || claim->bye.attempt > 0;

	/* While it reads the refusal it no longer counts as its instance's. */
	registry_remove_instance(
	    &claim->link->server->registry, &claim->link->entry);
	if (!is_stopped(claim))
		channel_refuse(&claim->link->channel, refusal,
		    has_more ? &bye : NULL,
		    clock_now_ms() + PROTOCOL_REFUSED_READS_MS);
	end_claim(claim);
}

/* Open the port and create a tunnel for it. */
static enum error
open_tunnel(struct port_claim *claim)
{
	struct server_state *server = claim->link->server;
	uint16_t port;
	struct listener listener;
	enum error error =
	    ports_open(&server->ports, claim->asked, &listener, &port);

	if (error)
		return error;
	if (!room_for_tunnel(server)) {
		listen_close(&listener);
		errno = EMFILE;
		return ERROR_RESOURCES;
	}
	claim->tunnel = tunnel_create(server, &listener, port, claim->link);
	if (claim->tunnel == NULL) {
		budget_give(server->options->budget, BUDGET_TUNNEL);
		listen_close(&listener);
		return ERROR_RESOURCES;
	}
	leave_claim(claim);
	claim->link = NULL;
	registry_put(&server->registry, port, claim->tunnel);
	port_memory_add(&server->port_memory, port);
	return ERROR_NONE;
}

/* Wait before an unclear case is judged again. Returns whether there is time
 * for that. */
static bool
wait_a_little(struct port_claim *claim)
{
	/* The newcomer may give up meanwhile. */
	struct pollfd slot = transport_poll(&claim->link->transport, 0);

	if (clock_now_ms() >= claim->deadline_ms)
		return false;
	poll(&slot, 1, PORT_CLAIM_ASK_AGAIN_MS);
	return slot.revents == 0 && !is_stopped(claim);
}

/* Open any port. If descriptors are short, connections that have said nothing
 * make room, which takes them a moment. */
static enum error
open_any(struct port_claim *claim)
{
	struct server_state *server = claim->link->server;
	enum error error = open_tunnel(claim);

	while (error == ERROR_RESOURCES &&
	       crowd_interrupt_one(&server->silent) && wait_a_little(claim))
		error = open_tunnel(claim);
	return error;
}

/* The comparison of the newcomer with the other connections of its instance. */
struct search {
	const struct link *newcomer;
	enum lease_copy verdict;
	unsigned left;
	/* On LEASE_COPY: the address of the live one. */
	char peer[ADDRESS_TEXT_SIZE];
};

static bool
compare(const struct link *older, void *server)
{
	struct search *search = server;
	const struct link *newcomer = search->newcomer;
	int64_t now_ms = clock_now_ms();
	const struct lease_twin twin = {
	    .processes_known =
		older->who.has_process && newcomer->who.has_process,
	    .same_process =
		uuid_equal(&older->who.process, &newcomer->who.process),
	    .waited_ms = now_ms - newcomer->start_ms,
	    .silent_ms = now_ms - atomic_load(&older->said_ms),
	    .tcp = tcp_judge(transport_fd(&older->transport)),
	    .unacknowledged_ms =
		tcp_acknowledged_ms(transport_fd(&older->transport)),
	    .rtt_ms = tcp_rtt_ms(transport_fd(&older->transport)),
	};
	enum lease_copy verdict = lease_judge_twin(&twin);

	search->verdict = port_claim_graver_copy(search->verdict, verdict);
	if (verdict == LEASE_COPY)
		snprintf(search->peer, sizeof search->peer, "%s", older->peer);
	return verdict != LEASE_COPY && --search->left > 0;
}

/* Whether the newcomer's instance is alive in another process; if so, the
 * newcomer is refused. */
static bool
is_copy(struct port_claim *claim)
{
	const struct link *link = claim->link;
	struct search search = {.newcomer = link};

	do {
		search.verdict = LEASE_NO_COPY;
		search.left = TWINS_MOST;
		registry_visit_older(
		    &link->server->registry, &link->entry, compare, &search);
	} while (search.verdict == LEASE_UNCLEAR && wait_a_little(claim));
	if (search.verdict != LEASE_COPY)
		return false;
	notices_tell(&link->server->notices, NOTICE_COPY,
	    source_of_address(&link->address),
	    "%s refused: %s is connected with the same identity, so the state "
	    "file of one is a copy of the other's; the later one is told to "
	    "take a new identity",
	    link->peer, search.peer);
	claim->bye.copy = true;
	refuse_newcomer(
	    claim, "this identity is in use: the state file is a copy");
	return true;
}

/* What is remembered of a port that has no holder. */
static struct lease_return
remember(const struct port_claim *claim)
{
	const struct link *link = claim->link;
	struct server_state *server = link->server;
	struct port_memory_match match =
	    port_memory_match(&server->port_memory, claim->asked,
		link->announced ? &link->who.instance : NULL, &link->address);

	return (struct lease_return){
	    .reserved = match.is_owned && server->options->lease_ms > 0,
	    .same_instance = match.same_instance,
	    .trusted = link_principal(link) != NULL || match.same_address,
	};
}

static struct port_claim_facts
gather_facts(struct port_claim *claim, struct tunnel *holder)
{
	struct port_claim_facts facts = {
	    .has_holder = holder != NULL,
	    .has_time = clock_now_ms() < claim->deadline_ms,
	};
	uint64_t attempt;

	claim->bye.attempt = 0;
	if (holder == NULL) {
		facts.remembered = remember(claim);
		return facts;
	}
	facts.verdict = tunnel_judge(holder, claim->link, &attempt);
	if (facts.verdict == LEASE_STALE)
		claim->bye.attempt = attempt;
	return facts;
}

/* Returns false when the tunnel has ended meanwhile. */
static bool
hand_over(struct port_claim *claim, struct tunnel *holder)
{
	leave_claim(claim);
	if (!tunnel_hand_over(holder, claim->link)) {
		enter_claim(claim);
		return false;
	}
	claim->link = NULL;
	return true;
}

/*
 * Find out who has the port, and act on it. Meanwhile no other newcomer does so
 * for the same port, so this does not block.
 *
 * error: set to why the newcomer is refused; ERROR_NONE: it has the port.
 */
static enum port_claim_step
look(struct port_claim *claim, enum error *error)
{
	struct registry *registry = &claim->link->server->registry;
	struct port_claim_facts facts;
	enum port_claim_step step;
	struct tunnel *holder;

	*error = ERROR_IN_USE;
	if (registry_claim(registry, claim->asked, claim->deadline_ms))
		return PORT_CLAIM_REFUSES;
	holder = registry_find(registry, claim->asked);
	facts = gather_facts(claim, holder);
	step = port_claim_decide(&facts);
	if (step == PORT_CLAIM_HANDS_OVER && !hand_over(claim, holder))
		step = PORT_CLAIM_OPENS;
	if (step == PORT_CLAIM_OPENS)
		*error = open_tunnel(claim);
	else if (step == PORT_CLAIM_HANDS_OVER)
		*error = ERROR_NONE;
	registry_release(registry, claim->asked);
	if (holder != NULL)
		tunnel_release(holder);
	return step;
}

/* Look until the case is clear. */
static enum error
look_until_clear(struct port_claim *claim)
{
	enum port_claim_step step;
	enum error error;

	do {
		step = look(claim, &error);
	} while (step == PORT_CLAIM_LOOKS_AGAIN && wait_a_little(claim));
	return error;
}

/* Whether the decision depends on who the newcomer is. */
static bool
is_contested(const struct port_claim *claim)
{
	struct lease_return remembered;
	struct tunnel *holder;

	if (claim->asked == 0)
		return false;
	holder = registry_find(&claim->link->server->registry, claim->asked);
	if (holder != NULL)
		tunnel_release(holder);
	remembered = remember(claim);
	return holder != NULL || !lease_admits(&remembered);
}

/* Read the newcomer's Announce if it has arrived, and wait for it if the port
 * is contested. Returns false when the newcomer is gone. */
static bool
hear_newcomer(struct port_claim *claim)
{
	struct link *link = claim->link;
	enum error error = link_await_announce(link, 0);

	if (error == ERROR_NONE && !link->announced && is_contested(claim))
		error = link_await_announce(
		    link, clock_now_ms() + PORT_CLAIM_ANNOUNCE_WAIT_MS);
	if (error) {
		notices_tell(&link->server->notices, NOTICE_GONE,
		    source_of_address(&link->address), "client %s is gone (%s)",
		    link->peer, link->reason);
		end_claim(claim);
		return false;
	}
	if (link->announced)
		link_enter(link);
	return true;
}

struct tunnel *
port_claim(struct link *link, uint16_t asked)
{
	struct port_claim claim = {
	    .link = link,
	    .asked = asked,
	    .deadline_ms = clock_now_ms() + PORT_CLAIM_VERDICT_MS,
	};
	const char *refusal;
	enum error error;

	enter_claim(&claim);
	if (!hear_newcomer(&claim) || (link->announced && is_copy(&claim)))
		return NULL;
	if (is_stopped(&claim)) {
		end_claim(&claim);
		return NULL;
	}
	error = asked == 0 ? open_any(&claim) : look_until_clear(&claim);
	if (error) {
		refusal = ports_refusal(error, asked);
		notices_tell(&link->server->notices, NOTICE_PORT_REFUSED,
		    source_of_address(&link->address),
		    "%s asked for port %u and was refused: %s", link->peer,
		    (unsigned)asked, refusal);
		refuse_newcomer(&claim, refusal);
	}
	return claim.tunnel;
}
