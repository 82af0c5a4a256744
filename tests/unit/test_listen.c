/*
 * What listen.h promises: both families at "::", whatever the system is able to.
 * listen.c is part of this program, on a system that has no IPv6, or whose IPv6
 * sockets take no IPv4, when a case says so.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"
#include "net/socket.h"
#include "suite.h"

static int open_or_refuse(int family);
static int set_or_refuse(
    int fd, int level, int option, const void *value, socklen_t size);

#define socket_open open_or_refuse
#define setsockopt  set_or_refuse
#include "net/listen.c" /* NOLINT(bugprone-suspicious-include) */
#undef socket_open
#undef setsockopt

/* What the system refuses for the time of a case. */
static bool no_v6, no_both;

static int
open_or_refuse(int family)
{
	if (no_v6 && family == AF_INET6) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return socket_open(family);
}

static int
set_or_refuse(int fd, int level, int option, const void *value, socklen_t size)
{
	const int on = 1;

	if (no_both && level == IPPROTO_IPV6 && option == IPV6_V6ONLY) {
		/* As OpenBSD: on, whatever is asked for. */
		setsockopt(fd, level, option, &on, sizeof on);
		errno = EINVAL;
		return -1;
	}
	return setsockopt(fd, level, option, value, size);
}

static struct listener listener;

static enum error
open_at(const char *host, uint16_t port)
{
	struct address address;

	ck_assert(address_parse(host, port, &address));
	listener.fds[0] = listener.fds[1] = 4711;
	return listen_open(&address, &listener);
}

static bool
has_v6(void)
{
	bool has = open_at("::1", 0) == ERROR_NONE;

	listen_close(&listener);
	return has;
}

/* A connection to host comes in, and is said to come from there. */
static void
assert_accepts(const char *host)
{
	struct pollfd slots[LISTEN_SOCKETS];
	struct address to, own, peer;
	int fd, accepted;

	ck_assert(listen_address(&listener, &own));
	ck_assert(address_parse(host, address_port(&own), &to));
	fd = socket(to.socket.generic.sa_family, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, &to.socket.generic, to.length), 0);
	for (int i = 0; i < LISTEN_SOCKETS; i++)
		slots[i] = (struct pollfd){listener.fds[i], POLLIN, 0};
	ck_assert_int_eq(poll(slots, LISTEN_SOCKETS, 20000), 1);
	ck_assert_int_eq(
	    listen_accept(&listener, &accepted, &peer), ERROR_NONE);
	ck_assert(address_of_socket(fd, &own));
	ck_assert_int_eq(
	    peer.socket.generic.sa_family, to.socket.generic.sa_family);
	ck_assert(address_equal(&peer, &own));
	ck_assert(address_of_peer(accepted, &peer));
	ck_assert(address_equal(&peer, &own));
	close(accepted);
	close(fd);
	ck_assert_int_eq(
	    listen_accept(&listener, &accepted, &peer), ERROR_AGAIN);
	ck_assert_int_eq(accepted, -1);
}

START_TEST(both_families_come_to_one_socket)
{
	if (!has_v6())
		return;
	ck_assert_int_eq(open_at("::", 0), ERROR_NONE);
	ck_assert_int_eq(listener.fds[1], -1);
	assert_accepts("127.0.0.1");
	assert_accepts("::1");
	listen_close(&listener);
	ck_assert_int_eq(listener.fds[0], -1);
}
END_TEST

START_TEST(both_families_come_to_two_sockets_where_one_takes_no_ipv4)
{
	if (!has_v6())
		return;
	no_both = true;
	ck_assert_int_eq(open_at("::", 0), ERROR_NONE);
	ck_assert_int_ne(listener.fds[1], -1);
	for (int i = 0; i < 2; i++) {
		assert_accepts("127.0.0.1");
		assert_accepts("::1");
	}
	listen_close(&listener);
	ck_assert_int_eq(listener.fds[1], -1);
}
END_TEST

START_TEST(without_ipv6_all_addresses_are_those_of_ipv4)
{
	struct address own;

	no_v6 = true;
	ck_assert_int_eq(open_at("::", 0), ERROR_NONE);
	ck_assert(listen_address(&listener, &own));
	ck_assert_int_eq(own.socket.generic.sa_family, AF_INET);
	ck_assert_int_eq(own.socket.v4.sin_addr.s_addr, htonl(INADDR_ANY));
	assert_accepts("127.0.0.1");
	listen_close(&listener);
	/* One that was asked for by name is not replaced by another. */
	ck_assert_int_eq(open_at("::1", 0), ERROR_SYSTEM);
	ck_assert_int_eq(errno, EAFNOSUPPORT);
	ck_assert_int_eq(listener.fds[0], -1);
	ck_assert(!listen_address(&listener, &own));
}
END_TEST

START_TEST(a_port_that_another_has_for_ipv4_alone_is_in_use)
{
	struct listener other;
	struct address own;

	if (!has_v6())
		return;
	ck_assert_int_eq(open_at("0.0.0.0", 0), ERROR_NONE);
	other = listener;
	ck_assert(listen_address(&other, &own));
	for (int i = 0; i < 2; i++) {
		no_both = i == 1;
		ck_assert_int_eq(
		    open_at("::", address_port(&own)), ERROR_IN_USE);
		ck_assert_int_eq(listener.fds[0], -1);
		ck_assert_int_eq(listener.fds[1], -1);
	}
	listen_close(&other);
}
END_TEST

SUITE_MAIN("listen", both_families_come_to_one_socket,
    both_families_come_to_two_sockets_where_one_takes_no_ipv4,
    without_ipv6_all_addresses_are_those_of_ipv4,
    a_port_that_another_has_for_ipv4_alone_is_in_use)
