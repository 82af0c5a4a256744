/*
 * What thread_pool.h promises: each job is done once, by few threads, and what has ended
 * is given back. pool.c is part of this program: its parked threads are told, and
 * get tired, when a case says so, and all that it takes and gives is counted.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/lock.h"
#include "os/object_cache.h"
#include "os/stack_trim.h"
#include "os/thread.h"
#include "os/thread_stack.h"
#include "suite.h"

static int64_t clock_moved_ms(void);
static bool wait_counted(
    struct lock_condition *condition, struct lock *lock, int64_t deadline_ms);
static void tell_counted(struct lock_condition *condition);
static enum error start_counted(
    void *stack, pthread_t *thread, void *(*run)(void *), void *argument);
static void join_counted(pthread_t thread);
static void begin_noted(void *lowest);
static void *take_counted(void);
static void give_counted(void *lowest);
static void *object_cache_take_counted(struct object_cache *shelf);
static void object_cache_give_counted(struct object_cache *shelf, void *object);

#define clock_now_ms        clock_moved_ms
#define stack_trim_begin    begin_noted
#define lock_condition_wait wait_counted
#define lock_condition_tell tell_counted
#define thread_start_on     start_counted
#define thread_join         join_counted
#define thread_stack_map    take_counted
#define thread_stack_unmap  give_counted
#define object_cache_take   object_cache_take_counted
#define object_cache_give   object_cache_give_counted
#include "os/thread_pool.c" /* NOLINT(bugprone-suspicious-include) */
#undef clock_now_ms
#undef stack_trim_begin
#undef lock_condition_wait
#undef lock_condition_tell
#undef thread_start_on
#undef thread_join
#undef thread_stack_map
#undef thread_stack_unmap
#undef object_cache_take
#undef object_cache_give

#define PATIENCE_MS 20000
#define MANY        200
#define WAITS_MOST  16

static struct thread_pool *pool;

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
	/* How often parked threads have begun to wait, and the first times. */
	unsigned waits;
	struct wait {
		struct lock_condition *at;
		int64_t deadline_ms;
	} wait[WAITS_MOST];
	/* A thread that is told there believes that its time is up. */
	struct lock_condition *tired;
	/* Said that they have ended. */
	unsigned ended;
	unsigned starts, joins;
	/* Of the last that was started, and as it knows it itself. */
	const void *stack, *begun;
	pthread_t begins;
	unsigned stacks_taken, stacks_given;
	unsigned members_taken, members_given;
} gate;

/* What is refused; set and read by one thread. */
static bool refuses_start, refuses_stack, refuses_member;

/* How far the clock of the pool is ahead. */
static _Atomic int64_t ahead_ms;

static int64_t
clock_moved_ms(void)
{
	return clock_now_ms() + atomic_load(&ahead_ms);
}

static void
count(unsigned *counter)
{
	lock_take(&gate.lock);
	++*counter;
	lock_condition_tell(&gate.changed);
	lock_give(&gate.lock);
}

static unsigned
look(const unsigned *counter)
{
	unsigned value;

	lock_take(&gate.lock);
	value = *counter;
	lock_give(&gate.lock);
	return value;
}

static bool
wait_counted(
    struct lock_condition *condition, struct lock *lock, int64_t deadline_ms)
{
	bool is_tired;

	if (condition == &pool->fewer)
		return lock_condition_wait(condition, lock, deadline_ms);
	lock_take(&gate.lock);
	if (gate.waits < WAITS_MOST)
		gate.wait[gate.waits] = (struct wait){condition, deadline_ms};
	gate.waits++;
	lock_condition_tell(&gate.changed);
	lock_give(&gate.lock);
	lock_condition_wait(condition, lock, CLOCK_NEVER);
	lock_take(&gate.lock);
	is_tired = gate.tired == condition;
	lock_give(&gate.lock);
	return !is_tired;
}

static void
tell_counted(struct lock_condition *condition)
{
	if (condition == &pool->fewer)
		count(&gate.ended);
	lock_condition_tell(condition);
}

static enum error
start_counted(
    void *stack, pthread_t *thread, void *(*run)(void *), void *argument)
{
	if (refuses_start) {
		errno = EAGAIN;
		return ERROR_RESOURCES;
	}
	lock_take(&gate.lock);
	gate.stack = stack;
	lock_give(&gate.lock);
	count(&gate.starts);
	return thread_start_on(stack, thread, run, argument);
}

static void
begin_noted(void *lowest)
{
	lock_take(&gate.lock);
	gate.begun = lowest;
	gate.begins = pthread_self();
	lock_give(&gate.lock);
	stack_trim_begin(lowest);
}

