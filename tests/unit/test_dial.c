/*
 * What dial.h promises: the first address that answers, and soon. dial.c is part
 * of this program: its clock goes on by what it waits for in vain, so that turns
 * are counted to the millisecond, however slow the machine is.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"

static int64_t clock_of_case(void);
static int left_of_case(int64_t deadline_ms);
static int poll_of_case(struct pollfd *slots, nfds_t count, int timeout_ms);

#define clock_now_ms  clock_of_case
#define clock_left_ms left_of_case
#define poll          poll_of_case
#include "net/dial.c" /* NOLINT(bugprone-suspicious-include) */
#undef clock_now_ms
#undef clock_left_ms
#undef poll

#include "os/wakeup.h"
#include "sockets.h"
#include "suite.h"

static struct resolve_list list;
static struct dial dial;
static int64_t time_ms = 4711;
/* Milliseconds that pass in each of the case's. */
static int slowness = 1;

static int64_t
clock_of_case(void)
{
	return time_ms;
}

static int
left_of_case(int64_t deadline_ms)
{
	if (deadline_ms == CLOCK_NEVER)
		return -1;
	return deadline_ms > time_ms ? (int)(deadline_ms - time_ms) : 0;
}

static int
poll_of_case(struct pollfd *slots, nfds_t count, int timeout_ms)
{
	int result = poll(
	    slots, count, timeout_ms > 0 ? timeout_ms * slowness : timeout_ms);

	if (result == 0)
		time_ms += timeout_ms;
	return result;
}

/* An address that listens. */
static int
add_good(void)
{
	return sockets_listen(&list.addresses[list.count++], 16);
}

/* One that refuses: nobody can get the port while it is bound. */
static int
add_refusing(void)
{
	struct address *address = &list.addresses[list.count++];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert(address_parse("127.0.0.1", 0, address));
	ck_assert_int_eq(
	    bind(fd, &address->socket.generic, address->length), 0);
	ck_assert(address_of_socket(fd, address));
	/* So that the refusal arrives before it is the next one's turn. */
	slowness = 4;
	return fd;
}

/*
 * One that does not answer: its queue is full, so that Linux drops the SYN. The
 * connections that fill it are closed with the process.
 */
static void
add_dead(void)
{
	struct address *address = &list.addresses[list.count++];
	int listener = sockets_listen(address, 0);
	int fd;

	ck_assert_int_ne(listener, -1);
	do {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_eq(fd_prepare(fd), ERROR_NONE);
		if (connect(fd, &address->socket.generic, address->length) ==
		    -1)
			ck_assert_int_eq(errno, EINPROGRESS);
	} while (sockets_wait(fd, POLLOUT, 100) != 0);
}

static void
start(int patience_ms)
{
	dial_start(&dial, &list, time_ms + patience_ms);
}

static enum error
drive(void)
{
	struct dial *dials[] = {&dial};

	return dial_wait(dials, 1, false, CLOCK_NEVER, -1);
}

/* Expect that it is connected to this address. */
static void
assert_connected_to(unsigned number)
{
	struct address peer;

	ck_assert_int_eq(drive(), ERROR_NONE);
	ck_assert_int_eq(dial.state, DIAL_DONE);
	ck_assert_int_ne(dial.fd, -1);
	ck_assert(address_of_peer(dial.fd, &peer));
	ck_assert(address_equal(&peer, &list.addresses[number]));
	ck_assert(address_equal(&dial.peer, &list.addresses[number]));
}

/* Expect the failure, and the address in the reason. */
static void
assert_fails_at(unsigned number, int failure)
{
	char text[DIAL_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];

	ck_assert_int_eq(drive(), ERROR_NONE);
	ck_assert_int_eq(dial.state, DIAL_FAILED);
	ck_assert_int_eq(dial.fd, -1);
	dial_reason(&dial, text);
	address_print(&list.addresses[number], address);
	ck_assert_msg(strstr(text, address) != NULL, "%s", text);
	ck_assert_msg(strstr(text, strerror(failure)) != NULL, "%s", text);
}

START_TEST(one_that_listens_is_connected)
{
	int flags;

	add_good();
	start(SOCKETS_PATIENCE_MS);
	assert_connected_to(0);
	flags = fcntl(dial.fd, F_GETFL);
	ck_assert_int_ne(flags & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(dial.fd, F_GETFD), FD_CLOEXEC);
	dial_end(&dial);
	ck_assert_int_eq(dial.fd, -1);
	dial_end(&dial);
}
END_TEST

