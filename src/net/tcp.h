/*
 * tcp - what only the system's TCP knows about a connection, or can change.
 * configure chooses tcp_linux.c or tcp_none.c.
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
 * Give a connection up when bytes are unacknowledged for timeout_ms (RFC 5482);
 * 0: only when TCP itself does. Only for peers that send no heartbeats: the
 * time counts from the first retransmission, even if all bytes arrive, but
 * late. What cannot be set is left alone.
 */
void tcp_limit_silence(int fd, unsigned timeout_ms);

/*
 * Have lost bytes sent again after at most longest_ms, so that a connection
 * sends soon after its path is back. longest_ms: must stay above the round
 * trip, see base/patience.h. What cannot be set is left alone.
 */
void tcp_limit_retransmission(int fd, unsigned longest_ms);

/* Returns the smoothed round trip of a connected socket, rounded up; 0 where
 * the system does not tell. */
uint32_t tcp_rtt_ms(int fd);

/* Returns how long ago the peer last acknowledged anything; UINT32_MAX where
 * the system does not tell. */
uint32_t tcp_acknowledged_ms(int fd);

/* Returns how many segments with data have arrived, including those after a
 * lost one, which cannot be read yet; 0 where the system does not tell. */
uint32_t tcp_segments_in(int fd);

/* Whether bytes that were sent are not acknowledged yet. False where the system
 * does not tell. */
bool tcp_has_unacknowledged(int fd);

/* Whether the peer of a connected socket is so near, under a millisecond there
 * and back, that round trips are not worth saving. False where the system does
 * not tell. */
bool tcp_is_near(int fd);

/*
 * Prepare a connected socket for writing a lot of data. If the peer is on this
 * host and the congestion control paces (bbr), the socket gets one that does
 * not, and a short queue: there is no path to be gentle to, and a timer for
 * each packet costs more than the packet. Towards other hosts the
 * administrator's choice stands. What cannot be set is left alone.
 *
 * Threads: any.
 */
void tcp_expect_bulk(int fd);

/*
 * As memory is short, have the system keep kilobytes instead of megabytes for a
 * connection: of what has arrived on from and is not read, and of what is
 * written on to and not sent. What cannot be set is left alone.
 *
 * from, to: connected sockets. Threads: any.
 */
void tcp_keep_little(int from, int to);

#endif
