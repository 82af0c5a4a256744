/* tcp for Linux - see tcp.h */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/address.h"
#include "net/tcp.h"

/* Since Linux 6.15; the headers may be older than the kernel. */
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif

/* enum of the kernel, net/tcp_states.h; not in its headers for programs */
#define STATE_ESTABLISHED 1

#define NEAR_US 1000

/* This much may wait for a peer on this host to take what was sent before: the
 * less is under way, the more of it is still in the cache. */
#define UNSENT_BYTES (128 * 1024)

/* This much where memory is short */
#define LITTLE_WINDOW_BYTES (64 * 1024)
#define LITTLE_UNSENT_BYTES (16 * 1024)

/* TCP_CA_NAME_MAX of the kernel, net/tcp.h; not in its headers for programs */
#define CONGESTION_SIZE 16

/* Returns false where the system does not tell. */
static bool
query_info(int fd, struct tcp_info *info)
{
	socklen_t size = sizeof *info;

	memset(info, 0, sizeof *info);
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &size) == 0;
}

enum tcp_verdict
tcp_judge(int fd)
{
	struct tcp_info info;

	if (!query_info(fd, &info))
		return TCP_UNKNOWN;
	if (info.tcpi_state != STATE_ESTABLISHED)
		return TCP_GONE;
	if (info.tcpi_unacked == 0 || info.tcpi_last_ack_recv < TCP_DOUBT_MS)
		return TCP_ALIVE;
	return info.tcpi_last_ack_recv < TCP_GONE_MS ? TCP_DOUBTFUL : TCP_GONE;
}

void
tcp_limit_silence(int fd, unsigned timeout_ms)
{
	(void)setsockopt(
	    fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

void
tcp_limit_retransmission(int fd, unsigned longest_ms)
{
	(void)setsockopt(
	    fd, IPPROTO_TCP, TCP_RTO_MAX_MS, &longest_ms, sizeof longest_ms);
}

uint32_t
tcp_rtt_ms(int fd)
{
	struct tcp_info info;

	return query_info(fd, &info) ? (info.tcpi_rtt + 999) / 1000 : 0;
}

uint32_t
tcp_acknowledged_ms(int fd)
{
	struct tcp_info info;

	return query_info(fd, &info) ? info.tcpi_last_ack_recv : UINT32_MAX;
}

uint32_t
tcp_segments_in(int fd)
{
	struct tcp_info info;

	return query_info(fd, &info) ? info.tcpi_data_segs_in : 0;
}

bool
tcp_has_unacknowledged(int fd)
{
	struct tcp_info info;

	return query_info(fd, &info) && info.tcpi_unacked > 0;
}

bool
tcp_is_near(int fd)
{
	struct tcp_info info;

	return query_info(fd, &info) && info.tcpi_min_rtt > 0 &&
	       info.tcpi_min_rtt < NEAR_US;
}

/* A host that dials one of its own addresses has it on both ends. */
static bool
is_within_host(int fd)
{
	struct address own, peer;

	return address_of_peer(fd, &peer) &&
	       (address_is_loopback(&peer) ||
		   (address_of_socket(fd, &own) &&
		       address_same_host(&own, &peer)));
}

static bool
is_paced(int fd)
{
	char name[CONGESTION_SIZE] = "";
	socklen_t size = sizeof name;

	return getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0 &&
	       strncmp(name, "bbr", 3) == 0;
}

void
tcp_expect_bulk(int fd)
{
	static const char unpaced[] = "reno"; /* every kernel has it */
	const int unsent_bytes = UNSENT_BYTES;

	if (!is_within_host(fd) || !is_paced(fd))
		return;
	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, unpaced,
		sizeof unpaced - 1) == 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
		    &unsent_bytes, sizeof unsent_bytes);
}

void
tcp_keep_little(int from, int to)
{
	const int window_bytes = LITTLE_WINDOW_BYTES;
	const int unsent_bytes = LITTLE_UNSENT_BYTES;

	/* Not SO_RCVBUF: the system would drop what it has made room for. */
	(void)setsockopt(from, IPPROTO_TCP, TCP_WINDOW_CLAMP, &window_bytes,
	    sizeof window_bytes);
	(void)setsockopt(to, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes,
	    sizeof unsent_bytes);
}

/* Read "low<white space>high". */
static bool
parse_range(const char *text, uint16_t *low, uint16_t *high)
{
	char *end;
	unsigned long first = strtoul(text, &end, 10);
	unsigned long last = strtoul(end, NULL, 10);

	if (first == 0 || first > last || last > UINT16_MAX)
		return false;
	*low = (uint16_t)first;
	*high = (uint16_t)last;
	return true;
}

void
tcp_ephemeral_ports(uint16_t *low, uint16_t *high)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	char text[64];

	*low = 1;
	*high = 0;
	/* Also for IPv6 (ip-sysctl of the kernel). */
	if (file != NULL && fgets(text, sizeof text, file) != NULL)
		parse_range(text, low, high);
	if (file != NULL)
		fclose(file);
}
