/* What saver.h promises: nobody waits for the disk but the saver's thread. */
#include <pthread.h>

#include "disk.h"
#include "folder.h"
#include "os/saver.h"

/* A state: one number, and how often the file got it. */
static struct {
	struct lock lock;
	/* Under lock. */
	int number;
	unsigned snapshots;
} state = {.lock = LOCK_INITIALIZER(LOCK_RANK_OF_TESTS)};

static struct saver saver;

static bool
restore_number(void *owner, const json_t *object)
{
	const json_t *number = json_object_get(object, "number");

	ck_assert_ptr_eq(owner, &state);
	if (!json_is_integer(number))
		return false;
	state.number = (int)json_integer_value(number);
	return true;
}

static json_t *
snapshot_number(void *owner)
{
	json_t *object;

	ck_assert_ptr_eq(owner, &state);
	lock_take(&state.lock);
	state.snapshots++;
	object = state.number < 0 ? NULL
	                          : json_pack("{s:i}", "number", state.number);
	lock_give(&state.lock);
	return object;
}

static const struct saver_calls calls = {
    .bytes_most = 64,
    .restore = restore_number,
    .snapshot = snapshot_number,
};

static void
start(void)
{
	pid_t holder;

	ck_assert_int_eq(
	    saver_start(&saver, folder_file, &calls, &state, &holder),
	    ERROR_NONE);
}

static void
change(int number, int64_t due_ms)
{
	lock_take(&state.lock);
	state.number = number;
	lock_give(&state.lock);
	saver_ask(&saver, due_ms);
}

static unsigned
snapshots(void)
{
	unsigned count;

	lock_take(&state.lock);
	count = state.snapshots;
	lock_give(&state.lock);
	return count;
}

static int
number_in_file(void)
{
	const char *number = strstr(folder_read(), "\"number\":");

	return number == NULL ? -1 : atoi(number + strlen("\"number\":"));
}

static void
finish(void)
{
	ck_assert_int_eq(
	    saver_stop(&saver, clock_now_ms() + DISK_PATIENCE_MS), ERROR_NONE);
	saver_destroy(&saver);
}

START_TEST(what_is_asked_for_is_written_when_it_is_due)
{
	int64_t due_ms;

	folder_make();
	start();
	due_ms = clock_now_ms() + 1000;
	change(1, due_ms);
	change(2, due_ms + 60000);
	ck_assert_str_eq(folder_read(), "");
	saver_wait(&saver, CLOCK_NEVER); /* nothing is due yet */
	ck_assert_str_eq(folder_read(), "");
	disk_await(&disk.done, 2); /* the file and its folder */
	ck_assert_int_ge(clock_now_ms(), due_ms);
	ck_assert_int_eq(number_in_file(), 2);
	ck_assert_uint_eq(snapshots(), 1);
	finish();
	ck_assert_uint_eq(snapshots(), 1);
	folder_remove();
}
END_TEST

START_TEST(what_was_written_is_restored)
{
	folder_make();
	start();
	change(4711, clock_now_ms());
	saver_wait(&saver, CLOCK_NEVER);
	ck_assert_int_eq(number_in_file(), 4711);
	finish();
	state.number = 0;
	start();
	ck_assert_int_eq(state.number, 4711);
	finish();
	folder_remove();
}
END_TEST

START_TEST(content_of_no_use_is_replaced)
{
	static const char *const bad[] = {"x", "[]", "{}", "null",
	    "{\"number\":1", "{\"number\":\"1\"}", "{\"number\":1} x",
	    "{\"number\":1,\"number\":2}"};

	folder_make();
	for (size_t i = 0; i < SUITE_LENGTH(bad); i++) {
		folder_write(bad[i], strlen(bad[i]));
		state.number = 7;
		start();
		ck_assert_msg(state.number == 7, "used: %s", bad[i]);
		change(8, clock_now_ms());
		finish();
		ck_assert_int_eq(number_in_file(), 8);
	}
	folder_remove();
}
END_TEST

START_TEST(the_stop_writes_what_is_due_later)
{
	folder_make();
	start();
	change(80, clock_now_ms() + 60000);
	finish();
	ck_assert_int_eq(number_in_file(), 80);
	folder_remove();
}
END_TEST

