/*
 * stream_outage - counts interrupted streams, so that the log has one line for
 * many of them.
 *
 * Threads: any. The time comes from the caller.
 */
#ifndef REBORE_STREAM_STREAM_OUTAGE_H
#define REBORE_STREAM_STREAM_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "os/lock.h"

/* How long interruptions are gathered before they are logged. */
#define STREAM_OUTAGE_GATHER_MS 100
/* An outage is over when nothing has changed for this long. */
#define STREAM_OUTAGE_QUIET_MS 500

/* Fields are private. */
struct stream_outage {
	struct lock lock;
	/* Under lock. */
	unsigned interrupted; /* now */
	unsigned fresh;       /* interrupted and not logged */
	unsigned resumed;     /* and not logged */
	unsigned lost;        /* ended while interrupted, and not logged */
	int64_t begun_ms;     /* of the outage */
	int64_t fresh_ms;     /* the first that is not logged */
	int64_t changed_ms;
};

void stream_outage_init(struct stream_outage *outage);
void stream_outage_destroy(struct stream_outage *outage);

/* Count a stream that is interrupted, that was resumed, or that has ended while
 * it was interrupted. */
void stream_outage_begin(struct stream_outage *outage, int64_t now_ms);
void stream_outage_resume(struct stream_outage *outage, int64_t now_ms);
void stream_outage_give_up(struct stream_outage *outage, int64_t now_ms);

/* Returns how many are interrupted. */
unsigned stream_outage_count(struct stream_outage *outage);

/* Log what is due. Call it every half second or so, and more often while
 * streams are interrupted. */
void stream_outage_log(struct stream_outage *outage, int64_t now_ms);

#endif
