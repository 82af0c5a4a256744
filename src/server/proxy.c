/* proxy - see proxy.h */
#include "server/proxy.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/sockopt.h"
#include "os/fd.h"
#include "relay/relay.h"

static void
log_end(const struct pending_visitor *visitor, const struct relay *relay,
    enum relay_outcome outcome)
{
	char address[ADDRESS_TEXT_SIZE];

	address_print(&visitor->address, address);
	log_info("visitor %s on port %u: %.1f s, %llu bytes in, %llu bytes "
		 "out%s",
	    address, (unsigned)visitor->public_port,
	    (double)(clock_now_ms() - visitor->arrived_ms) / 1000,
	    (unsigned long long)relay->to_data + visitor->ahead,
	    (unsigned long long)relay->to_end, relay_ending(outcome));
}

void
proxy_expect(
    struct context *context, struct pending_visitor *visitor, bool expecting)
{
	if (expecting && !visitor->expecting)
		budget_expect(&context->budget);
	else if (!expecting && visitor->expecting)
		budget_arrive(&context->budget);
	visitor->expecting = expecting;
}

static void
finish(struct context *context, struct pending_visitor *visitor)
{
	proxy_expect(context, visitor, false);
	fd_close(&visitor->fd);
	free(visitor->kept);
	free(visitor);
	budget_give(&context->budget, BUDGET_VISITOR);
}

void
proxy_drop(struct context *context, struct pending_visitor *visitor)
{
	sockopt_reset_on_close(visitor->fd);
	finish(context, visitor);
}

void
proxy_relay(struct context *context, struct pending_visitor *visitor,
    int data_fd, char *early, size_t size)
{
	struct roster_entry entry;
	struct relay relay = {
	    .data_fd = data_fd,
	    .end_fd = visitor->fd,
	    .entry = &entry,
	    .early = early,
	    .early_size = size,
	    .kept = visitor->kept,
	    .kept_size = visitor->kept_size,
	};
	enum relay_outcome outcome;

	proxy_expect(context, visitor, false);
	sockopt_prepare(data_fd, &sockopt_keepalive_proxied);
	if (roster_enter(&context->active, &entry, data_fd, visitor->fd)) {
		outcome = relay_run(&relay);
		roster_leave(&context->active, &entry);
		log_end(visitor, &relay, outcome);
		finish(context, visitor);
	} else {
		sockopt_reset_on_close(data_fd);
		proxy_drop(context, visitor);
	}
	free(early);
}

void
proxy_run(struct context *context, int data_fd, char *early, size_t size,
    const char *peer, const struct uuid *uuid)
{
	struct pending_visitor *visitor = pending_take(&context->pending, uuid);

	if (visitor != NULL) {
		proxy_relay(context, visitor, data_fd, early, size);
		return;
	}
	log_warning("%s accepts a visitor that does not wait any more", peer);
	free(early);
}