START_TEST(whoever_takes_the_descriptor_keeps_it)
{
	int fd;

	add_good();
	start(SOCKETS_PATIENCE_MS);
	assert_connected_to(0);
	fd = dial.fd;
	dial.fd = -1;
	dial_end(&dial);
	ck_assert_int_ne(fcntl(fd, F_GETFD), -1);
	close(fd);
}
END_TEST

START_TEST(one_that_refuses_fails_and_says_so)
{
	add_refusing();
	start(SOCKETS_PATIENCE_MS);
	assert_fails_at(0, ECONNREFUSED);
	dial_end(&dial);
}
END_TEST

START_TEST(behind_one_that_refuses_the_next_is_tried_at_once)
{
	int64_t start_ms = time_ms;

	for (int i = 0; i < 7; i++)
		add_refusing();
	add_good();
	start(SOCKETS_PATIENCE_MS);
	assert_connected_to(7);
	ck_assert_int_eq(time_ms, start_ms);
	dial_end(&dial);
}
END_TEST

/* One that does not answer yet is no reason to wait before the next. */
START_TEST(behind_one_that_refuses_the_next_is_tried_at_once_beside_a_dead_one)
{
	int64_t start_ms = time_ms;

	add_dead();
	for (int i = 0; i < 6; i++)
		add_refusing();
	add_good();
	start(SOCKETS_PATIENCE_MS);
	assert_connected_to(7);
	ck_assert_int_eq(time_ms - start_ms, DIAL_STAGGER_MS);
	dial_end(&dial);
}
END_TEST

START_TEST(when_all_refuse_the_last_one_is_named)
{
	add_refusing();
	add_refusing();
	add_refusing();
	start(SOCKETS_PATIENCE_MS);
	assert_fails_at(2, ECONNREFUSED);
}
END_TEST

START_TEST(a_dead_address_costs_a_quarter_of_a_second)
{
	int64_t start_ms = time_ms;

	add_dead();
	add_good();
	start(SOCKETS_PATIENCE_MS);
	assert_connected_to(1);
	ck_assert_int_eq(time_ms - start_ms, 250);
	dial_end(&dial);
}
END_TEST

START_TEST(two_dead_addresses_cost_two_quarters)
{
	int64_t start_ms = time_ms;

	add_dead();
	add_dead();
	add_good();
	start(SOCKETS_PATIENCE_MS);
	assert_connected_to(2);
	ck_assert_int_eq(time_ms - start_ms, 2 * DIAL_STAGGER_MS);
	dial_end(&dial);
}
END_TEST

START_TEST(a_dead_address_alone_fails_at_the_deadline)
{
	int64_t start_ms = time_ms;

	add_dead();
	start(300);
	assert_fails_at(0, ETIMEDOUT);
	ck_assert_int_eq(time_ms - start_ms, 300);
	dial_end(&dial);
}
END_TEST

START_TEST(a_dead_address_is_tried_anew_if_so_asked)
{
	char text[DIAL_TEXT_SIZE];
	struct pollfd slots[DIAL_SLOTS];
	int64_t wake_ms = CLOCK_NEVER;

	add_dead();
	dial_start_again(&dial, &list, time_ms + 350, 100);
	ck_assert_uint_eq(dial_poll(&dial, slots, &wake_ms), 1);
	ck_assert_int_eq(wake_ms, time_ms + 100);
	assert_fails_at(0, ETIMEDOUT);
	/* At 0, 100, 200 and 300 ms */
	ck_assert_uint_eq(dial.next, 4);
	dial_reason(&dial, text);
	ck_assert_msg(strstr(text, "and so at") == NULL, "%s", text);
	dial_end(&dial);
}
END_TEST

/* There are slots for so many, and the deadline counts all the same. */
START_TEST(attempts_anew_are_bounded)
{
	add_dead();
	dial_start_again(&dial, &list, time_ms + 100, 1);
	assert_fails_at(0, ETIMEDOUT);
	ck_assert_uint_eq(dial.next, DIAL_SLOTS);
	dial_end(&dial);
}
END_TEST

/* Whatever time the refusal takes to arrive: it ends the wait for a second try. */
START_TEST(what_refuses_is_not_tried_anew)
{
	add_refusing();
	dial_start_again(&dial, &list, time_ms + SOCKETS_PATIENCE_MS,
	    SOCKETS_PATIENCE_MS / 2);
	assert_fails_at(0, ECONNREFUSED);
	ck_assert_uint_eq(dial.next, 1);
	dial_end(&dial);
}
END_TEST

