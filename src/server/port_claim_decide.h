/*
 * port_claim_decide - the next step for a client that asks for a public port.
 *
 * Pure: facts in, a step out; no sockets, no clock, no locks. port_claim.h
 * gathers the facts and takes the steps. lease.h decides whether a holder keeps
 * its port.
 */
#ifndef REBORE_SERVER_PORT_CLAIM_DECIDE_H
#define REBORE_SERVER_PORT_CLAIM_DECIDE_H

#include <stdbool.h>

#include "base/protocol_times.h"
#include "server/lease.h"

/* How long to wait for the Announce, which a client sends right behind its
 * Hello. */
#define PORT_CLAIM_ANNOUNCE_WAIT_MS 200
/* By then the holder has answered or is gone; less than a client waits for the
 * answer. */
#define PORT_CLAIM_VERDICT_MS (PROTOCOL_HANDSHAKE_MS - 800)
/* How soon an unclear case is examined again. */
#define PORT_CLAIM_ASK_AGAIN_MS 50

/* What one look at the port has found. */
struct port_claim_facts {
	/* A tunnel has the port; the verdict of lease_judge() on it. */
	bool has_holder;
	enum lease_verdict verdict;
	/* Without a holder: what is remembered from before a restart. */
	struct lease_return remembered;
	/* The newcomer is connected, and PORT_CLAIM_VERDICT_MS are not over. */
	bool has_time;
};

enum port_claim_step {
	/* The holder's tunnel adopts the newcomer's connection. If that tunnel
	 * has ended meanwhile, PORT_CLAIM_OPENS is next. */
	PORT_CLAIM_HANDS_OVER,
	/* The port is opened for a new tunnel. */
	PORT_CLAIM_OPENS,
	/* Not clear yet: look again after PORT_CLAIM_ASK_AGAIN_MS. */
	PORT_CLAIM_LOOKS_AGAIN,
	/* The newcomer is refused. */
	PORT_CLAIM_REFUSES,
	/* The newcomer is refused, and told the attempt that is known of its
	 * instance. */
	PORT_CLAIM_TELLS_ATTEMPT,
};

/* Returns the step that follows from one look at the port. */
enum port_claim_step port_claim_decide(const struct port_claim_facts *facts);

/* Returns the graver of two verdicts on connections of one instance: a copy
 * before an unclear case before no copy. */
enum lease_copy port_claim_graver_copy(enum lease_copy a, enum lease_copy b);

#endif
