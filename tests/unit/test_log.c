/* What log.h promises: one safe line an event, and no waiting. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"
#include "suite.h"

static int reader;
static char lines[1 << 17];

/* Lead standard error into a pipe, which the case reads. */
static void
start(enum log_level level, enum log_format format)
{
	const struct log_options options = {.level = level, .format = format};
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	reader = ends[0];
	ck_assert_int_eq(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	log_open(&options);
}

/* Read what has been logged so far. */
static const char *
hear(void)
{
	size_t used = 0;
	ssize_t got;

	while ((got = read(reader, lines + used, sizeof lines - 1 - used)) > 0)
		used += (size_t)got;
	lines[used] = '\0';
	return lines;
}

/* Expect one line in text: time, level, message. */
static void
assert_line(const char *level, const char *message)
{
	char expected[4096];
	const char *line = hear();
	int year, month, day, hour, minute, second, ms, length = 0;

	ck_assert_int_eq(
	    sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year, &month, &day,
		&hour, &minute, &second, &ms, &length),
	    7);
	ck_assert_int_eq(length, 24);
	snprintf(expected, sizeof expected, " %s: %s\n", level, message);
	ck_assert_str_eq(line + length, expected);
}

START_TEST(each_event_is_a_line_with_time_and_level)
{
	start(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	log_error("one %d", 1);
	assert_line("error", "one 1");
	log_warning("two %s", "2");
	assert_line("warning", "two 2");
	log_info("three");
	assert_line("info", "three");
	log_debug("four");
	assert_line("debug", "four");
}
END_TEST

START_TEST(less_important_lines_are_dropped)
{
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		int count = 0;

		start((enum log_level)level, LOG_FORMAT_TEXT);
		log_error("x");
		log_warning("x");
		log_info("x");
		log_debug("x");
		for (const char *c = hear(); *c != '\0'; c++)
			count += *c == '\n';
		ck_assert_int_eq(count, level + 1);
	}
}
END_TEST

