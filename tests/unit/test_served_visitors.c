/*
 * What served_visitors.h promises: no visitor is served twice. Time comes with the
 * served, so a case needs not wait for it.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "client/served_visitors.h"
#include "suite.h"

/* "Half a minute" */
#define RECENT_MS 30000
#define THREADS   4
#define ROUNDS    20000
#define ENOUGH_MS 5000
#define MANY      1000

static struct served_visitors served;

static void
start(void)
{
	memset(&served, 0, sizeof served); /* also in one process */
	ck_assert_int_eq(random_start(), ERROR_NONE);
	served_visitors_init(&served);
}

/* A visitor whose uuid differs from another's in these bytes. */
static struct served_visitor
make(uint8_t first, uint8_t second, uint8_t third, uint8_t last)
{
	struct served_visitor visitor;

	memset(&visitor, 0, sizeof visitor);
	memset(visitor.uuid.bytes, 0x5a, sizeof visitor.uuid.bytes);
	visitor.uuid.bytes[0] = first;
	visitor.uuid.bytes[1] = second;
	visitor.uuid.bytes[2] = third;
	visitor.uuid.bytes[15] = last;
	visitor.start_ms = clock_now_ms();
	visitor.announced_ms = visitor.start_ms;
	return visitor;
}

static bool
enter(struct served_visitor *visitor)
{
	return served_visitors_enter(&served, visitor);
}

static void
leave(struct served_visitor *visitor, bool accepted)
{
	served_visitors_leave(&served, visitor, accepted);
}

/* Whether another of the same uuid is refused; leaves all as it is. */
static bool
is_refused(const struct served_visitor *visitor)
{
	struct served_visitor other = make(0, 0, 0, 0);

	other.uuid = visitor->uuid;
	if (!enter(&other))
		return true;
	leave(&other, false);
	return false;
}

/* Be accepted, and leave. */
static void
serve(struct served_visitor *visitor)
{
	ck_assert(enter(visitor));
	leave(visitor, true);
}

START_TEST(a_second_is_refused_while_one_is_on_the_way)
{
	struct served_visitor first = make(1, 2, 3, 4);

	start();
	ck_assert(enter(&first));
	ck_assert(is_refused(&first));
	ck_assert(is_refused(&first));
	leave(&first, false);
	ck_assert(!is_refused(&first));
	served_visitors_destroy(&served);
}
END_TEST

START_TEST(the_one_on_the_way_learns_that_it_was_announced_again)
{
	struct served_visitor first = make(1, 2, 3, 4);
	struct served_visitor other = make(1, 2, 3, 5);
	struct served_visitor second = make(1, 2, 3, 4);

	start();
	first.start_ms = 1000;
	first.announced_ms = 1000;
	ck_assert(enter(&first));
	ck_assert_int_eq(first.announced_ms, 1000);
	other.start_ms = 2000;
	ck_assert(enter(&other));
	ck_assert_int_eq(first.announced_ms, 1000);
	second.start_ms = 3000;
	second.announced_ms = 1;
	ck_assert(!enter(&second));
	ck_assert_int_eq(first.announced_ms, 3000);
	ck_assert_int_eq(first.start_ms, 1000);
	ck_assert_int_eq(second.announced_ms, 1);
	second.start_ms = 4000;
	ck_assert(!enter(&second));
	ck_assert_int_eq(first.announced_ms, 4000);
	leave(&first, false);
	leave(&other, false);
	served_visitors_destroy(&served);
}
END_TEST

START_TEST(one_that_was_accepted_is_refused_for_half_a_minute)
{
	struct served_visitor first = make(1, 2, 3, 4);
	struct served_visitor second = make(1, 2, 3, 4);
	int64_t before_ms, after_ms;

	start();
	ck_assert(enter(&first));
	before_ms = clock_now_ms();
	leave(&first, true);
	after_ms = clock_now_ms();
	second.start_ms = after_ms;
	ck_assert(!enter(&second));
	second.start_ms = before_ms + RECENT_MS - 1;
	ck_assert(!enter(&second));
	/* Nobody is on the way: there is none to learn of it. */
	ck_assert_int_eq(first.announced_ms, first.start_ms);
	second.start_ms = after_ms + RECENT_MS;
	ck_assert(enter(&second));
	leave(&second, false);
	served_visitors_destroy(&served);
}
END_TEST

