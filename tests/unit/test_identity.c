/* What identity.h promises: the same client, and numbers that only grow. */
#include "base/random.h"
#include "client/identity.h"
#include "folder.h"

static struct identity identity;

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

SUITE_MAIN("identity", attempts_count_up_from_one,
    without_a_file_each_process_is_another,
    with_a_file_it_is_the_same_after_a_restart,
    a_restart_before_the_first_attempt_counts_on, content_of_no_use_is_replaced)
