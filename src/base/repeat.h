/*
 * repeat - keeps a message that recurs from filling a log.
 *
 * A new text is due at once; the same text is due again after
 * REPEAT_INTERVAL_MS, together with the number of times that it was held back.
 * The last REPEAT_TEXTS texts are remembered, so that several that alternate
 * are held back too. Pure: the clock comes from the caller.
 */
#ifndef REBORE_BASE_REPEAT_H
#define REBORE_BASE_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#define REPEAT_INTERVAL_MS 60000
#define REPEAT_TEXTS       6
/* Texts that do not differ before this length count as the same. */
#define REPEAT_TEXT_SIZE 160
/* Room for what repeat_due() says of a count. */
#define REPEAT_MORE_SIZE 48

/* Fields are private; initialize to all zero. */
struct repeat {
	struct repeat_text {
		char text[REPEAT_TEXT_SIZE];
		int64_t logged_ms; /* last */
		unsigned hidden;   /* since then */
	} texts[REPEAT_TEXTS];
};

/*
 * Returns whether text is to be logged now.
 *
 * text: not empty.
 * more: set to what is to be logged after it: ", and N more since it was last
 * logged", or "" when nothing was held back or this returns false.
 */
bool repeat_due(struct repeat *repeat, const char *text, int64_t now_ms,
    char more[static REPEAT_MORE_SIZE]);

#endif
