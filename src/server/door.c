/* door - see door.h */
#include "server/door.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/patience.h"
#include "base/protocol_times.h"
#include "base/random.h"
#include "net/sockopt.h"
#include "net/source.h"
#include "os/fd.h"
#include "server/handout.h"
#include "server/proxy.h"
#include "server/room.h"
#include "server/stream_proxy.h"

/* How many visitors are accepted before heartbeats have their turn. */
#define ACCEPT_MOST 64
/* How long a listener rests that cannot accept for lack of resources. */
#define REST_MS 100
/* How often to look for visitors that have left while the client is away, and
 * for spares that the client has closed. */
#define SWEEP_MS 500
/* The search for a silent visitor takes less than a tenth of a processor: a
 * hundred visitors take at most a tenth of a millisecond. */
#define LOOKED_AT_PER_MS 100
/* A visitor that has waited for a data connection for so long makes the client
 * open more: a short one ends sooner, and its data connection serves again. */
#define GROW_MS 5
/* After so long without a visitor the client has as many idle data connections
 * as it wants, and no more. */
#define QUIET_MS 4000
/* Data connections that were asked for and have not come are not waited for any
 * longer. */
#define ASKED_MS 1000

bool
door_open(struct door *door, struct server_state *server, struct tunnel *tunnel,
    struct spares *spares, const struct listener *listener, uint16_t port)
{
	memset(door, 0, sizeof *door);
	door->share = shares_open(&server->shares, port);
	if (door->share == NULL)
		return false;
	door->server = server;
	door->tunnel = tunnel;
	door->spares = spares;
	door->listener = *listener;
	door->port = port;
	pending_group_init(&door->visitors);
	return true;
}

void
door_close(struct door *door)
{
	listen_close(&door->listener);
}

void
door_hold(struct door *door)
{
	door_close(door);
	door->is_holding = true;
}

static void
warn_of_visitor(struct door *door, const char *what, const char *reason)
{
	char why[160];

	snprintf(why, sizeof why, "port %u: %s: %s", (unsigned)door->port, what,
	    reason);
	server_state_warn_shed(door->server, why);
}

static void
turn_away(struct door *door, int fd, const char *what, const char *reason)
{
	sockopt_reset_on_close(fd);
	fd_close(&fd);
	warn_of_visitor(door, what, reason);
}

static void
drop_visitor(
    struct door *door, struct pending_visitor *visitor, const char *why)
{
	char uuid[UUID_TEXT_SIZE];
	char text[ADDRESS_TEXT_SIZE];

	uuid_print(&visitor->uuid, uuid);
	address_print(&visitor->address, text);
	notices_tell(&door->server->notices, NOTICE_VISITOR_DROPPED,
	    source_of_address(&visitor->address),
	    "visitor %.8s from %s on port %u dropped: %s", uuid, text,
	    (unsigned)door->port, why);
	proxy_drop(door->server, visitor);
}

/*
 * Whether one more visitor may wait for the absent client. At the limit, one
 * that has ended without sending a byte, as health checks do, makes room.
 */
static bool
has_waiting_room(struct door *door)
{
	struct server_state *server = door->server;
	struct pending_visitor *visitor;
	int64_t now_ms = clock_now_ms();
	unsigned count;

	if (door->link != NULL)
		return true;
	count = pending_count(&server->pending, &door->visitors);
	if (count < server->options->max_waiting)
		return true;
	if (now_ms < door->silent_ms)
		return false;
	visitor = pending_take_silent(&server->pending, &door->visitors);
	if (visitor == NULL) {
		/* In a flood not every visitor may cost a search of all. */
		door->silent_ms = now_ms + count / LOOKED_AT_PER_MS;
		return false;
	}
	drop_visitor(
	    door, visitor, "it had ended and sent nothing, and others wait");
	return true;
}

static void
give_spare_back(struct door *door, struct spare *spare)
{
	if (spares_return(door->spares, spare))
		return;
	transport_close(&spare->transport);
	budget_give(door->server->options->budget, BUDGET_SESSION);
}

/* Serve a visitor on an idle data connection that carries streams. If there is
 * no thread for it, turn it away. */
static void
start_stream(
    struct door *door, struct pending_visitor *visitor, struct spare *spare)
{
	if (stream_proxy_start(door->server, door->tunnel, visitor, spare,
		door->link->rtt_ms, link_resume_ms(door->link)) == ERROR_NONE)
		return;
	warn_of_visitor(door, "visitor turned away", strerror(errno));
	give_spare_back(door, spare);
	proxy_drop(door->server, visitor);
}

