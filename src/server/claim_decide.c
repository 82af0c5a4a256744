/* claim_decide - see claim_decide.h */
#include "server/claim_decide.h"

enum claim_step
claim_decide(const struct claim_facts *facts)
{
	if (!facts->has_holder)
		return lease_admits(&facts->kept) ? CLAIM_OPENS : CLAIM_REFUSES;
	switch (facts->verdict) {
	case LEASE_YIELDS:
		return CLAIM_HANDS_OVER;
	case LEASE_ENDS:
		return CLAIM_OPENS;
	case LEASE_STALE:
		return CLAIM_TELLS_ATTEMPT;
	case LEASE_DOUBTS:
	case LEASE_CONDEMNS:
		return facts->has_time ? CLAIM_LOOKS_AGAIN : CLAIM_REFUSES;
	case LEASE_STAYS:
		break;
	}
	return CLAIM_REFUSES;
}

enum lease_copy
claim_graver_copy(enum lease_copy a, enum lease_copy b)
{
	if (a == LEASE_COPY || b == LEASE_COPY)
		return LEASE_COPY;
	return a == LEASE_NO_COPY ? b : a;
}
