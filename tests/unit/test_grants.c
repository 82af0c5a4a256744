/* What grants.h promises: who had a port before a restart finds it free. */
#include "base/clock.h"
#include "folder.h"
#include "server/grants.h"
#include "sockets.h"

static struct grants grants;

static void
start(const char *path)
{
	pid_t holder;

	memset(&grants, 0, sizeof grants);
	ck_assert_int_eq(grants_start(&grants, path, &holder), ERROR_NONE);
}

/* Expect that exactly these ports are reserved; 0 ends them. */
static void
assert_reserved(const uint16_t *ports)
{
	for (unsigned port = 0; port <= UINT16_MAX; port++) {
		bool expected = *ports != 0 && *ports == port;

		ck_assert_int_eq(
		    grants_is_reserved(&grants, (uint16_t)port), expected);
		if (expected)
			ports++;
	}
}

#define ASSERT_RESERVED(...) assert_reserved((const uint16_t[]){__VA_ARGS__})

START_TEST(without_a_file_nothing_is_reserved_or_due)
{
	start(NULL);
	grants_add(&grants, 80);
	ASSERT_RESERVED(0);
	ck_assert_int_eq(grants_due_ms(&grants), CLOCK_NEVER);
	ck_assert_int_eq(grants_fd(&grants), -1);
	grants_save_if_due(&grants);
	grants_end(&grants);
}
END_TEST

START_TEST(what_was_granted_is_reserved_after_a_restart)
{
	folder_make();
	start(folder_file);
	ASSERT_RESERVED(0);
	grants_add(&grants, 1);
	grants_add(&grants, 7);
	grants_add(&grants, 8);
	grants_add(&grants, 4711);
	grants_add(&grants, 65535);
	grants_add(&grants, 9);
	grants_remove(&grants, 7);
	/* Only for others who would take any port, and after a restart. */
	ASSERT_RESERVED(0);
	grants_end(&grants);
	start(folder_file);
	ASSERT_RESERVED(1, 8, 9, 4711, 65535, 0);
	/* One that has returned is not away any more; then it leaves. */
	grants_add(&grants, 9);
	ASSERT_RESERVED(1, 8, 4711, 65535, 0);
	grants_remove(&grants, 9);
	ASSERT_RESERVED(1, 8, 4711, 65535, 0);
	grants_end(&grants);
	folder_remove();
}
END_TEST

START_TEST(a_change_wakes_who_writes_and_is_written_within_a_second)
{
	int64_t before_ms;

	folder_make();
	start(folder_file);
	ck_assert_int_eq(grants_due_ms(&grants), CLOCK_NEVER);
	ck_assert(!sockets_is_readable(grants_fd(&grants)));
	before_ms = clock_now_ms();
	grants_add(&grants, 80);
	ck_assert(sockets_is_readable(grants_fd(&grants)));
	ck_assert_int_ge(grants_due_ms(&grants), before_ms);
	ck_assert_int_le(
	    grants_due_ms(&grants), clock_now_ms() + GRANTS_DELAY_MS);
	/* Not yet: nothing is written, and nobody is woken for it again. */
	before_ms = grants_due_ms(&grants);
	grants_save_if_due(&grants);
	ck_assert_str_eq(folder_read(), "");
	ck_assert(!sockets_is_readable(grants_fd(&grants)));
	grants_add(&grants, 81);
	ck_assert_int_eq(grants_due_ms(&grants), before_ms);
	poll(NULL, 0, clock_left_ms(before_ms));
	grants_save_if_due(&grants);
	ck_assert_ptr_nonnull(strstr(folder_read(), "80"));
	ck_assert_ptr_nonnull(strstr(folder_read(), "81"));
	ck_assert_int_eq(grants_due_ms(&grants), CLOCK_NEVER);
	grants_end(&grants);
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
		    !grants_is_reserved(&grants, 80), "used: %s", bad[i]);
		ASSERT_RESERVED(0);
		grants_end(&grants);
	}
	folder_remove();
}
END_TEST

START_TEST(all_ports_fit_into_the_file)
{
	folder_make();
	start(folder_file);
	for (unsigned port = 1; port <= UINT16_MAX; port++)
		grants_add(&grants, (uint16_t)port);
	grants_end(&grants);
	start(folder_file);
	for (unsigned port = 1; port <= UINT16_MAX; port++)
		ck_assert(grants_is_reserved(&grants, (uint16_t)port));
	grants_end(&grants);
	folder_remove();
}
END_TEST

SUITE_MAIN("grants", without_a_file_nothing_is_reserved_or_due,
    what_was_granted_is_reserved_after_a_restart,
    a_change_wakes_who_writes_and_is_written_within_a_second,
    content_of_no_use_reserves_nothing, all_ports_fit_into_the_file)
