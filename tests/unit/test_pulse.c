/* What pulse.h promises: a mark of one instance, seen once. */
#include "server/pulse.h"
#include "suite.h"

static const struct uuid one = {.bytes = {1}}, other = {.bytes = {2}};

START_TEST(a_beat_is_taken_once)
{
	struct pulse *pulse = pulse_create(&one);

	ck_assert(!pulse_take(pulse));
	pulse_beat(pulse);
	pulse_beat(pulse);
	ck_assert(pulse_take(pulse));
	ck_assert(!pulse_take(pulse));
	/* As relays do. */
	atomic_store(&pulse->heard, true);
	ck_assert(pulse_take(pulse));
	pulse_release(pulse);
}
END_TEST

START_TEST(it_is_of_its_instance_alone)
{
	struct pulse *pulse = pulse_create(&one);

	ck_assert(pulse_is_of(pulse, &one));
	ck_assert(!pulse_is_of(pulse, &other));
	pulse_release(pulse);
}
END_TEST

/* The heap of a build with sanitizers sees whether it is gone, and not before. */
START_TEST(it_lasts_as_long_as_the_last_reference)
{
	struct pulse *pulse = pulse_create(&one);

	ck_assert_ptr_eq(pulse_hold(pulse), pulse);
	pulse_release(pulse);
	pulse_beat(pulse);
	ck_assert(pulse_take(pulse));
	pulse_release(pulse);
}
END_TEST

START_TEST(none_is_legal)
{
	ck_assert_ptr_null(pulse_hold(NULL));
	pulse_beat(NULL);
	ck_assert(!pulse_take(NULL));
	ck_assert(!pulse_is_of(NULL, &one));
	pulse_release(NULL);
}
END_TEST

SUITE_MAIN("pulse", a_beat_is_taken_once, it_is_of_its_instance_alone,
    it_lasts_as_long_as_the_last_reference, none_is_legal)
