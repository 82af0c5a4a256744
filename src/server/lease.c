/* lease - see lease.h */
#include "server/lease.h"

/* Nobody is there any more. */
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
	int64_t proof_ms =
	    LEASE_PROOF_MS + LEASE_PROOF_ROUND_TRIPS * twin->rtt_ms;

	if (!twin->processes_known || twin->same_process ||
	    twin->tcp == TCP_GONE || twin->silent_ms >= LEASE_HEARD_MS)
		return LEASE_NO_COPY;
	if (twin->silent_ms < twin->waited_ms)
		return LEASE_COPY;
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
