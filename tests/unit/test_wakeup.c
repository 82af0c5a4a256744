/* What wakeup.h promises, of the variant that is built in. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os/wakeup.h"
#include "sockets.h"
#include "suite.h"

static struct wakeup wakeup = WAKEUP_INITIALIZER;

static void
start(void)
{
	ck_assert_int_eq(wakeup_open(&wakeup), ERROR_NONE);
	ck_assert_int_ne(wakeup.read_fd, -1);
}

START_TEST(it_is_quiet_until_it_is_sent_and_until_it_is_cleared)
{
	start();
	ck_assert(!sockets_is_readable(wakeup.read_fd));
	wakeup_send(&wakeup);
	ck_assert(sockets_is_readable(wakeup.read_fd));
	ck_assert(sockets_is_readable(wakeup.read_fd));
	wakeup_clear(&wakeup);
	ck_assert(!sockets_is_readable(wakeup.read_fd));
	wakeup_send(&wakeup);
	ck_assert(sockets_is_readable(wakeup.read_fd));
	wakeup_close(&wakeup);
}
END_TEST

START_TEST(however_often_it_is_sent_one_clear_is_enough)
{
	start();
	for (int i = 0; i < 100000; i++)
		wakeup_send(&wakeup);
	ck_assert(sockets_is_readable(wakeup.read_fd));
	wakeup_clear(&wakeup);
	ck_assert(!sockets_is_readable(wakeup.read_fd));
	/* None of it waits, also when there is nothing to clear. */
	wakeup_clear(&wakeup);
	ck_assert(!sockets_is_readable(wakeup.read_fd));
	wakeup_send(&wakeup);
	ck_assert(sockets_is_readable(wakeup.read_fd));
	wakeup_close(&wakeup);
}
END_TEST

START_TEST(errno_is_kept)
{
	start();
	errno = 4711;
	for (int i = 0; i < 100000; i++)
		wakeup_send(&wakeup);
	ck_assert_int_eq(errno, 4711);
	wakeup_clear(&wakeup);
	wakeup_clear(&wakeup);
	ck_assert_int_eq(errno, 4711);
	wakeup_close(&wakeup);
	ck_assert_int_eq(errno, 4711);
}
END_TEST

START_TEST(it_goes_away_when_another_program_starts)
{
	start();
	ck_assert_int_eq(fcntl(wakeup.read_fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(wakeup.write_fd, F_GETFD), FD_CLOEXEC);
	wakeup_close(&wakeup);
}
END_TEST

START_TEST(it_may_be_closed_more_than_once)
{
	static struct wakeup never = WAKEUP_INITIALIZER;
	int fd;

	start();
	fd = wakeup.read_fd;
	wakeup_close(&wakeup);
	ck_assert_int_eq(wakeup.read_fd, -1);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	wakeup_close(&wakeup);
	wakeup_close(&never);
}
END_TEST

START_TEST(without_descriptors_nothing_is_open)
{
	struct rlimit limit, before;
	int lowest = dup(STDIN_FILENO);

	ck_assert_int_ne(lowest, -1);
	close(lowest);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)lowest;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(wakeup_open(&wakeup), ERROR_RESOURCES);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_int_eq(wakeup.read_fd, -1);
	ck_assert_int_eq(wakeup.write_fd, -1);
	wakeup_close(&wakeup);
	/* A sanitizer wants one when the case ends. */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

static void *
send_one(void *argument)
{
	(void)argument;
	wakeup_send(&wakeup);
	return NULL;
}

START_TEST(another_thread_wakes_who_polls)
{
	pthread_t thread;

	start();
	ck_assert_int_eq(pthread_create(&thread, NULL, send_one, NULL), 0);
	ck_assert_int_ne(
	    sockets_wait(wakeup.read_fd, POLLIN, SOCKETS_PATIENCE_MS), 0);
	pthread_join(thread, NULL);
	wakeup_close(&wakeup);
}
END_TEST

SUITE_MAIN("wakeup", it_is_quiet_until_it_is_sent_and_until_it_is_cleared,
    however_often_it_is_sent_one_clear_is_enough, errno_is_kept,
    it_goes_away_when_another_program_starts, it_may_be_closed_more_than_once,
    without_descriptors_nothing_is_open, another_thread_wakes_who_polls)
