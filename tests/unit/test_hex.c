/* What hex.h promises. */
#include <string.h>

#include "base/hex.h"
#include "suite.h"

START_TEST(every_byte_is_two_lower_case_digits)
{
	static const char digits[] = "0123456789abcdef";

	for (int value = 0; value < 256; value++) {
		uint8_t byte = (uint8_t)value, back = (uint8_t)~value;
		char text[4] = "xxx";

		hex_print(&byte, 1, text);
		ck_assert_int_eq(text[0], digits[value / 16]);
		ck_assert_int_eq(text[1], digits[value % 16]);
		ck_assert_int_eq(text[2], '\0');
		ck_assert_int_eq(text[3], '\0');
		ck_assert(hex_parse(text, &back, 1));
		ck_assert_uint_eq(back, byte);
	}
}
END_TEST

START_TEST(the_order_is_kept)
{
	static const uint8_t bytes[] = {0x01, 0x23, 0xab, 0xcd, 0xef, 0x00};
	uint8_t back[sizeof bytes + 1];
	char text[2 * sizeof bytes + 1];

	hex_print(bytes, sizeof bytes, text);
	ck_assert_str_eq(text, "0123abcdef00");
	back[sizeof bytes] = 0x5a;
	ck_assert(hex_parse(text, back, sizeof bytes));
	ck_assert_mem_eq(back, bytes, sizeof bytes);
	ck_assert_uint_eq(back[sizeof bytes], 0x5a);
}
END_TEST

START_TEST(either_case_is_read)
{
	static const uint8_t expected[] = {0xab, 0xcd, 0xef};
	uint8_t bytes[3];

	ck_assert(hex_parse("ABCDEF", bytes, 3));
	ck_assert_mem_eq(bytes, expected, 3);
	ck_assert(hex_parse("aBcDeF", bytes, 3));
	ck_assert_mem_eq(bytes, expected, 3);
}
END_TEST

START_TEST(any_other_character_is_refused_in_either_place)
{
	uint8_t byte;

	for (int value = 1; value < 256; value++) {
		char text[3] = {(char)value, '0', '\0'};
		bool digit = strchr("0123456789abcdefABCDEF", value) != NULL;

		ck_assert_int_eq(hex_parse(text, &byte, 1), digit);
		text[0] = '0';
		text[1] = (char)value;
		ck_assert_int_eq(hex_parse(text, &byte, 1), digit);
	}
}
END_TEST

START_TEST(another_length_is_refused)
{
	uint8_t bytes[2];

	ck_assert(hex_parse("0123", bytes, 2));
	ck_assert(!hex_parse("", bytes, 2));
	ck_assert(!hex_parse("012", bytes, 2));
	ck_assert(!hex_parse("01234", bytes, 2));
	ck_assert(!hex_parse("012345", bytes, 2));
	ck_assert(!hex_parse("0123 ", bytes, 2));
	ck_assert(hex_parse("", bytes, 0));
	ck_assert(!hex_parse("00", bytes, 0));
}
END_TEST

START_TEST(nothing_is_an_empty_text)
{
	char text[2] = {'x', 'x'};

	hex_print((const uint8_t *)"", 0, text);
	ck_assert_int_eq(text[0], '\0');
	ck_assert_int_eq(text[1], 'x');
}
END_TEST

SUITE_MAIN("hex", every_byte_is_two_lower_case_digits, the_order_is_kept,
    either_case_is_read, any_other_character_is_refused_in_either_place,
    another_length_is_refused, nothing_is_an_empty_text)
