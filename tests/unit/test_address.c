/* What address.h promises: what a person may write, and what is written. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "net/address.h"
#include "sockets.h"
#include "suite.h"

#define DEFAULT_PORT 7835

START_TEST(a_host_with_or_without_a_port_is_read)
{
	static const struct {
		const char *text, *host;
		unsigned port;
	} rows[] = {
	    {"tunnel.example.org", "tunnel.example.org", DEFAULT_PORT},
	    {"tunnel.example.org:80", "tunnel.example.org", 80},
	    {"localhost", "localhost", DEFAULT_PORT},
	    {"x:1", "x", 1},
	    {"x:65535", "x", 65535},
	    {"x:00080", "x", 80},
	    {"192.0.2.1", "192.0.2.1", DEFAULT_PORT},
	    {"192.0.2.1:8080", "192.0.2.1", 8080},
	    {"fd00::2", "fd00::2", DEFAULT_PORT},
	    {"::", "::", DEFAULT_PORT},
	    {"::1", "::1", DEFAULT_PORT},
	    {"1::", "1::", DEFAULT_PORT},
	    /* Eight groups: nothing here is a port. */
	    {"2001:db8:0:0:0:0:0:7835", "2001:db8:0:0:0:0:0:7835",
		DEFAULT_PORT},
	    {"2001:db8::1:80", "2001:db8::1:80", DEFAULT_PORT},
	    {"::ffff:192.0.2.1", "::ffff:192.0.2.1", DEFAULT_PORT},
	    {"[fd00::2]", "fd00::2", DEFAULT_PORT},
	    {"[fd00::2]:7836", "fd00::2", 7836},
	    {"[::]:1", "::", 1},
	    {"[::1]:65535", "::1", 65535},
	    {"fe80::1%lo", "fe80::1%lo", DEFAULT_PORT},
	    {"[fe80::1%lo]:80", "fe80::1%lo", 80},
	    {"xn--bcher-kva.example:443", "xn--bcher-kva.example", 443},
	    {"under_score.example.", "under_score.example.", DEFAULT_PORT},
	    {"4you.example", "4you.example", DEFAULT_PORT},
	    {"a-b.c-d:80", "a-b.c-d", 80},
	    {"10.in-addr.arpa", "10.in-addr.arpa", DEFAULT_PORT},
	    {"b\xc3\xbc"
	     "cher.example",
		"b\xc3\xbc"
		"cher.example",
		DEFAULT_PORT},
	    /* What the system takes for an address, by inet_aton(3). */
	    {"127.1", "127.1", DEFAULT_PORT},
	};
	struct address_name name;

	for (size_t i = 0; i < SUITE_LENGTH(rows); i++) {
		memset(&name, 0x5a, sizeof name);
		ck_assert_msg(
		    address_name_parse(rows[i].text, DEFAULT_PORT, &name),
		    "refused: %s", rows[i].text);
		ck_assert_str_eq(name.host, rows[i].host);
		ck_assert_uint_eq(name.port, rows[i].port);
	}
}
END_TEST

START_TEST(what_is_no_host_is_refused)
{
	static const char *const bad[] = {"", ":", ":80", "x:", "x:0", "x:00",
	    "x:65536", "x:99999", "x:100000", "x:000080", "x:-1", "x:+80",
	    "x: 80", "x:80 ", "x:8o", "x:0x50", "x:80:", "x::80", "x:80:90",
	    "a:b", "1:2:3", ":::", "1:::2", "fd00::g", "fd00::12345",
	    "fd00::2:65536", "1:2:3:4:5:6:7:8:9", "[", "[]", "[]:80",
	    "[fd00::2", "fd00::2]", "[fd00::2]:", "[fd00::2]:0",
	    "[fd00::2]:65536", "[fd00::2]80", "[fd00::2]]", "[fd00::2]:80:80",
	    "[fd00::2]x:80", "256.0.0.1", "256.0.0.1:80", "127.0.0.1.5",
	    "192.0.2.1.", "1.2.3.4.5:80", "host.256", "host/", "http://host",
	    "user@host", "user@host:80", "a..b", "..", ".", ".a", "a..", "-x",
	    "x-", "a.-b", "a.b-:80", "a*b", "a,b", "a'b", "a\"b", "a$b",
	    "[[fd00::2]]", "[192.0.2.1]:80", "[192.0.2.1]", "[x]:80", "[x]",
	    "x[fd00::2]:80", " x", "x ", "x y", "x\ty", "x\n", "x\ny", "x\x7f",
	    "\x01", "x\x1b[31m", "[fd00::2 ]:80", "fe80::%lo:[]",
	    "fe80::1%lo:]", "fe80::1%", "[fe80::1%]:80", "fe80::1%a/b",
	    "fe80::1%a b", "fe80::1%l]o", "fe80::1%[lo",
	    "fe80::1%a-link-name-of-17", "[192.0.2.1%lo]:80", "::1%"};
	struct address_name name;

	for (size_t i = 0; i < SUITE_LENGTH(bad); i++)
		ck_assert_msg(!address_name_parse(bad[i], DEFAULT_PORT, &name),
		    "accepted: \"%s\" as %s port %u", bad[i], name.host,
		    (unsigned)name.port);
}
END_TEST

