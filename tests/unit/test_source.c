/* What source.h promises: what a peer cannot choose of its address. */
#include "net/source.h"
#include "suite.h"

static uint64_t
source_of(const char *host)
{
	struct address address;

	ck_assert(address_parse(host, 4711, &address));
	return source_of_address(&address);
}

START_TEST(each_ipv4_address_is_a_source)
{
	ck_assert(source_of("192.0.2.1") == source_of("192.0.2.1"));
	ck_assert(source_of("192.0.2.1") != source_of("192.0.2.2"));
	ck_assert(source_of("192.0.2.1") != source_of("193.0.2.1"));
}
END_TEST

START_TEST(the_port_does_not_count)
{
	struct address a, b;

	ck_assert(address_parse("192.0.2.1", 1, &a));
	ck_assert(address_parse("192.0.2.1", 65535, &b));
	ck_assert(source_of_address(&a) == source_of_address(&b));
}
END_TEST

START_TEST(the_first_64_bits_of_ipv6_are_a_source)
{
	ck_assert(source_of("2001:db8:0:1::1") ==
		  source_of("2001:db8:0:1:ffff:ffff:ffff:ffff"));
	ck_assert(source_of("2001:db8:0:1::1") != source_of("2001:db8:0:2::1"));
	ck_assert(source_of("2001:db8:0:1::1") != source_of("2002:db8:0:1::1"));
}
END_TEST

START_TEST(a_mapped_address_is_one_of_ipv4)
{
	ck_assert(source_of("::ffff:192.0.2.1") == source_of("192.0.2.1"));
	ck_assert(source_of("::ffff:192.0.2.1") != source_of("192.0.2.2"));
	/* The same bits at another place are not. */
	ck_assert(
	    source_of("2001:db8::ffff:c000:201") != source_of("192.0.2.1"));
}
END_TEST

START_TEST(loopback_is_known_in_all_its_forms)
{
	ck_assert(source_is_loopback(source_of("127.0.0.1")));
	ck_assert(source_is_loopback(source_of("127.255.255.254")));
	ck_assert(source_is_loopback(source_of("::ffff:127.0.0.1")));
	ck_assert(source_is_loopback(source_of("::1")));
	ck_assert(!source_is_loopback(source_of("128.0.0.1")));
	ck_assert(!source_is_loopback(source_of("126.0.0.1")));
	ck_assert(!source_is_loopback(source_of("2001:db8::7f00:1")));
	ck_assert(!source_is_loopback(source_of("0:0:0:1::1")));
}
END_TEST

static void
assert_printed(const char *host, const char *expected)
{
	char text[SOURCE_TEXT_SIZE];

	source_print(source_of(host), text);
	ck_assert_str_eq(text, expected);
}

START_TEST(it_is_written_as_an_address_or_a_network)
{
	assert_printed("192.0.2.1", "192.0.2.1");
	assert_printed("::ffff:192.0.2.1", "192.0.2.1");
	assert_printed("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64");
	assert_printed("ffff:ffff:ffff:ffff::1", "ffff:ffff:ffff:ffff::/64");
	assert_printed("::1", "::/64");
}
END_TEST

SUITE_MAIN("source", each_ipv4_address_is_a_source, the_port_does_not_count,
    the_first_64_bits_of_ipv6_are_a_source, a_mapped_address_is_one_of_ipv4,
    loopback_is_known_in_all_its_forms,
    it_is_written_as_an_address_or_a_network)
