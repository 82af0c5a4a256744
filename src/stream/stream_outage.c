/* stream_outage - see stream_outage.h */
#include "stream/stream_outage.h"

#include <string.h>

#include "base/log.h"

void
stream_outage_init(struct stream_outage *outage)
{
	memset(outage, 0, sizeof *outage);
	lock_init(&outage->lock, LOCK_RANK_STREAM_OUTAGE);
}

void
stream_outage_destroy(struct stream_outage *outage)
{
	lock_destroy(&outage->lock);
}

void
stream_outage_begin(struct stream_outage *outage, int64_t now_ms)
{
	lock_take(&outage->lock);
	if (outage->interrupted++ == 0 && outage->resumed == 0)
		outage->begun_ms = now_ms;
	if (outage->fresh++ == 0)
		outage->fresh_ms = now_ms;
	outage->changed_ms = now_ms;
	lock_give(&outage->lock);
}

void
stream_outage_resume(struct stream_outage *outage, int64_t now_ms)
{
	lock_take(&outage->lock);
	outage->interrupted--;
	outage->resumed++;
	outage->changed_ms = now_ms;
	lock_give(&outage->lock);
}

void
stream_outage_give_up(struct stream_outage *outage, int64_t now_ms)
{
	lock_take(&outage->lock);
	outage->interrupted--;
	outage->lost++;
	outage->changed_ms = now_ms;
	lock_give(&outage->lock);
}

unsigned
stream_outage_count(struct stream_outage *outage)
{
	unsigned count;

	lock_take(&outage->lock);
	count = outage->interrupted;
	lock_give(&outage->lock);
	return count;
}

/* "1 connection", "2 connections" */
static const char *
plural(unsigned count)
{
	return count == 1 ? "" : "s";
}

void
stream_outage_log(struct stream_outage *outage, int64_t now_ms)
{
	struct stream_outage due;
	bool is_quiet;

	lock_take(&outage->lock);
	due = *outage;
	is_quiet = outage->interrupted == 0 ||
	           now_ms - outage->changed_ms >= STREAM_OUTAGE_QUIET_MS;
	if (outage->fresh > 0 &&
	    (is_quiet || now_ms - outage->fresh_ms >= STREAM_OUTAGE_GATHER_MS))
		outage->fresh = 0;
	else
		due.fresh = 0;
	if (is_quiet)
		outage->resumed = outage->lost = 0;
	else
		due.resumed = due.lost = 0;
	lock_give(&outage->lock);
	if (due.fresh > 0)
		log_info("%u connection%s interrupted", due.fresh,
		    plural(due.fresh));
	if (due.resumed > 0)
		log_info("%u connection%s resumed after %.1f s, nothing lost",
		    due.resumed, plural(due.resumed),
		    (double)(due.changed_ms - due.begun_ms) / 1000);
	if (due.lost > 0)
		log_warning("%u connection%s reset: not resumed in time, or "
			    "ended meanwhile",
		    due.lost, plural(due.lost));
}
