/*
 * What log_stream.h promises: a line is written whole and at once, or is lost.
 * log_stream.c is part of this program: a case says what happens between its
 * system calls, and whether standard error may be opened again.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "suite.h"

static int open_or_refuse(const char *path, int flags);
static int poll_together(struct pollfd *slots, nfds_t count, int timeout_ms);
static ssize_t write_after(int fd, const struct iovec *pieces, int count);

#define open   open_or_refuse
#define poll   poll_together
#define writev write_after
#include "base/log_stream.c" /* NOLINT(bugprone-suspicious-include) */
#undef open
#undef poll
#undef writev

/* Standard error may not be opened again. */
static bool refuse_open;
/* Called when it is known that there is room, before that is used. */
static void (*before_write)(void);
/* How many threads poll before one may write; they do not wait for ever. */
static atomic_int polling;
static int polling_expected;
/* A write takes only so much; 0: all. */
static size_t write_most;

static int
open_or_refuse(const char *path, int flags)
{
	if (refuse_open) {
		errno = EACCES;
		return -1;
	}
	return open(path, flags);
}

static int
poll_together(struct pollfd *slots, nfds_t count, int timeout_ms)
{
	int result = poll(slots, count, timeout_ms);

	atomic_fetch_add(&polling, 1);
	for (int i = 0; i < 50 && atomic_load(&polling) < polling_expected; i++)
		poll(NULL, 0, 10);
	return result;
}

static ssize_t
write_after(int fd, const struct iovec *pieces, int count)
{
	char whole[4096];
	size_t size = 0;

	if (before_write != NULL)
		before_write();
	for (int i = 0; i < count; i++) {
		memcpy(whole + size, pieces[i].iov_base, pieces[i].iov_len);
		size += pieces[i].iov_len;
	}
	if (write_most > 0 && size > write_most)
		size = write_most;
	return write(fd, whole, size);
}

static int reader, other;
static char heard[1 << 17];

/* Lead standard error into a pipe. other: one more end of it, as another
 * process may have it. */
static void
start(void)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	reader = ends[0];
	other = ends[1];
	ck_assert_int_eq(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	log_stream_open();
}

static const char *
hear(void)
{
	size_t used = 0;
	ssize_t got;

	while ((got = read(reader, heard + used, sizeof heard - 1 - used)) > 0)
		used += (size_t)got;
	heard[used] = '\0';
	return heard;
}

/* Fill the pipe, but for some pages. */
static void
fill_but(int pages)
{
	static const char page[4096];
	int size = fcntl(other, F_GETPIPE_SZ);

	ck_assert_int_gt(size, 0);
	for (int i = size / 4096 - pages; i > 0; i--)
		ck_assert_int_eq(write(other, page, sizeof page), 4096);
}

static void
fill_last_page(void)
{
	static const char page[4096];

	before_write = NULL;
	ck_assert_int_eq(write(other, page, sizeof page), 4096);
}

START_TEST(a_line_is_written_whole)
{
	for (int i = 0; i < 2; i++) {
		refuse_open = i == 1;
		start();
		ck_assert(log_stream_write("one ", "line"));
		ck_assert(log_stream_write("", "another"));
		ck_assert_str_eq(hear(), "one line\nanother\n");
	}
}
END_TEST

START_TEST(what_others_have_open_stays_as_it_is)
{
	int flags;

	start();
	flags = fcntl(other, F_GETFL);
	ck_assert(log_stream_write("", "x"));
	ck_assert_int_eq(fcntl(other, F_GETFL), flags);
	ck_assert_int_eq(flags & O_NONBLOCK, 0);
}
END_TEST

/* Another process has the last page just when it was said to be free. */
START_TEST(room_that_another_process_takes_is_no_reason_to_wait)
{
	start();
	fill_but(1);
	before_write = fill_last_page;
	ck_assert(!log_stream_write("", "x"));
	hear();
	ck_assert(log_stream_write("", "y"));
	ck_assert_str_eq(hear(), "y\n");
}
END_TEST

