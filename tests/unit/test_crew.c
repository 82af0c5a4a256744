/* What crew.h promises: each job is done once, by few threads. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/crew.h"
#include "os/lock.h"
#include "suite.h"

#define PATIENCE_MS 20000
#define MANY        200

static struct crew *crew;

/* A gate at which jobs wait until they are let through. */
static struct {
	struct lock lock;
	struct lock_condition changed;
	/* Under lock. */
	unsigned arrived;
	unsigned done;
	bool open;
	pthread_t last;
	unsigned last_id; /* unlike the former never used again */
	char name[16];
	unsigned seen[MANY];
} gate;

static void
start(void)
{
	lock_init(&gate.lock);
	lock_condition_init(&gate.changed);
	crew = crew_create("crew-name");
	ck_assert_ptr_nonnull(crew);
}

static void
end(void)
{
	ck_assert_int_eq(
	    crew_stop(crew, clock_now_ms() + PATIENCE_MS), ERROR_NONE);
	crew_destroy(crew);
}

static unsigned
own_id(void)
{
	static atomic_uint ids;
	static _Thread_local unsigned id;

	if (id == 0)
		id = atomic_fetch_add(&ids, 1) + 1;
	return id;
}

static void
pass(void *argument)
{
	lock_take(&gate.lock);
	if (argument != NULL)
		++*(unsigned *)argument;
	gate.arrived++;
	lock_condition_tell(&gate.changed);
	while (!gate.open)
		lock_condition_wait(&gate.changed, &gate.lock, CLOCK_NEVER);
	gate.last = pthread_self();
	gate.last_id = own_id();
	pthread_getname_np(gate.last, gate.name, sizeof gate.name);
	gate.done++;
	lock_condition_tell(&gate.changed);
	lock_give(&gate.lock);
}

static void
set_gate(bool open)
{
	lock_take(&gate.lock);
	gate.open = open;
	lock_condition_tell(&gate.changed);
	lock_give(&gate.lock);
}

static void
wait_for(const unsigned *counter, unsigned value)
{
	lock_take(&gate.lock);
	while (*counter < value)
		ck_assert(lock_condition_wait(
		    &gate.changed, &gate.lock, clock_now_ms() + PATIENCE_MS));
	lock_give(&gate.lock);
}

START_TEST(a_job_is_done_in_a_thread_with_the_name_of_the_crew)
{
	unsigned done = 0;

	start();
	set_gate(true);
	ck_assert_int_eq(crew_do(crew, pass, &done), ERROR_NONE);
	wait_for(&gate.done, 1);
	ck_assert_uint_eq(done, 1);
	ck_assert_str_eq(gate.name, "crew-name");
	ck_assert(!pthread_equal(gate.last, pthread_self()));
	end();
}
END_TEST

START_TEST(jobs_do_not_wait_for_each_other)
{
	start();
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_int_eq(
		    crew_do(crew, pass, &gate.seen[i]), ERROR_NONE);
	/* All are inside before one may go on. */
	wait_for(&gate.arrived, MANY);
	set_gate(true);
	wait_for(&gate.done, MANY);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_eq(gate.seen[i], 1);
	end();
}
END_TEST

/* Park all that may, then ask for as many again: nobody is new. */
START_TEST(a_thread_that_has_done_its_job_takes_the_next)
{
	unsigned before;

	start();
	set_gate(true);
	ck_assert_int_eq(crew_do(crew, pass, NULL), ERROR_NONE);
	wait_for(&gate.done, 1);
	before = gate.last_id;
	for (unsigned i = 2; i <= 50; i++) {
		/* It may not have parked yet: give it the time. */
		int64_t end_ms = clock_now_ms() + PATIENCE_MS;
		bool same = false;

		while (!same && clock_now_ms() < end_ms) {
			unsigned goal = gate.done + 1;

			ck_assert_int_eq(crew_do(crew, pass, NULL), ERROR_NONE);
			wait_for(&gate.done, goal);
			same = before == gate.last_id;
			before = gate.last_id;
		}
		ck_assert_msg(same, "every job gets another thread");
	}
	end();
}
END_TEST

