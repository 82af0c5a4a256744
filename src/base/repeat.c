/* repeat - see repeat.h */
#include "base/repeat.h"

#include <stdio.h>
#include <string.h>

/* Returns the entry of text, or NULL. */
static struct repeat_text *
find(struct repeat *repeat, const char *text)
{
	for (int i = 0; i < REPEAT_TEXTS; i++)
		if (repeat->texts[i].text[0] != '\0' &&
		    strncmp(
			repeat->texts[i].text, text, REPEAT_TEXT_SIZE - 1) == 0)
			return &repeat->texts[i];
	return NULL;
}

/* Returns an entry that is free, or the one that was told longest ago. */
static struct repeat_text *
replace(struct repeat *repeat)
{
	struct repeat_text *oldest = &repeat->texts[0];

	for (int i = 0; i < REPEAT_TEXTS; i++) {
		struct repeat_text *one = &repeat->texts[i];

		if (one->text[0] == '\0')
			return one;
		if (one->told_ms < oldest->told_ms)
			oldest = one;
	}
	return oldest;
}

bool
repeat_due(
    struct repeat *repeat, const char *text, int64_t now_ms, unsigned *hidden)
{
	struct repeat_text *known = find(repeat, text);

	*hidden = 0;
	if (known != NULL && now_ms - known->told_ms < REPEAT_INTERVAL_MS) {
		known->hidden++;
		return false;
	}
	if (known != NULL) {
		*hidden = known->hidden;
	} else {
		known = replace(repeat);
		snprintf(known->text, sizeof known->text, "%s", text);
	}
	known->hidden = 0;
	known->told_ms = now_ms;
	return true;
}
