/* farewell - see farewell.h */
#include "server/farewell.h"

uint32_t
farewell_retry_ms(unsigned clients, uint32_t random)
{
	uint64_t span_ms = (uint64_t)clients * 1000 / FAREWELL_RATE;

	if (span_ms > FAREWELL_SPAN_MOST_MS)
		span_ms = FAREWELL_SPAN_MOST_MS;
	return FAREWELL_FIRST_MS + (uint32_t)(span_ms * random >> 32);
}