static void
join_counted(pthread_t thread)
{
	thread_join(thread);
	count(&gate.joins);
}

static void *
take_counted(void)
{
	if (refuses_stack) {
		errno = ENOMEM;
		return NULL;
	}
	count(&gate.stacks_taken);
	return thread_stack_map();
}

static void
give_counted(void *lowest)
{
	count(&gate.stacks_given);
	thread_stack_unmap(lowest);
}

static void *
object_cache_take_counted(struct object_cache *shelf)
{
	if (refuses_member) {
		errno = ENOMEM;
		return NULL;
	}
	count(&gate.members_taken);
	return object_cache_take(shelf);
}

static void
object_cache_give_counted(struct object_cache *shelf, void *object)
{
	count(&gate.members_given);
	object_cache_give(shelf, object);
}

static void
start(void)
{
	lock_init(&gate.lock, LOCK_RANK_OF_TESTS);
	lock_condition_init(&gate.changed);
	pool = thread_pool_create("pool-name");
	ck_assert_ptr_nonnull(pool);
}

/* All threads have been joined, and what they had was given back. */
static void
assert_all_given_back(void)
{
	ck_assert_uint_eq(look(&gate.joins), look(&gate.starts));
	ck_assert_uint_eq(look(&gate.stacks_given), look(&gate.stacks_taken));
	ck_assert_uint_eq(look(&gate.members_given), look(&gate.members_taken));
}

