/* What transport.h promises of a plain transport: a socket. */

/* The headers of a fortified build have a recv() of their own. */
#undef _FORTIFY_SOURCE

#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>

#include "base/clock.h"
#include "net/sockopt.h"
#include "net/transport.h"
#include "sockets.h"
#include "suite.h"

/* So many calls of recv() and send() fail with EINTR, and then each with failure,
 * unless that is 0. */
static unsigned interruptions;
static int failure;

static bool
fails(void)
{
	if (interruptions > 0) {
		interruptions--;
		errno = EINTR;
		return true;
	}
	errno = failure;
	return failure != 0;
}

/* In place of the system's, so that they can fail. */
ssize_t
recv(int fd, void *bytes, size_t size, int flags)
{
	return fails() ? -1 : recvfrom(fd, bytes, size, flags, NULL, NULL);
}

ssize_t
send(int fd, const void *bytes, size_t size, int flags)
{
	return fails() ? -1 : sendto(fd, bytes, size, flags, NULL, 0);
}

static struct transport transport;
static int theirs;

static void
start_bounded(int buffers)
{
	int ours;

	sockets_tcp(&ours, &theirs, buffers);
	transport = transport_of(ours);
}

static void
start(void)
{
	start_bounded(0);
}

static void
end(void)
{
	transport_close(&transport);
	if (theirs != -1)
		close(theirs);
}

static int64_t
soon(void)
{
	return clock_now_ms() + SOCKETS_PATIENCE_MS;
}

static void
wait_to_read(void)
{
	ck_assert_int_eq(
	    transport_wait(&transport, POLLIN, soon()), ERROR_NONE);
}

/* Read one piece of at most size bytes, and expect text. */
static void
expect_piece(size_t size, const char *text)
{
	char bytes[64] = "";
	size_t got = 0;

	wait_to_read();
	ck_assert_int_eq(
	    transport_read(&transport, bytes, size, &got), ERROR_NONE);
	ck_assert_uint_eq(got, strlen(text));
	ck_assert_mem_eq(bytes, text, got);
}

static enum error
read_byte(void)
{
	size_t got = 99;
	enum error error;
	char byte;

	error = transport_read(&transport, &byte, 1, &got);
	ck_assert_uint_eq(got, error ? 0 : 1);
	return error;
}

static enum error
peek_byte(void)
{
	size_t got = 99;
	enum error error;
	char byte;

	error = transport_peek(&transport, &byte, 1, &got);
	ck_assert_uint_eq(got, error ? 0 : 1);
	return error;
}

static enum error
write_byte(void)
{
	size_t sent = 99;
	enum error error;

	error = transport_write(&transport, "x", 1, &sent);
	ck_assert_uint_eq(sent, error ? 0 : 1);
	return error;
}

static enum error
gather_byte(void)
{
	char byte = 'x';
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	size_t sent = 99;
	enum error error;

	error = transport_gather(&transport, &part, 1, &sent);
	ck_assert_uint_eq(sent, error ? 0 : 1);
	return error;
}

START_TEST(what_comes_is_read_in_pieces_of_any_size)
{
	start();
	sockets_write(theirs, "abcdef");
	expect_piece(1, "a");
	expect_piece(3, "bcd");
	expect_piece(64, "ef");
	ck_assert_int_eq(read_byte(), ERROR_AGAIN);
	sockets_write(theirs, "g");
	expect_piece(64, "g");
	ck_assert_int_eq(read_byte(), ERROR_AGAIN);
	end();
}
END_TEST

START_TEST(an_end_is_told_behind_all_bytes_and_for_ever)
{
	start();
	sockets_write(theirs, "last");
	ck_assert_int_eq(shutdown(theirs, SHUT_WR), 0);
	expect_piece(64, "last");
	wait_to_read();
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(peek_byte(), ERROR_CLOSED);
		ck_assert_int_eq(read_byte(), ERROR_CLOSED);
	}
	/* The other way is open. */
	ck_assert_int_eq(write_byte(), ERROR_NONE);
	sockets_expect(theirs, "x", 1);
	end();
}
END_TEST

START_TEST(a_reset_is_told_as_one)
{
	start();
	sockets_reset(theirs);
	theirs = -1;
	wait_to_read();
	errno = 0;
	ck_assert_int_eq(read_byte(), ERROR_RESET);
	ck_assert_int_eq(errno, ECONNRESET);
	end();
}
END_TEST

START_TEST(whoever_looks_finds_a_reset)
{
	start();
	sockets_reset(theirs);
	theirs = -1;
	wait_to_read();
	ck_assert_int_eq(peek_byte(), ERROR_RESET);
	end();
}
END_TEST

