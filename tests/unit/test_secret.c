/* What secret.h promises, as far as it can be seen from outside. */
#include <string.h>

#include "base/secret.h"
#include "suite.h"

START_TEST(every_byte_is_wiped_and_no_other)
{
	unsigned char bytes[34];

	memset(bytes, 0x5a, sizeof bytes);
	secret_wipe(bytes + 1, 32);
	ck_assert_uint_eq(bytes[0], 0x5a);
	for (int i = 1; i <= 32; i++)
		ck_assert_uint_eq(bytes[i], 0);
	ck_assert_uint_eq(bytes[33], 0x5a);
	secret_wipe(bytes + 33, 0);
	ck_assert_uint_eq(bytes[33], 0x5a);
}
END_TEST

START_TEST(equal_bytes_are_equal)
{
	unsigned char a[32], b[33];

	memset(a, 0xa5, sizeof a);
	memset(b, 0xa5, sizeof b);
	b[32] = 0;
	ck_assert(secret_equal(a, b, 32));
	ck_assert(secret_equal(a, a, 32));
	ck_assert(secret_equal(a, b, 0));
	ck_assert(secret_equal("a", "b", 0));
	ck_assert(secret_equal("\0a", "\0a", 2));
}
END_TEST

START_TEST(each_single_bit_makes_a_difference)
{
	unsigned char a[32], b[32];

	memset(a, 0x5a, sizeof a);
	memset(b, 0x5a, sizeof b);
	for (int bit = 0; bit < 256; bit++) {
		b[bit / 8] ^= (unsigned char)(1 << bit % 8);
		ck_assert(!secret_equal(a, b, 32));
		ck_assert(!secret_equal(b, a, 32));
		b[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	/* Two that would take each other away */
	b[3] ^= 1;
	b[4] ^= 1;
	ck_assert(!secret_equal(a, b, 32));
	ck_assert(!secret_equal("\0a", "\0b", 2));
}
END_TEST

SUITE_MAIN("secret", every_byte_is_wiped_and_no_other, equal_bytes_are_equal,
    each_single_bit_makes_a_difference)
