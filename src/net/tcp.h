/*
 * tcp - what only the system's TCP knows of a connection, and can be told.
 * tcp_linux.c or tcp_none.c, chosen by configure.
 */
#ifndef REBORE_NET_TCP_H
#define REBORE_NET_TCP_H

#include <stdbool.h>
#include <stdint.h>

enum tcp_verdict {
	/* What we sent is acknowledged, or has only just been sent. */
	TCP_ALIVE,
	/* The oldest bytes wait for TCP_DOUBT_MS or longer: ask again. */
	TCP_DOUBTFUL,
	/* They wait for TCP_GONE_MS or longer, or the connection has ended. */
	TCP_GONE,
	/* The system does not tell. */
	TCP_UNKNOWN,
};

#define TCP_DOUBT_MS 300
#define TCP_GONE_MS  2000

/* The local ports that the system gives to outgoing connections, low to high;
 * 1 to 0 where it does not tell. */
void tcp_ephemeral_ports(uint16_t *low, uint16_t *high);

/*
 * Judge whether the peer of a connection on which something is sent every half
 * second is still there.
 */
enum tcp_verdict tcp_judge(int fd);

/*
 * Give a control connection up when bytes are unacknowledged for timeout_ms (RFC
 * 5482), and have lost ones sent again at least once a second, so that it speaks
 * soon after the path is back. What cannot be set is left alone.
 */
void tcp_limit_silence(int fd, unsigned timeout_ms);

/* Whether the peer of a connected socket is so near, under a millisecond there
 * and back, that round trips are not worth saving. False where the system does
 * not tell. */
bool tcp_is_near(int fd);

/*
 * Prepare a connected socket for much to be written. Where the peer is on this
 * host and the congestion control paces (bbr), it gets
 * one that does not, and a short queue: there is no path to be gentle to, and a
 * timer for each packet costs more than the packet. Towards other hosts the
 * administrator's choice stands. What cannot be set is left alone.
 *
 * Threads: any.
 */
void tcp_expect_bulk(int fd);

#endif