START_TEST(a_look_leaves_the_bytes_where_they_are)
{
	char bytes[8];
	size_t got;

	start();
	ck_assert_int_eq(peek_byte(), ERROR_AGAIN);
	sockets_write(theirs, "abc");
	wait_to_read();
	for (int i = 0; i < 2; i++) {
		got = 0;
		ck_assert_int_eq(
		    transport_peek(&transport, bytes, sizeof bytes, &got),
		    ERROR_NONE);
		ck_assert_uint_eq(got, 3);
		ck_assert_mem_eq(bytes, "abc", 3);
	}
	ck_assert_int_eq(
	    transport_peek(&transport, bytes, 2, &got), ERROR_NONE);
	ck_assert_uint_eq(got, 2);
	expect_piece(64, "abc");
	ck_assert_int_eq(peek_byte(), ERROR_AGAIN);
	end();
}
END_TEST

/* As of the connections of the program. */
START_TEST(an_urgent_byte_is_one_of_them)
{
	start();
	sockopt_keep_urgent(transport_fd(&transport));
	sockets_write(theirs, "ab");
	ck_assert_int_eq(send(theirs, "!", 1, MSG_OOB), 1);
	sockets_write(theirs, "cd");
	for (int i = 0; i < 5; i++) {
		const char expected[] = {"ab!cd"[i], '\0'};

		wait_to_read();
		ck_assert_int_eq(peek_byte(), ERROR_NONE);
		expect_piece(1, expected);
	}
	ck_assert_int_eq(read_byte(), ERROR_AGAIN);
	end();
}
END_TEST

START_TEST(a_socket_that_is_full_takes_nothing_and_then_more)
{
	static const char bytes[65536];
	enum error error;
	size_t written = 0;
	size_t sent;

	start_bounded(16384);
	do {
		sent = 0;
		error = transport_write(&transport, bytes, sizeof bytes, &sent);
		written += sent;
	} while (error == ERROR_NONE);
	ck_assert_int_eq(error, ERROR_AGAIN);
	ck_assert_uint_eq(sent, 0);
	/* It has told how much it took: so much comes, and no more. */
	ck_assert_uint_gt(written, 0);
	while (written > 0) {
		ssize_t got = sockets_read(theirs, (char[65536]){0}, 65536);

		ck_assert_int_gt(got, 0);
		written -= (size_t)got;
	}
	ck_assert_int_eq(
	    transport_wait(&transport, POLLOUT, soon()), ERROR_NONE);
	ck_assert_int_eq(write_byte(), ERROR_NONE);
	sockets_expect(theirs, "x", 1);
	end();
}
END_TEST

START_TEST(parts_are_written_as_if_they_were_one)
{
	char head[] = "head ";
	char tail[] = "tail";
	struct iovec parts[] = {
	    {.iov_base = head, .iov_len = 5},
	    {.iov_base = NULL, .iov_len = 0},
	    {.iov_base = tail, .iov_len = 4},
	};
	size_t sent = 0;

	start();
	ck_assert_int_eq(
	    transport_gather(&transport, parts, 3, &sent), ERROR_NONE);
	ck_assert_uint_eq(sent, 9);
	sockets_expect(theirs, "head tail", 9);
	/* Only so many of them. */
	ck_assert_int_eq(
	    transport_gather(&transport, parts, 1, &sent), ERROR_NONE);
	ck_assert_uint_eq(sent, 5);
	transport_close(&transport);
	sockets_expect(theirs, "head ", 5);
	sockets_expect_end(theirs);
	close(theirs);
}
END_TEST

START_TEST(of_parts_as_much_is_written_as_there_is_room_for)
{
	static char bytes[65536];
	struct iovec parts[] = {
	    {.iov_base = bytes, .iov_len = 1000},
	    {.iov_base = bytes, .iov_len = sizeof bytes},
	};
	enum error error;
	size_t written = 0;
	size_t sent;

	start_bounded(16384);
	do {
		sent = 0;
		error = transport_gather(&transport, parts, 2, &sent);
		written += sent;
	} while (error == ERROR_NONE);
	ck_assert_int_eq(error, ERROR_AGAIN);
	transport_close(&transport);
	while (written > 0) {
		ssize_t got = sockets_read(theirs, bytes, sizeof bytes);

		ck_assert_int_gt(got, 0);
		written -= (size_t)got;
	}
	sockets_expect_end(theirs);
	close(theirs);
}
END_TEST