START_TEST(who_asks_does_not_wait_and_the_stop_not_for_ever)
{
	folder_make();
	disk_set(true, false);
	start();
	change(80, clock_now_ms());
	disk_await(&disk.begun, 1);
	/* In time, or the case would end by its timeout. */
	change(81, clock_now_ms());
	saver_wait(&saver, clock_now_ms() + 50);
	ck_assert_int_eq(
	    saver_stop(&saver, clock_now_ms() + 50), ERROR_TIMEOUT);
	ck_assert_str_eq(folder_read(), "");
	ck_assert_uint_eq(disk_begun(), 1);
	disk_set(false, false);
	finish();
	ck_assert_int_eq(number_in_file(), 81);
	folder_remove();
}
END_TEST

static void *
wait_for_the_disk(void *argument)
{
	(void)argument;
	saver_wait(&saver, CLOCK_NEVER);
	return NULL;
}

START_TEST(who_waits_goes_on_when_it_is_written)
{
	pthread_t thread;

	folder_make();
	disk_set(true, false);
	start();
	change(80, clock_now_ms());
	disk_await(&disk.begun, 1);
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, wait_for_the_disk, NULL), 0);
	disk_set(false, false);
	pthread_join(thread, NULL);
	ck_assert_int_eq(number_in_file(), 80);
	finish();
	folder_remove();
}
END_TEST

START_TEST(what_finds_the_disk_full_is_tried_again_but_not_for_every_change)
{
	int64_t begin_ms;
	unsigned tried;

	folder_make();
	disk_set(false, true);
	start();
	begin_ms = clock_now_ms();
	change(80, clock_now_ms());
	saver_wait(&saver, CLOCK_NEVER); /* until it was tried */
	for (int i = 0; i < 100; i++)
		change(81, clock_now_ms());
	saver_wait(&saver, CLOCK_NEVER);
	/* One for each change would be a hundred. */
	tried = snapshots();
	ck_assert_uint_le(
	    tried, 1 + (unsigned)(clock_now_ms() - begin_ms) / SAVER_RETRY_MS);
	/* Nothing changes any more, but that there is room again. */
	disk_set(false, false);
	disk_await(&disk.done, tried + 2);
	ck_assert_int_ge(clock_now_ms(), begin_ms + SAVER_RETRY_MS);
	saver_wait(&saver, CLOCK_NEVER);
	ck_assert_int_eq(number_in_file(), 81);
	/* As before the disk was full. */
	change(82, clock_now_ms());
	saver_wait(&saver, CLOCK_NEVER);
	ck_assert_int_eq(number_in_file(), 82);
	finish();
	folder_remove();
}
END_TEST

START_TEST(a_stop_tries_a_full_disk_once)
{
	folder_make();
	disk_set(false, true);
	start();
	change(80, clock_now_ms());
	saver_wait(&saver, CLOCK_NEVER);
	finish();
	ck_assert_uint_eq(snapshots(), 2);
	ck_assert_str_eq(folder_read(), "");
	folder_remove();
}
END_TEST

START_TEST(want_of_memory_is_tried_again)
{
	folder_make();
	start();
	change(-1, clock_now_ms());
	saver_wait(&saver, CLOCK_NEVER);
	ck_assert_uint_eq(snapshots(), 1);
	state.number = 80;
	finish();
	ck_assert_int_eq(number_in_file(), 80);
	folder_remove();
}
END_TEST

START_TEST(without_a_file_nothing_happens)
{
	pid_t holder;

	ck_assert_int_eq(
	    saver_start(&saver, NULL, &calls, &state, &holder), ERROR_NONE);
	change(80, clock_now_ms());
	saver_wait(&saver, CLOCK_NEVER);
	finish();
	ck_assert_uint_eq(snapshots(), 0);
	ck_assert_uint_eq(disk_begun(), 0);
}
END_TEST

START_TEST(what_cannot_be_opened_is_said)
{
	pid_t holder;

	folder_make();
	ck_assert_int_eq(
	    saver_start(&saver, folder, &calls, &state, &holder), ERROR_SYSTEM);
	/* Legal on one that was not started. */
	saver_ask(&saver, clock_now_ms());
	finish();
	folder_remove();
}
END_TEST

SUITE_MAIN("saver", what_is_asked_for_is_written_when_it_is_due,
    what_was_written_is_restored, content_of_no_use_is_replaced,
    the_stop_writes_what_is_due_later,
    who_asks_does_not_wait_and_the_stop_not_for_ever,
    who_waits_goes_on_when_it_is_written,
    what_finds_the_disk_full_is_tried_again_but_not_for_every_change,
    a_stop_tries_a_full_disk_once, want_of_memory_is_tried_again,
    without_a_file_nothing_happens, what_cannot_be_opened_is_said)
