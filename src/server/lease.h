/*
 * lease - who may have a public port, and whose state file is a copy.
 *
 * Pure: facts in, a verdict out; no sockets, no clock, no locks. In words the
 * rules stand in rebore-protocol(7), "Who may have a port" and "Copies".
 */
#ifndef REBORE_SERVER_LEASE_H
#define REBORE_SERVER_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/tcp.h"

/* A connection that has said something within this time is heard: the client's
 * heartbeats are 2 s apart. */
#define LEASE_HEARD_MS 3000
/* The server's heartbeats are 500 ms apart: who lives has acknowledged one so long
 * after any moment, and some round trips for slow paths. */
#define LEASE_PROOF_MS          600
#define LEASE_PROOF_ROUND_TRIPS 2
/* The system counts acknowledgements as coarsely as this. */
#define LEASE_COARSE_MS 20

enum lease_verdict {
	/* The newcomer has the port. */
	LEASE_YIELDS,
	/* It has not: the client lives, or its lease runs and is not the
	 * newcomer's. */
	LEASE_STAYS,
	/* It has not, but it is told the attempt that is known, and may ask
	 * again with a higher one: its state file was put back. */
	LEASE_STALE,
	/* Whether the client lives is not clear yet: ask again. */
	LEASE_DOUBTS,
	/* The client is gone and has no lease; its tunnel only has to notice:
	 * tell it, and ask again. */
	LEASE_CONDEMNS,
	/* The tunnel has ended: the port can be opened anew. */
	LEASE_ENDS,
};

/* A port that has a holder, and a newcomer that asks for it. */
struct lease_claim {
	/* The holder: its tunnel has ended. */
	bool ended;
	/* It has a connection that was not found gone before, and what TCP knows
	 * of that. */
	bool attached;
	enum tcp_verdict tcp;
	/* It has said who it is. */
	bool announced;
	/* The newcomer: it is the same instance, with a higher attempt. */
	bool same_instance;
	bool newer;
	/* It has proved the secret, or comes from the same address where there
	 * is none. */
	bool trusted;
};

enum lease_verdict lease_judge(const struct lease_claim *claim);

enum lease_copy {
	LEASE_NO_COPY,
	LEASE_COPY,
	/* Ask again. */
	LEASE_UNCLEAR,
};

/* A connection, and a newcomer with the same instance. */
struct lease_twin {
	/* Both have told their process. */
	bool processes_known;
	bool same_process;
	/* Since when the newcomer is here, and since when nothing was heard on
	 * the connection. */
	int64_t waited_ms;
	int64_t silent_ms;
	/* What TCP knows of it, and since when nothing was acknowledged. */
	enum tcp_verdict tcp;
	int64_t unacknowledged_ms;
	int64_t rtt_ms;
};

/* Whether the instance of the newcomer is alive in another process. */
enum lease_copy lease_judge_twin(const struct lease_twin *twin);

/* What a server that was started again remembers of a port, and a newcomer that
 * asks for it. */
struct lease_return {
	/* The port is reserved for who had it, and who that was is known. */
	bool reserved;
	bool same_instance;
	bool trusted;
};

/* Whether the newcomer may have the port. */
bool lease_admits(const struct lease_return *claim);

#endif
