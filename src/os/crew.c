/* crew - see crew.h */
#include "os/crew.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "os/lock.h"
#include "os/shelf.h"
#include "os/stack.h"
#include "os/stacks.h"
#include "os/thread.h"

struct job {
	void (*run)(void *);
	void *argument;
};

/* A place for a thread that waits for a job. */
struct place {
	/* Whoever waits here may be told late, and then for nothing: nobody
	 * holds the lock that the other needs to wake up. */
	struct lock_condition told;
	/* Under the crew's lock. */
	struct job job;
	struct place *next;
};

struct crew {
	/* Set before the first thread starts, then read-only. */
	const char *name;

	/* Each with a lock of its own. */
	struct shelf members;
	struct stacks stacks;

	struct lock lock;
	struct lock_condition fewer;
	/* Under lock. */
	struct place *parked; /* the last one to park is the first to work */
	struct place *empty;
	/* Have done their last job, and are to be joined. */
	struct member *ended;
	unsigned threads; /* that have not */
	bool stopping;

	struct place places[CREW_PARKED_MOST];
};

/* A thread. */
struct member {
	struct crew *crew;
	struct job job; /* the first */
	struct stacks_place stack;
	pthread_t thread; /* written by itself */
	/* Under the crew's lock, once it has ended. */
	struct member *next;
};

struct crew *
crew_create(const char *name)
{
	struct crew *crew = calloc(1, sizeof *crew);

	if (crew == NULL)
		return NULL;
	crew->name = name;
	shelf_init(&crew->members, sizeof(struct member));
	stacks_init(&crew->stacks);
	lock_init(&crew->lock, LOCK_RANK_CREW);
	lock_condition_init(&crew->fewer);
	for (unsigned i = 0; i < CREW_PARKED_MOST; i++) {
		lock_condition_init(&crew->places[i].told);
		crew->places[i].next = crew->empty;
		crew->empty = &crew->places[i];
	}
	return crew;
}

static void
unlink_parked(struct crew *crew, struct place *place)
{
	struct place **link = &crew->parked;

	lock_assert_held(&crew->lock);
	while (*link != place)
		link = &(*link)->next;
	*link = place->next;
}

/* Wait for a job. Returns false when there is none: the thread has to end. */
static bool
park(struct crew *crew, struct job *job)
{
	struct place *place = crew->empty;
	int64_t end_ms = clock_now_ms() + CREW_IDLE_MS;
	bool in_time = true;

	lock_assert_held(&crew->lock);
	if (place == NULL)
		return false;
	crew->empty = place->next;
	place->job.run = NULL;
	place->next = crew->parked;
	crew->parked = place;
	while (place->job.run == NULL && in_time && !crew->stopping)
		in_time =
		    lock_condition_wait(&place->told, &crew->lock, end_ms);
	*job = place->job;
	/* Who gives a job has unlinked the place. */
	if (job->run == NULL)
		unlink_parked(crew, place);
	place->next = crew->empty;
	crew->empty = place;
	return job->run != NULL;
}

static void
dismiss(struct crew *crew, struct member *member)
{
	stacks_give(&crew->stacks, &member->stack);
	shelf_give(&crew->members, member);
}

/* Join those who have ended before, so that the last one alone keeps its stack,
 * also where nobody calls crew_tidy() any more. */
static void
dismiss_all(struct crew *crew, struct member *ended)
{
	while (ended != NULL) {
		struct member *member = ended;

		ended = member->next;
		thread_join(member->thread); /* it is about to end */
		dismiss(crew, member);
	}
}

static void *
work(void *argument)
{
	struct member *self = argument;
	struct crew *crew = self->crew;
	struct job job = self->job;
	struct member *before = NULL;
	bool more;

	self->thread = pthread_self();
	stack_begin(self->stack.lowest);
	thread_name(crew->name);
	do {
		job.run(job.argument);
		lock_take(&crew->lock);
		more = park(crew, &job);
		if (!more) {
			before = crew->ended;
			self->next = NULL;
			crew->ended = self;
			crew->threads--;
			lock_condition_tell(&crew->fewer);
		}
		lock_give(&crew->lock);
	} while (more);
	/* The crew is there until we are joined. */
	dismiss_all(crew, before);
	return NULL;
}