START_TEST(more_than_may_park_end_and_the_others_serve_on)
{
	start();
	for (int round = 1; round <= 5; round++) {
		unsigned goal = (unsigned)round * 2 * CREW_PARKED_MOST;

		set_gate(false);
		for (int i = 0; i < 2 * CREW_PARKED_MOST; i++)
			ck_assert_int_eq(crew_do(crew, pass, NULL), ERROR_NONE);
		wait_for(&gate.arrived, goal);
		set_gate(true);
		wait_for(&gate.done, goal);
	}
	end();
}
END_TEST

START_TEST(no_job_is_taken_after_the_stop)
{
	unsigned done = 0;

	start();
	ck_assert_int_eq(crew_stop(crew, 0), ERROR_NONE);
	ck_assert_int_eq(crew_do(crew, pass, &done), ERROR_STOPPED);
	ck_assert_uint_eq(done, 0);
	ck_assert_int_eq(crew_stop(crew, 0), ERROR_NONE);
	crew_destroy(crew);
	crew_destroy(NULL);
}
END_TEST

START_TEST(the_stop_waits_for_running_jobs_until_its_deadline)
{
	int64_t deadline_ms;

	start();
	ck_assert_int_eq(crew_do(crew, pass, NULL), ERROR_NONE);
	wait_for(&gate.arrived, 1);
	deadline_ms = clock_now_ms() + 100;
	ck_assert_int_eq(crew_stop(crew, deadline_ms), ERROR_TIMEOUT);
	ck_assert_int_ge(clock_now_ms(), deadline_ms);
	ck_assert_int_eq(crew_do(crew, pass, NULL), ERROR_STOPPED);
	set_gate(true);
	end();
	ck_assert_uint_eq(gate.done, 1);
}
END_TEST

START_TEST(the_stop_does_not_wait_until_parked_threads_are_tired)
{
	int64_t start_ms;

	start();
	set_gate(true);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_int_eq(crew_do(crew, pass, NULL), ERROR_NONE);
	wait_for(&gate.done, 10);
	start_ms = clock_now_ms();
	end();
	ck_assert_int_lt(clock_now_ms() - start_ms, CREW_IDLE_MS / 2);
}
END_TEST

static void *
give_jobs(void *argument)
{
	for (int i = 0; i < 500; i++)
		if (crew_do(crew, pass, NULL))
			return argument;
	return NULL;
}

START_TEST(many_threads_may_give_jobs)
{
	pthread_t threads[4];

	start();
	set_gate(true);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, give_jobs, crew), 0);
	for (int i = 0; i < 4; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	end();
	ck_assert_uint_eq(gate.done, 2000);
}
END_TEST

/* Where each thread's stack is in use. */
static void
pass_and_tell(void *argument)
{
	char here;

	*(uintptr_t *)argument = (uintptr_t)&here;
	pass(NULL);
}

/* How many of the pages are there. */
static unsigned
count_there(const uintptr_t *places)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	unsigned char there;
	unsigned count = 0;

	for (unsigned i = 0; i < MANY; i++)
		if (mincore((void *)(places[i] & ~(page - 1)), 1, &there) == 0)
			count += there & 1;
	return count;
}

/* But for those that are parked, and the last to end. */
START_TEST(threads_that_have_ended_give_their_memory_back_by_themselves)
{
	static uintptr_t places[MANY];
	int64_t end_ms = clock_now_ms() + PATIENCE_MS;
	const struct timespec pause = {.tv_nsec = 10000000};

	start();
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_int_eq(
		    crew_do(crew, pass_and_tell, &places[i]), ERROR_NONE);
	wait_for(&gate.arrived, MANY);
	ck_assert_uint_eq(count_there(places), MANY);
	set_gate(true);
	wait_for(&gate.done, MANY);
	while (count_there(places) > CREW_PARKED_MOST + 1) {
		ck_assert(clock_now_ms() < end_ms);
		nanosleep(&pause, NULL);
	}
	end();
}
END_TEST

SUITE_MAIN("crew", a_job_is_done_in_a_thread_with_the_name_of_the_crew,
    jobs_do_not_wait_for_each_other,
    a_thread_that_has_done_its_job_takes_the_next,
    more_than_may_park_end_and_the_others_serve_on,
    no_job_is_taken_after_the_stop,
    the_stop_waits_for_running_jobs_until_its_deadline,
    the_stop_does_not_wait_until_parked_threads_are_tired,
    many_threads_may_give_jobs,
    threads_that_have_ended_give_their_memory_back_by_themselves)
