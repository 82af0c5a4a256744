/* port_claim_decide - see port_claim_decide.h */
#include "server/port_claim_decide.h"

enum port_claim_step
port_claim_decide(const struct port_claim_facts *facts)
{
	if (!facts->has_holder)
		return lease_admits(&facts->remembered) ? PORT_CLAIM_OPENS
		                                        : PORT_CLAIM_REFUSES;
	switch (facts->verdict) {
	case LEASE_YIELDS:
		return PORT_CLAIM_HANDS_OVER;
	case LEASE_ENDS:
		return PORT_CLAIM_OPENS;
	case LEASE_STALE:
		return PORT_CLAIM_TELLS_ATTEMPT;
	case LEASE_DOUBTS:
	case LEASE_CONDEMNS:
		return facts->has_time ? PORT_CLAIM_LOOKS_AGAIN
		                       : PORT_CLAIM_REFUSES;
	case LEASE_STAYS:
		break;
	}
	return PORT_CLAIM_REFUSES;
}

enum lease_copy
port_claim_graver_copy(enum lease_copy a, enum lease_copy b)
{
	if (a == LEASE_COPY || b == LEASE_COPY)
		return LEASE_COPY;
	return a == LEASE_NO_COPY ? b : a;
}
