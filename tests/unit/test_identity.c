/*
 * What identity.h promises: the same client, and numbers that only grow. The
 * disk can be stuck, and identity.c is part of this program: the clock is the
 * case's.
 */
#include "base/random.h"
#include "disk.h"
#include "folder.h"
#include "os/saver.h"

static int64_t clock_of_case(void);
static void ask_of_case(struct saver *saver, int64_t due_ms);
static void wait_of_case(struct saver *saver, int64_t deadline_ms);

#define clock_now_ms clock_of_case
#define saver_ask    ask_of_case
#define saver_wait   wait_of_case
#include "client/identity.c" /* NOLINT(bugprone-suspicious-include) */
#undef clock_now_ms
#undef saver_ask
#undef saver_wait

#include <stdlib.h>

/* Longer than any case takes. */
#define NOT_NOW_MS 3600000

static struct identity identity;
static int64_t time_ms = 4711;
static int64_t later_ms = CLOCK_NEVER; /* something was asked for then */

static int64_t
clock_of_case(void)
{
	return time_ms;
}

static void
ask_of_case(struct saver *saver, int64_t due_ms)
{
	if (due_ms > time_ms)
		later_ms = clock_earlier(later_ms, due_ms);
	saver_ask(saver, clock_now_ms() + (due_ms > time_ms ? NOT_NOW_MS : 0));
}

static void
wait_of_case(struct saver *saver, int64_t deadline_ms)
{
	ck_assert_int_eq(deadline_ms, time_ms + IDENTITY_DISK_MS);
	saver_wait(saver, disk_is_stuck() ? clock_now_ms() + 10 : CLOCK_NEVER);
}

static void
pass_time(int64_t ms)
{
	time_ms += ms;
	if (time_ms < later_ms)
		return;
	later_ms = CLOCK_NEVER;
	saver_ask(&identity.saver, clock_now_ms());
	saver_wait(&identity.saver, CLOCK_NEVER);
}

static void
start(const char *path)
{
	pid_t holder;

	ck_assert_int_eq(random_start(), ERROR_NONE);
	ck_assert_int_eq(identity_start(&identity, path, &holder), ERROR_NONE);
}

START_TEST(attempts_count_up_from_one)
{
	start(NULL);
	ck_assert_uint_eq(identity_port(&identity), 0);
	for (unsigned i = 1; i <= 3000; i++)
		ck_assert_uint_eq(identity_next_attempt(&identity), i);
	identity_end(&identity);
}
END_TEST

START_TEST(without_a_file_each_process_is_another)
{
	struct uuid first;

	start(NULL);
	first = identity.instance;
	/* Version 4, RFC 9562 */
	ck_assert_uint_eq(first.bytes[6] >> 4, 4);
	identity_end(&identity);
	start(NULL);
	ck_assert(!uuid_equal(&first, &identity.instance));
	identity_end(&identity);
}
END_TEST

START_TEST(with_a_file_it_is_the_same_after_a_restart)
{
	struct uuid first;
	uint64_t attempt = 0;

	folder_make();
	start(folder_file);
	first = identity.instance;
	identity_set_port(&identity, 4711);
	for (int round = 0; round < 3; round++) {
		/* More than are written down together. */
		for (int i = 0; i < 1500; i++) {
			uint64_t next = identity_next_attempt(&identity);

			ck_assert_uint_gt(next, attempt);
			attempt = next;
		}
		/* Killed: the file is all that is left. */
		identity_end(&identity);
		start(folder_file);
		ck_assert(uuid_equal(&first, &identity.instance));
		ck_assert_uint_eq(identity_port(&identity), 4711);
	}
	ck_assert_uint_gt(identity_next_attempt(&identity), attempt);
	identity_set_port(&identity, 0);
	identity_end(&identity);
	start(folder_file);
	ck_assert_uint_eq(identity_port(&identity), 0);
	identity_end(&identity);
	folder_remove();
}
END_TEST

START_TEST(a_restart_before_the_first_attempt_counts_on)
{
	folder_make();
	start(folder_file);
	identity_end(&identity);
	start(folder_file);
	ck_assert_uint_ge(identity_next_attempt(&identity), 1);
	identity_end(&identity);
	folder_remove();
}
END_TEST

