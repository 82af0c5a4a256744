/* What escape.h promises: valid UTF-8 on one line, whatever comes in. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "suite.h"

#define OUT_SIZE 64

static char out[OUT_SIZE];

/* Escape text, size bytes of it, with room for room bytes. */
static void
assert_escapes(const char *text, size_t size, size_t room, const char *expected)
{
	size_t length;

	memset(out, 'x', sizeof out);
	length = escape_text(text, size, out, room);
	ck_assert_str_eq(out, expected);
	ck_assert_uint_eq(length, strlen(expected));
	for (size_t i = room; i < sizeof out; i++)
		ck_assert_int_eq(out[i], 'x');
}

static void
assert_becomes(const char *text, const char *expected)
{
	assert_escapes(text, strlen(text), OUT_SIZE, expected);
}

START_TEST(plain_text_stays_as_it_is)
{
	assert_becomes("", "");
	assert_becomes("port already in use", "port already in use");
	assert_becomes(" !\"#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~",
	    " !\"#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~");
	assert_becomes("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x95\xb3",
	    "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x95\xb3");
	/* U+00A0 is the first behind C1; U+FFFD and U+10FFFF are characters. */
	assert_becomes("\xc2\xa0\xef\xbf\xbd\xf4\x8f\xbf\xbf",
	    "\xc2\xa0\xef\xbf\xbd\xf4\x8f\xbf\xbf");
}
END_TEST

START_TEST(control_characters_are_escaped)
{
	for (int value = 0; value < 256; value++) {
		char byte = (char)value;
		char expected[8];

		if (value < 0x20 || value >= 0x7f)
			snprintf(expected, sizeof expected, "\\x%02x",
			    (unsigned)value);
		else if (value == '\\')
			snprintf(expected, sizeof expected, "\\\\");
		else
			snprintf(expected, sizeof expected, "%c", value);
		assert_escapes(&byte, 1, OUT_SIZE, expected);
	}
	assert_becomes(
	    "a\nb\r\x1b[31m\tc\x7f", "a\\x0ab\\x0d\\x1b[31m\\x09c\\x7f");
}
END_TEST

/* C1: a terminal may take U+009B for the start of a command. */
START_TEST(control_characters_of_two_bytes_are_escaped)
{
	assert_becomes("\xc2\x80", "\\xc2\\x80");
	assert_becomes("a\xc2\x9b"
		       "31mb",
	    "a\\xc2\\x9b31mb");
	assert_becomes("\xc2\x9f\xc2\xa0", "\\xc2\\x9f\xc2\xa0");
	/* U+2027 and U+202F are characters, U+2028 and U+202E are not shown. */
	assert_becomes("\xe2\x80\xa7\xe2\x80\xaf", "\xe2\x80\xa7\xe2\x80\xaf");
	assert_becomes("\xe2\x80\xa8", "\\xe2\\x80\\xa8");
	assert_becomes("\xe2\x80\xae", "\\xe2\\x80\\xae");
	/* The same of U+2065 to U+206A. */
	assert_becomes("\xe2\x81\xa5\xe2\x81\xaa", "\xe2\x81\xa5\xe2\x81\xaa");
	assert_becomes(
	    "\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9");
	/* The same second byte behind another first one is a letter. */
	assert_becomes("\xc3\x9b", "\xc3\x9b");
}
END_TEST

START_TEST(a_backslash_becomes_two)
{
	assert_becomes("\\", "\\\\");
	assert_becomes("\\x0a", "\\\\x0a");
	assert_becomes("a\\\\b", "a\\\\\\\\b");
}
END_TEST

