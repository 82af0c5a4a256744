/*
 * What tcp.h promises. This program has a getsockopt(), a getpeername() and a
 * getsockname() of its own, so that a connection can have unacknowledged bytes of
 * any age, and be between any hosts.
 */
#include "net/tcp.h"
#include "sockets.h"
#include "suite.h"

#ifdef __linux__

#include <stdio.h>
#include <sys/syscall.h>

/* linux/tcp.h, which may be older than the kernel, and does not go together with
 * the system's header. */
#define RTO_MAX_MS      44
#define CONGESTION_SIZE 16
#define UNSENT_BYTES    131072

/* What the system tells of a connection instead; NULL: the truth. */
static const struct tcp_info *told;
/* The hosts at both ends instead; NULL: the truth. */
static const char *own_host, *peer_host;
static int peer_fd = -1; /* of this alone */

/* In place of the system's */
int
getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
	if (told == NULL || level != IPPROTO_TCP || option != TCP_INFO)
		return (int)syscall(
		    SYS_getsockopt, fd, level, option, value, size);
	memcpy(value, told, *size < sizeof *told ? *size : sizeof *told);
	return 0;
}

static int
name_as(const char *host, struct sockaddr *address, socklen_t *size)
{
	struct address named;

	if (!address_parse(host, 80, &named) || *size < named.length)
		abort();
	memcpy(address, &named.socket, named.length);
	*size = named.length;
	return 0;
}

/* In place of getpeername() and getsockname(), which in the headers of glibc take
 * a union. */
int peer_name(int fd, struct sockaddr *address, socklen_t *size) __asm__(
    "getpeername");
int own_name(int fd, struct sockaddr *address, socklen_t *size) __asm__(
    "getsockname");

int
peer_name(int fd, struct sockaddr *address, socklen_t *size)
{
	if (peer_host != NULL && fd == peer_fd)
		return name_as(peer_host, address, size);
	return (int)syscall(SYS_getpeername, fd, address, size);
}

int
own_name(int fd, struct sockaddr *address, socklen_t *size)
{
	if (own_host != NULL && fd == peer_fd)
		return name_as(own_host, address, size);
	return (int)syscall(SYS_getsockname, fd, address, size);
}

static int ours, theirs;

static void
end(void)
{
	close(ours);
	close(theirs);
}

/* --- Congestion control */

static bool
set_congestion(int fd, const char *name)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name,
		   (socklen_t)strlen(name)) == 0;
}

static void
assert_congestion(int fd, const char *expected)
{
	char name[CONGESTION_SIZE] = "";
	socklen_t size = sizeof name;

	ck_assert_int_eq(
	    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size), 0);
	ck_assert_str_eq(name, expected);
}

static void
assert_unsent(int fd, unsigned expected)
{
	unsigned bytes = 0;
	socklen_t size = sizeof bytes;

	ck_assert_int_eq(
	    getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, &size), 0);
	ck_assert_uint_eq(bytes, expected);
}

/* A connection with this congestion control. Returns false where the system does
 * not have it, or not for us. */
static bool
start(const char *name)
{
	const unsigned unsent = 4711;

	sockets_tcp(&ours, &theirs, 0);
	ck_assert_int_eq(setsockopt(ours, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
			     &unsent, sizeof unsent),
	    0);
	if (set_congestion(ours, name))
		return true;
	printf("# no %s: not tested\n", name);
	fflush(stdout);
	end();
	return false;
}

START_TEST(within_the_host_bbr_gives_way)
{
	if (!start("bbr"))
		return;
	tcp_expect_bulk(ours);
	assert_congestion(ours, "reno");
	assert_unsent(ours, UNSENT_BYTES);
	/* Once more changes nothing. */
	tcp_expect_bulk(ours);
	assert_congestion(ours, "reno");
	assert_unsent(ours, UNSENT_BYTES);
	sockets_write(ours, "much");
	sockets_expect(theirs, "much", 4);
	end();
}
END_TEST

START_TEST(within_the_host_others_stay)
{
	static const char *const names[] = {"reno", "cubic"};

	for (size_t i = 0; i < SUITE_LENGTH(names); i++) {
		if (!start(names[i]))
			continue;
		tcp_expect_bulk(ours);
		assert_congestion(ours, names[i]);
		assert_unsent(ours, 4711);
		end();
	}
}
END_TEST

START_TEST(towards_other_hosts_the_choice_stands)
{
	static const char *const hosts[] = {
	    "192.0.2.1", "2001:db8::1", "10.0.0.1"};

	for (size_t i = 0; i < SUITE_LENGTH(hosts); i++) {
		if (!start("bbr"))
			return;
		peer_fd = ours;
		peer_host = hosts[i];
		tcp_expect_bulk(ours);
		assert_congestion(ours, "bbr");
		assert_unsent(ours, 4711);
		end();
	}
}
END_TEST

