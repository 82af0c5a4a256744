/* proxy - see proxy.h */
#include "server/proxy.h"

#include "base/clock.h"
#include "base/log.h"
#include "os/stack_trim.h"
#include "relay/buffers.h"
#include "relay/relay.h"

STACK_TRIM_APART void
proxy_log(const struct pending_visitor *visitor, uint64_t in, uint64_t out,
    const char *ending)
{
	char uuid[UUID_TEXT_SIZE];
	char address[ADDRESS_TEXT_SIZE];

	uuid_print(&visitor->uuid, uuid);
	address_print(&visitor->address, address);
	log_info("visitor %.8s from %s on port %u: %.1f s, %llu bytes in, "
		 "%llu bytes out%s",
	    uuid, address, (unsigned)visitor->public_port,
	    (double)(clock_now_ms() - visitor->arrived_ms) / 1000,
	    (unsigned long long)in, (unsigned long long)out,
	    shares_is_sent_away(&visitor->seat) ? ", cut off for others"
						: ending);
}

void
proxy_expect(struct server_state *server, struct pending_visitor *visitor,
    bool expecting)
{
	if (expecting && !visitor->expecting)
		budget_expect(server->options->budget);
	else if (!expecting && visitor->expecting)
		budget_arrive(server->options->budget);
	visitor->expecting = expecting;
}

void
proxy_finish(struct server_state *server, struct pending_visitor *visitor)
{
	proxy_expect(server, visitor, false);
	transport_close(&visitor->transport);
	buffers_return(visitor->read_ahead);
	pulse_release(visitor->pulse);
	principal_release(visitor->principal);
	budget_give(server->options->budget, BUDGET_VISITOR);
	shares_leave(&server->shares, &visitor->seat);
	object_cache_give(&server->visitors, visitor);
}

void
proxy_drop(struct server_state *server, struct pending_visitor *visitor)
{
	if (transport_is_open(&visitor->transport))
		transport_reset(&visitor->transport);
	proxy_finish(server, visitor);
}

/* Returns false when the server stops. */
static bool
enter_active(struct proxy *proxy)
{
	struct server_state *server = proxy->server;
	struct share_seat *seat = &proxy->visitor->seat;

	if (!proxy->is_entered) {
		proxy->is_entered =
		    roster_enter(&server->active, &proxy->entry,
			transport_fd(&proxy->data),
			transport_fd(&proxy->visitor->transport)) > 0;
		if (proxy->is_entered)
			shares_bind(&server->shares, seat, &server->active,
			    &proxy->entry);
	}
	if (proxy->is_expected)
		roster_arrive(&server->active);
	proxy->is_expected = false;
	return proxy->is_entered;
}

void
proxy_run(struct proxy *proxy)
{
	struct server_state *server = proxy->server;
	struct pending_visitor *visitor = proxy->visitor;
	struct relay relay = {
	    .data = proxy->data,
	    .end = visitor->transport,
	    .entry = &proxy->entry,
	    .carried = visitor->pulse ? &visitor->pulse->heard : NULL,
	    .early = proxy->early,
	    .early_size = proxy->early_size,
	    .read_ahead = visitor->read_ahead,
	    .read_ahead_size = visitor->read_ahead_size,
	};
	enum relay_outcome outcome;

	proxy_expect(server, visitor, false);
	pulse_beat(
	    visitor->pulse); /* the client has just said Accept or Taken */
	if (enter_active(proxy)) {
		visitor->read_ahead = NULL; /* the relay owns it now */
		outcome = relay_run(&relay);
		shares_unbind(&server->shares, &visitor->seat);
		roster_leave(&server->active, &proxy->entry);
		proxy_log(visitor, relay.to_data + visitor->sent_ahead,
		    relay.to_end, relay_ending(outcome));
		/* Before its place in the budget is released. */
		transport_close(&proxy->data);
		proxy_finish(server, visitor);
	} else {
		transport_reset(&proxy->data);
		buffers_return(proxy->early);
		transport_close(&proxy->data);
		proxy_drop(server, visitor);
	}
}
