/* thread_pool - see thread_pool.h */
#include "os/thread_pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "os/lock.h"
#include "os/object_cache.h"
#include "os/stack_trim.h"
#include "os/thread.h"
#include "os/thread_stack.h"

struct job {
	void (*run)(void *);
	void *argument;
};

/* A place for a thread that waits for a job. */
struct place {
	/* Signalled without the lock, so that the thread does not wake up only
	 * to wait for it; hence it may be signalled when the job has been seen
	 * already, and may wake a later user of this place to no effect. */
	struct lock_condition given;
	/* Under the pool's lock. */
	struct job job;
	struct place *next;
};

struct thread_pool {
	/* Set before the first thread starts, then read-only. */
	const char *name;

	/* Has a lock of its own. */
	struct object_cache members;

	struct lock lock;
	struct lock_condition fewer; /* threads */
	/* Under lock. */
	struct place *parked; /* the last one to park is the first to work */
	struct place *empty;
	/* Members that have done their last job, and are to be joined. */
	struct member *ended;
	unsigned threads; /* all others */
	bool stopping;

	struct place places[THREAD_POOL_PARKED_MOST];
};

/* A thread of the pool. */
struct member {
	struct thread_pool *pool;
	struct job job;   /* the first */
	void *stack;      /* its lowest address */
	pthread_t thread; /* written by the thread itself */
	/* Under the pool's lock, once it has ended. */
	struct member *next;
};

struct thread_pool *
thread_pool_create(const char *name)
{
	struct thread_pool *pool = calloc(1, sizeof *pool);

	if (pool == NULL)
		return NULL;
	pool->name = name;
	object_cache_init(&pool->members, sizeof(struct member));
	lock_init(&pool->lock, LOCK_RANK_THREAD_POOL);
	lock_condition_init(&pool->fewer);
	for (unsigned i = 0; i < THREAD_POOL_PARKED_MOST; i++) {
		lock_condition_init(&pool->places[i].given);
		pool->places[i].next = pool->empty;
		pool->empty = &pool->places[i];
	}
	return pool;
}

static void
unlink_parked(struct thread_pool *pool, struct place *place)
{
	struct place **link = &pool->parked;

	lock_assert_held(&pool->lock);
	while (*link != place)
		link = &(*link)->next;
	*link = place->next;
}

/* Wait for a job. Returns false when none has come in time: then the thread has
 * to end. */
static bool
park(struct thread_pool *pool, struct job *job)
{
	struct place *place = pool->empty;
	int64_t end_ms = clock_now_ms() + THREAD_POOL_IDLE_MS;
	bool in_time = true;

	lock_assert_held(&pool->lock);
	if (place == NULL)
		return false;
	pool->empty = place->next;
	place->job.run = NULL;
	place->next = pool->parked;
	pool->parked = place;
	while (place->job.run == NULL && in_time && !pool->stopping)
		in_time =
		    lock_condition_wait(&place->given, &pool->lock, end_ms);
	*job = place->job;
	/* give_to_parked() unlinks the place when it gives a job. */
	if (job->run == NULL)
		unlink_parked(pool, place);
	place->next = pool->empty;
	pool->empty = place;
	return job->run != NULL;
}

static void
dismiss(struct thread_pool *pool, struct member *member)
{
	thread_stack_unmap(member->stack);
	object_cache_give(&pool->members, member);
}

/* Join the members that ended before this one. Only the last one to end then
 * keeps its stack, even if nobody calls thread_pool_tidy() again. */
static void
dismiss_all(struct thread_pool *pool, struct member *ended)
{
	while (ended != NULL) {
		struct member *member = ended;

		ended = member->next;
		thread_join(member->thread); /* it is about to end */
		dismiss(pool, member);
	}
}