START_TEST(text_of_a_peer_cannot_break_the_line)
{
	start(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_info("it says %s", "a\nb\x1b[31m\xff \\ \xc2\x9b \xc3\xa9");
	assert_line(
	    "info", "it says a\\x0ab\\x1b[31m\\xff \\\\ \\xc2\\x9b \xc3\xa9");
	log_info("%s", "100 %s %n");
	assert_line("info", "100 %s %n");
}
END_TEST

START_TEST(errno_is_kept)
{
	start(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	errno = 4711;
	log_info("x");
	log_debug("x");
	ck_assert_int_eq(errno, 4711);
}
END_TEST

/* Returns the object of one line, which the next begins behind. */
static json_t *
parse_line(const char **line)
{
	const char *end = strchr(*line, '\n');
	json_error_t problem;
	json_t *object;

	ck_assert_ptr_nonnull(end);
	object = json_loadb(
	    *line, (size_t)(end - *line), JSON_REJECT_DUPLICATES, &problem);
	ck_assert_msg(json_is_object(object), "no JSON object: %.*s",
	    (int)(end - *line), *line);
	*line = end + 1;
	return object;
}

START_TEST(each_event_is_a_json_object_if_so_asked)
{
	const char *line;
	json_t *object;

	start(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_warning("say \"%s\"", "a\nb\\ \xff\xc3\xa9");
	line = hear();
	object = parse_line(&line);
	ck_assert_str_eq(line, "");
	ck_assert_str_eq(
	    json_string_value(json_object_get(object, "level")), "warning");
	ck_assert_str_eq(json_string_value(json_object_get(object, "message")),
	    "say \"a\\x0ab\\\\ \\xff\xc3\xa9\"");
	ck_assert_uint_eq(
	    strlen(json_string_value(json_object_get(object, "time"))), 24);
	json_decref(object);
}
END_TEST

/* The text of a whole frame, each byte of it escaped */
START_TEST(the_longest_text_of_a_peer_fits)
{
	char text[257];
	const char *line;
	json_t *object;

	memset(text, '\x01', 256);
	text[256] = '\0';
	start(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_info("it says %s.", text);
	line = hear();
	ck_assert_uint_eq(strlen(line),
	    strlen("0000-00-00T00:00:00.000Z info: it says .\n") + 256 * 4);
	start(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	memset(text, '"', 256);
	log_info("it says %s.", text);
	line = hear();
	object = parse_line(&line);
	ck_assert_uint_eq(
	    strlen(json_string_value(json_object_get(object, "message"))),
	    strlen("it says .") + 256);
	json_decref(object);
}
END_TEST

START_TEST(an_endless_text_is_cut)
{
	static char text[100000];

	memset(text, 'x', sizeof text - 1);
	for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON;
	     format++) {
		const char *line;

		start(LOG_LEVEL_INFO, (enum log_format)format);
		log_info("%s", text);
		line = hear();
		ck_assert_uint_gt(strlen(line), 300);
		/* A write of no more is one piece (pipe(7), PIPE_BUF). */
		ck_assert_uint_le(strlen(line), 4096);
		ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
		memset(text, '\x01', sizeof text - 1);
	}
}
END_TEST

/* A pipe that nobody reads: the case would hang. */
static void
fill_and_empty(void)
{
	for (int i = 0; i < 20000; i++)
		log_info("line %d of very many", i);
	hear();
	log_info("the pipe is empty again");
}

START_TEST(a_pipe_that_nobody_reads_does_not_stop_the_program)
{
	start(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	fill_and_empty();
	hear();
	ck_assert_ptr_nonnull(strstr(lines, "the pipe is empty again\n"));
	/* It says that lines were lost. */
	ck_assert_ptr_nonnull(strstr(lines, "lost"));
}
END_TEST

START_TEST(lost_lines_are_told_in_json_too)
{
	const char *line;
	unsigned count = 0;

	start(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	fill_and_empty();
	for (line = hear(); *line != '\0'; count++)
		json_decref(parse_line(&line));
	ck_assert_uint_ge(count, 2);
}
END_TEST

/* sd-daemon(3) */
START_TEST(the_journal_is_told_the_priority_and_no_time)
{
	struct stat status;
	char name[64];

	start(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	ck_assert_int_eq(fstat(STDERR_FILENO, &status), 0);
	snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)status.st_dev,
	    (uintmax_t)status.st_ino);
	setenv("JOURNAL_STREAM", name, 1);
	log_open(&(struct log_options){.level = LOG_LEVEL_DEBUG});
	log_error("one");
	log_warning("two");
	log_info("three");
	log_debug("four");
	ck_assert_str_eq(hear(), "<3>one\n<4>two\n<6>three\n<7>four\n");
	log_open(&(struct log_options){
	    .level = LOG_LEVEL_INFO, .format = LOG_FORMAT_JSON});
	log_warning("two");
	ck_assert_ptr_nonnull(strstr(hear(), "<4>{\"time\":\""));
}
END_TEST

START_TEST(what_the_disk_has_no_room_for_is_counted)
{
	int full = open("/dev/full", O_WRONLY);

	start(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	ck_assert_int_eq(dup2(full, STDERR_FILENO), STDERR_FILENO);
	log_open(&(struct log_options){.level = LOG_LEVEL_INFO});
	for (int i = 0; i < 3; i++)
		log_info("x");
	start(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_info("y");
	hear();
	ck_assert_ptr_nonnull(strstr(lines, " 3 log lines were lost\n"));
	ck_assert_ptr_nonnull(strstr(lines, " y\n"));
}
END_TEST

START_TEST(facilities_have_their_names)
{
	ck_assert_int_eq(log_facility_of_name("daemon"), LOG_DAEMON);
	ck_assert_int_eq(log_facility_of_name("user"), LOG_USER);
	ck_assert_int_eq(log_facility_of_name("local0"), LOG_LOCAL0);
	ck_assert_int_eq(log_facility_of_name("local7"), LOG_LOCAL7);
	ck_assert_int_eq(log_facility_of_name("local8"), LOG_FACILITY_UNKNOWN);
	ck_assert_int_eq(log_facility_of_name(""), LOG_FACILITY_UNKNOWN);
	ck_assert_int_eq(log_facility_of_name("DAEMON"), LOG_FACILITY_UNKNOWN);
}
END_TEST

SUITE_MAIN("log", each_event_is_a_line_with_time_and_level,
    less_important_lines_are_dropped, text_of_a_peer_cannot_break_the_line,
    errno_is_kept, each_event_is_a_json_object_if_so_asked,
    the_longest_text_of_a_peer_fits, an_endless_text_is_cut,
    a_pipe_that_nobody_reads_does_not_stop_the_program,
    lost_lines_are_told_in_json_too,
    the_journal_is_told_the_priority_and_no_time,
    what_the_disk_has_no_room_for_is_counted, facilities_have_their_names)