/* Whatever address of the host it is. */
START_TEST(all_of_loopback_is_within_the_host)
{
	static const char *const hosts[] = {
	    "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"};

	for (size_t i = 0; i < SUITE_LENGTH(hosts); i++) {
		if (!start("bbr"))
			return;
		peer_fd = ours;
		peer_host = hosts[i];
		tcp_expect_bulk(ours);
		assert_congestion(ours, "reno");
		end();
	}
}
END_TEST

START_TEST(one_address_on_both_ends_is_within_the_host)
{
	if (!start("bbr"))
		return;
	peer_fd = ours;
	peer_host = own_host = "192.0.2.1";
	tcp_expect_bulk(ours);
	assert_congestion(ours, "reno");
	assert_unsent(ours, UNSENT_BYTES);
	end();
}
END_TEST

START_TEST(what_is_no_connection_is_left_alone)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool has_bbr = set_congestion(fd, "bbr");

	ck_assert_int_ne(fd, -1);
	tcp_expect_bulk(fd);
	if (has_bbr)
		assert_congestion(fd, "bbr");
	assert_unsent(fd, 0);
	close(fd);
	tcp_expect_bulk(fd);
	tcp_expect_bulk(-1);
	sockets_local(&ours, &theirs);
	tcp_expect_bulk(ours);
	sockets_write(ours, "still");
	sockets_expect(theirs, "still", 5);
	end();
}
END_TEST

/* --- Is the peer there? */

START_TEST(a_peer_that_answers_is_alive)
{
	sockets_tcp(&ours, &theirs, 0);
	ck_assert_int_eq(tcp_judge(ours), TCP_ALIVE);
	sockets_write(ours, "heartbeat");
	sockets_expect(theirs, "heartbeat", 9);
	ck_assert_int_eq(tcp_judge(ours), TCP_ALIVE);
	ck_assert_int_eq(tcp_judge(theirs), TCP_ALIVE);
	end();
}
END_TEST

START_TEST(a_peer_that_has_closed_or_reset_is_gone)
{
	sockets_tcp(&ours, &theirs, 0);
	close(theirs);
	sockets_wait_for_end(ours);
	ck_assert_int_eq(tcp_judge(ours), TCP_GONE);
	close(ours);
	sockets_tcp(&ours, &theirs, 0);
	sockets_reset(theirs);
	sockets_expect_broken(ours);
	ck_assert_int_eq(tcp_judge(ours), TCP_GONE);
	close(ours);
}
END_TEST

START_TEST(the_age_of_what_is_unacknowledged_decides)
{
	static const struct {
		unsigned unacknowledged, age_ms;
		enum tcp_verdict expected;
	} rows[] = {
	    {0, 0, TCP_ALIVE},
	    {0, 60000, TCP_ALIVE},
	    {1, 0, TCP_ALIVE},
	    {1, TCP_DOUBT_MS - 1, TCP_ALIVE},
	    {1, TCP_DOUBT_MS, TCP_DOUBTFUL},
	    {7, TCP_GONE_MS - 1, TCP_DOUBTFUL},
	    {7, TCP_GONE_MS, TCP_GONE},
	    {7, 60000, TCP_GONE},
	};

	sockets_tcp(&ours, &theirs, 0);
	for (size_t i = 0; i < SUITE_LENGTH(rows); i++) {
		const struct tcp_info info = {.tcpi_state = TCP_ESTABLISHED,
		    .tcpi_unacked = rows[i].unacknowledged,
		    .tcpi_last_ack_recv = rows[i].age_ms};

		told = &info;
		ck_assert_int_eq(tcp_judge(ours), rows[i].expected);
	}
	told = NULL;
	end();
}
END_TEST

START_TEST(what_is_no_connection_is_gone_or_unknown)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(tcp_judge(fd), TCP_GONE);
	close(fd);
	ck_assert_int_eq(tcp_judge(fd), TCP_UNKNOWN);
	ck_assert_int_eq(tcp_judge(-1), TCP_UNKNOWN);
	sockets_local(&ours, &theirs);
	ck_assert_int_eq(tcp_judge(ours), TCP_UNKNOWN);
	end();
}
END_TEST

/* --- The rest */