static void *
work(void *argument)
{
	struct member *self = argument;
	struct thread_pool *pool = self->pool;
	struct job job = self->job;
	struct member *before = NULL;
	bool more;

	self->thread = pthread_self();
	stack_trim_begin(self->stack);
	thread_name(pool->name);
	do {
		job.run(job.argument);
		lock_take(&pool->lock);
		more = park(pool, &job);
		if (!more) {
			before = pool->ended;
			self->next = NULL;
			pool->ended = self;
			pool->threads--;
			lock_condition_tell(&pool->fewer);
		}
		lock_give(&pool->lock);
	} while (more);
	/* The pool stays until this thread is joined. */
	dismiss_all(pool, before);
	return NULL;
}

/* Returns a member that has ended and that is joined now, or NULL when there is
 * none. */
static struct member *
join_one(struct thread_pool *pool)
{
	struct member *member;

	lock_take(&pool->lock);
	member = pool->ended;
	if (member != NULL)
		pool->ended = member->next;
	lock_give(&pool->lock);
	if (member != NULL)
		thread_join(member->thread); /* it is about to end */
	return member;
}

/* Returns a member to be started, with the stack of one that has ended or with
 * a new one, or NULL with errno when there is no memory. */
static struct member *
hire(struct thread_pool *pool)
{
	struct member *member = join_one(pool);

	if (member != NULL)
		return member;
	member = object_cache_take(&pool->members);
	if (member == NULL)
		return NULL;
	member->stack = thread_stack_map();
	if (member->stack != NULL)
		return member;
	object_cache_give(&pool->members, member);
	return NULL;
}

/* Returns the place whose thread is to be woken, or NULL when none is
 * parked. */
static struct place *
give_to_parked(struct thread_pool *pool, struct job job)
{
	struct place *place = pool->parked;

	lock_assert_held(&pool->lock);
	if (place == NULL)
		return NULL;
	pool->parked = place->next;
	place->job = job;
	return place;
}

static enum error
give_to_new(struct thread_pool *pool, struct job job)
{
	struct member *member = hire(pool);
	/* Not member->thread: the member may be gone before this is written. */
	pthread_t thread;
	enum error error;

	if (member == NULL)
		return ERROR_RESOURCES;
	member->pool = pool;
	member->job = job;
	error = thread_start_on(member->stack, &thread, work, member);
	if (error)
		dismiss(pool, member);
	return error;
}

enum error
thread_pool_run(struct thread_pool *pool, void (*run)(void *), void *argument)
{
	struct job job = {run, argument};
	struct place *place;
	enum error error;

	lock_take(&pool->lock);
	if (pool->stopping) {
		lock_give(&pool->lock);
		return ERROR_STOPPED;
	}
	place = give_to_parked(pool, job);
	if (place == NULL)
		pool->threads++;
	lock_give(&pool->lock);
	if (place != NULL) {
		lock_condition_tell(&place->given);
		return ERROR_NONE;
	}
	error = give_to_new(pool, job);
	if (error) {
		lock_take(&pool->lock);
		pool->threads--;
		lock_condition_tell(&pool->fewer);
		lock_give(&pool->lock);
	}
	return error;
}

void
thread_pool_tidy(struct thread_pool *pool)
{
	struct member *member;

	while ((member = join_one(pool)) != NULL)
		dismiss(pool, member);
	object_cache_tidy(&pool->members);
}

enum error
thread_pool_stop(struct thread_pool *pool, int64_t deadline_ms)
{
	bool in_time = true;
	unsigned left;

	lock_take(&pool->lock);
	pool->stopping = true;
	for (struct place *one = pool->parked; one != NULL; one = one->next)
		lock_condition_tell(&one->given);
	while (pool->threads > 0 && in_time)
		in_time =
		    lock_condition_wait(&pool->fewer, &pool->lock, deadline_ms);
	left = pool->threads;
	lock_give(&pool->lock);
	thread_pool_tidy(pool);
	return left == 0 ? ERROR_NONE : ERROR_TIMEOUT;
}

void
thread_pool_destroy(struct thread_pool *pool)
{
	if (pool == NULL)
		return;
	object_cache_destroy(&pool->members);
	for (unsigned i = 0; i < THREAD_POOL_PARKED_MOST; i++)
		lock_condition_destroy(&pool->places[i].given);
	lock_condition_destroy(&pool->fewer);
	lock_destroy(&pool->lock);
	free(pool);
}
