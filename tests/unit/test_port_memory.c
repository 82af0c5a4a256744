/* What port_memory.h promises: who had a port before a restart finds it free. */
#include "base/clock.h"
#include "folder.h"
#include "server/port_memory.h"
#include "sockets.h"

static struct port_memory memory;

static void
start(const char *path)
{
	pid_t holder;

	memset(&memory, 0, sizeof memory);
	ck_assert_int_eq(port_memory_start(&memory, path, &holder), ERROR_NONE);
}

/* Returns when the file is to be written; CLOCK_NEVER: it is up to date. */
static int64_t
due_ms(void)
{
	int64_t when_ms;

	lock_take(&memory.saver.lock);
	when_ms = memory.saver.due_ms;
	lock_give(&memory.saver.lock);
	return when_ms;
}

/* Expect that exactly these ports are reserved; 0 ends them. */
static void
assert_reserved(const uint16_t *ports)
{
	for (unsigned port = 0; port <= UINT16_MAX; port++) {
		bool expected = *ports != 0 && *ports == port;

		ck_assert_int_eq(
		    port_memory_is_reserved(&memory, (uint16_t)port), expected);
		if (expected)
			ports++;
	}
}

#define ASSERT_RESERVED(...) assert_reserved((const uint16_t[]){__VA_ARGS__})

START_TEST(without_a_file_nothing_is_reserved)
{
	start(NULL);
	port_memory_add(&memory, 80);
	ASSERT_RESERVED(0);
	ck_assert_int_eq(port_memory_stop(&memory, clock_now_ms()), ERROR_NONE);
	port_memory_end(&memory);
}
END_TEST

START_TEST(what_was_granted_is_reserved_after_a_restart)
{
	folder_make();
	start(folder_file);
	ASSERT_RESERVED(0);
	port_memory_add(&memory, 1);
	port_memory_add(&memory, 7);
	port_memory_add(&memory, 8);
	port_memory_add(&memory, 4711);
	port_memory_add(&memory, 65535);
	port_memory_add(&memory, 9);
	port_memory_remove(&memory, 7);
	/* Only for others who would take any port, and after a restart. */
	ASSERT_RESERVED(0);
	port_memory_end(&memory);
	start(folder_file);
	ASSERT_RESERVED(1, 8, 9, 4711, 65535, 0);
	/* One that has returned is not away any more; then it leaves. */
	port_memory_add(&memory, 9);
	ASSERT_RESERVED(1, 8, 4711, 65535, 0);
	port_memory_remove(&memory, 9);
	ASSERT_RESERVED(1, 8, 4711, 65535, 0);
	port_memory_end(&memory);
	folder_remove();
}
END_TEST

START_TEST(a_change_is_written_after_a_second)
{
	int64_t before_ms = clock_now_ms();
	int64_t first_due_ms, second_due_ms;

	folder_make();
	start(folder_file);
	ck_assert_int_eq(due_ms(), CLOCK_NEVER);
	port_memory_add(&memory, 80);
	first_due_ms = due_ms();
	ck_assert_int_ge(first_due_ms, before_ms + PORT_MEMORY_DELAY_MS);
	ck_assert_int_le(first_due_ms, clock_now_ms() + PORT_MEMORY_DELAY_MS);
	/* Together with what comes until then. */
	poll(NULL, 0, 10);
	port_memory_add(&memory, 81);
	second_due_ms = due_ms();
	if (clock_now_ms() < first_due_ms)
		ck_assert_int_eq(second_due_ms, first_due_ms);
	poll(NULL, 0, clock_left_ms(second_due_ms));
	saver_wait(&memory.saver, CLOCK_NEVER);
	ck_assert_ptr_nonnull(strstr(folder_read(), "[80,81]"));
	ck_assert_int_eq(due_ms(), CLOCK_NEVER);
	port_memory_end(&memory);
	folder_remove();
}
END_TEST

START_TEST(content_of_no_use_reserves_nothing)
{
	static const char *const bad[] = {"x", "[]", "{}", "{\"ports\":80}",
	    "{\"ports\":[80,0]}", "{\"ports\":[80,65536]}",
	    "{\"ports\":[80,-1]}", "{\"ports\":[80,\"81\"]}",
	    "{\"ports\":[80,1.5]}", "{\"ports\":[80]} x", "{\"ports\":[80"};

	folder_make();
	for (size_t i = 0; i < SUITE_LENGTH(bad); i++) {
		folder_write(bad[i], strlen(bad[i]));
		start(folder_file);
		ck_assert_msg(
		    !port_memory_is_reserved(&memory, 80), "used: %s", bad[i]);
		ASSERT_RESERVED(0);
		port_memory_end(&memory);
	}
	folder_remove();
}
END_TEST

START_TEST(all_ports_fit_into_the_file)
{
	folder_make();
	start(folder_file);
	for (unsigned port = 1; port <= UINT16_MAX; port++)
		port_memory_add(&memory, (uint16_t)port);
	port_memory_end(&memory);
	start(folder_file);
	for (unsigned port = 1; port <= UINT16_MAX; port++)
		ck_assert(port_memory_is_reserved(&memory, (uint16_t)port));
	port_memory_end(&memory);
	folder_remove();
}
END_TEST

static struct uuid one = {.bytes = {1}}, other = {.bytes = {2}};

static struct address
address_of(const char *text)
{
	struct address address;

	ck_assert(address_parse(text, 80, &address));
	return address;
}

static struct port_memory_match
match(uint16_t port, const struct uuid *instance, const char *text)
{
	struct address address = address_of(text);

	return port_memory_match(&memory, port, instance, &address);
}

