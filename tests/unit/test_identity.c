/*
 * What identity.h promises: the same client, and numbers that only grow. The
 * disk can be stuck: statefile.c is part of this program. So is identity.c, whose
 * clock is the case's.
 */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static int fsync_slow(int fd);

#define fsync fsync_slow
#include "os/statefile.c" /* NOLINT(bugprone-suspicious-include) */
#undef fsync

#include "base/clock.h"

static int64_t clock_of_case(void);

#define clock_now_ms clock_of_case
#include "client/identity.c" /* NOLINT(bugprone-suspicious-include) */
#undef clock_now_ms

#include "base/random.h"
#include "folder.h"

static struct identity identity;
static int64_t time_ms = 4711;

static int64_t
clock_of_case(void)
{
	return time_ms;
}

static struct {
	struct lock lock;
	struct lock_condition changed;
	/* Under lock. */
	bool stuck;
	unsigned begun;
} disk = {.lock = LOCK_INITIALIZER(LOCK_RANK_OF_TESTS)};

static int
fsync_slow(int fd)
{
	(void)fd;
	lock_take(&disk.lock);
	disk.begun++;
	while (disk.stuck)
		lock_condition_wait(&disk.changed, &disk.lock, CLOCK_NEVER);
	lock_give(&disk.lock);
	return 0;
}

static void
set_stuck(bool stuck)
{
	lock_take(&disk.lock);
	disk.stuck = stuck;
	lock_condition_tell(&disk.changed);
	lock_give(&disk.lock);
}

static unsigned
syncs(void)
{
	unsigned begun;

	lock_take(&disk.lock);
	begun = disk.begun;
	lock_give(&disk.lock);
	return begun;
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
	ck_assert_int_eq(identity_due_ms(&identity), CLOCK_NEVER);
	identity_set_port(&identity, 1);
	ck_assert_uint_eq(port_in_file(), 1);
	ck_assert_int_eq(identity_due_ms(&identity), CLOCK_NEVER);
	/* A server that gives another one each time */
	for (uint16_t port = 2; port < 100; port++)
		identity_set_port(&identity, port);
	ck_assert_uint_eq(identity_port(&identity), 99);
	identity_save_if_due(&identity);
	ck_assert_uint_eq(port_in_file(), 1);
	ck_assert_int_eq(
	    identity_due_ms(&identity), time_ms + IDENTITY_SAVE_EVERY_MS);
	time_ms += IDENTITY_SAVE_EVERY_MS - 1;
	identity_save_if_due(&identity);
	ck_assert_uint_eq(port_in_file(), 1);
	time_ms++;
	identity_save_if_due(&identity);
	ck_assert_uint_eq(port_in_file(), 99);
	ck_assert_int_eq(identity_due_ms(&identity), CLOCK_NEVER);
	/* What is due is not lost at the end. */
	identity_set_port(&identity, 100);
	ck_assert_uint_eq(port_in_file(), 99);
	identity_end(&identity);
	ck_assert_uint_eq(port_in_file(), 100);
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

START_TEST(without_a_file_nothing_is_due)
{
	start(NULL);
	identity_set_port(&identity, 1);
	identity_set_port(&identity, 2);
	ck_assert_int_eq(identity_due_ms(&identity), CLOCK_NEVER);
	identity_save_if_due(&identity);
	identity_end(&identity);
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

static void *
set_first_port(void *argument)
{
	(void)argument;
	identity_set_port(&identity, 4711);
	return NULL;
}

START_TEST(who_does_not_write_does_not_wait_for_the_disk)
{
	pthread_t thread;
	unsigned before;

	lock_condition_init(&disk.changed);
	folder_make();
	start(folder_file);
	before = syncs();
	set_stuck(true);
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, set_first_port, NULL), 0);
	while (syncs() == before)
		poll(NULL, 0, 1);
	/* Here each that waits for the disk would wait for ever. */
	ck_assert_uint_eq(identity_port(&identity), 4711);
	for (uint64_t attempt = 1; attempt <= 2500; attempt++)
		ck_assert_uint_eq(identity_next_attempt(&identity), attempt);
	identity_set_port(&identity, 4712);
	ck_assert_uint_eq(syncs(), before + 1);
	set_stuck(false);
	pthread_join(thread, NULL);
	/* Whoever was writing has written what came meanwhile, at once: each time
	 * the file and its folder. */
	ck_assert_uint_eq(syncs(), before + 4);
	statefile_close(&identity.file); /* no more comes into it */
	start(folder_file);
	ck_assert_uint_gt(identity_next_attempt(&identity), 2500);
	ck_assert_uint_eq(identity_port(&identity), 4712);
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
    without_a_file_nothing_is_due,
    who_does_not_write_does_not_wait_for_the_disk)
