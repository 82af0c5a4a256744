/* tcp for systems that offer none of it - see tcp.h */
#include "net/tcp.h"

enum tcp_verdict
tcp_judge(int fd)
{
	(void)fd;
	return TCP_UNKNOWN;
}

void
tcp_limit_silence(int fd, unsigned timeout_ms)
{
	(void)fd;
	(void)timeout_ms;
}

void
tcp_limit_retransmission(int fd, unsigned longest_ms)
{
	(void)fd;
	(void)longest_ms;
}

uint32_t
tcp_rtt_ms(int fd)
{
	(void)fd;
	return 0;
}

uint32_t
tcp_acknowledged_ms(int fd)
{
	(void)fd;
	return UINT32_MAX;
}

uint32_t
tcp_segments_in(int fd)
{
	(void)fd;
	return 0;
}

bool
tcp_has_unacknowledged(int fd)
{
	(void)fd;
	return false;
}

bool
tcp_is_near(int fd)
{
	(void)fd;
	return false;
}

void
tcp_expect_bulk(int fd)
{
	(void)fd;
}

void
tcp_ephemeral_ports(uint16_t *low, uint16_t *high)
{
	*low = 1;
	*high = 0;
}

void
tcp_keep_little(int from, int to)
{
	(void)from;
	(void)to;
}
