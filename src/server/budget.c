/* budget - see budget.h */
#include "server/budget.h"

#include <errno.h>
#include <string.h>

/* Standard streams, listener, wake-up, log, pid file, and those in transit. */
#define KEPT_BACK 24

void
budget_init(struct budget *budget, unsigned limit)
{
	budget->most = limit > 2 * KEPT_BACK ? limit - KEPT_BACK : limit / 2;
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
	unsigned used = atomic_fetch_add(&budget->used, count) + count;

	return used <= budget->most + atomic_load(&budget->expected);
}

bool
budget_take(struct budget *budget, unsigned count)
{
	unsigned used = atomic_load(&budget->used);

	do
		if (used + count > budget->most)
			return false;
	while (
	    !atomic_compare_exchange_weak(&budget->used, &used, used + count));
	return true;
}

unsigned
budget_excess(const struct budget *budget, unsigned count)
{
	unsigned used = atomic_load(&budget->used) + count;

	return used > budget->most ? used - budget->most : 0;
}

void
budget_give(struct budget *budget, unsigned count)
{
	atomic_fetch_sub(&budget->used, count);
}

bool
budget_is_ample(const struct budget *budget)
{
	return atomic_load(&budget->used) < budget->most / 2;
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
