/* context - see context.h */
#include "server/context.h"

#include "base/clock.h"
#include "base/log.h"
#include "relay/buffers.h"
#include "relay/pipes.h"
#include "server/tunnel.h"

/* Looking for spares goes through all ports: not for each visitor of a flood. */
#define RECLAIM_MS 1000

void
context_warn_shed(struct context *context, const char *why)
{
	unsigned hidden;
	bool due;

	lock_take(&context->lock);
	due = repeat_due(&context->told, why, clock_now_ms(), &hidden);
	lock_give(&context->lock);
	if (due && hidden > 0)
		log_warning("%s (and %u more since)", why, hidden);
	else if (due)
		log_warning("%s", why);
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
	if (due)
		registry_visit(&context->registry, tunnel_shed_spares);
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
context_take(struct context *context, unsigned count)
{
	if (budget_take(&context->budget, count))
		return true;
	context_reclaim(context);
	return budget_take(&context->budget, count);
}
