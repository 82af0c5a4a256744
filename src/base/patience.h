/*
 * patience - how long to wait for the other end of a connection, given the
 * round trip that was measured on it.
 *
 * A path whose queue holds seconds (a slow uplink, filled by a download) delays
 * everything that crosses it. A deadline below the round trip cannot be met
 * there, so each of these times grows with the round trip, and is constant on
 * an ordinary path.
 *
 * Pure: no clock, no socket. Times are milliseconds. A round trip of 0 means
 * that it is not known.
 */
#ifndef REBORE_BASE_PATIENCE_H
#define REBORE_BASE_PATIENCE_H

#include <stdint.h>

/* The longest wait for an answer, however far away the peer is. */
#define PATIENCE_MOST_MS 30000u

/*
 * Returns how long the answer to a message may take: least_ms, or twice the
 * round trip and a second, if that is more.
 */
uint32_t patience_answer_ms(uint32_t least_ms, uint32_t rtt_ms);

/*
 * Returns how long dialling the server may take after this many failed dials in
 * a row: PROTOCOL_CONNECT_MS for the first two, then twice as long each time,
 * up to 20 s.
 */
uint32_t patience_dial_ms(unsigned failures);

/*
 * Returns how long to wait for Taken before the visitor is announced elsewhere:
 * two round trips, and time for the client to wake.
 */
uint32_t patience_taken_ms(uint32_t rtt_ms);

/*
 * Returns how often the server sends its heartbeats: every 500 ms, but no
 * more than eight in a round trip. TCP begins with room for ten segments that
 * are not acknowledged; with more heartbeats on their way the rest would have
 * to wait.
 */
uint32_t patience_heartbeat_ms(uint32_t rtt_ms);

/*
 * Returns the longest time until TCP sends lost bytes again: twice the round
 * trip, between 4 s and a minute. With a time below the round trip, TCP would
 * keep resending what is merely on its way.
 */
uint32_t patience_retransmit_ms(uint32_t rtt_ms);

#endif
