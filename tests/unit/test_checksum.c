/* What checksum.h promises: a sum in the object, by which changes are found. */
#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "suite.h"

static char text[256];
static size_t size;

static void
seal(const char *object)
{
	snprintf(text, sizeof text, "%s", object);
	size = checksum_seal(text, strlen(object));
	text[size] = '\0';
}

START_TEST(the_sum_is_that_of_others)
{
	/* The check value of CRC-32 in all lists of such sums. */
	ck_assert_uint_eq(checksum_of("123456789", 9), 0xcbf43926);
	ck_assert_uint_eq(checksum_of("", 0), 0);
	ck_assert_uint_eq(checksum_of("\xff\xff\xff\xff", 4), 0xffffffff);
}
END_TEST

START_TEST(it_is_the_last_member_of_the_object)
{
	seal("{\"port\":80}");
	ck_assert_uint_eq(size, strlen("{\"port\":80}") + CHECKSUM_SIZE);
	ck_assert_ptr_eq(strstr(text, "{\"port\":80,\"checksum\":\""), text);
	ck_assert_str_eq(text + size - 2, "\"}");
	ck_assert_int_eq(checksum_open(text, &size), CHECKSUM_GOOD);
	ck_assert_uint_eq(size, 11);
	ck_assert_mem_eq(text, "{\"port\":80}", 11);
}
END_TEST

START_TEST(each_bit_counts)
{
	seal("{\"attempt\":1000,\"port\":8}");
	for (size_t i = 0; i < size * 8; i++) {
		size_t left = size;

		text[i / 8] ^= (char)(1 << i % 8);
		ck_assert_int_ne(checksum_open(text, &left), CHECKSUM_GOOD);
		ck_assert_uint_eq(left, size);
		text[i / 8] ^= (char)(1 << i % 8);
	}
	ck_assert_int_eq(checksum_open(text, &size), CHECKSUM_GOOD);
}
END_TEST

START_TEST(where_there_is_none_that_is_said)
{
	static const char *const texts[] = {"", "{}", "{\"port\":80}",
	    "{\"a\":1,\"checksum\":\"0000000\"}",
	    "{\"a\":1,\"checksum\":\"00000000\"} ",
	    ",\"checksum\":\"00000000\"}"};

	for (size_t i = 0; i < SUITE_LENGTH(texts); i++) {
		size = strlen(texts[i]);
		memcpy(text, texts[i], size);
		ck_assert_int_eq(checksum_open(text, &size), CHECKSUM_MISSING);
		ck_assert_uint_eq(size, strlen(texts[i]));
		ck_assert_mem_eq(text, texts[i], size);
	}
}
END_TEST

SUITE_MAIN("checksum", the_sum_is_that_of_others,
    it_is_the_last_member_of_the_object, each_bit_counts,
    where_there_is_none_that_is_said)
