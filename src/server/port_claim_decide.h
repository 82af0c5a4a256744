/*
 * port_claim_decide - what comes next for a client that asks for a public port.
 *
 * Pure: facts in, a step out; no sockets, no clock, no locks. port_claim.h gathers the
 * facts and takes the steps. Whether a holder keeps its port is lease.h's to say.
 */
#ifndef REBORE_SERVER_PORT_CLAIM_DECIDE_H
#define REBORE_SERVER_PORT_CLAIM_DECIDE_H

#include <stdbool.h>

#include "base/protocol_times.h"
#include "server/lease.h"

/* A client that has announced itself did so right behind its Hello. */
#define PORT_CLAIM_ANNOUNCE_WAIT_MS 200
/* By then the holder has answered or is gone; less than the time that a client
 * waits for the answer. */
#define PORT_CLAIM_VERDICT_MS (PROTOCOL_HANDSHAKE_MS - 800)
/* What is not clear is looked at again after so long. */
#define PORT_CLAIM_ASK_AGAIN_MS 50

/* One look at the port that a newcomer asks for. */
struct port_claim_facts {
	/* A tunnel has the port; what lease_judge() says of it. */
	bool has_holder;
	enum lease_verdict verdict;
	/* Without a holder: what is remembered from before a restart. */
	struct lease_return kept;
	/* The newcomer is there, and PORT_CLAIM_VERDICT_MS are not over. */
	bool has_time;
};

enum port_claim_step {
	/* The holder's tunnel gets the newcomer's connection. Where that tunnel
	 * has ended meanwhile, PORT_CLAIM_OPENS is next. */
	PORT_CLAIM_HANDS_OVER,
	/* The port is opened for a new tunnel. */
	PORT_CLAIM_OPENS,
	/* It is not clear yet: look again after PORT_CLAIM_ASK_AGAIN_MS. */
	PORT_CLAIM_LOOKS_AGAIN,
	/* The newcomer is refused. */
	PORT_CLAIM_REFUSES,
	/* It is refused, and told the attempt that is known of its instance. */
	PORT_CLAIM_TELLS_ATTEMPT,
};

/* Returns what one look at the port leads to. */
enum port_claim_step port_claim_decide(const struct port_claim_facts *facts);

/* Returns which of two verdicts on connections of one instance counts: a copy,
 * then one that is not clear. */
enum lease_copy port_claim_graver_copy(enum lease_copy a, enum lease_copy b);

#endif