START_TEST(one_that_was_not_accepted_may_come_again_at_once)
{
	struct served_visitor first = make(1, 2, 3, 4);

	start();
	for (int i = 0; i < 3; i++) {
		ck_assert(enter(&first));
		leave(&first, false);
	}
	served_visitors_destroy(&served);
}
END_TEST

/* Also as long as the clock of the system says little. */
START_TEST(at_first_nobody_was_accepted)
{
	struct served_visitor zero;

	start();
	memset(&zero, 0, sizeof zero);
	zero.start_ms = 5;
	ck_assert(enter(&zero));
	leave(&zero, false);
	served_visitors_destroy(&served);
}
END_TEST

START_TEST(one_that_is_forgotten_may_come_again)
{
	struct served_visitor first = make(1, 2, 3, 4);

	start();
	serve(&first);
	ck_assert(is_refused(&first));
	served_visitors_forget(&served, &first.uuid);
	ck_assert(!is_refused(&first));
	served_visitors_forget(&served, &first.uuid);
	serve(&first);
	ck_assert(is_refused(&first));
	served_visitors_destroy(&served);
}
END_TEST

START_TEST(no_other_is_forgotten)
{
	struct served_visitor first = make(1, 2, 3, 4);
	struct served_visitor same_place = make(9, 2, 3, 9);
	struct served_visitor on_the_way = make(7, 7, 7, 7);

	start();
	serve(&first);
	ck_assert(enter(&on_the_way));
	served_visitors_forget(&served, &same_place.uuid);
	ck_assert(is_refused(&first));
	/* That nobody is to come beside one on the way stays true. */
	served_visitors_forget(&served, &on_the_way.uuid);
	ck_assert(is_refused(&on_the_way));
	leave(&on_the_way, false);
	served_visitors_destroy(&served);
}
END_TEST

START_TEST(one_that_was_not_entered_may_leave)
{
	struct served_visitor first = make(1, 2, 3, 4);
	struct served_visitor second = make(1, 2, 3, 4);
	struct served_visitor alone = make(5, 5, 5, 5);

	start();
	ck_assert(enter(&first));
	ck_assert(!enter(&second));
	leave(&second, false);
	ck_assert(is_refused(&first));
	leave(&alone, false);
	ck_assert(!is_refused(&alone));
	/* As a spare that is handed a visitor whom another is on the way to. */
	leave(&second, true);
	leave(&first, false);
	ck_assert(is_refused(&first));
	served_visitors_destroy(&served);
}
END_TEST

