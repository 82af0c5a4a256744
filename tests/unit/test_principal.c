/* What principal.h promises: who is the same, and who may succeed whom. */
#include "suite.h"
#include "wire/principal.h"

START_TEST(a_principal_is_the_same_as_itself_alone)
{
	struct principal *one = principal_create();
	struct principal *other = principal_create();

	ck_assert_ptr_nonnull(one);
	ck_assert_ptr_nonnull(other);
	ck_assert(principal_same(one, one));
	ck_assert(!principal_same(one, other));
	ck_assert(!principal_same(one, NULL));
	ck_assert(!principal_same(NULL, other));
	ck_assert(principal_same(NULL, NULL));
	principal_release(one);
	principal_release(other);
}
END_TEST

START_TEST(whoever_knows_a_secret_may_succeed_whoever_knew_one)
{
	struct principal *one = principal_create();
	struct principal *other = principal_create();

	ck_assert(principal_may_succeed(one, one));
	ck_assert(principal_may_succeed(one, other));
	ck_assert(!principal_may_succeed(one, NULL));
	ck_assert(!principal_may_succeed(NULL, one));
	ck_assert(!principal_may_succeed(NULL, NULL));
	principal_release(one);
	principal_release(other);
}
END_TEST

START_TEST(a_principal_lives_as_long_as_it_is_held)
{
	struct principal *one = principal_create();

	ck_assert_ptr_eq(principal_hold(one), one);
	principal_release(one);
	ck_assert(principal_same(one, one)); /* a sanitizer looks */
	principal_release(principal_hold(one));
	principal_release(one);
	ck_assert_ptr_null(principal_hold(NULL));
	principal_release(NULL);
}
END_TEST

SUITE_MAIN("principal", a_principal_is_the_same_as_itself_alone,
    whoever_knows_a_secret_may_succeed_whoever_knew_one,
    a_principal_lives_as_long_as_it_is_held)
