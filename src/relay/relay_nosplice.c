/* relay_nosplice - for systems without splice(2); see relay_flow.h */
#include "relay/relay_flow.h"

enum error
relay_splice_step(struct relay_flow *flow, bool polled)
{
	(void)polled;
	flow->splicing = false;
	flow->can_splice = false;
	return ERROR_NONE;
}
