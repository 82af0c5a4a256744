/*
 * farewell - when the clients of a server that stops are to come back.
 *
 * A few at once, and many one after the other: all of them in the same second
 * would be too many handshakes at a time for whoever listens then. Pure.
 */
#ifndef REBORE_SERVER_FAREWELL_H
#define REBORE_SERVER_FAREWELL_H

#include <stdint.h>

/* A restarted server listens again within this, as a rule. */
#define FAREWELL_FIRST_MS 1000
/* So many clients are to come back in a second, ... */
#define FAREWELL_RATE 500
/* ... but all of them in this time, however many there are. */
#define FAREWELL_SPAN_MOST_MS 30000

/*
 * Returns after how many milliseconds one of so many clients is to come back.
 *
 * random: 32 uniform random bits.
 */
uint32_t farewell_retry_ms(unsigned clients, uint32_t random);

#endif
