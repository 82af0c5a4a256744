/* context - see context.h */
#include "server/context.h"

#include "base/clock.h"
#include "relay/buffers.h"
#include "relay/pipes.h"

/* Looking for spares goes through all ports: not for each visitor of a flood. */
#define RECLAIM_MS 1000

void
context_warn_shed(struct context *context, const char *why)
{
	notices_tell_text(&context->notices, why);
}

static void
shed_spares_of(struct tunnel *tunnel, void *argument)
{
	const struct context *context = argument;

	context->tunnels->shed_spares(tunnel);
}

void
context_reclaim(struct context *context)
{
	int64_t now_ms = clock_now_ms();
	bool due;

	lock_take(&context->lock);
	due = now_ms - context->reclaimed_ms >= RECLAIM_MS;
	if (due)
		context->reclaimed_ms = now_ms;
	lock_give(&context->lock);
	if (!due)
		return;
	pipes_shed();
	registry_visit(&context->registry, shed_spares_of, context);
}

void
context_tidy(struct context *context)
{
	crew_tidy(context->crew);
	shelf_tidy(&context->sessions);
	shelf_tidy(&context->handouts);
	shelf_tidy(&context->visitors);
	buffers_tidy();
	pipes_tidy();
}

bool
context_trusts(const struct principal *holder,
    const struct address *holder_address, const struct principal *newcomer,
    const struct address *newcomer_address)
{
	if (holder == NULL && newcomer == NULL)
		return address_same_host(holder_address, newcomer_address);
	return principal_may_succeed(holder, newcomer);
}

bool
context_take(struct context *context, unsigned count)
{
	if (budget_take(context->budget, count))
		return true;
	context_reclaim(context);
	return budget_take(context->budget, count);
}
