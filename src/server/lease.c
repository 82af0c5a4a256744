/* lease - see lease.h */
#include "server/lease.h"

#include <assert.h>

#include "base/clock.h"

/* The holder is not connected. */
static enum lease_verdict
judge_absent(const struct lease_claim *claim)
{
	if (claim->same_instance)
		return claim->trusted ? LEASE_STALE : LEASE_STAYS;
	if (claim->trusted)
		return LEASE_YIELDS;
	return claim->announced ? LEASE_STAYS : LEASE_CONDEMNS;
}

enum lease_verdict
lease_judge(const struct lease_claim *claim)
{
	if (claim->ended)
		return LEASE_ENDS;
	if (claim->same_instance && claim->newer)
		return LEASE_YIELDS;
	if (!claim->attached)
		return judge_absent(claim);
	switch (claim->tcp) {
	case TCP_GONE:
		return judge_absent(claim);
	case TCP_DOUBTFUL:
		return LEASE_DOUBTS;
	case TCP_ALIVE:
	case TCP_UNKNOWN:
		break;
	}
	return LEASE_STAYS;
}

enum lease_copy
lease_judge_twin(const struct lease_twin *twin)
{
	int64_t round_trips_ms = LEASE_PROOF_ROUND_TRIPS * twin->rtt_ms;
	int64_t proof_ms = LEASE_PROOF_MS + round_trips_ms;

	if (!twin->processes_known || twin->same_process ||
	    twin->tcp == TCP_GONE || twin->silent_ms >= LEASE_HEARD_MS)
		return LEASE_NO_COPY;
	if (twin->silent_ms < twin->waited_ms)
		return twin->silent_ms < LEASE_SETTLED_MS + round_trips_ms
		           ? LEASE_UNCLEAR
		           : LEASE_COPY;
	if (twin->tcp == TCP_UNKNOWN)
		return LEASE_UNCLEAR;
	if (twin->unacknowledged_ms + LEASE_COARSE_MS < twin->waited_ms)
		return LEASE_COPY;
	return twin->waited_ms < proof_ms ? LEASE_UNCLEAR : LEASE_NO_COPY;
}

bool
lease_admits(const struct lease_return *claim)
{
	return !claim->reserved || claim->same_instance || claim->trusted;
}

bool
lease_same_instance(const struct lease_client *a, const struct lease_client *b)
{
	return a->announced && b->announced &&
	       uuid_equal(&a->instance, &b->instance);
}

void
lease_init(struct lease *lease, const struct lease_client *client)
{
	*lease = (struct lease){
	    .state = LEASE_ATTACHED,
	    .holder = *client,
	    .heard_ms = INT64_MIN,
	};
}

static void
change_holder(struct lease *lease, const struct lease_client *client)
{
	/* The last sign of life was the former holder's. */
	if (!lease_same_instance(&lease->holder, client))
		lease->heard_ms = INT64_MIN;
	lease->holder = *client;
	lease->condemned = false;
}

/* The newcomer is the holder from the moment of the promise, so that the next
 * newcomer is judged against it. */
static void
promise(struct lease *lease, const struct lease_client *client, int64_t now_ms)
{
	if (lease->state == LEASE_OVER)
		return;
	lease->promised = true;
	change_holder(lease, client);
	lease->heard_ms = now_ms;
}

static void
attach_client(struct lease *lease, const struct lease_client *client)
{
	assert(lease->state != LEASE_OVER);
	/* A client that was promised the port is the holder already. */
	if (!lease->promised)
		change_holder(lease, client);
	lease->holder = *client;
	lease->promised = false;
	lease->condemned = false;
	if (lease->state == LEASE_LEASED)
		lease->state = LEASE_ATTACHED;
}

static void
hear_holder(struct lease *lease, int64_t now_ms)
{
	lease->heard_ms = now_ms;
	/* The client may be unable to dial because of a full queue on its
	 * path. */
	if (lease->state == LEASE_LEASED && lease->length_ms > 0)
		lease->end_ms =
		    clock_later(lease->end_ms, now_ms + lease->length_ms);
}

static void
lose(struct lease *lease, int64_t now_ms, uint32_t length_ms)
{
	lease->condemned = false;
	if (lease->state != LEASE_ATTACHED)
		return;
	lease->state = LEASE_LEASED;
	lease->length_ms = length_ms;
	lease->end_ms = now_ms + length_ms;
}

static bool
ends_now(const struct lease *lease, const struct lease_event *event)
{
	switch (lease->state) {
	case LEASE_ATTACHED:
		return false;
	case LEASE_LEASED:
		return !lease->promised &&
		       (event->now_ms >= lease->end_ms || event->gives_way);
	case LEASE_PARTED: /* a promised client gets its Bye as well */
		return event->ending;
	case LEASE_OVER:
		break;
	}
	return true;
}

enum lease_state
lease_step(struct lease *lease, const struct lease_event *event)
{
	switch (event->kind) {
	case LEASE_PROMISE:
		promise(lease, &event->client, event->now_ms);
		break;
	case LEASE_ATTACH:
		attach_client(lease, &event->client);
		break;
	case LEASE_ANNOUNCE:
		if (!lease->promised)
			lease->holder = event->client;
		break;
	case LEASE_CONDEMN:
		lease->condemned = true;
		break;
	case LEASE_HEAR:
		hear_holder(lease, event->now_ms);
		break;
	case LEASE_LOSE:
		lose(lease, event->now_ms, event->length_ms);
		break;
	case LEASE_PART:
		if (lease->state != LEASE_OVER)
			lease->state = LEASE_PARTED;
		break;
	case LEASE_LOOK:
		if (ends_now(lease, event))
			lease->state = LEASE_OVER;
		break;
	}
	return lease->state;
}

int64_t
lease_due_ms(const struct lease *lease)
{
	return lease->state == LEASE_LEASED && !lease->promised ? lease->end_ms
	                                                        : CLOCK_NEVER;
}

bool
lease_has_connection(const struct lease *lease)
{
	return !lease->condemned &&
	       (lease->state == LEASE_ATTACHED || lease->promised);
}

struct lease_claim
lease_claim_of(const struct lease *lease, const struct lease_client *newcomer,
    bool trusted, enum tcp_verdict tcp, int64_t now_ms)
{
	struct lease_claim claim = {
	    .ended = lease->state == LEASE_OVER,
	    .attached = lease_has_connection(lease),
	    .tcp = tcp,
	    .announced = lease->holder.announced,
	    .same_instance = lease_same_instance(&lease->holder, newcomer),
	    .newer = newcomer->attempt > lease->holder.attempt,
	    .trusted = trusted,
	};

	if (tcp == TCP_GONE && lease->heard_ms > now_ms - LEASE_HEARD_MS)
		claim.tcp = TCP_DOUBTFUL;
	return claim;
}