/* The same, if there is an idle data connection. */
static bool
offer_stream(struct door *door, struct pending_visitor *visitor)
{
	struct spare spare;

	if (!spares_take(door->spares, &spare))
		return false;
	start_stream(door, visitor, &spare);
	return true;
}

/* Give a visitor to a spare, if there is one. */
static bool
offer_to_spare(struct door *door, struct pending_visitor *visitor)
{
	struct server_state *server = door->server;
	struct spare spare;

	if (door->link == NULL)
		return false;
	if (link_resume_ms(door->link) > 0)
		return offer_stream(door, visitor);
	if (!spares_take(door->spares, &spare))
		return false;
	if (handout_start(server, door->tunnel, visitor, &spare,
		door->link->rtt_ms) == ERROR_NONE) {
		/* From here on the spare's descriptor is charged to the
		 * visitor. */
		budget_give(server->options->budget, BUDGET_SESSION);
		return true;
	}
	/* No buffer is free. The spare can wait for one; the visitor cannot. */
	give_spare_back(door, &spare);
	return false;
}

static void
log_visitor(const struct pending_visitor *visitor)
{
	char uuid[UUID_TEXT_SIZE];
	char address[ADDRESS_TEXT_SIZE];

	uuid_print(&visitor->uuid, uuid);
	address_print(&visitor->address, address);
	log_debug("visitor %.8s from %s on port %u", uuid, address,
	    (unsigned)visitor->public_port);
}

/* How long an announced visitor waits until its client has dialed, perhaps
 * authenticated, and accepted. */
static int64_t
accept_within_ms(const struct door *door)
{
	return patience_answer_ms(PROTOCOL_ACCEPT_MS, 2 * door->link->rtt_ms);
}

/* How long a visitor waits for a client that is away; or, where data connections
 * carry streams and so nobody is announced, for one of these, which may have to
 * be dialled first. */
static int64_t
wait_within_ms(const struct door *door)
{
	int64_t hold_ms = door->server->options->hold_ms;

	if (door->link == NULL || link_resume_ms(door->link) == 0)
		return hold_ms;
	return clock_later(hold_ms, accept_within_ms(door));
}

/* Make a visitor with a seat in the shares. Returns NULL when out of memory. */
static struct pending_visitor *
make_visitor(struct door *door, int fd, const struct address *address)
{
	struct server_state *server = door->server;
	struct pending_visitor *visitor = object_cache_take(&server->visitors);

	if (visitor == NULL)
		return NULL;
	memset(visitor, 0, sizeof *visitor);
	visitor->uuid = random_uuid();
	visitor->transport = transport_of(fd);
	visitor->address = *address;
	visitor->public_port = door->port;
	visitor->arrived_ms = clock_now_ms();
	visitor->expires_ms = visitor->arrived_ms + wait_within_ms(door);
	if (!shares_enter(&server->shares, door->share, &visitor->seat,
		source_of_address(address))) {
		object_cache_give(&server->visitors, visitor);
		return NULL;
	}
	visitor->pulse = pulse_hold(door->pulse);
	visitor->principal = principal_hold(door->principal);
	return visitor;
}

/* Admit a visitor: give it to a spare, or let it wait. Takes fd. */
static void
welcome(struct door *door, int fd, const struct address *address)
{
	struct server_state *server = door->server;
	struct pending_visitor *visitor;

	if (!has_waiting_room(door)) {
		turn_away(door, fd, "visitor turned away",
		    "as many as may wait for an absent client do");
		return;
	}
	if (!room_for_visitor(
		server, door->share, source_of_address(address))) {
		turn_away(door, fd, "visitor turned away",
		    budget_reason(server->options->budget));
		return;
	}
	visitor = make_visitor(door, fd, address);
	if (visitor == NULL) {
		budget_give(server->options->budget, BUDGET_VISITOR);
		turn_away(door, fd, "visitor turned away", strerror(ENOMEM));
		return;
	}
	sockopt_prepare_accepted(fd);
	door->is_useful = true;
	door->visitor_ms = visitor->arrived_ms;
	log_visitor(visitor);
	if (offer_to_spare(door, visitor))
		return;
	proxy_expect(server, visitor, true);
	if (!pending_put(&server->pending, &door->visitors, visitor))
		proxy_drop(server, visitor);
}

/* Returns how many data connections visitors have waited for long enough. */
static unsigned
count_overdue(struct door *door, int64_t now_ms)
{
	unsigned waiting = door_count(door) + atomic_load(&door->seeking);

	if (waiting == 0) {
		door->grow_ms = 0;
		return 0;
	}
	if (door->grow_ms == 0)
		door->grow_ms = now_ms + GROW_MS;
	if (now_ms < door->grow_ms)
		return 0;
	door->grow_ms = now_ms + GROW_MS;
	return waiting;
}