/* Three in one bucket leave in each order; those that have not are found. */
START_TEST(those_of_one_bucket_are_told_apart)
{
	static const unsigned orders[][3] = {
	    {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	start();
	for (size_t i = 0; i < SUITE_LENGTH(orders); i++) {
		struct served_visitor all[] = {make(8, 1, 1, 1),
		    make(8, 1, 1, 2), make(8, 2, 3, 1), make(8, 1, 1, 3)};

		for (unsigned k = 0; k < 3; k++)
			ck_assert(enter(&all[k]));
		ck_assert(!is_refused(&all[3]));
		for (unsigned k = 0; k < 3; k++) {
			leave(&all[orders[i][k]], false);
			for (unsigned n = 0; n < 3; n++)
				ck_assert_int_eq(
				    is_refused(&all[orders[i][n]]), n > k);
		}
	}
	served_visitors_destroy(&served);
}
END_TEST

START_TEST(many_are_on_the_way)
{
	static struct served_visitor all[MANY];

	start();
	for (unsigned i = 0; i < MANY; i++) {
		all[i] = make((uint8_t)i, (uint8_t)(i >> 8), 0, 0);
		ck_assert(enter(&all[i]));
	}
	for (unsigned i = 0; i < MANY; i++)
		ck_assert(is_refused(&all[i]));
	for (unsigned i = 0; i < MANY; i += 2)
		leave(&all[i], false);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_int_eq(is_refused(&all[i]), i % 2 == 1);
	for (unsigned i = 1; i < MANY; i += 2)
		leave(&all[i], false);
	served_visitors_destroy(&served);
}
END_TEST

START_TEST(of_one_place_the_last_is_remembered)
{
	struct served_visitor first = make(1, 2, 3, 4);
	struct served_visitor second = make(5, 2, 3, 6);

	start();
	serve(&first);
	ck_assert(!is_refused(&second));
	serve(&second);
	ck_assert(is_refused(&second));
	ck_assert(!is_refused(&first));
	served_visitors_destroy(&served);
}
END_TEST

/* As many as there are places, in a row. */
START_TEST(many_that_were_accepted_are_remembered)
{
	unsigned refused = 0;

	start();
	for (unsigned i = 0; i < SERVED_VISITORS_RECENT; i++) {
		struct served_visitor one =
		    make(0, (uint8_t)(i >> 8), (uint8_t)i, (uint8_t)i);

		serve(&one);
	}
	for (unsigned i = 0; i < SERVED_VISITORS_RECENT; i++) {
		struct served_visitor one =
		    make(0, (uint8_t)(i >> 8), (uint8_t)i, (uint8_t)i);

		refused += is_refused(&one);
	}
	ck_assert_uint_eq(refused, SERVED_VISITORS_RECENT);
	served_visitors_destroy(&served);
}
END_TEST

/* Visitors of the threads: two of one bucket and place, and two of others. */
static const uint8_t shared[][4] = {
    {1, 2, 3, 4}, {1, 2, 3, 5}, {1, 3, 3, 5}, {2, 2, 3, 4}};
static atomic_uint busy[SUITE_LENGTH(shared)];
static atomic_uint entered, twice;
static int64_t enough_ms;

static void *
come_and_go(void *argument)
{
	/* Where there are few processors, each turn is one of the scheduler's. */
	for (unsigned i = 0; i < ROUNDS && clock_now_ms() < enough_ms; i++) {
		unsigned which = (i + i / 7) % SUITE_LENGTH(shared);
		const uint8_t *bytes = shared[which];
		struct served_visitor own =
		    make(bytes[0], bytes[1], bytes[2], bytes[3]);

		if (!enter(&own))
			continue;
		atomic_fetch_add(&entered, 1);
		atomic_fetch_add(&twice, atomic_exchange(&busy[which], 1));
		sched_yield();
		atomic_store(&busy[which], 0);
		leave(&own, i % 16 == 0);
		if (i % 16 == 0)
			served_visitors_forget(&served, &own.uuid);
	}
	return argument;
}

START_TEST(threads_are_never_on_the_same_way)
{
	pthread_t threads[THREADS];

	start();
	enough_ms = clock_now_ms() + ENOUGH_MS;
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(twice, 0);
	ck_assert_uint_gt(entered, 0);
	for (size_t i = 0; i < SUITE_LENGTH(shared); i++) {
		struct served_visitor one = make(
		    shared[i][0], shared[i][1], shared[i][2], shared[i][3]);

		ck_assert(!is_refused(&one));
	}
	served_visitors_destroy(&served);
}
END_TEST

/* Only the page of the lock may be written to. */
START_TEST(beginning_writes_to_no_table)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct served_visitors *empty = mmap(
	    NULL, sizeof *empty, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(empty, MAP_FAILED);
	ck_assert_int_eq(mprotect(empty, page, PROT_READ | PROT_WRITE), 0);
	ck_assert_int_eq(random_start(), ERROR_NONE);
	served_visitors_init(empty);
	served_visitors_destroy(empty);
	munmap(empty, sizeof *empty);
}
END_TEST

SUITE_MAIN("served", a_second_is_refused_while_one_is_on_the_way,
    the_one_on_the_way_learns_that_it_was_announced_again,
    one_that_was_accepted_is_refused_for_half_a_minute,
    one_that_was_not_accepted_may_come_again_at_once,
    at_first_nobody_was_accepted, one_that_is_forgotten_may_come_again,
    no_other_is_forgotten, one_that_was_not_entered_may_leave,
    those_of_one_bucket_are_told_apart, many_are_on_the_way,
    of_one_place_the_last_is_remembered, many_that_were_accepted_are_remembered,
    threads_are_never_on_the_same_way, beginning_writes_to_no_table)