static void
end(void)
{
	ck_assert_int_eq(
	    thread_pool_stop(pool, clock_now_ms() + PATIENCE_MS), ERROR_NONE);
	assert_all_given_back();
	thread_pool_destroy(pool);
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

/* Have count jobs at the gate at once, then let them through. */
static void
do_at_once(unsigned count_of_jobs)
{
	unsigned arrived = look(&gate.arrived);
	unsigned done = look(&gate.done);

	set_gate(false);
	for (unsigned i = 0; i < count_of_jobs; i++)
		ck_assert_int_eq(thread_pool_run(pool, pass, NULL), ERROR_NONE);
	wait_for(&gate.arrived, arrived + count_of_jobs);
	set_gate(true);
	wait_for(&gate.done, done + count_of_jobs);
}

/* The n-th that is parked, the last that came first; NULL: so many are not. */
static struct lock_condition *
find_parked(unsigned n)
{
	struct place *place;

	lock_take(&pool->lock);
	place = pool->parked;
	while (place != NULL && n-- > 0)
		place = place->next;
	lock_give(&pool->lock);
	return place != NULL ? &place->given : NULL;
}

/* Wait until so many are parked: they wait, or are about to look again. */
static void
wait_for_parked(unsigned value)
{
	unsigned waits = look(&gate.waits);

	ck_assert_uint_gt(value, 0);
	while (find_parked(value - 1) == NULL) {
		wait_for(&gate.waits, waits + 1);
		waits = look(&gate.waits);
	}
	ck_assert_ptr_null(find_parked(value));
}

/* A parked thread believes that its time is up when it is told. */
static void
tire(struct lock_condition *parked)
{
	ck_assert_ptr_nonnull(parked);
	lock_take(&gate.lock);
	gate.tired = parked;
	lock_give(&gate.lock);
}

/* It is up. */
static void
give_up(unsigned n)
{
	struct lock_condition *parked = find_parked(n);

	tire(parked);
	lock_condition_tell(parked);
}

START_TEST(a_job_is_done_in_a_thread_with_the_name_of_the_crew)
{
	unsigned done = 0;

	start();
	set_gate(true);
	ck_assert_int_eq(thread_pool_run(pool, pass, &done), ERROR_NONE);
	wait_for(&gate.done, 1);
	ck_assert_uint_eq(done, 1);
	ck_assert_str_eq(gate.name, "pool-name");
	ck_assert(!pthread_equal(gate.last, pthread_self()));
	end();
}
END_TEST

/* What it trims (stack.h) is its own. */
START_TEST(a_thread_knows_where_its_stack_ends)
{
	start();
	for (unsigned i = 1; i <= 3; i++) {
		do_at_once(i);
		wait_for_parked(i);
		lock_take(&gate.lock);
		ck_assert_ptr_nonnull(gate.stack);
		ck_assert_ptr_eq(gate.begun, gate.stack);
		ck_assert(!pthread_equal(gate.begins, pthread_self()));
		lock_give(&gate.lock);
	}
	end();
}
END_TEST

START_TEST(jobs_do_not_wait_for_each_other)
{
	start();
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_int_eq(
		    thread_pool_run(pool, pass, &gate.seen[i]), ERROR_NONE);
	/* All are inside before one may go on. */
	wait_for(&gate.arrived, MANY);
	set_gate(true);
	wait_for(&gate.done, MANY);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_eq(gate.seen[i], 1);
	end();
}
END_TEST

START_TEST(a_thread_that_has_done_its_job_takes_the_next)
{
	unsigned id;

	start();
	do_at_once(1);
	id = look(&gate.last_id);
	for (unsigned i = 1; i <= 50; i++) {
		wait_for_parked(1);
		do_at_once(1);
		ck_assert_uint_eq(look(&gate.last_id), id);
	}
	ck_assert_uint_eq(look(&gate.starts), 1);
	end();
}
END_TEST

/* Half of them park; the others are used again, as they have ended. */
START_TEST(more_than_may_park_end_and_the_others_serve_on)
{
	start();
	for (unsigned round = 1; round <= 5; round++) {
		do_at_once(2 * THREAD_POOL_PARKED_MOST);
		wait_for_parked(THREAD_POOL_PARKED_MOST);
		wait_for(&gate.ended, round * THREAD_POOL_PARKED_MOST);
		ck_assert_uint_eq(
		    look(&gate.starts), (round + 1) * THREAD_POOL_PARKED_MOST);
		/* Each gives back what those before it had, or leaves it. */
		thread_pool_tidy(pool);
		ck_assert_uint_eq(
		    look(&gate.stacks_taken) - look(&gate.stacks_given),
		    THREAD_POOL_PARKED_MOST);
		ck_assert_uint_eq(
		    look(&gate.members_taken) - look(&gate.members_given),
		    THREAD_POOL_PARKED_MOST);
	}
	end();
}
END_TEST

/* --- What has ended */

START_TEST(what_has_ended_is_given_back_by_tidying)
{
	start();
	do_at_once(THREAD_POOL_PARKED_MOST + 30);
	wait_for_parked(THREAD_POOL_PARKED_MOST);
	wait_for(&gate.ended, 30);
	for (int i = 0; i < 2; i++) {
		thread_pool_tidy(pool);
		ck_assert_uint_eq(look(&gate.joins), 30);
		ck_assert_uint_eq(look(&gate.stacks_given), 30);
		ck_assert_uint_eq(look(&gate.members_given), 30);
	}
	/* Those who are parked go on. */
	do_at_once(THREAD_POOL_PARKED_MOST);
	ck_assert_uint_eq(look(&gate.starts), THREAD_POOL_PARKED_MOST + 30);
	end();
}
END_TEST

/* Tasks of this process; -1: nobody knows. */
static int
count_tasks(void)
{
	DIR *folder = opendir("/proc/self/task");
	const struct dirent *entry;
	int tasks = 0;

	if (folder == NULL)
		return -1;
	while ((entry = readdir(folder)) != NULL)
		tasks += entry->d_name[0] != '.';
	closedir(folder);
	return tasks;
}

/* What is joined may have a task for a moment yet. */
static void
wait_for_tasks(int tasks)
{
	int64_t end_ms = clock_now_ms() + PATIENCE_MS;

	while (count_tasks() > tasks) {
		ck_assert_int_lt(clock_now_ms(), end_ms);
		sched_yield();
	}
	ck_assert_int_eq(count_tasks(), tasks);
}

START_TEST(the_stop_leaves_no_thread)
{
	int before;

	start();
	/* What a sanitizer needs of its own is there now. */
	do_at_once(1);
	wait_for_parked(1);
	before = count_tasks() - 1;
	do_at_once(THREAD_POOL_PARKED_MOST + 30);
	wait_for_parked(THREAD_POOL_PARKED_MOST);
	wait_for(&gate.ended, 30);
	set_gate(false);
	ck_assert_int_eq(thread_pool_run(pool, pass, NULL), ERROR_NONE);
	wait_for(&gate.arrived, THREAD_POOL_PARKED_MOST + 32);
	ck_assert_int_eq(thread_pool_stop(pool, 0), ERROR_TIMEOUT);
	set_gate(true);
	ck_assert_int_eq(
	    thread_pool_stop(pool, clock_now_ms() + PATIENCE_MS), ERROR_NONE);
	assert_all_given_back();
	if (before >= 0)
		wait_for_tasks(before);
	thread_pool_destroy(pool);
}
END_TEST

/* --- Parked threads */

START_TEST(a_parked_thread_waits_for_as_long_as_it_is_said)
{
	int64_t before_ms, now_ms;

	start();
	before_ms = clock_now_ms();
	do_at_once(1);
	wait_for_parked(1);
	now_ms = clock_now_ms();
	ck_assert_int_ge(
	    gate.wait[0].deadline_ms, before_ms + THREAD_POOL_IDLE_MS);
	ck_assert_int_le(
	    gate.wait[0].deadline_ms, now_ms + THREAD_POOL_IDLE_MS);
	end();
}
END_TEST

START_TEST(who_is_told_for_nothing_goes_on_waiting)
{
	unsigned id;

	start();
	do_at_once(1);
	id = look(&gate.last_id);
	wait_for_parked(1);
	for (unsigned i = 1; i < 5; i++) {
		atomic_fetch_add(&ahead_ms, THREAD_POOL_IDLE_MS / 10);
		lock_condition_tell(find_parked(0));
		wait_for(&gate.waits, i + 1);
	}
	/* Not from the beginning again. */
	for (unsigned i = 1; i < 5; i++) {
		ck_assert_ptr_eq(gate.wait[i].at, gate.wait[0].at);
		ck_assert_int_eq(
		    gate.wait[i].deadline_ms, gate.wait[0].deadline_ms);
	}
	ck_assert_uint_eq(look(&gate.ended), 0);
	do_at_once(1);
	ck_assert_uint_eq(look(&gate.last_id), id);
	end();
}
END_TEST

START_TEST(a_job_given_to_one_whose_time_is_up_is_done)
{
	unsigned id;

	start();
	do_at_once(1);
	id = look(&gate.last_id);
	for (unsigned i = 1; i < 5; i++) {
		wait_for_parked(1);
		tire(find_parked(0));
		do_at_once(1);
		ck_assert_uint_eq(look(&gate.last_id), id);
		ck_assert_uint_eq(look(&gate.done), i + 1);
		ck_assert_uint_eq(look(&gate.ended), 0);
	}
	ck_assert_uint_eq(look(&gate.starts), 1);
	end();
}
END_TEST

START_TEST(who_waits_in_vain_ends_and_the_next_has_its_stack)
{
	unsigned id;

	start();
	do_at_once(1);
	id = look(&gate.last_id);
	wait_for_parked(1);
	give_up(0);
	wait_for(&gate.ended, 1);
	do_at_once(1);
	ck_assert_uint_ne(look(&gate.last_id), id);
	ck_assert_uint_eq(look(&gate.joins), 1);
	ck_assert_uint_eq(look(&gate.stacks_taken), 1);
	wait_for_parked(1);
	give_up(0);
	wait_for(&gate.ended, 2);
	thread_pool_tidy(pool);
	assert_all_given_back();
	do_at_once(1);
	ck_assert_uint_eq(look(&gate.stacks_taken), 2);
	end();
}
END_TEST

/* Whichever of those who are parked it is. */
static void
assert_ends(unsigned which)
{
	lock_take(&gate.lock);
	gate.ended = gate.starts = gate.joins = 0;
	lock_give(&gate.lock);
	pool = thread_pool_create("pool-name");
	do_at_once(3);
	wait_for_parked(3);
	give_up(which);
	wait_for(&gate.ended, 1);
	do_at_once(2);
	ck_assert_uint_eq(look(&gate.starts), 3);
	wait_for_parked(2);
	do_at_once(3);
	ck_assert_uint_eq(look(&gate.starts), 4);
	lock_take(&gate.lock);
	gate.tired = NULL;
	lock_give(&gate.lock);
	end();
}

START_TEST(whoever_waits_in_vain_the_others_do_not)
{
	start();
	thread_pool_destroy(pool);
	for (unsigned i = 0; i < 3; i++)
		assert_ends(i);
}
END_TEST

/* Places of those who have ended are free: as many may park as before. */
START_TEST(others_may_park_where_one_has_waited_in_vain)
{
	start();
	for (unsigned i = 0; i < 2; i++) {
		do_at_once(1);
		wait_for_parked(1);
		give_up(0);
		wait_for(&gate.ended, i + 1);
	}
	lock_take(&gate.lock);
	gate.tired = NULL;
	lock_give(&gate.lock);
	do_at_once(THREAD_POOL_PARKED_MOST);
	wait_for_parked(THREAD_POOL_PARKED_MOST);
	ck_assert_uint_eq(look(&gate.ended), 2);
	end();
}
END_TEST

/* --- No room */

static void
assert_refused(void)
{
	unsigned done = 0;

	errno = 0;
	ck_assert_int_eq(thread_pool_run(pool, pass, &done), ERROR_RESOURCES);
	ck_assert(errno == EAGAIN || errno == ENOMEM);
	ck_assert_uint_eq(done, 0);
	assert_all_given_back();
}

START_TEST(without_room_for_a_thread_nothing_is_lost)
{
	start();
	refuses_member = true;
	assert_refused();
	refuses_member = false;
	refuses_stack = true;
	/* That which was not to be had is not to be given back. */
	assert_refused();
	refuses_stack = false;
	refuses_start = true;
	assert_refused();
	ck_assert_uint_eq(look(&gate.stacks_taken), 1);
	/* Who is not there is not waited for. */
	refuses_start = false;
	do_at_once(1);
	wait_for_parked(1);
	refuses_member = refuses_stack = refuses_start = true;
	do_at_once(1);
	end();
	refuses_member = refuses_stack = refuses_start = false;
}
END_TEST

START_TEST(the_stop_does_not_wait_for_one_that_never_started)
{
	start();
	refuses_start = true;
	assert_refused();
	ck_assert_int_eq(thread_pool_stop(pool, 0), ERROR_NONE);
	thread_pool_destroy(pool);
	refuses_start = false;
}
END_TEST

/* --- The stop */

START_TEST(no_job_is_taken_after_the_stop)
{
	unsigned done = 0;

	start();
	ck_assert_int_eq(thread_pool_stop(pool, 0), ERROR_NONE);
	ck_assert_int_eq(thread_pool_run(pool, pass, &done), ERROR_STOPPED);
	ck_assert_uint_eq(done, 0);
	ck_assert_int_eq(thread_pool_stop(pool, 0), ERROR_NONE);
	thread_pool_destroy(pool);
	thread_pool_destroy(NULL);
}
END_TEST

START_TEST(the_stop_waits_for_running_jobs_until_its_deadline)
{
	int64_t deadline_ms;

	start();
	ck_assert_int_eq(thread_pool_run(pool, pass, NULL), ERROR_NONE);
	wait_for(&gate.arrived, 1);
	deadline_ms = clock_now_ms() + 100;
	ck_assert_int_eq(thread_pool_stop(pool, deadline_ms), ERROR_TIMEOUT);
	ck_assert_int_ge(clock_now_ms(), deadline_ms);
	ck_assert_int_eq(thread_pool_run(pool, pass, NULL), ERROR_STOPPED);
	set_gate(true);
	end();
	ck_assert_uint_eq(gate.done, 1);
}
END_TEST

START_TEST(the_stop_does_not_wait_until_parked_threads_are_tired)
{
	start();
	do_at_once(10);
	/* They never are, here. */
	wait_for_parked(10);
	end();
}
END_TEST

static void *
give_jobs(void *argument)
{
	for (int i = 0; i < 500; i++)
		if (thread_pool_run(pool, pass, NULL))
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
		    pthread_create(&threads[i], NULL, give_jobs, pool), 0);
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
		    thread_pool_run(pool, pass_and_tell, &places[i]),
		    ERROR_NONE);
	wait_for(&gate.arrived, MANY);
	ck_assert_uint_eq(count_there(places), MANY);
	set_gate(true);
	wait_for(&gate.done, MANY);
	while (count_there(places) > THREAD_POOL_PARKED_MOST + 1) {
		ck_assert(clock_now_ms() < end_ms);
		nanosleep(&pause, NULL);
	}
	end();
}
END_TEST

SUITE_MAIN("pool", a_job_is_done_in_a_thread_with_the_name_of_the_crew,
    a_thread_knows_where_its_stack_ends, jobs_do_not_wait_for_each_other,
    a_thread_that_has_done_its_job_takes_the_next,
    more_than_may_park_end_and_the_others_serve_on,
    what_has_ended_is_given_back_by_tidying, the_stop_leaves_no_thread,
    a_parked_thread_waits_for_as_long_as_it_is_said,
    who_is_told_for_nothing_goes_on_waiting,
    a_job_given_to_one_whose_time_is_up_is_done,
    who_waits_in_vain_ends_and_the_next_has_its_stack,
    whoever_waits_in_vain_the_others_do_not,
    others_may_park_where_one_has_waited_in_vain,
    without_room_for_a_thread_nothing_is_lost,
    the_stop_does_not_wait_for_one_that_never_started,
    no_job_is_taken_after_the_stop,
    the_stop_waits_for_running_jobs_until_its_deadline,
    the_stop_does_not_wait_until_parked_threads_are_tired,
    many_threads_may_give_jobs,
    threads_that_have_ended_give_their_memory_back_by_themselves)
