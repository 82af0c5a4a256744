/*
 * condense - keeps strangers from filling a log.
 *
 * Of the lines of one kind and one source, the first few of a minute are told,
 * and the others counted; so are those beyond what one kind may have of all
 * sources together. The counts are told when the minute is over.
 *
 * A table of fixed size; lines for which there is no room in it are counted as
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

/* How many lines may be told in a minute, each 1 or more. */
struct condense_rule {
	unsigned of_source;
	unsigned of_all;
};

/* A count that is to be told. */
struct condense_count {
	unsigned kind;
	/* False: source is not set, the count is of several other ones. */
	bool has_source;
	uint64_t source;
	unsigned hidden;
};

/* Fields are private, but for seed; all zero is the start. */
struct condense {
	/* Random, so that nobody can choose sources that are counted
	 * together. */
	uint64_t seed;
	struct condense_line {
		uint64_t source;
		int64_t start_ms; /* of its minute; 0: the place is free */
		unsigned kind;
		unsigned told;
		unsigned hidden;
	} lines[CONDENSE_SETS][CONDENSE_WAYS];
	struct condense_kind {
		int64_t start_ms;
		unsigned told;
		unsigned hidden;
	} kinds[CONDENSE_KINDS];
	/* No count is due earlier. */
	int64_t due_ms;
};

/*
 * Ask whether a line is to be told now; else it is counted.
 *
 * kind: below CONDENSE_KINDS.
 * now_ms: above 0.
 */
bool condense_tells(struct condense *condense, const struct condense_rule *rule,
    unsigned kind, uint64_t source, int64_t now_ms);

/*
 * Take the next count whose minute is over. Call until it returns false: there
 * is none, until condense_due_ms().
 */
bool condense_next(
    struct condense *condense, int64_t now_ms, struct condense_count *count);

/* Returns when to call condense_next(), or CLOCK_NEVER: nothing is counted. */
int64_t condense_due_ms(const struct condense *condense);

#endif
