/*
 * patience - how long to wait for the other end of a connection, given the round
 * trip that was measured on it.
 *
 * A path whose queue holds seconds (a slow uplink, filled by a download) delays
 * all that crosses it. A deadline below the round trip can never be met there,
 * so each of these grows with it and has a fixed value on an ordinary path.
 *
 * Pure: no clock, no socket. Times are milliseconds. A round trip of 0 is one
 * that is not known.
 */
#ifndef REBORE_BASE_PATIENCE_H
#define REBORE_BASE_PATIENCE_H

#include <stdint.h>

/* No answer is waited for longer than this, however far the peer. */
#define PATIENCE_MOST_MS 30000u

/*
 * Returns how long the answer to a message may take: least_ms, or twice the
 * round trip and a second, if that is more.
 */
uint32_t patience_answer_ms(uint32_t least_ms, uint32_t rtt_ms);

/*
 * Returns how long a dial of the server may last after so many failed ones in a
 * row: PROTOCOL_CONNECT_MS for the first two, then twice as long each, up to 20 s.
 */
uint32_t patience_dial_ms(unsigned failures);

/*
 * Returns how long Taken is waited for before the visitor is announced
 * elsewhere: two round trips, and time for the client to wake.
 */
uint32_t patience_taken_ms(uint32_t rtt_ms);

/*
 * Returns how often the server sends its heartbeats: every 500 ms, but only eight
 * a round trip where that is longer, as TCP has room for ten before the first is
 * acknowledged, and then none would go out for seconds.
 */
uint32_t patience_heartbeat_ms(uint32_t rtt_ms);

/*
 * Returns the longest time until TCP sends lost bytes again: twice the round
 * trip, between 4 s and a minute. Below the round trip TCP would send
 * everything again that is only under way, for ever.
 */
uint32_t patience_retransmit_ms(uint32_t rtt_ms);

#endif