START_TEST(who_had_a_port_is_known_after_a_restart)
{
	struct address here = address_of("192.0.2.1");

	folder_make();
	start(folder_file);
	port_memory_add(&memory, 80);
	port_memory_own(&memory, 80, &one, &here);
	port_memory_add(&memory, 81);
	port_memory_own(&memory, 81, NULL, &here);
	port_memory_add(&memory, 82);
	/* Nothing is reserved before the restart. */
	ck_assert(!match(80, &one, "192.0.2.1").is_owned);
	port_memory_end(&memory);
	start(folder_file);
	ck_assert(match(80, &one, "192.0.2.2").is_owned);
	ck_assert(match(80, &one, "192.0.2.2").same_instance);
	ck_assert(!match(80, &one, "192.0.2.2").same_address);
	ck_assert(!match(80, &other, "192.0.2.1").same_instance);
	ck_assert(match(80, &other, "192.0.2.1").same_address);
	ck_assert(!match(80, NULL, "192.0.2.1").same_instance);
	/* Who has not told an instance is known by its address alone. */
	ck_assert(match(81, NULL, "192.0.2.1").is_owned);
	ck_assert(match(81, NULL, "192.0.2.1").same_address);
	ck_assert(!match(81, NULL, "192.0.2.1").same_instance);
	ck_assert(!match(81, &one, "2001:db8::1").same_address);
	/* Nobody has said whose this is, or it was never granted. */
	ck_assert(port_memory_is_reserved(&memory, 82));
	ck_assert(!match(82, &one, "192.0.2.1").is_owned);
	ck_assert(!match(83, &one, "192.0.2.1").is_owned);
	/* It has returned. */
	port_memory_add(&memory, 80);
	ck_assert(!match(80, &one, "192.0.2.1").is_owned);
	port_memory_end(&memory);
	folder_remove();
}
END_TEST

static bool
is_expected(const char *text)
{
	struct address address = address_of(text);

	return port_memory_expected_until_ms(&memory, &address) >
	       clock_now_ms();
}

START_TEST(a_client_is_expected_where_it_came_from_before_a_restart)
{
	struct address here = address_of("192.0.2.1");
	struct address there = address_of("2001:db8::1");

	start(NULL);
	ck_assert(!is_expected("192.0.2.1"));
	port_memory_end(&memory);
	folder_make();
	start(folder_file);
	port_memory_add(&memory, 80);
	port_memory_own(&memory, 80, &one, &here);
	port_memory_add(&memory, 65535);
	port_memory_own(&memory, 65535, NULL, &there);
	port_memory_add(&memory, 82); /* nobody knows whose */
	ck_assert(!is_expected("192.0.2.1"));
	port_memory_end(&memory);
	start(folder_file);
	ck_assert(is_expected("192.0.2.1"));
	ck_assert(is_expected("2001:db8::1"));
	ck_assert(!is_expected("192.0.2.2"));
	/* It has returned, or the port is not kept any more. */
	port_memory_add(&memory, 80);
	ck_assert(!is_expected("192.0.2.1"));
	ck_assert(is_expected("2001:db8::1"));
	memory.reserved_until_ms = clock_now_ms();
	ck_assert(!is_expected("2001:db8::1"));
	port_memory_end(&memory);
	folder_remove();
}
END_TEST

START_TEST(an_owner_is_not_readable_and_no_news_is_not_written)
{
	struct address here = address_of("192.0.2.1");

	folder_make();
	start(folder_file);
	port_memory_add(&memory, 80);
	port_memory_own(&memory, 80, &one, &here);
	port_memory_end(&memory);
	ck_assert_ptr_nonnull(strstr(folder_read(), "\"owners\""));
	ck_assert_ptr_null(strstr(folder_read(), "192.0.2.1"));
	ck_assert_ptr_null(strstr(folder_read(), "01000000"));
	start(folder_file);
	port_memory_own(&memory, 80, &one, &here);
	ck_assert_int_eq(due_ms(), CLOCK_NEVER);
	port_memory_own(&memory, 80, &other, &here);
	ck_assert_int_ne(due_ms(), CLOCK_NEVER);
	port_memory_end(&memory);
	folder_remove();
}
END_TEST

START_TEST(owners_of_no_use_reserve_nothing)
{
#define PORTS "{\"ports\":[80],\"owners\":"
	static const char *const bad[] = {PORTS "1}", PORTS "[]}",
	    PORTS "{\"80\":1}}", PORTS "{\"80\":\"\"}}",
	    PORTS "{\"0\":\"00112233445566778899aabbccddeeff\"}}",
	    PORTS "{\"65536\":\"00112233445566778899aabbccddeeff\"}}",
	    PORTS "{\"80\":\"00112233445566778899aabbccddeef\"}}",
	    PORTS "{\"80\":\"00112233445566778899aabbccddeefg\"}}"};

	folder_make();
	for (size_t i = 0; i < SUITE_LENGTH(bad); i++) {
		folder_write(bad[i], strlen(bad[i]));
		start(folder_file);
		ck_assert_msg(
		    !port_memory_is_reserved(&memory, 80), "used: %s", bad[i]);
		ck_assert(!match(80, &one, "192.0.2.1").is_owned);
		port_memory_end(&memory);
	}
	folder_remove();
}
END_TEST

SUITE_MAIN("memory", without_a_file_nothing_is_reserved,
    what_was_granted_is_reserved_after_a_restart,
    a_change_is_written_after_a_second, content_of_no_use_reserves_nothing,
    who_had_a_port_is_known_after_a_restart,
    a_client_is_expected_where_it_came_from_before_a_restart,
    an_owner_is_not_readable_and_no_news_is_not_written,
    owners_of_no_use_reserve_nothing, all_ports_fit_into_the_file)
