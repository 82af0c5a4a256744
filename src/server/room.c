/* room - see room.h */
#include "server/room.h"

#include <stddef.h>

#include "base/clock.h"
#include "net/source.h"
#include "server/proxy.h"

/* How many descriptors may be handed out before those who give way have closed
 * theirs: part of the budget's reserve. */
#define OWED_MOST 8
/* How many one newcomer may displace at a time, and how often, as those who have
 * waited for a data connection must be closed before the next. */
#define SENT_MOST 4
#define ROUNDS    3

/* Visitors and leases that give way to a newcomer. */
struct departures {
	struct server_state *server;
	unsigned count;
	struct departure {
		/* A visitor that waited, which we close. NULL: its thread
		 * does. */
		struct pending_visitor *visitor;
		bool is_lease;
		uint16_t port;
		uint64_t source;
	} list[SENT_MOST];
};

static struct pending_visitor *
visitor_of(struct share_seat *seat)
{
	char *start = (char *)seat - offsetof(struct pending_visitor, seat);

	return (void *)start;
}

static const struct room_lease *
lease_of(const struct share_seat *seat)
{
	const char *start =
	    (const char *)seat - offsetof(struct room_lease, seat);

	return (const void *)start;
}

static void
send_lease_away(struct departures *departures, struct share_seat *seat)
{
	struct departure *one = &departures->list[departures->count++];

	one->visitor = NULL;
	one->is_lease = true;
	one->source = shares_source_of(seat);
	shares_send_away(&departures->server->shares, seat, BUDGET_TUNNEL);
	one->port = lease_of(seat)->port;
	wakeup_send(lease_of(seat)->wakeup);
}

static void
send_visitor_away(struct departures *departures, struct share_seat *seat)
{
	struct server_state *server = departures->server;
	struct departure *one = &departures->list[departures->count++];
	struct pending_visitor *visitor = visitor_of(seat);

	one->is_lease = false;
	one->source = shares_source_of(seat);
	one->port = shares_port_of(seat);
	shares_send_away(&server->shares, seat, BUDGET_VISITOR);
	one->visitor = pending_take(&server->pending, &visitor->uuid);
	if (one->visitor == NULL && seat->entry != NULL)
		roster_interrupt(&server->active, seat->entry);
}

static void
tell_departure(struct notices *notices, const struct departure *one)
{
	char source[SOURCE_TEXT_SIZE];

	source_print(one->source, source);
	if (one->is_lease)
		notices_tell(notices, NOTICE_LEASE_YIELDED, one->source,
		    "descriptors are short: the lease of port %u gives way, "
		    "its client was at %s",
		    (unsigned)one->port, source);
	else
		notices_tell(notices, NOTICE_VISITOR_YIELDED, one->source,
		    "descriptors are short: the newest visitor from %s on port "
		    "%u gives way, where most are",
		    source, (unsigned)one->port);
}

/* Close those who waited, and log all of them. */
static void
see_departures_off(const struct departures *departures)
{
	struct server_state *server = departures->server;

	for (unsigned i = 0; i < departures->count; i++) {
		if (departures->list[i].visitor != NULL)
			proxy_drop(server, departures->list[i].visitor);
		tell_departure(&server->notices, &departures->list[i]);
	}
}

/* Choose who gives way to the newcomer, and send it away. Returns false when
 * there is none. */
static bool
send_one_away(
    struct departures *departures, const struct share *share, uint64_t source)
{
	struct shares *shares = &departures->server->shares;
	struct share_seat *seat = shares_find_lease(shares);

	if (seat != NULL) {
		send_lease_away(departures, seat);
		return true;
	}
	seat = shares_find_visitor(shares, share, source);
	if (seat != NULL)
		send_visitor_away(departures, seat);
	return seat != NULL;
}

/* Whether the newcomer's descriptors are free, or will be once those sent away
 * have closed theirs. */
static bool
is_covered(struct server_state *server, unsigned count)
{
	lock_assert_held(&server->shares.lock);
	return budget_excess(server->options->budget, count) <=
	       server->shares.owed;
}

/* Whether some of those sent away have waited for a data connection: nobody but
 * this thread closes them. */
static bool
have_waited(const struct departures *departures)
{
	for (unsigned i = 0; i < departures->count; i++)
		if (departures->list[i].visitor != NULL)
			return true;
	return false;
}

/* Send visitors or leases away until there is room, then take it. Returns false
 * also when some of them have to be closed first. */
static bool
take_room(struct departures *departures, unsigned count,
    const struct share *share, uint64_t source, int64_t deadline_ms)
{
	struct server_state *server = departures->server;
	struct shares *shares = &server->shares;
	bool goes_on = true;
	bool covered;

	while (!(covered = is_covered(server, count) &&
	                   shares->owed <= OWED_MOST) &&
	       goes_on) {
		if (shares->owed >= OWED_MOST)
			goes_on = !have_waited(departures) &&
			          lock_condition_wait(&shares->eased,
				      &shares->lock, deadline_ms);
		else
			goes_on = departures->count < SENT_MOST &&
			          send_one_away(departures, share, source);
	}
	if (covered)
		budget_force(server->options->budget, count);
	return covered;
}

static bool
make_room(struct server_state *server, unsigned count,
    const struct share *share, uint64_t source)
{
	struct departures departures = {.server = server};
	int64_t deadline_ms = clock_now_ms() + ROOM_WAIT_MS;
	bool taken = false;
	bool again;

	for (unsigned round = 0; round < ROUNDS; round++) {
		lock_take(&server->shares.lock);
		taken =
		    take_room(&departures, count, share, source, deadline_ms);
		lock_give(&server->shares.lock);
		again = !taken && have_waited(&departures);
		see_departures_off(&departures);
		departures.count = 0;
		if (!again)
			break;
	}
	return taken;
}

bool
room_for_visitor(
    struct server_state *server, const struct share *share, uint64_t source)
{
	return server_state_take(server, BUDGET_VISITOR) ||
	       make_room(server, BUDGET_VISITOR, share, source);
}

/* The number of tunnels is at its limit: end a lease, if that makes room. */
static bool
replace_lease(struct server_state *server)
{
	struct departures departures = {.server = server};
	struct shares *shares = &server->shares;
	struct share_seat *seat = NULL;
	bool has_room;

	lock_take(&shares->lock);
	has_room = !shares_has_too_many_tunnels(shares);
	if (!has_room)
		seat = shares_find_lease(shares);
	if (seat != NULL)
		send_lease_away(&departures, seat);
	lock_give(&shares->lock);
	see_departures_off(&departures);
	return has_room || seat != NULL;
}

bool
room_for_tunnel(struct server_state *server)
{
	return replace_lease(server) &&
	       (server_state_take(server, BUDGET_TUNNEL) ||
		   make_room(server, BUDGET_TUNNEL, NULL, 0));
}
