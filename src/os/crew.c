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

/* On the stack of a thread that waits for a job. */
struct parked {
	struct lock_condition told;
	/* Under the crew's lock. */
	struct job job;
	struct parked *next;
};

struct crew {
	/* Set before the first thread starts, then read-only. */
	const char *name;

	struct shelf starts;

	struct lock lock;
	struct lock_condition fewer;
	/* Under lock. */
	struct parked *parked; /* the last one to park is the first to work */
	unsigned parked_count;
	unsigned threads;
	bool stopping;
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
	return crew;
}

static void
unlink_parked(struct crew *crew, struct parked *self)
{
	struct parked **link = &crew->parked;

	lock_assert_held(&crew->lock);
	while (*link != self)
		link = &(*link)->next;
	*link = self->next;
	crew->parked_count--;
}

/* Wait for a job. Returns false when there is none: the thread has to end. */
static bool
park(struct crew *crew, struct job *job)
{
	struct parked self = {.job = {NULL, NULL}};
	int64_t end_ms = clock_now_ms() + CREW_IDLE_MS;
	bool in_time = true;

	lock_assert_held(&crew->lock);
	if (crew->stopping || crew->parked_count >= CREW_PARKED_MOST)
		return false;
	lock_condition_init(&self.told);
	self.next = crew->parked;
	crew->parked = &self;
	crew->parked_count++;
	while (self.job.run == NULL && in_time && !crew->stopping)
		in_time = lock_condition_wait(&self.told, &crew->lock, end_ms);
	/* Who gives a job has unlinked us. */
	if (self.job.run == NULL)
		unlink_parked(crew, &self);
	lock_condition_destroy(&self.told);
	*job = self.job;
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

static bool
give_to_parked(struct crew *crew, struct job job)
{
	struct parked *parked = crew->parked;

	lock_assert_held(&crew->lock);
	if (parked == NULL)
		return false;
	crew->parked = parked->next;
	crew->parked_count--;
	parked->job = job;
	lock_condition_tell(&parked->told);
	return true;
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
	enum error error;
	bool given;

	lock_take(&crew->lock);
	if (crew->stopping) {
		lock_give(&crew->lock);
		return ERROR_STOPPED;
	}
	given = give_to_parked(crew, job);
	if (!given)
		crew->threads++;
	lock_give(&crew->lock);
	if (given)
		return ERROR_NONE;
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
	for (struct parked *one = crew->parked; one != NULL; one = one->next)
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
	lock_condition_destroy(&crew->fewer);
	lock_destroy(&crew->lock);
	free(crew);
}
