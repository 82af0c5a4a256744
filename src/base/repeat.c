/* repeat - see repeat.h */
#include "base/repeat.h"

#include <stdio.h>
#include <string.h>

/* Returns the entry of text, or NULL when there is none. */
static struct repeat_text *
find_text(struct repeat *repeat, const char *text)
{
	for (int i = 0; i < REPEAT_TEXTS; i++)
		if (repeat->texts[i].text[0] != '\0' &&
		    strncmp(
			repeat->texts[i].text, text, REPEAT_TEXT_SIZE - 1) == 0)
			return &repeat->texts[i];
	return NULL;
}

/* Returns a free entry, or else the one that was logged longest ago. */
static struct repeat_text *
entry_to_reuse(struct repeat *repeat)
{
	struct repeat_text *oldest = &repeat->texts[0];

	for (int i = 0; i < REPEAT_TEXTS; i++) {
		struct repeat_text *one = &repeat->texts[i];

		if (one->text[0] == '\0')
			return one;
		if (one->logged_ms < oldest->logged_ms)
			oldest = one;
	}
	return oldest;
}

bool
repeat_due(struct repeat *repeat, const char *text, int64_t now_ms,
    char more[static REPEAT_MORE_SIZE])
{
	struct repeat_text *known = find_text(repeat, text);

	more[0] = '\0';
	if (known != NULL && now_ms - known->logged_ms < REPEAT_INTERVAL_MS) {
		known->hidden++;
		return false;
	}
	if (known == NULL) {
		known = entry_to_reuse(repeat);
		snprintf(known->text, sizeof known->text, "%s", text);
	} else if (known->hidden > 0) {
		snprintf(more, REPEAT_MORE_SIZE,
		    ", and %u more since it was last logged", known->hidden);
	}
	known->hidden = 0;
	known->logged_ms = now_ms;
	return true;
}
