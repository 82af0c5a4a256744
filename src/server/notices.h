/*
 * notices - rate-limited log lines for what peers can cause.
 *
 * The first line of a kind and source is written at once. Further ones within a
 * minute are counted, and the count is written at the end of the minute; with
 * --verbose each of them is also written, at debug level. The limits are higher
 * for clients that have a public port than for strangers; notices.c has the
 * figures.
 */
#ifndef REBORE_SERVER_NOTICES_H
#define REBORE_SERVER_NOTICES_H

#include <stdint.h>

#include "base/condense.h"
#include "os/lock.h"

enum notice {
	/* Of connections to the control port. */
	NOTICE_WRONG_SECRET,
	NOTICE_NO_SECRET,
	NOTICE_SILENT,
	NOTICE_NO_MESSAGE,
	NOTICE_LEFT,
	NOTICE_HINT,
	NOTICE_BEGAN_WITH,
	NOTICE_NOT_WAITING,
	NOTICE_BROKEN,
	NOTICE_SHUT_OUT,
	/* Of clients that have sent Hello. */
	NOTICE_PORT_REFUSED,
	NOTICE_COPY,
	NOTICE_HAS_PORT,
	NOTICE_GONE,
	NOTICE_PORT_FREE,
	NOTICE_SKIPPED,
	/* Of visitors. */
	NOTICE_VISITOR_DROPPED,
	/* Of visitors and leases that gave way when descriptors were short
	 * (room.h). */
	NOTICE_VISITOR_YIELDED,
	NOTICE_LEASE_YIELDED,
	/* Of connections turned away: notices_tell_text(). */
	NOTICE_SHED,
	NOTICE_KINDS
};

/* How many different texts of notices_tell_text() are written in a minute;
 * further ones share one count. */
#define NOTICES_TEXTS     32
#define NOTICES_TEXT_SIZE 160

/* Fields are private. */
struct notices {
	struct lock lock;
	/* Under lock. */
	struct condense condense;
	/* The texts of the last two minutes, for their counts. */
	struct notices_text {
		uint64_t source;
		char text[NOTICES_TEXT_SIZE];
	} texts[2 * NOTICES_TEXTS];
	unsigned next_text;
};

/* notices: all zero. seed: random. */
void notices_init(struct notices *notices, uint64_t seed);
/* Log all counts, and end. */
void notices_destroy(struct notices *notices);

/*
 * Log a line, printf-like, unless the limit is reached: then it is counted.
 *
 * source: see net/source.h.
 * Threads: any.
 */
void notices_tell(struct notices *notices, enum notice kind, uint64_t source,
    const char *format, ...) __attribute__((__format__(__printf__, 4, 5)));

/* As notices_tell(), for something that was turned away. Lines with the same
 * text are counted together, whatever their source. text: cut at
 * NOTICES_TEXT_SIZE. */
void notices_tell_text(struct notices *notices, const char *text);

/* Returns when notices_write_counts() is due, at the latest in a minute.
 * Threads: any. */
int64_t notices_due_ms(struct notices *notices);

/* Log the counts whose minute is over. Threads: any. */
void notices_write_counts(struct notices *notices);

#endif