/* Returns one that has ended, and is joined, or NULL: there is none. */
static struct member *
join_one(struct crew *crew)
{
	struct member *member;

	lock_take(&crew->lock);
	member = crew->ended;
	if (member != NULL)
		crew->ended = member->next;
	lock_give(&crew->lock);
	if (member != NULL)
		thread_join(member->thread); /* it is about to end */
	return member;
}

/* Returns a member to be started: on the stack of one that has ended, or on a new
 * one. NULL, with errno: there is no memory. */
static struct member *
hire(struct crew *crew)
{
	struct member *member = join_one(crew);

	if (member != NULL)
		return member;
	member = shelf_take(&crew->members);
	if (member == NULL ||
	    stacks_take(&crew->stacks, &member->stack) == ERROR_NONE)
		return member;
	shelf_give(&crew->members, member);
	return NULL;
}

/* Returns the place of the thread that is to be told, or NULL: none is parked. */
static struct place *
give_to_parked(struct crew *crew, struct job job)
{
	struct place *place = crew->parked;

	lock_assert_held(&crew->lock);
	if (place == NULL)
		return NULL;
	crew->parked = place->next;
	place->job = job;
	return place;
}

static enum error
give_to_new(struct crew *crew, struct job job)
{
	struct member *member = hire(crew);
	pthread_t thread; /* it may have ended before this is written */
	enum error error;

	if (member == NULL)
		return ERROR_RESOURCES;
	member->crew = crew;
	member->job = job;
	error = thread_start_on(member->stack.lowest, &thread, work, member);
	if (error)
		dismiss(crew, member);
	return error;
}

enum error
crew_do(struct crew *crew, void (*run)(void *), void *argument)
{
	struct job job = {run, argument};
	struct place *given;
	enum error error;

	lock_take(&crew->lock);
	if (crew->stopping) {
		lock_give(&crew->lock);
		return ERROR_STOPPED;
	}
	given = give_to_parked(crew, job);
	if (given == NULL)
		crew->threads++;
	lock_give(&crew->lock);
	if (given != NULL) {
		lock_condition_tell(&given->told);
		return ERROR_NONE;
	}
	error = give_to_new(crew, job);
	if (error) {
		lock_take(&crew->lock);
		crew->threads--;
		lock_condition_tell(&crew->fewer);
		lock_give(&crew->lock);
	}
	return error;
}

void
crew_tidy(struct crew *crew)
{
	struct member *member;

	while ((member = join_one(crew)) != NULL)
		dismiss(crew, member);
	shelf_tidy(&crew->members);
}

enum error
crew_stop(struct crew *crew, int64_t deadline_ms)
{
	bool in_time = true;
	unsigned left;

	lock_take(&crew->lock);
	crew->stopping = true;
	for (struct place *one = crew->parked; one != NULL; one = one->next)
		lock_condition_tell(&one->told);
	while (crew->threads > 0 && in_time)
		in_time =
		    lock_condition_wait(&crew->fewer, &crew->lock, deadline_ms);
	left = crew->threads;
	lock_give(&crew->lock);
	crew_tidy(crew);
	return left == 0 ? ERROR_NONE : ERROR_TIMEOUT;
}

void
crew_destroy(struct crew *crew)
{
	if (crew == NULL)
		return;
	shelf_destroy(&crew->members);
	stacks_destroy(&crew->stacks);
	for (unsigned i = 0; i < CREW_PARKED_MOST; i++)
		lock_condition_destroy(&crew->places[i].told);
	lock_condition_destroy(&crew->fewer);
	lock_destroy(&crew->lock);
	free(crew);
}
