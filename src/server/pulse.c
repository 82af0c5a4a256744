/* pulse - see pulse.h */
#include "server/pulse.h"

#include <stdlib.h>

struct pulse *
pulse_create(const struct uuid *instance)
{
	struct pulse *pulse = calloc(1, sizeof *pulse);

	if (pulse == NULL)
		return NULL;
	pulse->instance = *instance;
	atomic_init(&pulse->references, 1);
	atomic_init(&pulse->heard, false);
	return pulse;
}

bool
pulse_is_of(const struct pulse *pulse, const struct uuid *instance)
{
	return pulse != NULL && uuid_equal(&pulse->instance, instance);
}

struct pulse *
pulse_hold(struct pulse *pulse)
{
	if (pulse != NULL)
		atomic_fetch_add(&pulse->references, 1);
	return pulse;
}

void
pulse_release(struct pulse *pulse)
{
	if (pulse != NULL && atomic_fetch_sub(&pulse->references, 1) == 1)
		free(pulse);
}

void
pulse_beat(struct pulse *pulse)
{
	if (pulse != NULL)
		atomic_store_explicit(
		    &pulse->heard, true, memory_order_relaxed);
}

bool
pulse_take(struct pulse *pulse)
{
	return pulse != NULL && atomic_exchange(&pulse->heard, false);
}
