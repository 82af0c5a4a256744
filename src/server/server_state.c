/* server_state - see server_state.h */
#include "server/server_state.h"

#include "base/clock.h"
#include "relay/buffers.h"
#include "relay/pipes.h"
#include "stream/stream_retain.h"

/* Looking for spares visits all ports, so it is not done for each visitor of a
 * flood. */
#define RECLAIM_MS 1000

void
server_state_warn_shed(struct server_state *server, const char *why)
{
	notices_tell_text(&server->notices, why);
}

static void
shed_spares_of(struct tunnel *tunnel, void *argument)
{
	const struct server_state *server = argument;

	server->tunnels->shed_spares(tunnel);
}

void
server_state_reclaim(struct server_state *server)
{
	int64_t now_ms = clock_now_ms();
	bool due;

	lock_take(&server->lock);
	due = now_ms - server->reclaimed_ms >= RECLAIM_MS;
	if (due)
		server->reclaimed_ms = now_ms;
	lock_give(&server->lock);
	if (!due)
		return;
	pipes_shed();
	registry_visit(&server->registry, shed_spares_of, server);
}

void
server_state_tidy(struct server_state *server)
{
	thread_pool_tidy(server->threads);
	object_cache_tidy(&server->sessions);
	object_cache_tidy(&server->handouts);
	object_cache_tidy(&server->stream_orders);
	stream_retain_tidy();
	object_cache_tidy(&server->visitors);
	buffers_tidy();
	pipes_tidy();
}

bool
server_state_trusts(const struct principal *holder,
    const struct address *holder_address, const struct principal *newcomer,
    const struct address *newcomer_address)
{
	if (holder == NULL && newcomer == NULL)
		return address_same_host(holder_address, newcomer_address);
	return principal_may_succeed(holder, newcomer);
}

bool
server_state_take(struct server_state *server, unsigned count)
{
	if (budget_take(server->options->budget, count))
		return true;
	server_state_reclaim(server);
	return budget_take(server->options->budget, count);
}
