/*
 * repeat - keeps messages that come again and again from filling a log.
 *
 * A text is due at once when it is new, and the same again only after
 * REPEAT_INTERVAL_MS, with the number of those that were kept back. The last
 * REPEAT_TEXTS texts are known, so that some that take turns are kept back, too.
 * Pure: the clock comes from the caller.
 */
#ifndef REBORE_BASE_REPEAT_H
#define REBORE_BASE_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#define REPEAT_INTERVAL_MS 60000
#define REPEAT_TEXTS       6
/* Texts that differ only behind this count as the same. */
#define REPEAT_TEXT_SIZE 160

/* Fields are private; all zero is the start. */
struct repeat {
	struct repeat_text {
		char text[REPEAT_TEXT_SIZE];
		int64_t told_ms;
		unsigned hidden;
	} texts[REPEAT_TEXTS];
};

/*
 * Ask whether text is to be logged now.
 *
 * text: not empty.
 * hidden: how often the same text was kept back since it was last due; 0 when
 * the answer is no.
 */
bool repeat_due(
    struct repeat *repeat, const char *text, int64_t now_ms, unsigned *hidden);

#endif
