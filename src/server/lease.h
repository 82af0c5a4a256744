/*
 * lease - who holds a public port, who may have it next, when its tunnel is over,
 * and whose state file is a copy.
 *
 * Pure: facts in, a state or a verdict out; no sockets, no clock, no locks. In
 * words the rules stand in rebore-protocol(7), "Leases", "Who may have a port"
 * and "Copies".
 */
#ifndef REBORE_SERVER_LEASE_H
#define REBORE_SERVER_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/protocol_times.h"
#include "base/uuid.h"
#include "net/tcp.h"

/* A connection that has said something within this time is heard: a heartbeat of
 * the client, and as long as one may be late. */
#define LEASE_HEARD_MS (PROTOCOL_CLIENT_HEARTBEAT_MS + 1000)
/* A client that lives has acknowledged a heartbeat so long after any moment, and
 * some round trips for slow paths. */
#define LEASE_PROOF_MS          (PROTOCOL_SERVER_HEARTBEAT_MS + 100)
#define LEASE_PROOF_ROUND_TRIPS 2
/* A process that has ended may still be heard: its system sends again what was
 * lost on its way, and the end of the connection right behind that. By so long
 * after what was heard, and two round trips, the end has come too. */
#define LEASE_SETTLED_MS 100
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

/* A client that holds a port or asks for one. */
struct lease_client {
	/* It has said who it is: then it has an instance and an attempt. */
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
	/* The server stops: the client was told, the port takes no visitors, and
	 * those that came before are waited for. */
	LEASE_PARTED,
	/* The port is free. Final. */
	LEASE_OVER,
};

/* The holder of one port. Changed by lease_step() alone. */
struct lease {
	enum lease_state state;
	/* Who holds the port: the client that is connected, was last, or is
	 * promised the port. */
	struct lease_client holder;
	/* A newcomer was given the port, and its connection is on its way to the
	 * thread that serves it. */
	bool promised;
	/* The holder's connection was found gone by a newcomer. */
	bool condemned;
	/* When the holder was heard last, on whatever connection; INT64_MIN:
	 * never. */
	int64_t heard_ms;
	/* LEASE_LEASED: for how long from the holder's last sign of life, and
	 * until when. */
	uint32_t length_ms;
	int64_t end_ms;
};

enum lease_event_kind {
	/* A newcomer, which has just been heard, is given the port: client,
	 * now_ms. Without effect on a lease that is over. */
	LEASE_PROMISE,
	/* The connection of the newcomer has arrived: client. */
	LEASE_ATTACH,
	/* The client that is connected says who it is: client. */
	LEASE_ANNOUNCE,
	/* A newcomer has found the holder's connection gone. */
	LEASE_CONDEMN,
	/* The holder is heard, on its control connection or on a data connection:
	 * now_ms. */
	LEASE_HEAR,
	/* The holder's connection is lost, or it has said goodbye: now_ms,
	 * length_ms, which is 0 where the port is not kept. */
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
	/* The server has waited long enough for those who came before. */
	bool ending;
	/* The lease was taken away, and nobody would miss it. */
	bool gives_way;
};

/* Begin with a client that is connected. */
void lease_init(struct lease *lease, const struct lease_client *client);

/* The one transition function. Returns the state that follows. */
enum lease_state lease_step(
    struct lease *lease, const struct lease_event *event);

/* Returns when LEASE_LOOK is due, or CLOCK_NEVER. */
int64_t lease_due_ms(const struct lease *lease);

/* Whether the holder has a connection that was not found gone: one that TCP can
 * be asked about. */
bool lease_has_connection(const struct lease *lease);

/*
 * Put together what lease_judge() needs.
 *
 * trusted: as in struct lease_claim.
 * tcp: what TCP knows of the holder's connection; only looked at where
 * lease_has_connection(). A holder that was heard within LEASE_HEARD_MS is not
 * gone: its acknowledgements may be stuck behind the bytes that come, or the path
 * to it may be lost and that from it not.
 */
struct lease_claim lease_claim_of(const struct lease *lease,
    const struct lease_client *newcomer, bool trusted, enum tcp_verdict tcp,
    int64_t now_ms);

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