START_TEST(the_longest_host_has_255_bytes)
{
	char text[ADDRESS_HOST_SIZE + 10];
	char expected[ADDRESS_NAME_TEXT_SIZE];
	struct address_name name;

	memset(text, 'a', sizeof text);
	for (unsigned i = 63; i < 255; i += 64)
		text[i] = '.';
	text[255] = '\0';
	ck_assert(address_name_parse(text, DEFAULT_PORT, &name));
	ck_assert_str_eq(name.host, text);
	snprintf(text + 255, 7, ":65535");
	ck_assert(address_name_parse(text, DEFAULT_PORT, &name));
	ck_assert_uint_eq(strlen(name.host), 255);
	address_name_print(&name, expected);
	ck_assert_str_eq(expected, text);

	memset(text, 'a', 256);
	for (unsigned i = 50; i < 256; i += 50)
		text[i] = '.';
	text[256] = '\0';
	ck_assert(!address_name_parse(text, DEFAULT_PORT, &name));
	text[255] = '\0';
	ck_assert(address_name_parse(text, DEFAULT_PORT, &name));
}
END_TEST

START_TEST(a_label_has_63_bytes_at_most)
{
	char text[80];
	struct address_name name;

	memset(text, 'a', sizeof text);
	text[63] = '\0';
	ck_assert(address_name_parse(text, DEFAULT_PORT, &name));
	text[63] = 'a';
	text[64] = '\0';
	ck_assert(!address_name_parse(text, DEFAULT_PORT, &name));
	text[3] = '.';
	ck_assert(address_name_parse(text, DEFAULT_PORT, &name));
}
END_TEST

START_TEST(a_link_need_not_be_there_yet)
{
	char link[ADDRESS_LINK_SIZE];
	char text[ADDRESS_TEXT_SIZE];
	struct address_name name;
	struct address address;

	ck_assert(address_name_parse("[fe80::1%no-such-link]:80", 9, &name));
	ck_assert_str_eq(name.host, "fe80::1%no-such-link");
	ck_assert_uint_eq(name.port, 80);
	ck_assert(address_name_parse("fe80::1%no-such-link", 9, &name));
	ck_assert(
	    address_parse_link("fe80::1%no-such-link", 80, &address, link));
	ck_assert_str_eq(link, "no-such-link");
	errno = 0;
	ck_assert(!address_find_link(&address, link));
	ck_assert_int_eq(errno, ENODEV);
	ck_assert(address_parse_link("fe80::1%lo", 80, &address, link));
	ck_assert_str_eq(link, "lo");
	ck_assert(address_find_link(&address, link));
	address_print(&address, text);
	ck_assert_str_eq(text, "[fe80::1%lo]:80");
	ck_assert(address_parse_link("fe80::1%1", 80, &address, link));
	ck_assert(address_find_link(&address, link));
	ck_assert_uint_eq(address.socket.v6.sin6_scope_id, 1);
	ck_assert(address_parse_link("192.0.2.1", 80, &address, link));
	ck_assert_str_eq(link, "");
	ck_assert(address_find_link(&address, link));
	ck_assert(!address_parse_link("192.0.2.1%lo", 80, &address, link));
	ck_assert(!address_parse_link("example.org%lo", 80, &address, link));
	ck_assert(!address_parse_link("fe80::1%", 80, &address, link));
}
END_TEST

START_TEST(a_name_is_written_so_that_it_can_be_read_again)
{
	static const char *const texts[] = {"example.org:80", "192.0.2.1:7835",
	    "[fd00::2]:1", "[::]:65535", "[fe80::1%lo]:80"};
	char text[ADDRESS_NAME_TEXT_SIZE];
	struct address_name name;

	for (size_t i = 0; i < SUITE_LENGTH(texts); i++) {
		ck_assert(address_name_parse(texts[i], 9, &name));
		address_name_print(&name, text);
		ck_assert_str_eq(text, texts[i]);
	}
}
END_TEST