START_TEST(writing_to_a_peer_that_is_gone_is_a_reset_and_no_signal)
{
	for (int i = 0; i < 2; i++) {
		start();
		sockets_reset(theirs);
		theirs = -1;
		wait_to_read();
		ck_assert_int_eq(read_byte(), ERROR_RESET);
		/* From here on it is EPIPE. */
		ck_assert_int_eq(
		    i == 0 ? write_byte() : gather_byte(), ERROR_RESET);
		ck_assert_int_eq(errno, EPIPE);
		end();
	}
}
END_TEST

START_TEST(an_interrupted_call_is_made_again)
{
	start();
	sockets_write(theirs, "ab");
	wait_to_read();
	interruptions = 3;
	ck_assert_int_eq(peek_byte(), ERROR_NONE);
	ck_assert_uint_eq(interruptions, 0);
	interruptions = 3;
	ck_assert_int_eq(read_byte(), ERROR_NONE);
	ck_assert_uint_eq(interruptions, 0);
	interruptions = 3;
	ck_assert_int_eq(write_byte(), ERROR_NONE);
	ck_assert_uint_eq(interruptions, 0);
	sockets_expect(theirs, "x", 1);
	end();
}
END_TEST

/* TCP gives a connection up, after 15 s or 15 min: no deadline of ours. */
START_TEST(a_connection_that_tcp_gives_up_is_lost_and_not_late)
{
	start();
	failure = ETIMEDOUT;
	ck_assert_int_eq(read_byte(), ERROR_RESET);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_int_eq(peek_byte(), ERROR_RESET);
	ck_assert_int_eq(write_byte(), ERROR_RESET);
	ck_assert_int_eq(errno, ETIMEDOUT);
	failure = 0;
	end();
}
END_TEST

START_TEST(a_failure_of_the_system_is_none_of_the_peer)
{
	start();
	failure = EBADF;
	ck_assert_int_eq(read_byte(), ERROR_SYSTEM);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(write_byte(), ERROR_SYSTEM);
	failure = 0;
	end();
}
END_TEST

/* Also of one whose owner has left it blocking. */
START_TEST(nothing_waits)
{
	static const char bytes[65536];
	enum error error = ERROR_NONE;
	struct iovec part = {.iov_base = (char[65536]){0}, .iov_len = 65536};
	size_t count;
	int flags;

	start_bounded(16384);
	flags = fcntl(transport_fd(&transport), F_GETFL);
	ck_assert_int_eq(
	    fcntl(transport_fd(&transport), F_SETFL, flags & ~O_NONBLOCK), 0);
	ck_assert_int_eq(read_byte(), ERROR_AGAIN);
	ck_assert_int_eq(peek_byte(), ERROR_AGAIN);
	while (error == ERROR_NONE)
		error =
		    transport_write(&transport, bytes, sizeof bytes, &count);
	ck_assert_int_eq(error, ERROR_AGAIN);
	do
		error = transport_gather(&transport, &part, 1, &count);
	while (error == ERROR_NONE);
	ck_assert_int_eq(error, ERROR_AGAIN);
	end();
}
END_TEST

START_TEST(waiting_ends_at_the_deadline)
{
	int64_t deadline_ms;

	start();
	deadline_ms = clock_now_ms() + 150;
	ck_assert_int_eq(
	    transport_wait(&transport, POLLIN, deadline_ms), ERROR_TIMEOUT);
	ck_assert_int_ge(clock_now_ms(), deadline_ms);
	ck_assert_int_eq(transport_wait(&transport, POLLIN, 0), ERROR_TIMEOUT);
	ck_assert_int_eq(transport_wait(&transport, POLLOUT, 0), ERROR_NONE);
	sockets_write(theirs, "x");
	wait_to_read();
	ck_assert_int_eq(transport_wait(&transport, POLLIN, 0), ERROR_NONE);
	end();
}
END_TEST

static void
do_nothing(int number)
{
	(void)number;
}

START_TEST(a_signal_does_not_end_a_wait)
{
	const struct sigaction action = {.sa_handler = do_nothing};
	const struct itimerval often = {{0, 20000}, {0, 20000}};
	const struct itimerval never = {{0, 0}, {0, 0}};
	int64_t deadline_ms;

	start();
	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	deadline_ms = clock_now_ms() + 150;
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	ck_assert_int_eq(
	    transport_wait(&transport, POLLIN, deadline_ms), ERROR_TIMEOUT);
	ck_assert_int_ge(clock_now_ms(), deadline_ms);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	end();
}
END_TEST

START_TEST(waiting_ends_with_the_connection)
{
	start();
	close(theirs);
	theirs = -1;
	wait_to_read();
	end();

	start();
	sockets_reset(theirs);
	theirs = -1;
	wait_to_read();
	end();
}
END_TEST