START_TEST(content_of_no_use_is_replaced)
{
#define UUID "\"00112233-4455-4677-8899-aabbccddeeff\""
	static const char *const bad[] = {"x", "{}", "[]", "null",
	    "{\"instance\":" UUID ",\"attempt\":1}",
	    "{\"instance\":" UUID ",\"port\":1}", "{\"attempt\":1,\"port\":1}",
	    "{\"instance\":\"x\",\"attempt\":1,\"port\":1}",
	    "{\"instance\":1,\"attempt\":1,\"port\":1}",
	    "{\"instance\":" UUID ",\"attempt\":-1,\"port\":1}",
	    "{\"instance\":" UUID ",\"attempt\":\"1\",\"port\":1}",
	    "{\"instance\":" UUID ",\"attempt\":9223372036854775807,\"port\":"
	    "1}",
	    "{\"instance\":" UUID ",\"attempt\":1,\"port\":65536}",
	    "{\"instance\":" UUID ",\"attempt\":1,\"port\":-1}",
	    "{\"instance\":" UUID ",\"attempt\":1,\"port\":1.5}"};
	struct uuid old;

	ck_assert(uuid_parse("00112233-4455-4677-8899-aabbccddeeff", &old));
	folder_make();
	for (size_t i = 0; i < SUITE_LENGTH(bad); i++) {
		folder_write(bad[i], strlen(bad[i]));
		start(folder_file);
		ck_assert_msg(
		    !uuid_equal(&old, &identity.instance), "used: %s", bad[i]);
		ck_assert_uint_eq(identity_port(&identity), 0);
		ck_assert_uint_eq(identity_next_attempt(&identity), 1);
		identity_end(&identity);
	}
	/* A file that a crash has filled with zeros, and one that is good. */
	folder_write("\0\0\0\0", 4);
	start(folder_file);
	ck_assert_uint_eq(identity_next_attempt(&identity), 1);
	identity_end(&identity);
	folder_write("{\"instance\":" UUID ",\"attempt\":7,\"port\":65535}",
	    strlen("{\"instance\":" UUID ",\"attempt\":7,\"port\":65535}"));
	start(folder_file);
	ck_assert(uuid_equal(&old, &identity.instance));
	ck_assert_uint_eq(identity_port(&identity), 65535);
	ck_assert_uint_gt(identity_next_attempt(&identity), 7);
	identity_end(&identity);
	folder_remove();
}
END_TEST

/* What a client that is killed now would find. */
static unsigned
port_in_file(void)
{
	const char *port = strstr(folder_read(), "\"port\":");

	ck_assert_ptr_nonnull(port);
	return (unsigned)strtoul(port + strlen("\"port\":"), NULL, 10);
}

START_TEST(a_new_port_is_written_at_once_but_not_all_the_time)
{
	folder_make();
	start(folder_file);
	identity_set_port(&identity, 1);
	ck_assert_uint_eq(port_in_file(), 1);
	/* A server that gives another one each time */
	for (uint16_t port = 2; port < 100; port++)
		identity_set_port(&identity, port);
	ck_assert_uint_eq(identity_port(&identity), 99);
	pass_time(IDENTITY_SAVE_EVERY_MS - 1);
	ck_assert_uint_eq(port_in_file(), 1);
	pass_time(1);
	ck_assert_uint_eq(port_in_file(), 99);
	/* That many were asked for puts nothing off. */
	identity_set_port(&identity, 100);
	ck_assert_uint_eq(port_in_file(), 99);
	pass_time(IDENTITY_SAVE_EVERY_MS);
	ck_assert_uint_eq(port_in_file(), 100);
	pass_time(IDENTITY_SAVE_EVERY_MS);
	identity_set_port(&identity, 101);
	ck_assert_uint_eq(port_in_file(), 101);
	/* What is due is not lost at the end. */
	identity_set_port(&identity, 102);
	ck_assert_uint_eq(port_in_file(), 101);
	identity_end(&identity);
	ck_assert_uint_eq(port_in_file(), 102);
	folder_remove();
}
END_TEST

START_TEST(what_changes_once_the_file_was_written_is_written_too)
{
	folder_make();
	start(folder_file);
	identity_set_port(&identity, 1);
	identity_set_port(&identity, 2); /* in two seconds, ... */
	for (int i = 0; i < 600; i++)
		(void)identity_next_attempt(&identity); /* ... or now */
	saver_wait(&identity.saver, CLOCK_NEVER);
	ck_assert_uint_eq(port_in_file(), 2);
	identity_set_port(&identity, 3);
	identity_end(&identity);
	ck_assert_uint_eq(port_in_file(), 3);
	folder_remove();
}
END_TEST

START_TEST(a_process_has_a_name_that_is_not_kept)
{
	struct uuid first;

	folder_make();
	start(folder_file);
	first = identity.process;
	ck_assert(!uuid_equal(&first, &identity.instance));
	identity_end(&identity);
	start(folder_file);
	ck_assert(!uuid_equal(&first, &identity.process));
	identity_end(&identity);
	folder_remove();
}
END_TEST

START_TEST(who_takes_a_new_identity_keeps_it_and_the_port)
{
	struct uuid old, renewed, process, kept;

	folder_make();
	start(folder_file);
	old = identity_instance(&identity);
	process = identity.process;
	identity_set_port(&identity, 4711);
	(void)identity_next_attempt(&identity);
	identity_renew(&identity);
	renewed = identity_instance(&identity);
	ck_assert(!uuid_equal(&old, &renewed));
	ck_assert(uuid_equal(&process, &identity.process));
	ck_assert_uint_eq(identity_next_attempt(&identity), 1);
	ck_assert_uint_eq(identity_port(&identity), 4711);
	identity_end(&identity);
	start(folder_file);
	kept = identity_instance(&identity);
	ck_assert(uuid_equal(&renewed, &kept));
	identity_end(&identity);
	folder_remove();
}
END_TEST

