/*
 * What log_syslog.h promises: the form of syslog(3), and no waiting for a daemon
 * that has stopped. log_syslog.c is part of this program: its clock is the case's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include "base/clock.h"
#include "folder.h"

static int64_t clock_of_case(void);

#define clock_now_ms clock_of_case
#include "base/log_syslog.c" /* NOLINT(bugprone-suspicious-include) */
#undef clock_now_ms

static int64_t now_ms = 4711;

static int64_t
clock_of_case(void)
{
	return now_ms;
}

static int daemon_fd = -1;
static char line[8192];

static void
daemon_start(int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof address.sun_path, "%s", folder_file);
	daemon_fd = socket(AF_UNIX, type, 0);
	ck_assert_int_ne(daemon_fd, -1);
	ck_assert_int_eq(
	    bind(daemon_fd, (struct sockaddr *)&address, sizeof address), 0);
	if (type == SOCK_STREAM)
		ck_assert_int_eq(listen(daemon_fd, 5), 0);
}

static void
daemon_stop(void)
{
	close(daemon_fd);
	ck_assert_int_eq(unlink(folder_file), 0);
}

static const char *
receive(void)
{
	ssize_t got = recv(daemon_fd, line, sizeof line - 1, MSG_DONTWAIT);

	ck_assert_int_gt(got, 0);
	line[got] = '\0';
	return line;
}

/* "<N>Mmm dd hh:mm:ss rebore[PID]: text" */
static void
assert_line(int priority, const char *text)
{
	int found, day, hour, minute, second, length = 0;
	char month[4], end[128];
	long pid;

	ck_assert_int_eq(
	    sscanf(line, "<%d>%3s %2d %2d:%2d:%2d rebore[%ld]: %n", &found,
		month, &day, &hour, &minute, &second, &pid, &length),
	    7);
	ck_assert_int_eq(found, priority);
	ck_assert_int_eq(pid, getpid());
	/* RFC 3164, 4.1.2: a day below 10 has a blank before it. */
	ck_assert_int_eq(line[priority < 10 ? 9 : 10 + (priority > 99)], ' ');
	snprintf(end, sizeof end, "%s", line + length);
	ck_assert_str_eq(end, text);
}

START_TEST(a_line_has_the_form_of_syslog)
{
	folder_make();
	daemon_start(SOCK_DGRAM);
	log_syslog_open(folder_file, LOG_DAEMON);
	ck_assert(log_syslog_write(LOG_WARNING, "one line"));
	receive();
	assert_line(3 * 8 + 4, "one line");
	log_syslog_open(folder_file, LOG_LOCAL7);
	ck_assert(log_syslog_write(LOG_ERR, "100 %s"));
	receive();
	assert_line(23 * 8 + 3, "100 %s");
	daemon_stop();
	folder_remove();
}
END_TEST

START_TEST(a_daemon_that_has_stopped_is_not_waited_for)
{
	unsigned count = 0;

	folder_make();
	daemon_start(SOCK_DGRAM);
	log_syslog_open(folder_file, LOG_DAEMON);
	while (log_syslog_write(LOG_INFO, "x"))
		ck_assert_uint_lt(++count, 1000000);
	ck_assert_uint_gt(count, 0);
	ck_assert(!log_syslog_write(LOG_INFO, "x"));
	/* It reads again. */
	while (recv(daemon_fd, line, sizeof line, MSG_DONTWAIT) > 0)
		continue;
	ck_assert(log_syslog_write(LOG_INFO, "there"));
	receive();
	assert_line(3 * 8 + 6, "there");
	daemon_stop();
	folder_remove();
}
END_TEST

START_TEST(a_daemon_that_was_restarted_is_found_again)
{
	folder_make();
	daemon_start(SOCK_DGRAM);
	log_syslog_open(folder_file, LOG_DAEMON);
	ck_assert(log_syslog_write(LOG_INFO, "x"));
	daemon_stop();
	ck_assert(!log_syslog_write(LOG_INFO, "x"));
	daemon_start(SOCK_DGRAM);
	/* It is looked for once a second, not with each line. */
	ck_assert(!log_syslog_write(LOG_INFO, "x"));
	now_ms += 1000;
	ck_assert(log_syslog_write(LOG_INFO, "again"));
	receive();
	assert_line(3 * 8 + 6, "again");
	/* So fast that no line failed: none is lost. */
	daemon_stop();
	daemon_start(SOCK_DGRAM);
	ck_assert(log_syslog_write(LOG_INFO, "and again"));
	receive();
	assert_line(3 * 8 + 6, "and again");
	daemon_stop();
	folder_remove();
}
END_TEST

START_TEST(a_daemon_that_comes_later_is_found)
{
	folder_make();
	log_syslog_open(folder_file, LOG_DAEMON);
	ck_assert(!log_syslog_write(LOG_INFO, "x"));
	daemon_start(SOCK_DGRAM);
	now_ms += 1000;
	ck_assert(log_syslog_write(LOG_INFO, "x"));
	daemon_stop();
	folder_remove();
}
END_TEST

/* As some daemons have it: lines are parted by NUL. */
START_TEST(a_stream_will_do)
{
	unsigned count = 0;
	int listener;
	ssize_t got;

	folder_make();
	daemon_start(SOCK_STREAM);
	log_syslog_open(folder_file, LOG_DAEMON);
	listener = daemon_fd;
	daemon_fd = accept(listener, NULL, NULL);
	ck_assert_int_ne(daemon_fd, -1);
	ck_assert(log_syslog_write(LOG_INFO, "one"));
	ck_assert(log_syslog_write(LOG_INFO, "two"));
	got = recv(daemon_fd, line, sizeof line, MSG_DONTWAIT);
	ck_assert_int_gt(got, 0);
	assert_line(3 * 8 + 6, "one");
	memmove(line, line + strlen(line) + 1, sizeof line / 2);
	assert_line(3 * 8 + 6, "two");
	while (log_syslog_write(LOG_INFO, "x"))
		ck_assert_uint_lt(++count, 1000000);
	close(daemon_fd);
	/* The next connection begins with a line of its own. */
	ck_assert(log_syslog_write(LOG_INFO, "three"));
	daemon_fd = accept(listener, NULL, NULL);
	ck_assert_int_gt(recv(daemon_fd, line, sizeof line, 0), 0);
	assert_line(3 * 8 + 6, "three");
	close(listener);
	daemon_stop();
	folder_remove();
}
END_TEST

SUITE_MAIN("log_syslog", a_line_has_the_form_of_syslog,
    a_daemon_that_has_stopped_is_not_waited_for,
    a_daemon_that_was_restarted_is_found_again,
    a_daemon_that_comes_later_is_found, a_stream_will_do)
