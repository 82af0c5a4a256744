/* patience - see patience.h */
#include "base/patience.h"

#include "base/protocol_times.h"
#include "base/u32.h"

/* What a busy peer may need besides the round trip. */
#define SLACK_MS     1000u
#define DIAL_MOST_MS 20000u
/* This many dials have the shortest time-out. */
#define DIALS_SHORT 2
/* What a client may need to wake up and to send Taken, besides the round
 * trip. */
#define TAKEN_SLACK_MS          200u
#define HEARTBEAT_MOST_MS       2000u
#define HEARTBEATS_A_ROUND_TRIP 8
#define RETRANSMIT_LEAST_MS     4000u
#define RETRANSMIT_MOST_MS      60000u

/* Returns 2 * value + more, but at most most. */
static uint32_t
twice_and(uint32_t value, uint32_t more, uint32_t most)
{
	return value < (most - more) / 2 ? 2 * value + more : most;
}

uint32_t
patience_answer_ms(uint32_t least_ms, uint32_t rtt_ms)
{
	return u32_max(least_ms, twice_and(rtt_ms, SLACK_MS, PATIENCE_MOST_MS));
}

uint32_t
patience_dial_ms(unsigned failures)
{
	uint32_t dial_ms = PROTOCOL_CONNECT_MS;

	for (unsigned i = DIALS_SHORT; i <= failures && dial_ms < DIAL_MOST_MS;
	     i++)
		dial_ms = twice_and(dial_ms, 0, DIAL_MOST_MS);
	return dial_ms;
}

uint32_t
patience_taken_ms(uint32_t rtt_ms)
{
	return twice_and(rtt_ms, TAKEN_SLACK_MS, PATIENCE_MOST_MS);
}

uint32_t
patience_heartbeat_ms(uint32_t rtt_ms)
{
	uint32_t slow_ms = rtt_ms / HEARTBEATS_A_ROUND_TRIP;

	if (slow_ms > HEARTBEAT_MOST_MS)
		slow_ms = HEARTBEAT_MOST_MS;
	return u32_max(PROTOCOL_SERVER_HEARTBEAT_MS, slow_ms);
}

uint32_t
patience_retransmit_ms(uint32_t rtt_ms)
{
	return u32_max(
	    RETRANSMIT_LEAST_MS, twice_and(rtt_ms, 0, RETRANSMIT_MOST_MS));
}