START_TEST(a_state_file_that_was_put_back_catches_up)
{
	folder_make();
	start(folder_file);
	ck_assert_uint_eq(identity_next_attempt(&identity), 1);
	ck_assert(!identity_catch_up(&identity, 0));
	ck_assert_uint_eq(identity_next_attempt(&identity), 2);
	ck_assert(identity_catch_up(&identity, 2));
	ck_assert_uint_eq(identity_next_attempt(&identity), 3);
	ck_assert(identity_catch_up(&identity, 5000));
	ck_assert(!identity_catch_up(&identity, 4999));
	ck_assert_uint_eq(identity_next_attempt(&identity), 5001);
	/* What would leave no room to count on is no help. */
	ck_assert(!identity_catch_up(&identity, INT64_MAX));
	ck_assert_uint_eq(identity_next_attempt(&identity), 5002);
	identity_end(&identity);
	start(folder_file);
	ck_assert_uint_gt(identity_next_attempt(&identity), 5002);
	identity_end(&identity);
	folder_remove();
}
END_TEST

START_TEST(what_was_written_is_read_again_also_at_the_highest_attempt)
{
	struct uuid kept;

	folder_make();
	start(folder_file);
	kept = identity_instance(&identity);
	ck_assert(!identity_catch_up(&identity, INT64_MAX - 1000));
	ck_assert(identity_catch_up(&identity, INT64_MAX - 2000));
	identity_end(&identity);
	for (int i = 0; i < 3; i++) {
		struct uuid again;

		start(folder_file);
		again = identity_instance(&identity);
		ck_assert(uuid_equal(&again, &kept));
		ck_assert_uint_gt(identity_next_attempt(&identity),
		    (uint64_t)INT64_MAX - 2000);
		identity_end(&identity);
	}
	folder_remove();
}
END_TEST

START_TEST(nobody_waits_for_the_disk_for_long)
{
	folder_make();
	disk_set(true, false);
	/* Here each that waits for the disk would wait for ever. */
	start(folder_file);
	identity_set_port(&identity, 4711);
	for (uint64_t attempt = 1; attempt <= 2500; attempt++)
		ck_assert_uint_eq(identity_next_attempt(&identity), attempt);
	identity_renew(&identity);
	(void)identity_catch_up(&identity, 5000);
	identity_set_port(&identity, 4712);
	ck_assert_int_eq(
	    identity_stop(&identity, clock_now_ms() + 50), ERROR_TIMEOUT);
	ck_assert_uint_eq(disk_begun(), 1);
	disk_set(false, false);
	identity_end(&identity);
	/* What came meanwhile is written together: each time the file and its
	 * folder. */
	ck_assert_uint_eq(disk_begun(), 4);
	start(folder_file);
	ck_assert_uint_gt(identity_next_attempt(&identity), 5000);
	ck_assert_uint_eq(identity_port(&identity), 4712);
	identity_end(&identity);
	folder_remove();
}
END_TEST

static unsigned long
attempt_in_file(void)
{
	const char *attempt = strstr(folder_read(), "\"attempt\":");

	ck_assert_ptr_nonnull(attempt);
	return strtoul(attempt + strlen("\"attempt\":"), NULL, 10);
}

START_TEST(attempts_are_reserved_before_they_are_used)
{
	uint64_t attempt = 0;

	folder_make();
	start(folder_file);
	for (int i = 0; i < 600; i++) {
		attempt = identity_next_attempt(&identity);
		if (i % 20 == 0)
			saver_wait(&identity.saver, CLOCK_NEVER);
		ck_assert_uint_gt(attempt_in_file(), attempt);
	}
	/* Flash is spared, ... */
	ck_assert_uint_le(disk_begun(), 2 * (1 + 2));
	/* ... and there are some for as long as the disk is slow. */
	disk_set(true, false);
	for (int i = 0; i < 400; i++)
		attempt = identity_next_attempt(&identity);
	ck_assert_uint_gt(attempt_in_file(), attempt);
	disk_set(false, false);
	identity_end(&identity);
	folder_remove();
}
END_TEST

SUITE_MAIN("identity", attempts_count_up_from_one,
    without_a_file_each_process_is_another,
    with_a_file_it_is_the_same_after_a_restart,
    a_restart_before_the_first_attempt_counts_on, content_of_no_use_is_replaced,
    a_process_has_a_name_that_is_not_kept,
    who_takes_a_new_identity_keeps_it_and_the_port,
    a_state_file_that_was_put_back_catches_up,
    a_new_port_is_written_at_once_but_not_all_the_time,
    what_changes_once_the_file_was_written_is_written_too,
    what_was_written_is_read_again_also_at_the_highest_attempt,
    nobody_waits_for_the_disk_for_long,
    attempts_are_reserved_before_they_are_used)
