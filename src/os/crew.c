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
	/* Signalled without the lock, so that the thread does not wake up only
	 * to wait for it; hence it may be signalled when the job has been seen
	 * already, and may wake a later user of this place to no effect. */
	struct lock_condition given;
	/* Under the crew's lock. */
	struct job job;
	struct place *next;
};

struct crew {
	/* Set before the first thread starts, then read-only. */
	const char *name;

	/* Has a lock of its own. */
	struct shelf members;

	struct lock lock;
	struct lock_condition fewer; /* threads */
	/* Under lock. */
	struct place *parked; /* the last one to park is the first to work */
	struct place *empty;
	/* Members that have done their last job, and are to be joined. */
	struct member *ended;
	unsigned threads; /* all others */
	bool stopping;

	struct place places[CREW_PARKED_MOST];
};

/* A thread of the crew. */
struct member {
	struct crew *crew;
	struct job job;   /* the first */
	void *stack;      /* its lowest address */
	pthread_t thread; /* written by the thread itself */
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
	lock_init(&crew->lock, LOCK_RANK_CREW);
	lock_condition_init(&crew->fewer);
	for (unsigned i = 0; i < CREW_PARKED_MOST; i++) {
		lock_condition_init(&crew->places[i].given);
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

/* Wait for a job. Returns false when none has come in time: then the thread has
 * to end. */
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
		    lock_condition_wait(&place->given, &crew->lock, end_ms);
	*job = place->job;
	/* give_to_parked() unlinks the place when it gives a job. */
	if (job->run == NULL)
		unlink_parked(crew, place);
	place->next = crew->empty;
	crew->empty = place;
	return job->run != NULL;
}

static void
dismiss(struct crew *crew, struct member *member)
{
	stacks_give(member->stack);
	shelf_give(&crew->members, member);
}

/* Join the members that ended before this one. Only the last one to end then
 * keeps its stack, even if nobody calls crew_tidy() again. */
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
	stack_begin(self->stack);
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
	/* The crew stays until this thread is joined. */
	dismiss_all(crew, before);
	return NULL;
}

/* Returns a member that has ended and that is joined now, or NULL when there is
 * none. */
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

/* Returns a member to be started, with the stack of one that has ended or with
 * a new one, or NULL with errno when there is no memory. */
static struct member *
hire(struct crew *crew)
{
	struct member *member = join_one(crew);

	if (member != NULL)
		return member;
	member = shelf_take(&crew->members);
	if (member == NULL)
		return NULL;
	member->stack = stacks_take();
	if (member->stack != NULL)
		return member;
	shelf_give(&crew->members, member);
	return NULL;
}

/* Returns the place whose thread is to be woken, or NULL when none is
 * parked. */
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
	/* Not member->thread: the member may be gone before this is written. */
	pthread_t thread;
	enum error error;

	if (member == NULL)
		return ERROR_RESOURCES;
	member->crew = crew;
	member->job = job;
	error = thread_start_on(member->stack, &thread, work, member);
	if (error)
		dismiss(crew, member);
	return error;
}

enum error
crew_do(struct crew *crew, void (*run)(void *), void *argument)
{
	struct job job = {run, argument};
	struct place *place;
	enum error error;

	lock_take(&crew->lock);
	if (crew->stopping) {
		lock_give(&crew->lock);
		return ERROR_STOPPED;
	}
	place = give_to_parked(crew, job);
	if (place == NULL)
		crew->threads++;
	lock_give(&crew->lock);
	if (place != NULL) {
		lock_condition_tell(&place->given);
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
		lock_condition_tell(&one->given);
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
	for (unsigned i = 0; i < CREW_PARKED_MOST; i++)
		lock_condition_destroy(&crew->places[i].given);
	lock_condition_destroy(&crew->fewer);
	lock_destroy(&crew->lock);
	free(crew);
}