/* The first and the second take turns, in vain; the refusal is that of one. */
START_TEST(beside_a_dead_one_a_refusal_is_asked_again_in_its_turn)
{
	add_dead();
	add_refusing();
	dial_start_again(&dial, &list, time_ms + 1000, 200);
	ck_assert_int_eq(drive(), ERROR_NONE);
	ck_assert_int_eq(dial.state, DIAL_FAILED);
	/* Two in 250 ms, then 200 ms of rest, then again: the dead one at 0, 450
	 * and 900 ms, the other at 250 and 700 ms. */
	ck_assert_uint_eq(dial.next, 5);
	dial_end(&dial);
}
END_TEST

/* A refusal behind it neither ends the attempt nor hides the time-out. */
START_TEST(a_refusal_does_not_end_the_other_attempt)
{
	int64_t start_ms = time_ms;

	add_dead();
	add_refusing();
	start(500);
	ck_assert_int_eq(drive(), ERROR_NONE);
	ck_assert_int_eq(dial.state, DIAL_FAILED);
	ck_assert_int_eq(time_ms - start_ms, 500);
	dial_end(&dial);
}
END_TEST

START_TEST(a_deadline_that_has_passed_fails_at_once)
{
	add_dead();
	start(-1);
	ck_assert_int_eq(dial.state, DIAL_FAILED);
	dial_end(&dial);
}
END_TEST

