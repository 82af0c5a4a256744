/* What stream_directory.h promises. */
#include "base/random.h"
#include "sockets.h"
#include "stream/stream_directory.h"
#include "suite.h"

static struct stream_directory directory;
static struct stream_entry entries[3];
static int ours[3];
static int theirs[3];
/* Stand for principals; nobody looks into them. */
static int principals[2];

#define PRINCIPAL(i) ((const struct principal *)(const void *)&principals[i])

static void
begin(unsigned count)
{
	memset(&directory, 0, sizeof directory);
	memset(entries, 0, sizeof entries);
	stream_directory_init(&directory);
	for (unsigned i = 0; i < count; i++) {
		entries[i].id.bytes[0] = (uint8_t)i;
		entries[i].principal = PRINCIPAL(0);
		entries[i].group = &ours[i];
		atomic_store(&entries[i].heard_ms, 1000 * (int64_t)i);
		ck_assert(stream_directory_enter(&directory, &entries[i]));
		sockets_tcp(&ours[i], &theirs[i], 0);
		stream_directory_watch(&directory, &entries[i], ours[i], i);
	}
}

static void
finish(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		stream_directory_leave(&directory, &entries[i]);
		close(ours[i]);
		close(theirs[i]);
	}
	stream_directory_destroy(&directory);
}

static struct stream_news
connection_of(int fd, uint32_t attempt)
{
	return (struct stream_news){
	    .data = transport_of(fd), .attempt = attempt};
}

START_TEST(an_id_is_entered_once)
{
	struct stream_entry twin = {.principal = PRINCIPAL(1)};

	begin(2);
	twin.id = entries[1].id;
	ck_assert(stream_directory_has(&directory, &twin.id));
	ck_assert(!stream_directory_enter(&directory, &twin));
	stream_directory_leave(&directory, &entries[1]);
	ck_assert(!stream_directory_has(&directory, &twin.id));
	ck_assert(stream_directory_enter(&directory, &twin));
	stream_directory_leave(&directory, &twin);
	ck_assert(stream_directory_enter(&directory, &entries[1]));
	finish(2);
}
END_TEST

START_TEST(a_data_connection_is_brought_and_wakes)
{
	struct stream_news news;
	int mine, far;

	begin(2);
	ck_assert(!stream_directory_take(&directory, &entries[1], &news));
	sockets_tcp(&mine, &far, 0);
	news = connection_of(mine, 7);
	news.place = (struct stream_place){11, 13};
	ck_assert(stream_directory_bring(
	    &directory, &entries[1].id, PRINCIPAL(0), &news));
	/* By the end of what it has; the others notice nothing. */
	sockets_expect_end(ours[1]);
	ck_assert(!sockets_is_readable(ours[0]));
	ck_assert(!sockets_is_readable(theirs[1]));
	ck_assert(stream_directory_take(&directory, &entries[1], &news));
	ck_assert_int_eq(transport_fd(&news.data), mine);
	ck_assert_uint_eq(news.attempt, 7);
	ck_assert_uint_eq(news.place.received, 11);
	ck_assert_uint_eq(news.place.limit, 13);
	ck_assert(!news.is_unknown && !news.is_lost);
	ck_assert(!stream_directory_take(&directory, &entries[1], &news));
	close(mine);
	close(far);
	finish(2);
}
END_TEST

START_TEST(only_its_principal_brings_or_disowns)
{
	struct stream_news news;
	int mine, far;

	begin(1);
	sockets_tcp(&mine, &far, 0);
	news = connection_of(mine, 1);
	ck_assert(!stream_directory_bring(
	    &directory, &entries[0].id, PRINCIPAL(1), &news));
	ck_assert(
	    !stream_directory_bring(&directory, &entries[0].id, NULL, &news));
	stream_directory_disown(&directory, &entries[0].id, PRINCIPAL(1));
	ck_assert(!stream_directory_take(&directory, &entries[0], &news));
	ck_assert(!sockets_is_readable(ours[0]));
	stream_directory_disown(&directory, &entries[0].id, PRINCIPAL(0));
	ck_assert(stream_directory_take(&directory, &entries[0], &news));
	ck_assert(news.is_unknown);
	ck_assert(!transport_is_open(&news.data));
	close(mine);
	close(far);
	finish(1);
}
END_TEST

START_TEST(the_higher_attempt_is_kept_and_the_other_closed)
{
	struct stream_news news;
	int mine[2], far[2];

	begin(1);
	for (int i = 0; i < 2; i++)
		sockets_tcp(&mine[i], &far[i], 0);
	/* In either order. */
	news = connection_of(mine[0], _i == 0 ? 5 : 4);
	ck_assert(stream_directory_bring(
	    &directory, &entries[0].id, PRINCIPAL(0), &news));
	news = connection_of(mine[1], _i == 0 ? 4 : 5);
	ck_assert(stream_directory_bring(
	    &directory, &entries[0].id, PRINCIPAL(0), &news));
	ck_assert(stream_directory_take(&directory, &entries[0], &news));
	ck_assert_uint_eq(news.attempt, 5);
	ck_assert_int_eq(transport_fd(&news.data), mine[_i]);
	sockets_expect_end(far[!_i]);
	close(mine[_i]);
	close(far[0]);
	close(far[1]);
	finish(1);
}
END_TEST

