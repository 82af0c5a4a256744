/* What uuid.h promises (RFC 9562). */
#include <string.h>

#include "base/uuid.h"
#include "suite.h"

#define TEXT "00112233-4455-4677-8899-aabbccddeeff"

static const struct uuid example = {{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x46,
    0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}};

START_TEST(it_is_written_in_five_groups_of_lower_case_digits)
{
	char text[UUID_TEXT_SIZE + 1];

	memset(text, 'x', sizeof text);
	uuid_print(&example, text);
	ck_assert_str_eq(text, TEXT);
	ck_assert_int_eq(text[UUID_TEXT_SIZE], 'x');
}
END_TEST

START_TEST(it_is_read_in_either_case)
{
	struct uuid uuid;

	ck_assert(uuid_parse(TEXT, &uuid));
	ck_assert_mem_eq(uuid.bytes, example.bytes, UUID_BYTES);
	ck_assert(uuid_parse("00112233-4455-4677-8899-AABBCCDDEEFF", &uuid));
	ck_assert_mem_eq(uuid.bytes, example.bytes, UUID_BYTES);
	/* Any bits, whatever the version says. */
	ck_assert(uuid_parse("ffffffff-ffff-ffff-ffff-ffffffffffff", &uuid));
	ck_assert(uuid_parse("00000000-0000-0000-0000-000000000000", &uuid));
	ck_assert_uint_eq(uuid.bytes[15], 0);
}
END_TEST

START_TEST(each_wrong_character_is_refused)
{
	static const char wrong[] = "g-G @`/:\x7f\xff";
	struct uuid uuid;

	for (size_t i = 0; i < UUID_TEXT_SIZE - 1; i++) {
		for (size_t j = 0; wrong[j] != '\0'; j++) {
			char text[] = TEXT;

			if (text[i] == wrong[j])
				continue;
			text[i] = wrong[j];
			ck_assert_msg(
			    !uuid_parse(text, &uuid), "accepted: %s", text);
		}
		if (TEXT[i] == '-') {
			char text[] = TEXT;

			text[i] = '0';
			ck_assert(!uuid_parse(text, &uuid));
		}
	}
}
END_TEST

START_TEST(any_other_form_is_refused)
{
	static const char *const bad[] = {"", "0",
	    "00112233445546778899aabbcc"
	    "ddeeff",
	    TEXT "0", TEXT "-", " " TEXT, TEXT " ", "{" TEXT "}",
	    "urn:uuid:" TEXT, "0011223-34455-4677-8899-aabbccddeeff",
	    "00112233-4455-4677-8899aabbccddeeff-",
	    "00112233-4455-4677-8899-aabbccddeef",
	    "0112233-4455-4677-8899-aabbccddeeff"};
	struct uuid uuid;

	for (size_t i = 0; i < SUITE_LENGTH(bad); i++)
		ck_assert_msg(
		    !uuid_parse(bad[i], &uuid), "accepted: %s", bad[i]);
}
END_TEST

/* Version 4, variant 10; the other 122 bits are the random ones. */
START_TEST(a_random_one_keeps_all_bits_but_six)
{
	uint8_t random[UUID_BYTES];
	char text[UUID_TEXT_SIZE];
	struct uuid uuid;

	memset(random, 0xff, sizeof random);
	uuid = uuid_of_random(random);
	uuid_print(&uuid, text);
	ck_assert_str_eq(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
	memset(random, 0, sizeof random);
	uuid = uuid_of_random(random);
	uuid_print(&uuid, text);
	ck_assert_str_eq(text, "00000000-0000-4000-8000-000000000000");
	for (uint8_t i = 0; i < UUID_BYTES; i++)
		random[i] = (uint8_t)(0x11 * i);
	uuid = uuid_of_random(random);
	uuid_print(&uuid, text);
	ck_assert_str_eq(text, "00112233-4455-4677-8899-aabbccddeeff");
}
END_TEST

START_TEST(two_are_equal_when_every_byte_is)
{
	struct uuid other = example;

	ck_assert(uuid_equal(&example, &other));
	for (size_t i = 0; i < UUID_BYTES; i++) {
		other.bytes[i] ^= 0x10;
		ck_assert(!uuid_equal(&example, &other));
		other.bytes[i] ^= 0x10;
	}
}
END_TEST

SUITE_MAIN("uuid", it_is_written_in_five_groups_of_lower_case_digits,
    it_is_read_in_either_case, each_wrong_character_is_refused,
    any_other_form_is_refused, a_random_one_keeps_all_bits_but_six,
    two_are_equal_when_every_byte_is)
