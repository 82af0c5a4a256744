/* condense - see condense.h */
#include "base/condense.h"

#include <assert.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/hash_table.h"

static bool
is_minute_over(int64_t start_ms, int64_t now_ms)
{
	return now_ms - start_ms >= CONDENSE_INTERVAL_MS;
}

/*
 * Returns the entry of this kind and source, or else a free one, or NULL when
 * its set is full. An entry is free when its minute is over and no count is
 * left to be reported.
 */
static struct condense_line *
find_entry(
    struct condense *condense, unsigned kind, uint64_t source, int64_t now_ms)
{
	struct condense_line *set = condense->lines[hash_place(
	    source ^ (uint64_t)kind << 58, condense->seed, CONDENSE_SETS)];
	struct condense_line *empty = NULL;

	for (int i = 0; i < CONDENSE_WAYS; i++) {
		struct condense_line *line = &set[i];

		if (line->start_ms != 0 && line->kind == kind &&
		    line->source == source)
			return line;
		if (line->start_ms == 0 ||
		    (line->hidden == 0 &&
			is_minute_over(line->start_ms, now_ms)))
			empty = line;
	}
	if (empty != NULL)
		*empty = (struct condense_line){.source = source, .kind = kind};
	return empty;
}

/* Count a line that is not logged, and note when the count is due. */
static void
hide(struct condense *condense, unsigned *hidden, int64_t start_ms)
{
	int64_t due_ms = start_ms + CONDENSE_INTERVAL_MS;

	if (condense->due_ms == 0 || due_ms < condense->due_ms)
		condense->due_ms = due_ms;
	++*hidden;
}

/* Whether the minute of this entry still runs, or its count has not been
 * reported yet. */
static bool
is_running(const struct condense_line *line, int64_t now_ms)
{
	return line->start_ms != 0 &&
	       (line->hidden > 0 || !is_minute_over(line->start_ms, now_ms));
}

bool
condense_allows(struct condense *condense, const struct condense_rule *rule,
    unsigned kind, uint64_t source, int64_t now_ms)
{
	struct condense_kind *all = &condense->kinds[kind];
	struct condense_line *line = find_entry(condense, kind, source, now_ms);
	bool running = line != NULL && is_running(line, now_ms);

	assert(kind < CONDENSE_KINDS);
	if (all->hidden == 0 && is_minute_over(all->start_ms, now_ms)) {
		all->start_ms = now_ms;
		all->logged = 0;
	}
	if (running && line->logged >= rule->of_source) {
		hide(condense, &line->hidden, line->start_ms);
		return false;
	}
	if (line == NULL || all->logged >= rule->of_all) {
		hide(condense, &all->hidden, all->start_ms);
		return false;
	}
	if (!running) {
		line->start_ms = now_ms;
		line->logged = 0;
	}
	line->logged++;
	all->logged++;
	return true;
}

/* Take a count whose minute is over. For one whose minute still runs, note when
 * it is due. */
static bool
take_count(struct condense *condense, unsigned *hidden, int64_t start_ms,
    int64_t now_ms, unsigned *count)
{
	*count = *hidden;
	if (*hidden == 0)
		return false;
	if (is_minute_over(start_ms, now_ms)) {
		*hidden = 0;
		return true;
	}
	if (condense->due_ms == 0 ||
	    start_ms + CONDENSE_INTERVAL_MS < condense->due_ms)
		condense->due_ms = start_ms + CONDENSE_INTERVAL_MS;
	return false;
}

bool
condense_next(
    struct condense *condense, int64_t now_ms, struct condense_count *count)
{
	struct condense_line *lines = &condense->lines[0][0];

	if (now_ms < condense_due_ms(condense))
		return false;
	condense->due_ms = 0;
	for (unsigned i = 0; i < CONDENSE_KINDS; i++) {
		struct condense_kind *all = &condense->kinds[i];

		count->kind = i;
		count->has_source = false;
		if (take_count(condense, &all->hidden, all->start_ms, now_ms,
			&count->hidden))
			goto found;
	}
	for (size_t i = 0; i < (size_t)CONDENSE_SETS * CONDENSE_WAYS; i++) {
		count->kind = lines[i].kind;
		count->has_source = true;
		count->source = lines[i].source;
		if (take_count(condense, &lines[i].hidden, lines[i].start_ms,
			now_ms, &count->hidden))
			goto found;
	}
	return false;
found:
	/* Other counts may be due as well. */
	condense->due_ms = now_ms;
	return true;
}

int64_t
condense_due_ms(const struct condense *condense)
{
	return condense->due_ms == 0 ? CLOCK_NEVER : condense->due_ms;
}
