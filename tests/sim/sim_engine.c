/* sim_engine - time, chance, and whose turn it is; see sim.h */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim.h"

#define EVENTS_MOST 16384

/* A heap: the earliest event comes first. */
static struct event heap[EVENTS_MOST];
static unsigned count;

struct world world;

/* splitmix64 */
uint32_t
sim_random(void)
{
	uint64_t value = world.random += 0x9e3779b97f4a7c15u;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((value ^ value >> 31) >> 32);
}

uint32_t
sim_below(uint32_t below)
{
	return (uint32_t)((uint64_t)below * sim_random() >> 32);
}

uint32_t
sim_between(uint32_t low, uint32_t high)
{
	return low + sim_below(high - low + 1);
}

bool
sim_chance(unsigned permille)
{
	return sim_below(1000) < permille;
}

uint32_t
sim_new_id(void)
{
	return ++world.next_id;
}

void
sim_engine_reset(void)
{
	count = 0;
	for (int i = 0; i < ACTORS_MOST; i++)
		world.actors[i].step_ms = SIM_NEVER;
}

static bool
is_before(const struct event *a, const struct event *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void
sim_push(const struct event *event)
{
	unsigned place = count++;

	assert(count < EVENTS_MOST);
	heap[place] = *event;
	heap[place].order = world.order++;
	for (; place > 0; place = (place - 1) / 2) {
		struct event swapped = heap[place];

		if (!is_before(&swapped, &heap[(place - 1) / 2]))
			break;
		heap[place] = heap[(place - 1) / 2];
		heap[(place - 1) / 2] = swapped;
	}
}

bool
sim_pop(struct event *event)
{
	unsigned place = 0;
	struct event last;

	if (count == 0)
		return false;
	*event = heap[0];
	last = heap[--count];
	for (;;) {
		unsigned child = 2 * place + 1;

		if (child >= count)
			break;
		if (child + 1 < count &&
		    is_before(&heap[child + 1], &heap[child]))
			child++;
		if (!is_before(&heap[child], &last))
			break;
		heap[place] = heap[child];
		place = child;
	}
	heap[place] = last;
	return true;
}

void
sim_wake_at(int actor, int64_t at_ms)
{
	struct event event = {.kind = EVENT_STEP, .actor = actor};

	if (at_ms < world.now_ms)
		at_ms = world.now_ms;
	if (at_ms >= world.actors[actor].step_ms || at_ms == SIM_NEVER)
		return;
	world.actors[actor].step_ms = at_ms;
	event.at_ms = at_ms;
	sim_push(&event);
}

void
sim_wake(int actor)
{
	/* A thread that is woken runs soon, and now and then late. */
	sim_wake_at(actor,
	    world.now_ms + (sim_chance(50) ? sim_below(40) : sim_below(2)));
}

void
sim_forget(int actor)
{
	world.actors[actor].step_ms = SIM_NEVER;
	world.actors[actor].is_owed = false;
}

void
sim_tell(const char *format, ...)
{
	va_list arguments;

	if (!world.tells)
		return;
	printf("# %9.3f  ", (double)world.now_ms / 1000);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

void
sim_fail(const char *format, ...)
{
	va_list arguments;
	int length;

	if (world.failed)
		return;
	world.failed = true;
	length = snprintf(world.why, sizeof world.why,
	    "at %.3f s: ", (double)world.now_ms / 1000);
	va_start(arguments, format);
	vsnprintf(world.why + length, sizeof world.why - (size_t)length, format,
	    arguments);
	va_end(arguments);
	sim_tell("BROKEN: %s", world.why);
}
