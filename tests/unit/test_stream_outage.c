/* What stream_outage.h promises: a line for many, and none too early. */
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "stream/stream_outage.h"
#include "suite.h"

/* In the place of the log. */
static char lines[1000];

__attribute__((format(printf, 1, 2))) static void
catch_line(const char *format, ...)
{
	size_t length = strlen(lines);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(lines + length, sizeof lines - length, format, arguments);
	va_end(arguments);
	strcat(lines, "|");
}

#define log_info    catch_line
#define log_warning catch_line
#include "../../src/stream/stream_outage.c"

static struct stream_outage outage;

static void
begin(void)
{
	lines[0] = '\0';
	stream_outage_init(&outage);
}

static void
expect(int64_t now_ms, const char *text)
{
	lines[0] = '\0';
	stream_outage_log(&outage, now_ms);
	ck_assert_str_eq(lines, text);
}

START_TEST(many_are_one_line)
{
	begin();
	expect(1000, "");
	for (int i = 0; i < 12; i++)
		stream_outage_begin(&outage, 1000);
	ck_assert_uint_eq(stream_outage_count(&outage), 12);
	expect(1050, "");
	expect(1100, "12 connections interrupted|");
	expect(1200, "");
	for (int i = 0; i < 12; i++)
		stream_outage_resume(&outage, 5200);
	ck_assert_uint_eq(stream_outage_count(&outage), 0);
	expect(5250, "12 connections resumed after 4.2 s, nothing lost|");
	expect(9000, "");
}
END_TEST

START_TEST(one_that_is_back_at_once_is_told_in_order)
{
	begin();
	stream_outage_begin(&outage, 1000);
	stream_outage_resume(&outage, 1050);
	expect(1060, "1 connection interrupted|"
		     "1 connection resumed after 0.1 s, nothing lost|");
}
END_TEST

START_TEST(those_that_do_not_come_back_are_told_apart)
{
	begin();
	for (int i = 0; i < 3; i++)
		stream_outage_begin(&outage, 1000);
	expect(1100, "3 connections interrupted|");
	stream_outage_resume(&outage, 2000);
	stream_outage_give_up(&outage, 31000);
	expect(31100, "");
	/* One is interrupted still, and nothing happens any more. */
	expect(31500, "1 connection resumed after 30.0 s, nothing lost|"
		      "1 connection reset: not resumed in time, or ended "
		      "meanwhile|");
	stream_outage_give_up(&outage, 32000);
	expect(32000, "1 connection reset: not resumed in time, or ended "
		      "meanwhile|");
}
END_TEST

SUITE_MAIN("stream_outage", many_are_one_line,
    one_that_is_back_at_once_is_told_in_order,
    those_that_do_not_come_back_are_told_apart)
