/* crew - see crew.h */
#include "os/crew.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "os/lock.h"
#include "os/shelf.h"
#include "os/stack.h"
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

	struct shelf starts;

	struct lock lock;
	struct lock_condition fewer;
	/* Under lock. */
	struct place *parked; /* the last one to park is the first to work */
	struct place *empty;
	unsigned threads;
	bool stopping;

	struct place places[CREW_PARKED_MOST];
};

/* What a new thread starts with. */
struct start {
	struct crew *crew;
	struct job job;
};

struct crew *
crew_create(const char *name)
{
	struct crew *crew = calloc(1, sizeof *crew);

	if (crew == NULL)
		return NULL;
	crew->name = name;
	shelf_init(&crew->starts, sizeof(struct start));
	lock_init(&crew->lock);
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
	if (crew->stopping || place == NULL)
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

static void *
work(void *argument)
{
	struct start *start = argument;
	struct crew *crew = start->crew;
	struct job job = start->job;
	bool more;

	stack_begin();
	shelf_give(&crew->starts, start);
	thread_name(crew->name);
	do {
		job.run(job.argument);
		lock_take(&crew->lock);
		more = park(crew, &job);
		if (!more) {
			crew->threads--;
			lock_condition_tell(&crew->fewer);
		}
		lock_give(&crew->lock);
	} while (more);
	stack_trim(); /* the C library may keep it for the next thread */
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
	struct start *start = shelf_take(&crew->starts);
	enum error error;

	if (start == NULL)
		return ERROR_RESOURCES;
	start->crew = crew;
	start->job = job;
	shelf_tidy(&crew->starts);
	error = thread_start(NULL, crew->name, THREAD_STACK_BYTES, work, start);
	if (error)
		shelf_give(&crew->starts, start);
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
	return left == 0 ? ERROR_NONE : ERROR_TIMEOUT;
}

void
crew_destroy(struct crew *crew)
{
	if (crew == NULL)
		return;
	shelf_destroy(&crew->starts);
	for (unsigned i = 0; i < CREW_PARKED_MOST; i++)
		lock_condition_destroy(&crew->places[i].told);
	lock_condition_destroy(&crew->fewer);
	lock_destroy(&crew->lock);
	free(crew);
}
