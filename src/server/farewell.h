/*
 * farewell - tells the clients of a stopping server when to come back.
 *
 * A few come back at once, many are spread over a while: all in the same second
 * would be too many handshakes for the server that listens then. Pure.
 */
#ifndef REBORE_SERVER_FAREWELL_H
#define REBORE_SERVER_FAREWELL_H

#include <stdint.h>

/* A restarted server usually listens again within this time. */
#define FAREWELL_FIRST_MS 1000
/* How many clients are to come back per second ... */
#define FAREWELL_RATE 500
/* ... unless that would take longer than this for all of them. */
#define FAREWELL_SPAN_MOST_MS 30000

/*
 * Returns the delay in milliseconds after which one of so many clients is to
 * come back.
 *
 * random: 32 uniform random bits.
 */
uint32_t farewell_retry_ms(unsigned clients, uint32_t random);

#endif
