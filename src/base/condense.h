/*
 * condense - limits the log lines that strangers can cause.
 *
 * In a minute, the first few lines of each kind and source are logged and
 * further ones only counted. Another limit holds for the lines of one kind from
 * all sources together. The counts are reported when the minute is over.
 *
 * The table has a fixed size. A line for which it has no room is counted with
 * those of other sources. Pure: the clock comes from the caller.
 */
#ifndef REBORE_BASE_CONDENSE_H
#define REBORE_BASE_CONDENSE_H

#include <stdbool.h>
#include <stdint.h>

#define CONDENSE_INTERVAL_MS 60000
#define CONDENSE_KINDS       24
#define CONDENSE_SETS        256
#define CONDENSE_WAYS        8

/* How many lines may be logged in a minute, each 1 or more. */
struct condense_rule {
	unsigned of_source;
	unsigned of_all;
};

/* A count that is to be reported. */
struct condense_count {
	unsigned kind;
	/* False: the count covers several sources; source is not set. */
	bool has_source;
	uint64_t source;
	unsigned hidden;
};

/* Fields except seed are private; initialize to all zero. */
struct condense {
	/* Random, so that nobody can choose source addresses that compete for
	 * the same entries. */
	uint64_t seed;
	struct condense_line {
		uint64_t source;
		int64_t start_ms; /* of its minute; 0: the entry is free */
		unsigned kind;
		unsigned logged;
		unsigned hidden;
	} lines[CONDENSE_SETS][CONDENSE_WAYS];
	struct condense_kind {
		int64_t start_ms;
		unsigned logged;
		unsigned hidden;
	} kinds[CONDENSE_KINDS];
	/* No count is due before this; 0: none is waiting. */
	int64_t due_ms;
};

/*
 * Returns whether a line is to be logged now; if not, it has been counted.
 *
 * kind: below CONDENSE_KINDS.
 * now_ms: above 0.
 */
bool condense_allows(struct condense *condense,
    const struct condense_rule *rule, unsigned kind, uint64_t source,
    int64_t now_ms);

/*
 * Take the next count whose minute is over. Call it until it returns false:
 * then no other is due before condense_due_ms().
 */
bool condense_next(
    struct condense *condense, int64_t now_ms, struct condense_count *count);

/* Returns when to call condense_next(); CLOCK_NEVER: nothing is counted. */
int64_t condense_due_ms(const struct condense *condense);

#endif
