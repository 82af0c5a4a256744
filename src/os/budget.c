/* budget - see budget.h */
#include "os/budget.h"

#include <errno.h>
#include <string.h>

/* Standard streams, listener, wake-up, log, pid file, the control connections
 * of a client, and those in transit. */
#define KEPT_BACK 24

/* In the upper half of the word are the descriptors of pipes. */
#define ONE_OF_PIPE (UINT64_C(1) << 32)

static unsigned
connections(uint64_t used)
{
	return (unsigned)(used & UINT32_MAX);
}

static unsigned
all(uint64_t used)
{
	return connections(used) + (unsigned)(used >> 32);
}

/* Returns by how much the limit is exceeded; 0: it is not. */
static unsigned
excess(const struct budget *budget, uint64_t used)
{
	unsigned by_limit = connections(used) > budget->most
	                        ? connections(used) - budget->most
	                        : 0;
	unsigned by_system = all(used) > budget->descriptors
	                         ? all(used) - budget->descriptors
	                         : 0;

	return by_limit > by_system ? by_limit : by_system;
}

void
budget_init(struct budget *budget, unsigned limit)
{
	budget->descriptors =
	    limit > 2 * KEPT_BACK ? limit - KEPT_BACK : limit / 2;
	budget->most = budget->descriptors;
	budget->is_limited = false;
	atomic_init(&budget->used, 0);
	atomic_init(&budget->expected, 0);
}

void
budget_limit(struct budget *budget, unsigned visitors)
{
	if (budget->most / BUDGET_VISITOR <= visitors)
		return;
	budget->most = visitors * BUDGET_VISITOR;
	budget->is_limited = true;
}

bool
budget_is_limited(const struct budget *budget)
{
	return budget->is_limited;
}

const char *
budget_reason(const struct budget *budget)
{
	return budget->is_limited
	           ? "as many as --max-visitors or memory allow are there"
	           : strerror(EMFILE);
}

unsigned
budget_most(const struct budget *budget)
{
	return budget->most;
}

bool
budget_force(struct budget *budget, unsigned count)
{
	uint64_t used = atomic_fetch_add(&budget->used, count) + count;

	return excess(budget, used) <= atomic_load(&budget->expected);
}

/* Add to what is used, unless that would exceed the limit. Returns whether it
 * was added. */
static bool
charge(struct budget *budget, uint64_t more)
{
	uint64_t used = atomic_load(&budget->used);

	do
		if (excess(budget, used + more) > 0)
			return false;
	while (
	    !atomic_compare_exchange_weak(&budget->used, &used, used + more));
	return true;
}

bool
budget_take(struct budget *budget, unsigned count)
{
	return charge(budget, count);
}

unsigned
budget_excess(const struct budget *budget, unsigned count)
{
	return excess(budget, atomic_load(&budget->used) + count);
}

void
budget_give(struct budget *budget, unsigned count)
{
	atomic_fetch_sub(&budget->used, count);
}

bool
budget_take_pipe(struct budget *budget)
{
	return charge(budget, BUDGET_PIPE * ONE_OF_PIPE);
}

void
budget_give_pipe(struct budget *budget)
{
	atomic_fetch_sub(&budget->used, BUDGET_PIPE * ONE_OF_PIPE);
}

bool
budget_is_ample(const struct budget *budget)
{
	uint64_t used = atomic_load(&budget->used);

	return connections(used) < budget->most / 2 &&
	       all(used) < budget->descriptors / 2;
}

void
budget_expect(struct budget *budget)
{
	atomic_fetch_add(&budget->expected, 1);
}

void
budget_arrive(struct budget *budget)
{
	atomic_fetch_sub(&budget->expected, 1);
}