START_TEST(a_late_attempt_is_closed_and_wakes_nobody)
{
	struct stream_news news;
	int mine, far;

	begin(1);
	stream_directory_watch(&directory, &entries[0], ours[0], 5);
	sockets_tcp(&mine, &far, 0);
	news = connection_of(mine, (uint32_t)_i);
	ck_assert(stream_directory_bring(
	    &directory, &entries[0].id, PRINCIPAL(0), &news));
	/* 0 is that of a second OPEN, which is never late. */
	if (_i == 0 || _i > 5) {
		ck_assert(
		    stream_directory_take(&directory, &entries[0], &news));
		close(mine);
	} else {
		sockets_expect_end(far);
		ck_assert(!sockets_is_readable(ours[0]));
		ck_assert(
		    !stream_directory_take(&directory, &entries[0], &news));
	}
	close(far);
	finish(1);
}
END_TEST

START_TEST(without_a_data_connection_a_wake_up_wakes)
{
	struct stream_news news;
	int fd;

	begin(1);
	fd = stream_directory_watch(&directory, &entries[0], -1, 3);
	ck_assert_int_ne(fd, -1);
	ck_assert(!sockets_is_readable(fd));
	/* The same as long as there is none. */
	ck_assert_int_eq(
	    stream_directory_watch(&directory, &entries[0], -1, 3), fd);
	ck_assert(stream_directory_lose(&directory, &entries[0].id, 3));
	ck_assert(sockets_is_readable(fd));
	ck_assert(!sockets_is_readable(ours[0]));
	ck_assert(stream_directory_take(&directory, &entries[0], &news));
	ck_assert(news.is_lost);
	ck_assert_uint_eq(news.lost_attempt, 3);
	ck_assert(!sockets_is_readable(fd));
	ck_assert_int_eq(
	    stream_directory_watch(&directory, &entries[0], ours[0], 4), -1);
	finish(1);
}
END_TEST

START_TEST(lost_of_an_earlier_attempt_breaks_nothing)
{
	struct stream_news news;
	struct uuid other = {{99}};

	begin(1);
	stream_directory_watch(&directory, &entries[0], ours[0], 4);
	ck_assert(stream_directory_lose(&directory, &entries[0].id, 3));
	ck_assert(!stream_directory_take(&directory, &entries[0], &news));
	ck_assert(!sockets_is_readable(ours[0]));
	ck_assert(stream_directory_lose(&directory, &entries[0].id, 4));
	ck_assert(stream_directory_take(&directory, &entries[0], &news));
	sockets_expect_end(ours[0]);
	ck_assert(!stream_directory_lose(&directory, &other, 4));
	finish(1);
}
END_TEST

START_TEST(those_that_were_not_heard_are_broken)
{
	begin(3);
	ck_assert_uint_eq(
	    stream_directory_break(&directory, &ours[2], 2000, 10), 0);
	ck_assert_uint_eq(
	    stream_directory_break(&directory, &ours[1], 2000, 10), 1);
	sockets_expect_end(ours[1]);
	ck_assert(!sockets_is_readable(ours[0]));
	stream_directory_watch(&directory, &entries[1], -1, 0);
	ck_assert_uint_eq(
	    stream_directory_break(&directory, NULL, 2000, 10), 1);
	sockets_expect_end(ours[0]);
	ck_assert(!sockets_is_readable(ours[2]));
	ck_assert_uint_eq(stream_directory_break(&directory, NULL, 9000, 1), 1);
	finish(3);
}
END_TEST

START_TEST(what_is_left_is_closed)
{
	struct stream_news news;
	int mine, far;

	begin(1);
	sockets_tcp(&mine, &far, 0);
	news = connection_of(mine, 1);
	news.rest = malloc(3);
	news.rest_size = 3;
	ck_assert(stream_directory_bring(
	    &directory, &entries[0].id, PRINCIPAL(0), &news));
	finish(1);
	sockets_expect_end(far);
	close(far);
}
END_TEST

int
main(void)
{
	const TTest *const cases[] = {an_id_is_entered_once,
	    a_data_connection_is_brought_and_wakes,
	    only_its_principal_brings_or_disowns,
	    without_a_data_connection_a_wake_up_wakes,
	    lost_of_an_earlier_attempt_breaks_nothing,
	    those_that_were_not_heard_are_broken, what_is_left_is_closed};
	Suite *suite = suite_create("stream_directory");
	TCase *tcase = tcase_create("stream_directory");

	tcase_set_timeout(tcase, SUITE_TIMEOUT_S);
	for (size_t i = 0; i < SUITE_LENGTH(cases); i++)
		tcase_add_test(tcase, cases[i]);
	tcase_add_loop_test(
	    tcase, the_higher_attempt_is_kept_and_the_other_closed, 0, 2);
	tcase_add_loop_test(
	    tcase, a_late_attempt_is_closed_and_wakes_nobody, 0, 8);
	suite_add_tcase(suite, tcase);
	return suite_finish(suite);
}
