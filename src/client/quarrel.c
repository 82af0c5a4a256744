/* quarrel - see quarrel.h */
#include "client/quarrel.h"

#include <string.h>

bool
quarrel_displaced(struct quarrel *quarrel, int64_t now_ms)
{
	int64_t *times = quarrel->displaced_ms;
	int64_t first_ms = times[QUARREL_TIMES - 2];

	if (first_ms != 0 && now_ms - first_ms <= QUARREL_MS) {
		memset(quarrel, 0, sizeof *quarrel);
		return true;
	}
	memmove(times + 1, times, (QUARREL_TIMES - 2) * sizeof *times);
	times[0] = now_ms;
	return false;
}
