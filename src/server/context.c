/* context - see context.h */
#include "server/context.h"

#include "base/clock.h"
#include "base/log.h"

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