static void *
write_one(void *written)
{
	*(bool *)written = log_stream_write("", "x");
	return NULL;
}

/* All see the one free page before any may write. */
START_TEST(room_for_one_line_is_no_reason_for_two_threads_to_wait)
{
	pthread_t threads[3];
	bool written[3];
	int count = 0;

	refuse_open = true;
	start();
	fill_but(1);
	polling_expected = 3;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, write_one, &written[i]),
		    0);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		count += written[i];
	}
	ck_assert_int_eq(count, 1);
}
END_TEST

static atomic_bool is_hanging, may_go_on;

/* As a disk that hangs. */
static void
hang(void)
{
	atomic_store(&is_hanging, true);
	while (!atomic_load(&may_go_on))
		poll(NULL, 0, 1);
}

START_TEST(a_disk_that_hangs_holds_one_thread)
{
	pthread_t thread;
	bool written;

	start();
	before_write = hang;
	ck_assert_int_eq(pthread_create(&thread, NULL, write_one, &written), 0);
	while (!atomic_load(&is_hanging))
		poll(NULL, 0, 1);
	ck_assert(!log_stream_write("", "y"));
	before_write = NULL;
	atomic_store(&may_go_on, true);
	pthread_join(thread, NULL);
	ck_assert(written);
	ck_assert(log_stream_write("", "z"));
	ck_assert_str_eq(hear(), "x\nz\n");
}
END_TEST

START_TEST(a_full_disk_loses_lines)
{
	int full = open("/dev/full", O_WRONLY);

	ck_assert_int_ne(full, -1);
	ck_assert_int_eq(dup2(full, STDERR_FILENO), STDERR_FILENO);
	log_stream_open();
	ck_assert(!log_stream_write("", "x"));
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

START_TEST(behind_a_line_that_was_cut_the_next_begins_a_line)
{
	start();
	write_most = 3;
	ck_assert(!log_stream_write("", "abcdef"));
	write_most = 0;
	ck_assert(log_stream_write("", "x"));
	ck_assert(log_stream_write("", "y"));
	ck_assert_str_eq(hear(), "abc\nx\ny\n");
}
END_TEST

/* The journal's way: a socket, whose peer does not read. */
START_TEST(a_socket_that_nobody_reads_is_no_reason_to_wait)
{
	int ends[2];
	unsigned count = 0;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	reader = ends[0];
	ck_assert_int_eq(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	log_stream_open();
	while (log_stream_write("", "a line of the journal"))
		ck_assert_uint_lt(++count, 1000000);
	ck_assert_uint_gt(count, 10);
	ck_assert_int_eq(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	hear();
	ck_assert(log_stream_write("", "x"));
	close(reader);
	/* No signal: nobody reads any more. */
	ck_assert(!log_stream_write("", "x"));
	ck_assert_int_eq(errno, EPIPE);
}
END_TEST

START_TEST(the_journal_is_known_by_its_name)
{
	struct stat status;
	char name[64];

	unsetenv("JOURNAL_STREAM");
	start();
	ck_assert(!log_stream_is_journal());
	ck_assert_int_eq(fstat(STDERR_FILENO, &status), 0);
	snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)status.st_dev,
	    (uintmax_t)status.st_ino);
	setenv("JOURNAL_STREAM", name, 1);
	log_stream_open();
	ck_assert(log_stream_is_journal());
	/* Standard error was led elsewhere. */
	start();
	ck_assert(!log_stream_is_journal());
	setenv("JOURNAL_STREAM", "", 1);
	log_stream_open();
	ck_assert(!log_stream_is_journal());
}
END_TEST

SUITE_MAIN("log_stream", a_line_is_written_whole,
    what_others_have_open_stays_as_it_is,
    room_that_another_process_takes_is_no_reason_to_wait,
    room_for_one_line_is_no_reason_for_two_threads_to_wait,
    a_disk_that_hangs_holds_one_thread, a_full_disk_loses_lines,
    behind_a_line_that_was_cut_the_next_begins_a_line,
    a_socket_that_nobody_reads_is_no_reason_to_wait,
    the_journal_is_known_by_its_name)