START_TEST(another_that_failed_alike_is_named)
{
	char text[DIAL_TEXT_SIZE], expected[DIAL_TEXT_SIZE];
	char first[ADDRESS_TEXT_SIZE], second[ADDRESS_TEXT_SIZE];

	for (unsigned i = 0; i < 3; i++)
		add_refusing();
	start(SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(drive(), ERROR_NONE);
	dial_reason(&dial, text);
	address_print(&list.addresses[1], first);
	address_print(&list.addresses[2], second);
	snprintf(expected, sizeof expected, "%s: %s (and so at %s)", second,
	    strerror(ECONNREFUSED), first);
	ck_assert_str_eq(text, expected);
	dial_end(&dial);
}
END_TEST

START_TEST(no_address_is_a_failure)
{
	char text[DIAL_TEXT_SIZE];

	start(SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(dial.state, DIAL_FAILED);
	dial_reason(&dial, text);
	ck_assert_str_ne(text, "");
	dial_end(&dial);
}
END_TEST

START_TEST(nothing_is_legal_too)
{
	struct pollfd slots[DIAL_SLOTS];
	int64_t wake_ms = 4711;

	dial_none(&dial);
	ck_assert_int_eq(dial.state, DIAL_FAILED);
	ck_assert_int_eq(dial.fd, -1);
	ck_assert_uint_eq(dial_poll(&dial, slots, &wake_ms), 0);
	ck_assert_int_eq(wake_ms, 4711);
	dial_step(&dial);
	ck_assert_int_eq(dial.state, DIAL_FAILED);
	dial_end(&dial);
}
END_TEST

/* The lowest descriptor that is free. */
static int
lowest_free(void)
{
	int fd = dup(STDIN_FILENO);

	ck_assert_int_ne(fd, -1);
	close(fd);
	return fd;
}

/* A dial may be kept for as long as its connection. */
START_TEST(who_lost_is_closed_at_once)
{
	int before;

	add_dead();
	add_good();
	before = lowest_free();
	start(SOCKETS_PATIENCE_MS);
	assert_connected_to(1);
	/* The first attempt had this one, and the second has the next. */
	ck_assert_int_eq(lowest_free(), before);
	ck_assert_int_gt(dial.fd, before);
	dial_end(&dial);
}
END_TEST

START_TEST(its_owner_may_drive_it_by_poll)
{
	struct pollfd slots[DIAL_SLOTS];
	int64_t wake_ms = CLOCK_NEVER;

	add_dead();
	add_good();
	start(SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(dial.state, DIAL_GOING);
	ck_assert_uint_eq(dial_poll(&dial, slots, &wake_ms), 1);
	ck_assert_int_eq(slots[0].events, POLLOUT);
	ck_assert_int_eq(wake_ms, time_ms + DIAL_STAGGER_MS);
	/* Too early: nothing happens. */
	dial_step(&dial);
	wake_ms = 5;
	ck_assert_uint_eq(dial_poll(&dial, slots, &wake_ms), 1);
	ck_assert_int_eq(wake_ms, 5);
	while (dial.state == DIAL_GOING) {
		unsigned used;

		wake_ms = CLOCK_NEVER;
		used = dial_poll(&dial, slots, &wake_ms);
		ck_assert_int_ne(
		    poll_of_case(slots, used, left_of_case(wake_ms)), -1);
		dial_step(&dial);
	}
	ck_assert_int_eq(dial.state, DIAL_DONE);
	ck_assert_uint_eq(dial_poll(&dial, slots, &wake_ms), 0);
	dial_end(&dial);
}
END_TEST

START_TEST(a_stop_ends_the_wait)
{
	struct dial *dials[] = {&dial};
	struct wakeup wakeup;

	ck_assert_int_eq(wakeup_open(&wakeup), ERROR_NONE);
	add_dead();
	start(SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(
	    dial_wait(dials, 1, false, time_ms + 50, wakeup.read_fd),
	    ERROR_TIMEOUT);
	ck_assert_int_eq(dial.state, DIAL_GOING);
	wakeup_send(&wakeup);
	ck_assert_int_eq(
	    dial_wait(dials, 1, false, CLOCK_NEVER, wakeup.read_fd),
	    ERROR_STOPPED);
	ck_assert_int_eq(dial.state, DIAL_GOING);
	dial_end(&dial);
	ck_assert_int_eq(dial.state, DIAL_FAILED);
	wakeup_close(&wakeup);
}
END_TEST

START_TEST(two_are_driven_at_the_same_time)
{
	static struct resolve_list others;
	struct dial other;
	struct dial *dials[] = {&dial, &other};
	int64_t start_ms = time_ms;

	add_dead();
	add_good();
	others.addresses[0] = list.addresses[0];
	others.addresses[1] = list.addresses[1];
	others.count = 2;
	dial_start(&dial, &list, start_ms + SOCKETS_PATIENCE_MS);
	dial_start(&other, &others, start_ms + SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(
	    dial_wait(dials, 2, false, CLOCK_NEVER, -1), ERROR_NONE);
	ck_assert_int_eq(dial.state, DIAL_DONE);
	ck_assert_int_eq(other.state, DIAL_DONE);
	/* Side by side, not one behind the other. */
	ck_assert_int_eq(time_ms - start_ms, DIAL_STAGGER_MS);
	dial_end(&dial);
	dial_end(&other);
}
END_TEST

START_TEST(any_of_two_is_enough_if_so_asked)
{
	static struct resolve_list others;
	struct dial other;
	struct dial *dials[] = {&other, &dial};

	add_dead();
	others = list;
	list.count = 0;
	dial_start(&other, &others, time_ms + SOCKETS_PATIENCE_MS);
	add_good();
	start(SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(
	    dial_wait(dials, 2, true, CLOCK_NEVER, -1), ERROR_NONE);
	ck_assert_int_eq(dial.state, DIAL_DONE);
	ck_assert_int_eq(other.state, DIAL_GOING);
	dial_end(&other);
	dial_end(&dial);
	/* A failure is final, too. */
	dial_none(&dial);
	dial_start(&other, &others, time_ms + SOCKETS_PATIENCE_MS);
	ck_assert_int_eq(
	    dial_wait(dials, 2, true, CLOCK_NEVER, -1), ERROR_NONE);
	ck_assert_int_eq(other.state, DIAL_GOING);
	dial_end(&other);
}
END_TEST

SUITE_MAIN("dial", one_that_listens_is_connected,
    whoever_takes_the_descriptor_keeps_it, one_that_refuses_fails_and_says_so,
    behind_one_that_refuses_the_next_is_tried_at_once,
    behind_one_that_refuses_the_next_is_tried_at_once_beside_a_dead_one,
    when_all_refuse_the_last_one_is_named,
    a_dead_address_costs_a_quarter_of_a_second,
    two_dead_addresses_cost_two_quarters,
    a_dead_address_alone_fails_at_the_deadline,
    a_dead_address_is_tried_anew_if_so_asked, attempts_anew_are_bounded,
    what_refuses_is_not_tried_anew,
    beside_a_dead_one_a_refusal_is_asked_again_in_its_turn,
    a_refusal_does_not_end_the_other_attempt,
    a_deadline_that_has_passed_fails_at_once, no_address_is_a_failure,
    another_that_failed_alike_is_named, nothing_is_legal_too,
    who_lost_is_closed_at_once, its_owner_may_drive_it_by_poll,
    a_stop_ends_the_wait, two_are_driven_at_the_same_time,
    any_of_two_is_enough_if_so_asked)