START_TEST(a_numeric_address_is_read_and_written)
{
	static const struct {
		const char *host, *text;
		int family;
	} rows[] = {
	    {"192.0.2.1", "192.0.2.1:80", AF_INET},
	    {"0.0.0.0", "0.0.0.0:80", AF_INET},
	    {"255.255.255.255", "255.255.255.255:80", AF_INET},
	    {"::", "[::]:80", AF_INET6},
	    {"::1", "[::1]:80", AF_INET6},
	    {"2001:DB8:0:0:0:0:0:1", "[2001:db8::1]:80", AF_INET6},
	    {"2001:db8:1:2:3:4:5:6", "[2001:db8:1:2:3:4:5:6]:80", AF_INET6},
	    {"fe80::1%lo", "[fe80::1%lo]:80", AF_INET6},
	    /* RFC 4291, 2.5.5.2 */
	    {"::ffff:192.0.2.1", "192.0.2.1:80", AF_INET},
	    {"::ffff:0:192.0.2.1", "[::ffff:0:c000:201]:80", AF_INET6},
	    {"::192.0.2.1", "[::192.0.2.1]:80", AF_INET6},
	};
	struct address address;
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < SUITE_LENGTH(rows); i++) {
		ck_assert(address_parse(rows[i].host, 80, &address));
		ck_assert_int_eq(
		    address.socket.generic.sa_family, rows[i].family);
		ck_assert_uint_eq(address.length,
		    rows[i].family == AF_INET ? sizeof(struct sockaddr_in)
					      : sizeof(struct sockaddr_in6));
		ck_assert_uint_eq(address_port(&address), 80);
		address_print(&address, text);
		ck_assert_str_eq(text, rows[i].text);
	}
}
END_TEST

START_TEST(what_is_not_numeric_is_no_address)
{
	static const char *const bad[] = {"", "localhost", "example.org",
	    "[::1]", "::1]", "192.0.2.1:80", "192.0.2.256", "192.0.2.1.2",
	    " 192.0.2.1", "::g", ":::", "1:2", "fe80::1%no-such-link"};
	struct address address;

	for (size_t i = 0; i < SUITE_LENGTH(bad); i++)
		ck_assert_msg(!address_parse(bad[i], 80, &address),
		    "accepted: \"%s\"", bad[i]);
}
END_TEST

START_TEST(the_port_of_either_family_can_be_set)
{
	static const char *const hosts[] = {"192.0.2.1", "2001:db8::1"};
	struct address address;

	for (size_t i = 0; i < SUITE_LENGTH(hosts); i++) {
		static const uint16_t ports[] = {0, 1, 255, 256, 7835, 65535};

		for (size_t j = 0; j < SUITE_LENGTH(ports); j++) {
			char text[ADDRESS_TEXT_SIZE];
			char *colon;

			ck_assert(address_parse(hosts[i], 9, &address));
			address_set_port(&address, ports[j]);
			ck_assert_uint_eq(address_port(&address), ports[j]);
			address_print(&address, text);
			colon = strrchr(text, ':');
			ck_assert_ptr_nonnull(colon);
			ck_assert_uint_eq(
			    strtoul(colon + 1, NULL, 10), ports[j]);
		}
		ck_assert(address_parse(hosts[i], 7835, &address));
		ck_assert_uint_eq(address_port(&address), 7835);
	}
}
END_TEST

START_TEST(equal_addresses_have_the_same_host_and_port)
{
	static const struct {
		const char *host;
		uint16_t port;
	} rows[] = {{"192.0.2.1", 80}, {"192.0.2.1", 81}, {"192.0.2.2", 80},
	    {"193.0.2.1", 80}, {"::", 80}, {"::1", 80}, {"::1", 81},
	    {"2001:db8::1", 80}, {"2001:db9::1", 80}, {"2001:db8::2", 80},
	    {"::ffff:192.0.2.3", 80}, {"fe80::1", 80}, {"fe80::1%lo", 80}};
	struct address a, b;

	for (size_t i = 0; i < SUITE_LENGTH(rows); i++)
		for (size_t j = 0; j < SUITE_LENGTH(rows); j++) {
			/* What lies behind the address does not count. */
			memset(&a, 0, sizeof a);
			memset(&b, 0xff, sizeof b);
			ck_assert(
			    address_parse(rows[i].host, rows[i].port, &a));
			ck_assert(
			    address_parse(rows[j].host, rows[j].port, &b));
			ck_assert_msg(address_equal(&a, &b) == (i == j),
			    "%s and %s", rows[i].host, rows[j].host);
		}
}
END_TEST