START_TEST(a_slot_asks_for_what_was_asked)
{
	const struct transport none = TRANSPORT_INITIALIZER;
	struct pollfd slot;

	start();
	slot = transport_poll(&transport, POLLIN | POLLRDHUP);
	ck_assert_int_eq(slot.fd, transport_fd(&transport));
	ck_assert_int_eq(slot.events, POLLIN | POLLRDHUP);
	ck_assert_int_eq(slot.revents, 0);
	/* poll() skips it. */
	ck_assert_int_eq(transport_poll(&none, POLLIN).fd, -1);
	end();
}
END_TEST

START_TEST(an_end_of_ours_leaves_the_other_way_open)
{
	start();
	ck_assert_int_eq(write_byte(), ERROR_NONE);
	ck_assert_int_eq(transport_end(&transport), ERROR_NONE);
	sockets_expect(theirs, "x", 1);
	sockets_expect_end(theirs);
	sockets_write(theirs, "answer");
	expect_piece(64, "answer");
	ck_assert_int_eq(read_byte(), ERROR_AGAIN);
	ck_assert_int_eq(write_byte(), ERROR_RESET);
	end();
}
END_TEST

START_TEST(an_end_of_what_is_broken_fails)
{
	start();
	sockets_reset(theirs);
	theirs = -1;
	wait_to_read();
	ck_assert_int_eq(read_byte(), ERROR_RESET);
	errno = 0;
	ck_assert_int_eq(transport_end(&transport), ERROR_RESET);
	ck_assert_int_eq(errno, ENOTCONN);
	end();
}
END_TEST

START_TEST(a_close_is_an_end_and_a_reset_is_none)
{
	start();
	ck_assert_int_eq(write_byte(), ERROR_NONE);
	transport_close(&transport);
	sockets_expect(theirs, "x", 1);
	sockets_expect_end(theirs);
	close(theirs);

	start();
	ck_assert_int_eq(write_byte(), ERROR_NONE);
	transport_reset(&transport);
	/* Nothing is told before it is closed. */
	sockets_expect(theirs, "x", 1);
	ck_assert(!sockets_is_readable(theirs));
	transport_close(&transport);
	sockets_expect_reset(theirs);
	close(theirs);
}
END_TEST

START_TEST(what_is_closed_is_no_connection)
{
	struct transport none = TRANSPORT_INITIALIZER;
	int fd;

	ck_assert(!transport_is_open(&none));
	ck_assert_int_eq(transport_fd(&none), -1);
	start();
	fd = transport_fd(&transport);
	ck_assert_int_ne(fd, -1);
	ck_assert(transport_is_open(&transport));
	errno = EXDEV;
	transport_close(&transport);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert(!transport_is_open(&transport));
	ck_assert_int_eq(transport_fd(&transport), -1);
	errno = EXDEV;
	transport_close(&transport);
	transport_close(&none);
	ck_assert_int_eq(errno, EXDEV);
	end();
}
END_TEST

START_TEST(a_copy_names_the_same_connection)
{
	struct transport copy;

	start();
	copy = transport;
	transport = (struct transport)TRANSPORT_INITIALIZER;
	end();
	ck_assert_int_ne(fcntl(transport_fd(&copy), F_GETFD), -1);
	transport_close(&copy);
}
END_TEST

SUITE_MAIN("transport", what_comes_is_read_in_pieces_of_any_size,
    an_end_is_told_behind_all_bytes_and_for_ever, a_reset_is_told_as_one,
    whoever_looks_finds_a_reset, a_look_leaves_the_bytes_where_they_are,
    an_urgent_byte_is_one_of_them,
    a_socket_that_is_full_takes_nothing_and_then_more,
    parts_are_written_as_if_they_were_one,
    of_parts_as_much_is_written_as_there_is_room_for,
    writing_to_a_peer_that_is_gone_is_a_reset_and_no_signal,
    an_interrupted_call_is_made_again,
    a_connection_that_tcp_gives_up_is_lost_and_not_late,
    a_failure_of_the_system_is_none_of_the_peer, nothing_waits,
    waiting_ends_at_the_deadline, a_signal_does_not_end_a_wait,
    waiting_ends_with_the_connection, a_slot_asks_for_what_was_asked,
    an_end_of_ours_leaves_the_other_way_open, an_end_of_what_is_broken_fails,
    a_close_is_an_end_and_a_reset_is_none, what_is_closed_is_no_connection,
    a_copy_names_the_same_connection)
