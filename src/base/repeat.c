/* repeat - see repeat.h */
#include "base/repeat.h"

#include <stdio.h>
#include <string.h>

bool
repeat_due(
    struct repeat *repeat, const char *text, int64_t now_ms, unsigned *hidden)
{
	bool same = repeat->text[0] != '\0' &&
	            strncmp(repeat->text, text, sizeof repeat->text - 1) == 0;

	*hidden = 0;
	if (same && now_ms - repeat->told_ms < REPEAT_INTERVAL_MS) {
		repeat->hidden++;
		return false;
	}
	if (same)
		*hidden = repeat->hidden;
	else
		snprintf(repeat->text, sizeof repeat->text, "%s", text);
	repeat->hidden = 0;
	repeat->told_ms = now_ms;
	return true;
}