/* Returns how many idle data connections the client wants and has not; 0 while
 * most are there, so that not every visitor is a reason. */
static unsigned
count_lacking(struct door *door)
{
	unsigned wanted = door->link->who.spares;
	unsigned idle = spares_count(door->spares);

	if (!budget_is_ample(door->server->options->budget) ||
	    idle >= wanted - wanted / 4)
		return 0;
	return wanted - idle;
}

/* Ask the client for data connections: for visitors that have waited for one for
 * a while, and so that the next visitors do not have to. */
static void
ask_for_more(struct door *door)
{
	struct message message = {.kind = MESSAGE_DIAL};
	int64_t now_ms = clock_now_ms();
	unsigned arrived = atomic_exchange(&door->arrived, 0);
	unsigned wanted = count_overdue(door, now_ms) + count_lacking(door);

	door->asked -= arrived < door->asked ? arrived : door->asked;
	if (now_ms - door->asked_ms > ASKED_MS)
		door->asked = 0;
	if (wanted > MESSAGE_DIAL_MOST)
		wanted = MESSAGE_DIAL_MOST;
	if (wanted <= door->asked || !link_has_room(door->link))
		return;
	message.as.count = wanted - door->asked;
	door->asked = wanted;
	door->asked_ms = now_ms;
	link_put(door->link, &message);
}

/* The client has no room for visitors that wait: drop as many. */
static void
drop_refused(struct door *door)
{
	struct pending_visitor *visitor;

	for (; door->link->refused > 0; door->link->refused--) {
		visitor = pending_expire(
		    &door->server->pending, &door->visitors, CLOCK_NEVER);
		if (visitor != NULL)
			drop_visitor(door, visitor, "the client has no room");
	}
}

/* Serve visitors that wait on idle data connections. */
static void
start_streams(struct door *door)
{
	struct pending *pending = &door->server->pending;
	struct pending_visitor *visitor;
	struct spare spare;

	while (door_count(door) > 0 && spares_take(door->spares, &spare)) {
		/* A drain must not miss it once it has left pending. */
		roster_expect(&door->server->active);
		visitor = pending_expire(pending, &door->visitors, CLOCK_NEVER);
		if (visitor != NULL)
			start_stream(door, visitor, &spare);
		else
			give_spare_back(door, &spare);
		roster_arrive(&door->server->active);
	}
	drop_refused(door);
	ask_for_more(door);
}

void
door_announce(struct door *door)
{
	struct message message = {.kind = MESSAGE_CONNECTION};
	int64_t expires_ms;

	if (door->link == NULL)
		return;
	if (link_resume_ms(door->link) > 0) {
		start_streams(door);
		return;
	}
	expires_ms = clock_now_ms() + accept_within_ms(door);
	while (link_has_room(door->link) &&
	       pending_announce(&door->server->pending, &door->visitors,
		   expires_ms, &message.as.announcement))
		link_put(door->link, &message);
}

/* Whether visitors can be accepted from the listener now. */
static bool
takes_visitors(const struct door *door)
{
	return door->rest_ms == 0 &&
	       (door->link == NULL || link_has_room(door->link));
}

static void
accept_visitors(struct door *door)
{
	enum error error = ERROR_NONE;
	struct address address;
	int fd;

	for (int i = 0;
	     i < ACCEPT_MOST && takes_visitors(door) && error != ERROR_AGAIN;
	     i++) {
		error = listen_accept(&door->listener, &fd, &address);
		if (error == ERROR_NONE) {
			welcome(door, fd, &address);
			door_announce(door);
		} else if (error != ERROR_RESET && error != ERROR_AGAIN) {
			warn_of_visitor(
			    door, "cannot accept a visitor", strerror(errno));
			crowd_interrupt_one(&door->server->silent);
			door->rest_ms = clock_now_ms() + REST_MS;
		}
	}
}

/* Examines all visitors that wait, so it does not run for each newcomer. */
static void
drop_those_who_left(struct door *door)
{
	struct pending_visitor *visitor =
	    pending_take_reset(&door->server->pending, &door->visitors);

	while (visitor != NULL) {
		struct pending_visitor *next = pending_next(visitor);

		drop_visitor(door, visitor, "it left while it waited");
		visitor = next;
	}
}

static void
drop_expired(struct door *door, int64_t now_ms)
{
	struct pending *pending = &door->server->pending;
	struct pending_visitor *visitor;
	char why[64] = "the client did not come back in time";

	if (door->link != NULL)
		snprintf(why, sizeof why,
		    "the client did not accept it in %.0f s",
		    (double)accept_within_ms(door) / 1000);
	while ((visitor = pending_expire(pending, &door->visitors, now_ms)) !=
	       NULL)
		drop_visitor(door, visitor, why);
}

