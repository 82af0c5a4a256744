/* What timer.h promises, of the variant that is built in. */
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/timer.h"
#include "sockets.h"
#include "suite.h"

static int fd = -1;

/* False where the system has none, which is allowed. */
static bool
start(void)
{
	ck_assert_int_eq(timer_open(&fd), ERROR_NONE);
	if (fd != -1)
		ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	return fd != -1;
}

START_TEST(it_comes_at_its_time_and_not_before)
{
	int64_t deadline_ms;

	if (!start())
		return;
	ck_assert(!sockets_is_readable(fd));
	for (int i = 1; i <= 20; i++) {
		deadline_ms = clock_now_ms() + i;
		timer_set(fd, deadline_ms);
		ck_assert_int_ne(
		    sockets_wait(fd, POLLIN, SOCKETS_PATIENCE_MS), 0);
		ck_assert_int_ge(clock_now_ms(), deadline_ms);
	}
	close(fd);
}
END_TEST

START_TEST(a_time_that_has_passed_comes_at_once)
{
	if (!start())
		return;
	timer_set(fd, clock_now_ms() - 1000);
	ck_assert_int_ne(sockets_wait(fd, POLLIN, SOCKETS_PATIENCE_MS), 0);
	timer_set(fd, 0);
	ck_assert_int_ne(sockets_wait(fd, POLLIN, SOCKETS_PATIENCE_MS), 0);
	close(fd);
}
END_TEST

START_TEST(never_turns_it_off)
{
	if (!start())
		return;
	timer_set(fd, clock_now_ms() + 30);
	timer_set(fd, CLOCK_NEVER);
	ck_assert_int_eq(sockets_wait(fd, POLLIN, 120), 0);
	timer_set(fd, clock_now_ms());
	ck_assert_int_ne(sockets_wait(fd, POLLIN, SOCKETS_PATIENCE_MS), 0);
	timer_set(fd, CLOCK_NEVER);
	ck_assert(!sockets_is_readable(fd));
	close(fd);
}
END_TEST

START_TEST(a_later_time_takes_the_place_of_an_earlier_one)
{
	int64_t deadline_ms = clock_now_ms() + 100;

	if (!start())
		return;
	timer_set(fd, clock_now_ms() + 10);
	timer_set(fd, deadline_ms);
	ck_assert_int_ne(sockets_wait(fd, POLLIN, SOCKETS_PATIENCE_MS), 0);
	ck_assert_int_ge(clock_now_ms(), deadline_ms);
	close(fd);
}
END_TEST

START_TEST(without_a_descriptor_nothing_happens)
{
	timer_set(-1, 0);
	timer_set(-1, CLOCK_NEVER);
}
END_TEST

SUITE_MAIN("timer", it_comes_at_its_time_and_not_before,
    a_time_that_has_passed_comes_at_once, never_turns_it_off,
    a_later_time_takes_the_place_of_an_earlier_one,
    without_a_descriptor_nothing_happens)