START_TEST(silence_is_limited)
{
	unsigned value = 0;
	socklen_t size = sizeof value;

	sockets_tcp(&ours, &theirs, 0);
	tcp_limit_silence(ours, 8000);
	ck_assert_int_eq(
	    getsockopt(ours, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
	ck_assert_uint_eq(value, 8000);
	tcp_limit_silence(ours, 0);
	ck_assert_int_eq(
	    getsockopt(ours, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
	ck_assert_uint_eq(value, 0);
	end();
	/* Closed, and of another kind: nothing happens. */
	tcp_limit_silence(ours, 8000);
	sockets_local(&ours, &theirs);
	tcp_limit_silence(ours, 8000);
	sockets_write(ours, "still");
	sockets_expect(theirs, "still", 5);
	end();
}
END_TEST

START_TEST(retransmissions_are_limited)
{
	unsigned value = 0;
	socklen_t size = sizeof value;

	sockets_tcp(&ours, &theirs, 0);
	tcp_limit_retransmission(ours, 4000);
	/* Where the kernel has it */
	if (getsockopt(ours, IPPROTO_TCP, RTO_MAX_MS, &value, &size) == 0)
		ck_assert_uint_eq(value, 4000);
	end();
	tcp_limit_retransmission(ours, 4000); /* closed: nothing happens */
}
END_TEST

START_TEST(the_round_trip_is_told)
{
	const struct tcp_info info = {.tcpi_state = TCP_ESTABLISHED,
	    .tcpi_rtt = 3000001,
	    .tcpi_last_ack_recv = 4711};

	sockets_tcp(&ours, &theirs, 0);
	told = &info;
	ck_assert_uint_eq(tcp_rtt_ms(ours), 3001);
	ck_assert_uint_eq(tcp_acknowledged_ms(ours), 4711);
	told = NULL;
	ck_assert_uint_ge(tcp_rtt_ms(ours), 1);
	end();
	ck_assert_uint_eq(tcp_rtt_ms(ours), 0);
	ck_assert_uint_eq(tcp_acknowledged_ms(ours), UINT32_MAX);
}
END_TEST

START_TEST(segments_with_data_are_counted)
{
	sockets_tcp(&ours, &theirs, 0);
	ck_assert_uint_eq(tcp_segments_in(ours), 0);
	sockets_write(ours, "to the other end");
	sockets_expect(theirs, "to the other end", 16);
	ck_assert_uint_eq(tcp_segments_in(ours), 0);
	ck_assert_uint_eq(tcp_segments_in(theirs), 1);
	end();
	ck_assert_uint_eq(tcp_segments_in(ours), 0);
}
END_TEST

START_TEST(what_is_unacknowledged_is_told)
{
	const struct tcp_info info = {
	    .tcpi_state = TCP_ESTABLISHED, .tcpi_unacked = 1};

	sockets_tcp(&ours, &theirs, 0);
	ck_assert(!tcp_has_unacknowledged(ours));
	told = &info;
	ck_assert(tcp_has_unacknowledged(ours));
	told = NULL;
	end();
	ck_assert(!tcp_has_unacknowledged(ours));
}
END_TEST

/* A socket that asks for any gets one of them. */
START_TEST(ports_of_outgoing_connections_are_in_the_range)
{
	uint16_t low = 0, high = 0;

	tcp_ephemeral_ports(&low, &high);
	ck_assert_uint_ge(low, 1);
	ck_assert_uint_le(low, high);
	for (int i = 0; i < 20; i++) {
		struct address address;

		sockets_tcp(&ours, &theirs, 0);
		ck_assert(address_of_socket(theirs, &address));
		ck_assert_uint_ge(address_port(&address), low);
		ck_assert_uint_le(address_port(&address), high);
		end();
	}
}
END_TEST

SUITE_MAIN("tcp", within_the_host_bbr_gives_way, within_the_host_others_stay,
    towards_other_hosts_the_choice_stands, all_of_loopback_is_within_the_host,
    one_address_on_both_ends_is_within_the_host,
    what_is_no_connection_is_left_alone, a_peer_that_answers_is_alive,
    a_peer_that_has_closed_or_reset_is_gone,
    the_age_of_what_is_unacknowledged_decides,
    what_is_no_connection_is_gone_or_unknown, silence_is_limited,
    retransmissions_are_limited, the_round_trip_is_told,
    segments_with_data_are_counted, what_is_unacknowledged_is_told,
    ports_of_outgoing_connections_are_in_the_range)

#else /* tcp_none.c */

START_TEST(nothing_is_told_and_nothing_happens)
{
	uint16_t low = 7, high = 7;
	int ours, theirs;

	sockets_tcp(&ours, &theirs, 0);
	ck_assert_int_eq(tcp_judge(ours), TCP_UNKNOWN);
	tcp_expect_bulk(ours);
	tcp_limit_silence(ours, 8000);
	tcp_limit_retransmission(ours, 4000);
	ck_assert_uint_eq(tcp_rtt_ms(ours), 0);
	ck_assert_uint_eq(tcp_acknowledged_ms(ours), UINT32_MAX);
	ck_assert_uint_eq(tcp_segments_in(ours), 0);
	ck_assert(!tcp_has_unacknowledged(ours));
	tcp_ephemeral_ports(&low, &high);
	ck_assert_uint_eq(low, 1);
	ck_assert_uint_eq(high, 0);
	sockets_write(ours, "still");
	sockets_expect(theirs, "still", 5);
	close(ours);
	close(theirs);
}
END_TEST

SUITE_MAIN("tcp", nothing_is_told_and_nothing_happens)

#endif