START_TEST(bytes_that_are_no_utf_8_are_escaped_one_by_one)
{
	assert_becomes("a\xff"
		       "b",
	    "a\\xffb");
	assert_becomes("\x80\xbf", "\\x80\\xbf");
	assert_becomes("\xc3", "\\xc3");
	assert_becomes("\xc3(", "\\xc3(");
	assert_becomes("\xe2\x82", "\\xe2\\x82");
	assert_becomes("\xe2\x82(", "\\xe2\\x82(");
	assert_becomes("\xf0\x9f\x95", "\\xf0\\x9f\\x95");
	assert_becomes("\xf0\x9f\x95(", "\\xf0\\x9f\\x95(");
	assert_becomes("\xc0\x80", "\\xc0\\x80");
	assert_becomes("\xed\xa0\x80", "\\xed\\xa0\\x80");
	assert_becomes("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	/* What follows is looked at anew. */
	assert_becomes("\xe2\xc3\xa9", "\\xe2\xc3\xa9");
	assert_becomes("\xf0\x9f\xe2\x82\xac", "\\xf0\\x9f\xe2\x82\xac");
}
END_TEST

START_TEST(a_nul_within_the_size_is_escaped)
{
	assert_escapes("a\0b", 3, OUT_SIZE, "a\\x00b");
	assert_escapes("abc", 2, OUT_SIZE, "ab");
	/* A character that the size cuts is none. */
	assert_escapes("a\xc3\xa9", 2, OUT_SIZE, "a\\xc3");
}
END_TEST

START_TEST(what_does_not_fit_is_cut_between_characters)
{
	assert_escapes("abc", 3, 4, "abc");
	assert_escapes("abc", 3, 3, "ab");
	assert_escapes("abc", 3, 1, "");
	assert_escapes("a\xc3\xa9", 3, 4, "a\xc3\xa9");
	assert_escapes("a\xc3\xa9", 3, 3, "a");
	assert_escapes("\xf0\x9f\x95\xb3", 4, 5, "\xf0\x9f\x95\xb3");
	assert_escapes("\xf0\x9f\x95\xb3", 4, 4, "");
	assert_escapes("a\n", 2, 6, "a\\x0a");
	assert_escapes("a\n", 2, 5, "a");
	assert_escapes("a\\", 2, 4, "a\\\\");
	assert_escapes("a\\", 2, 3, "a");
	/* Cut is cut: nothing shorter slips in behind. */
	assert_escapes("a\nb", 3, 4, "a");
}
END_TEST

/* Whether the sequences of up to three bytes are those of RFC 3629, 4. */
static size_t
expected_length(uint32_t first, uint32_t second, uint32_t third)
{
	bool continues = (third & 0xc0) == 0x80;
	uint32_t value;

	if (first < 0x80)
		return 1;
	if ((second & 0xc0) != 0x80)
		return 0;
	if ((first & 0xe0) == 0xc0)
		return first >= 0xc2 ? 2 : 0;
	if ((first & 0xf0) != 0xe0 || !continues)
		return 0;
	value = (first & 0x0f) << 12 | (second & 0x3f) << 6 | (third & 0x3f);
	return value >= 0x800 && (value < 0xd800 || value > 0xdfff) ? 3 : 0;
}

START_TEST(every_sequence_of_three_bytes_is_judged_as_rfc_3629_does)
{
	for (uint32_t bits = 0; bits < 1u << 24; bits++) {
		char text[3] = {
		    (char)(bits >> 16), (char)(bits >> 8), (char)bits};
		size_t is = escape_utf8_length(text, 3);

		if (is !=
		    expected_length(bits >> 16, bits >> 8 & 0xff, bits & 0xff))
			ck_abort_msg("%06x: %zu", bits, is);
	}
}
END_TEST

/* By value: each of four bytes from U+10000 to U+10FFFF and nothing beside. */
START_TEST(every_sequence_of_four_bytes_is_judged_as_rfc_3629_does)
{
	for (uint32_t value = 0; value < 1u << 21; value++) {
		char text[4] = {(char)(0xf0 | value >> 18),
		    (char)(0x80 | (value >> 12 & 0x3f)),
		    (char)(0x80 | (value >> 6 & 0x3f)),
		    (char)(0x80 | (value & 0x3f))};
		size_t expected = value >= 0x10000 && value <= 0x10ffff ? 4 : 0;

		if (escape_utf8_length(text, 4) != expected)
			ck_abort_msg("U+%X", value);
		if (expected && escape_utf8_length(text, 3) != 0)
			ck_abort_msg("U+%X, cut", value);
		text[3] = (char)(value & 0x7f);
		if (escape_utf8_length(text, 4) != 0)
			ck_abort_msg("U+%X, broken at its end", value);
		text[3] = (char)0x80;
		text[2] = (char)(0xc0 | (value & 0x3f));
		if (escape_utf8_length(text, 4) != 0)
			ck_abort_msg("U+%X, broken within", value);
	}
	for (int first = 0xf5; first <= 0xff; first++) {
		char text[4] = {
		    (char)first, (char)0x80, (char)0x80, (char)0x80};

		ck_assert_uint_eq(escape_utf8_length(text, 4), 0);
	}
	ck_assert_uint_eq(escape_utf8_length("a", 0), 0);
}
END_TEST

SUITE_MAIN("escape", plain_text_stays_as_it_is, control_characters_are_escaped,
    control_characters_of_two_bytes_are_escaped, a_backslash_becomes_two,
    bytes_that_are_no_utf_8_are_escaped_one_by_one,
    a_nul_within_the_size_is_escaped,
    what_does_not_fit_is_cut_between_characters,
    every_sequence_of_three_bytes_is_judged_as_rfc_3629_does,
    every_sequence_of_four_bytes_is_judged_as_rfc_3629_does)
