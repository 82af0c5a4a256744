/*
 * lease - who holds a public port, who may have it next, when its tunnel ends,
 * and whose state file is a copy.
 *
 * Pure: facts in, a state or a verdict out; no sockets, no clock, no locks. The
 * rules are written down in rebore-protocol(7), "Leases", "Who may have a port"
 * and "Copies".
 */
#ifndef REBORE_SERVER_LEASE_H
#define REBORE_SERVER_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/protocol_times.h"
#include "base/uuid.h"
#include "net/tcp.h"

/* A holder counts as heard for this long after its last sign of life: the
 * interval of the client's heartbeats, plus how late one may be. */
#define LEASE_HEARD_MS (PROTOCOL_CLIENT_HEARTBEAT_MS + 1000)
/* A live client has acknowledged a heartbeat this long after any moment, plus a
 * few round trips for slow paths. */
#define LEASE_PROOF_MS          (PROTOCOL_SERVER_HEARTBEAT_MS + 100)
#define LEASE_PROOF_ROUND_TRIPS 2
/* A process that has ended may still seem to be heard: its kernel retransmits
 * what was lost, followed by the end of the connection. That end has arrived
 * this long after the last byte, plus two round trips. */
#define LEASE_SETTLED_MS 100
/* The granularity of the system's acknowledgement times. */
#define LEASE_COARSE_MS 20

enum lease_verdict {
	/* The newcomer has the port. */
	LEASE_YIELDS,
	/* Refused: the holder lives, or its lease runs and is not the
	 * newcomer's. */
	LEASE_STAYS,
	/* Refused, but the newcomer is told the attempt that is known and may
	 * ask again with a higher one: its state file was restored from a
	 * backup. */
	LEASE_STALE,
	/* It is not clear yet whether the holder lives: ask again. */
	LEASE_DOUBTS,
	/* The holder is gone and has no lease, but its tunnel has not noticed:
	 * notify it, and ask again. */
	LEASE_CONDEMNS,
	/* The tunnel has ended: the port can be opened anew. */
	LEASE_ENDS,
};

/* The holder of a port, and a newcomer that asks for it. */
struct lease_claim {
	/* The holder: its tunnel has ended. */
	bool ended;
	/* It has a connection that has not been found dead, and what TCP knows
	 * of that connection. */
	bool attached;
	enum tcp_verdict tcp;
	/* It has announced itself. */
	bool announced;
	/* The newcomer: it is the same instance, with a higher attempt. */
	bool same_instance;
	bool newer;
	/* It has authenticated; without a secret, it comes from the same
	 * address. */
	bool trusted;
};

enum lease_verdict lease_judge(const struct lease_claim *claim);

/* A client that holds a port or asks for one. */
struct lease_client {
	/* It has announced itself, so instance and attempt are known. */
	bool announced;
	struct uuid instance;
	uint64_t attempt;
};

/* Whether both have announced themselves, with the same instance. */
bool lease_same_instance(
    const struct lease_client *a, const struct lease_client *b);

enum lease_state {
	/* The client is connected. */
	LEASE_ATTACHED,
	/* The client is away; the port is kept for it until end_ms. */
	LEASE_LEASED,
	/* The server stops: the client has been told, the port accepts no
	 * visitors, and those that came before are being served. */
	LEASE_PARTED,
	/* The port is free. Final. */
	LEASE_OVER,
};

/* The holder of one port. Changed by lease_step() alone. */
struct lease {
	enum lease_state state;
	/* The client that is connected, was connected last, or is promised the
	 * port. */
	struct lease_client holder;
	/* A newcomer was given the port; its connection is on its way to the
	 * thread that will serve it. */
	bool promised;
	/* A newcomer has found the holder's connection dead. */
	bool condemned;
	/* When the holder was last heard, on any connection; INT64_MIN:
	 * never. */
	int64_t heard_ms;
	/* In LEASE_LEASED: how long the port is kept after the holder's last
	 * sign of life, and until when. */
	uint32_t length_ms;
	int64_t end_ms;
};

enum lease_event_kind {
	/* A newcomer, which has just been heard, is given the port: client,
	 * now_ms. No effect on a lease that is over. */
	LEASE_PROMISE,
	/* The newcomer's connection has arrived: client. */
	LEASE_ATTACH,
	/* The connected client has announced itself: client. */
	LEASE_ANNOUNCE,
	/* A newcomer has found the holder's connection dead. */
	LEASE_CONDEMN,
	/* The holder was heard, on its control connection or a data connection:
	 * now_ms. */
	LEASE_HEAR,
	/* The holder's connection is lost, or it has said Bye: now_ms,
	 * length_ms, which is 0 if the port is not kept. */
	LEASE_LOSE,
	/* The server stops. */
	LEASE_PART,
	/* Time has passed: now_ms, ending, gives_way. */
	LEASE_LOOK,
};

struct lease_event {
	enum lease_event_kind kind;
	int64_t now_ms;
	struct lease_client client;
	uint32_t length_ms;
	/* The server has waited long enough for the last visitors. */
	bool ending;
	/* The lease has to give way, and no visitor waits for it. */
	bool gives_way;
};

/* Begin with a client that is connected. */
void lease_init(struct lease *lease, const struct lease_client *client);

/* The only transition function. Returns the new state. */
enum lease_state lease_step(
    struct lease *lease, const struct lease_event *event);

/* Returns when LEASE_LOOK is due, or CLOCK_NEVER. */
int64_t lease_due_ms(const struct lease *lease);

/* Whether the holder has a connection that has not been found dead, so that TCP
 * can be asked about it. */
bool lease_has_connection(const struct lease *lease);

/*
 * Collect the facts for lease_judge().
 *
 * trusted: as in struct lease_claim.
 * tcp: what TCP knows of the holder's connection; used only if
 * lease_has_connection(). A holder that was heard within LEASE_HEARD_MS is not
 * gone, whatever TCP says: its acknowledgements may be stuck behind its data,
 * or only the path to it may be broken.
 */
struct lease_claim lease_claim_of(const struct lease *lease,
    const struct lease_client *newcomer, bool trusted, enum tcp_verdict tcp,
    int64_t now_ms);

enum lease_copy {
	LEASE_NO_COPY,
	LEASE_COPY,
	/* Not known yet: ask again. */
	LEASE_UNCLEAR,
};

/* An older connection of the newcomer's instance. */
struct lease_twin {
	/* Both have announced their process. */
	bool processes_known;
	bool same_process;
	/* How long the newcomer has been here, and for how long nothing was
	 * heard on the older connection. */
	int64_t waited_ms;
	int64_t silent_ms;
	/* What TCP knows of the older connection, and for how long nothing has
	 * been acknowledged on it. */
	enum tcp_verdict tcp;
	int64_t unacknowledged_ms;
	int64_t rtt_ms;
};

/* Whether the newcomer's instance is alive in another process. */
enum lease_copy lease_judge_twin(const struct lease_twin *twin);

/* What a restarted server remembers of a port that a newcomer asks for. */
struct lease_return {
	/* The port is reserved for its last holder, and that holder is
	 * known. */
	bool reserved;
	bool same_instance;
	bool trusted;
};

/* Whether the newcomer may have the port. */
bool lease_admits(const struct lease_return *claim);

#endif