void
door_sweep(struct door *door)
{
	int64_t now_ms = clock_now_ms();

	if (door->is_holding)
		return;
	drop_expired(door, now_ms);
	if (now_ms < door->sweep_ms)
		return;
	door->sweep_ms = now_ms + SWEEP_MS;
	/* With a client connected, serving a visitor shows whether it has
	 * left. */
	if (door->link == NULL) {
		drop_those_who_left(door);
		return;
	}
	spares_sweep(door->spares);
	/* Only the server closes idle data connections that carry streams: a
	 * client that did so could close one on which OPEN is on its way. */
	if (link_resume_ms(door->link) > 0 &&
	    now_ms - door->visitor_ms > QUIET_MS)
		spares_trim(door->spares, door->link->who.spares);
}

void
door_destroy(struct door *door)
{
	struct pending_visitor *visitor;

	while ((visitor = pending_expire(&door->server->pending,
		    &door->visitors, CLOCK_NEVER)) != NULL)
		drop_visitor(door, visitor, "its tunnel has ended");
	door_close(door);
	shares_close(&door->server->shares, door->share);
	principal_release(door->principal);
	pulse_release(door->pulse);
}

void
door_attach(struct door *door, struct link *link)
{
	struct pending *pending = &door->server->pending;
	struct principal *principal = link_principal(link);

	door->link = link;
	door->asked = 0;
	door->grow_ms = 0;
	if (!principal_same(door->principal, principal))
		pending_assign(pending, &door->visitors, principal);
	principal_hold(principal);
	principal_release(door->principal);
	door->principal = principal;
	pending_rewind(
	    pending, &door->visitors, clock_now_ms() + wait_within_ms(door));
	door_announce(door);
}

void
door_detach(struct door *door)
{
	door->link = NULL;
	pending_rewind(&door->server->pending, &door->visitors,
	    clock_now_ms() + door->server->options->hold_ms);
}

void
door_follow(struct door *door, const struct uuid *instance)
{
	if (pulse_is_of(door->pulse, instance))
		return;
	pulse_release(door->pulse);
	door->pulse = pulse_create(instance);
}

bool
door_take_pulse(struct door *door)
{
	return pulse_take(door->pulse);
}

void
door_poll(const struct door *door, struct pollfd slots[static DOOR_SLOTS])
{
	bool takes = takes_visitors(door);

	for (int i = 0; i < DOOR_SLOTS; i++)
		slots[i] = (struct pollfd){
		    .fd = takes ? door->listener.fds[i] : -1, .events = POLLIN};
}

int64_t
door_due_ms(const struct door *door)
{
	int64_t due_ms;

	if (door->is_holding)
		return CLOCK_NEVER;
	due_ms = pending_next_expiry(&door->server->pending, &door->visitors);
	/* While the client is away, waiting visitors may leave. */
	if (door->link == NULL && due_ms != CLOCK_NEVER)
		due_ms = clock_earlier(due_ms, door->sweep_ms);
	if (door->rest_ms != 0)
		due_ms = clock_earlier(due_ms, door->rest_ms);
	if (door->grow_ms != 0 && door->link != NULL)
		due_ms = clock_earlier(due_ms, door->grow_ms);
	return due_ms;
}

void
door_serve(struct door *door, const struct pollfd slots[static DOOR_SLOTS])
{
	bool has_come = false;

	for (int i = 0; i < DOOR_SLOTS; i++)
		has_come = has_come || slots[i].revents != 0;
	if (has_come)
		accept_visitors(door);
	if (door->rest_ms != 0 && clock_now_ms() >= door->rest_ms)
		door->rest_ms = 0;
}

void
door_arrive(struct door *door)
{
	atomic_fetch_add(&door->arrived, 1);
}

void
door_seek(struct door *door, bool seeks)
{
	if (seeks)
		atomic_fetch_add(&door->seeking, 1);
	else
		atomic_fetch_sub(&door->seeking, 1);
}

struct pending_visitor *
door_take_visitor(struct door *door)
{
	return pending_expire(
	    &door->server->pending, &door->visitors, CLOCK_NEVER);
}

bool
door_readmit(struct door *door, struct pending_visitor *visitor)
{
	visitor->expires_ms = clock_now_ms() + door->server->options->hold_ms;
	return pending_put(&door->server->pending, &door->visitors, visitor);
}

unsigned
door_count(const struct door *door)
{
	return pending_count(&door->server->pending, &door->visitors);
}

bool
door_is_useful(const struct door *door)
{
	return door->is_useful;
}