START_TEST(a_host_is_the_same_whatever_the_port)
{
	static const char *const hosts[] = {
	    "192.0.2.1", "192.0.2.2", "::1", "::ffff:192.0.2.3", "fe80::1%lo"};
	struct address a, b;

	for (size_t i = 0; i < SUITE_LENGTH(hosts); i++)
		for (size_t j = 0; j < SUITE_LENGTH(hosts); j++) {
			ck_assert(address_parse(hosts[i], 1, &a));
			ck_assert(address_parse(hosts[j], 2, &b));
			ck_assert_msg(address_same_host(&a, &b) == (i == j),
			    "%s and %s", hosts[i], hosts[j]);
			ck_assert_uint_eq(address_port(&a), 1);
			ck_assert_uint_eq(address_port(&b), 2);
		}
}
END_TEST

START_TEST(what_is_of_the_loopback_is_known)
{
	static const struct {
		const char *host;
		bool is_loopback;
	} rows[] = {{"127.0.0.1", true}, {"127.255.255.255", true},
	    {"126.0.0.1", false}, {"128.0.0.1", false}, {"1.0.0.127", false},
	    {"0.0.0.0", false}, {"::1", true}, {"::", false}, {"::2", false},
	    {"1::1", false}, {"::ffff:127.0.0.2", true},
	    {"::ffff:192.0.2.127", false}, {"::ffff:0.0.0.1", false},
	    {"::127.0.0.1", false}, {"7f00::1", false}};
	struct address address;

	for (size_t i = 0; i < SUITE_LENGTH(rows); i++) {
		ck_assert(address_parse(rows[i].host, 80, &address));
		ck_assert_msg(
		    address_is_loopback(&address) == rows[i].is_loopback, "%s",
		    rows[i].host);
	}
}
END_TEST

/* An address of a kind that we never meet is no reason to fall. */
START_TEST(the_longest_text_fits)
{
	struct address address;
	char text[ADDRESS_TEXT_SIZE];

	memset(&address, 0, sizeof address);
	address.length = sizeof address.socket.v6;
	address.socket.v6.sin6_family = AF_INET6;
	memset(&address.socket.v6.sin6_addr, 0xfe, 16);
	address.socket.v6.sin6_addr.s6_addr[1] = 0x80;
	address.socket.v6.sin6_port = 0xffff;
	address.socket.v6.sin6_scope_id = UINT32_MAX;
	address_print(&address, text);
	ck_assert_str_eq(
	    text, "[fe80:fefe:fefe:fefe:fefe:fefe:fefe:fefe%4294967295]:65535");

	memset(&address, 0, sizeof address);
	address.length = sizeof(sa_family_t);
	address.socket.generic.sa_family = AF_UNIX;
	address_print(&address, text);
	ck_assert_uint_lt(strlen(text), ADDRESS_TEXT_SIZE);
}
END_TEST

START_TEST(both_ends_of_a_socket_are_told)
{
	struct address near, far;
	int ours, theirs;

	sockets_tcp(&ours, &theirs, 0);
	ck_assert(address_of_socket(ours, &near));
	ck_assert(address_of_peer(theirs, &far));
	ck_assert_uint_eq(address_port(&near), address_port(&far));
	ck_assert_uint_ne(address_port(&near), 0);
	ck_assert(address_of_peer(ours, &near));
	ck_assert(address_of_socket(theirs, &far));
	ck_assert_uint_eq(address_port(&near), address_port(&far));
	ck_assert_int_eq(
	    near.socket.v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	ck_assert_uint_eq(near.length, sizeof near.socket.v4);
	close(ours);
	close(theirs);

	ours = sockets_listen(&near, 1);
	ck_assert(!address_of_peer(ours, &far));
	close(ours);
	ck_assert(!address_of_socket(-1, &far));
}
END_TEST

SUITE_MAIN("address", a_host_with_or_without_a_port_is_read,
    what_is_no_host_is_refused, the_longest_host_has_255_bytes,
    a_label_has_63_bytes_at_most, a_link_need_not_be_there_yet,
    a_name_is_written_so_that_it_can_be_read_again,
    a_numeric_address_is_read_and_written, what_is_not_numeric_is_no_address,
    the_port_of_either_family_can_be_set,
    equal_addresses_have_the_same_host_and_port,
    a_host_is_the_same_whatever_the_port, what_is_of_the_loopback_is_known,
    the_longest_text_fits, both_ends_of_a_socket_are_told)
