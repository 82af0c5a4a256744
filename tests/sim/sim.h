/*
 * sim - a whole world of clients, servers and the network between them, in one
 * thread and in simulated time, deterministic from a 64-bit seed.
 *
 * What is simulated is the world; what is decided in it is decided by the pure
 * modules of the program. The files sim_client.c and sim_server.c stand for the
 * loops in src/client and src/server that ask those modules, and do what those
 * loops do. See tests/README.md.
 */
#ifndef REBORE_TESTS_SIM_H
#define REBORE_TESTS_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "client/attempt.h"
#include "client/control_state.h"
#include "client/reconnect.h"
#include "net/tcp.h"
#include "server/lease.h"
#include "server/registry.h"

#define SIM_SERVERS_MOST  2
#define SIM_CLIENTS_MOST  5
#define SIM_HOSTS_MOST    (SIM_SERVERS_MOST + SIM_CLIENTS_MOST)
#define SIM_CONNS_MOST    128
#define SIM_LINKS_MOST    128
#define SIM_TUNNELS_MOST  32
#define SIM_VISITORS_MOST 64
#define SIM_WORKERS_MOST  64
/* Messages that one end of a connection can have under way; a power of two. */
#define SIM_RING 128
/* Public ports of a server are 1 to this. */
#define SIM_PORTS 6

#define SIM_NEVER INT64_MAX
#define SIM_NONE  (-1)

/* --- Messages, as in rebore-protocol(7) */

enum say_kind {
	SAY_CHALLENGE,
	SAY_AUTHENTICATE, /* number: the secret */
	SAY_HELLO,        /* port */
	SAY_ANNOUNCE,     /* of both; a server tells its lease as number */
	SAY_HEARTBEAT,
	SAY_CONNECTION, /* number: the visitor */
	SAY_ACCEPT,     /* number: the visitor */
	SAY_ERROR,      /* number: enum sim_error */
	SAY_BYE,        /* bits, number: retry_ms */
	SAY_BYTES,      /* of a visitor */
	SAY_END,        /* an end of file, which TCP carries */
};

enum sim_error {
	SIM_ERROR_SECRET,
	SIM_ERROR_NO_AUTHENTICATION,
	SIM_ERROR_RANGE,
	SIM_ERROR_IN_USE,
	SIM_ERROR_NO_PORT,
	SIM_ERROR_TIMEOUT,
};

/* Bits of a Bye */
#define BYE_DISPLACED 1u
#define BYE_TAKEN     2u
#define BYE_COPY      4u

struct say {
	uint8_t kind;
	uint8_t bits;
	uint16_t port;
	uint32_t number;
	uint32_t instance;
	uint32_t process; /* 0: not told */
	uint64_t attempt;
};

/* --- Network */

/* One direction between two hosts. */
struct path {
	bool cut;
	uint16_t delay_ms;
	uint16_t jitter_ms;
	uint16_t lost_permille;
	/* Nothing overtakes what is in a queue, beyond the jitter. */
	int64_t last_ms;
};

enum end_state {
	END_NONE,
	END_SYN_SENT,
	END_SYN_RECEIVED,
	END_UP,
	END_RESET, /* a reset came, or TCP gave up; the owner does not know yet */
};

/* One end of a connection, as the system of its host knows it. */
struct end {
	enum end_state state;
	int host;
	bool is_open; /* a process has the descriptor */
	/* What is sent: acknowledged before una, written before next. */
	struct say out[SIM_RING];
	uint32_t una, next;
	uint32_t rto_ms, rto_most_ms;
	unsigned retries;
	int64_t rto_at_ms;
	int64_t acked_ms; /* when something was acknowledged */
	int64_t unacked_since_ms;
	unsigned user_timeout_ms;
	uint32_t rtt_ms;
	/* What came: read before taken, in order before expect. */
	struct say in[SIM_RING];
	bool has[SIM_RING];
	uint32_t taken, expect;
	uint32_t segments;
	int64_t dialled_ms;
};

/* ends[0] is the one that dialled. */
struct conn {
	bool used;
	uint32_t serial;
	int server;
	int client; /* who dialled */
	int actor;  /* at the dialling end; see struct actor */
	int link;   /* at the server, once it has accepted; SIM_NONE */
	struct end ends[2];
};

enum segment_kind {
	SEGMENT_SYN,
	SEGMENT_SYN_ACK,
	SEGMENT_ACK,
	SEGMENT_DATA,
	SEGMENT_RST
};

struct segment {
	uint8_t kind;
	uint8_t to;
	int16_t conn;
	uint32_t serial;
	uint32_t index, ack;
	struct say say;
};

/* --- Events */

enum event_kind { EVENT_SEGMENT, EVENT_RETRANSMIT, EVENT_STEP, EVENT_FAULT };

struct event {
	int64_t at_ms;
	uint64_t order;
	uint8_t kind;
	int32_t actor; /* EVENT_STEP, and the fault's number */
	struct segment segment;
};

/* What takes steps of its own: a thread. */
enum actor_kind {
	ACTOR_CLIENT,
	ACTOR_LINK,
	ACTOR_TUNNEL,
	ACTOR_WORKER,
	ACTOR_KINDS
};
#define ACTOR(kind, index) ((int)(kind)*256 + (index))
#define ACTORS_MOST        (ACTOR_KINDS * 256)

struct actor {
	int64_t step_ms; /* SIM_NEVER: none */
	bool is_owed;    /* its process was stopped when the step was due */
};

/* --- Hosts */

struct host {
	bool is_down;      /* no power, or suspended: no segment is answered */
	bool is_suspended; /* and comes back as it was */
	int64_t slept_ms;  /* in all */
	int64_t down_ms;   /* since when */
};

/* --- Servers */

enum link_phase {
	LINK_FREE,
	LINK_ACCEPTED, /* by the system */
	LINK_AUTHENTICATING,
	LINK_EXPECTING,
	LINK_HEARING,   /* who it is */
	LINK_COMPARING, /* with others of its instance */
	LINK_LOOKING,   /* at the port */
	LINK_ACTING,    /* has looked, and holds the turnstile */
	LINK_REFUSED,
	LINK_GIVEN, /* to a tunnel */
	LINK_ATTACHED,
	LINK_PARTING,
	LINK_RELAYING,
};

struct sim_link {
	enum link_phase phase;
	int server, conn;
	uint16_t asked;
	int64_t start_ms, deadline_ms, claim_deadline_ms;
	bool announced;
	struct say who;
	bool is_entered;
	struct registry_entry entry;
	int64_t said_ms, heard_ms, heartbeat_ms, stalled_ms;
	uint32_t segments;
	uint32_t retransmit_ms;
	int tunnel;
	enum lease_verdict verdict; /* LINK_ACTING */
	uint64_t told_attempt;
	bool has_holder;
	int visitor; /* LINK_RELAYING */
};

struct sim_tunnel {
	bool used;
	int server;
	uint16_t port;
	struct lease lease;
	/* The holder, for those who want the port: what TCP can be asked about,
	 * and where it is. */
	int holder_link;
	int holder_host;
	int incoming, link, parting;
	int64_t parting_ms;
	bool pulse;
};

struct grant {
	bool is_granted, was_before;
	uint32_t instance; /* 0: not told */
	int host;          /* SIM_NONE: not known */
};

struct sim_server {
	int host;
	bool is_running;
	bool is_stopped; /* by SIGSTOP */
	bool has_secret;
	uint32_t secret;
	bool has_state_file;
	uint32_t lease_s;
	struct grant grants[SIM_PORTS + 1];
	struct grant file[SIM_PORTS + 1];
	int64_t file_due_ms;
	int64_t reserved_until_ms;
	int64_t start_ms;
	bool is_stopping;
	unsigned leaving;
};

enum visitor_state {
	VISITOR_NONE,
	VISITOR_WAITS,
	VISITOR_ANNOUNCED,
	VISITOR_SERVED,
	VISITOR_TOLD
};

struct visitor {
	enum visitor_state state;
	int server, tunnel;
	int64_t arrived_ms, expires_ms;
	unsigned times_taken, times_served;
	int64_t changed_ms; /* when its tunnel lost or got a link last */
};

/* --- Clients */

enum shake_phase {
	SHAKE_IDLE,
	SHAKE_DIALLING,
	SHAKE_CHALLENGE,
	SHAKE_ANSWER,
	SHAKE_OVER
};

enum shake_outcome {
	OUTCOME_DONE,
	OUTCOME_FAILED,
	OUTCOME_PORT_TAKEN,
	OUTCOME_COPY,
	OUTCOME_REFUSED,
	OUTCOME_IMPOSSIBLE,
	OUTCOME_ABANDONED,
};

struct shake {
	enum shake_phase phase;
	enum shake_outcome outcome;
	int conn;
	int server;
	uint16_t asked, port;
	int64_t deadline_ms, next_syn_ms;
	unsigned syns;
	uint32_t answer_ms;
	bool is_committed, is_gone; /* Hello was said; must not be said */
	uint64_t known_attempt;
	int64_t dialled_ms;
};

enum client_phase {
	CLIENT_OFF,
	CLIENT_TRYING,
	CLIENT_STANDING,
	CLIENT_RESTING,
	CLIENT_ENDED
};

/* What is kept of a client over a crash: its state file. */
struct state_file {
	bool is_there;
	uint32_t instance;
	uint64_t attempt;
	uint16_t port;
};

struct sim_client {
	/* Options */
	int host, server;
	bool is_rebore;     /* else as bore: no Announce */
	bool tells_process; /* an older version does not */
	bool has_secret;
	uint32_t secret;
	uint16_t asked_port;
	uint32_t cap_ms;
	bool reconnects;
	bool has_state_file;
	bool is_stranger; /* it has never had the port that it asks for */
	int twin;         /* whose state file it has a copy of; SIM_NONE */

	/* Process */
	enum client_phase phase;
	bool is_stopped;
	uint32_t process;
	uint32_t instance;
	uint64_t attempt, reserved;
	struct state_file file;

	/* Supervisor */
	struct reconnect reconnect;
	uint16_t public_port;
	int64_t rest_end_ms, cut_ms, slept_ms;

	/* Control connections */
	struct shake shakes[2];
	int current, other;
	struct control_state control;
	bool rival_runs, rival_has_committed;
	bool is_to_start_rival; /* once the one before has ended */
	bool carried;
	int64_t stood_since_ms;
	struct attempt_end end;

	/* For the checker */
	bool is_right;       /* its secret is that of its server */
	bool is_wanted;      /* it is to run when all is good */
	bool is_cloned;      /* its state file has a copy, or is one */
	bool has_older_file; /* one that was put back */
	bool was_accused;
};

/* A visitor's way on the client's side. */
struct sim_worker {
	bool used;
	int client;
	uint32_t process;
	uint32_t visitor;
	int conn, server;
	int64_t start_ms, announced_ms, deadline_ms, next_ms, next_syn_ms;
	unsigned syns;
	bool said;
	int64_t served_ms;
};

/* --- The world */

struct world {
	uint64_t seed, random;
	int64_t now_ms;
	uint64_t order;
	bool tells; /* prints its story */
	bool failed;
	char why[256];
	uint64_t steps;

	unsigned hosts_count, servers_count, clients_count, ports;
	struct host hosts[SIM_HOSTS_MOST];
	/* [host of a client][server][0: to the server, 1: from it] */
	struct path paths[SIM_HOSTS_MOST][SIM_SERVERS_MOST][2];
	struct conn conns[SIM_CONNS_MOST];
	struct sim_link links[SIM_LINKS_MOST];
	struct sim_tunnel tunnels[SIM_TUNNELS_MOST];
	struct sim_server servers[SIM_SERVERS_MOST];
	struct visitor visitors[SIM_VISITORS_MOST];
	unsigned visitors_count;
	struct sim_worker workers[SIM_WORKERS_MOST];
	struct sim_client clients[SIM_CLIENTS_MOST];
	struct actor actors[ACTORS_MOST];
	unsigned duplicate_permille;
	uint32_t next_id;
	int64_t good_ms; /* from when on nothing goes wrong any more */

	/* Whose each port was last: the instance, and the client. */
	struct owner {
		uint32_t instance;
		int client;
		bool can_lease;
		int64_t since_ms;
	} owners[SIM_SERVERS_MOST][SIM_PORTS + 1];
};

extern struct world world;

/* --- sim_engine.c */

uint32_t sim_random(void);
/* 0 to below, or 0 */
uint32_t sim_below(uint32_t below);
uint32_t sim_between(uint32_t low, uint32_t high);
bool sim_chance(unsigned permille);
uint32_t sim_new_id(void);
void sim_engine_reset(void);
void sim_push(const struct event *event);
bool sim_pop(struct event *event);
/* Have an actor take a step at a time, unless it takes one before. */
void sim_wake_at(int actor, int64_t at_ms);
/* Now, as soon as its thread runs. */
void sim_wake(int actor);
/* It has no step to take any more. */
void sim_forget(int actor);
/* Print a line of the story. */
void sim_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* An invariant is broken: the scenario is over. */
void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- sim_net.c */

int net_dial(int client, int server, int actor);
/* Another connection request of a dial that has not been answered. */
void net_dial_again(int conn);
bool net_send(int conn, int side, const struct say *say);
bool net_has_room(int conn, int side);
/* Take what has come. Returns false when there is nothing. */
bool net_next(int conn, int side, struct say *say);
bool net_is_up(int conn, int side);
/* Refused, reset, or given up by TCP. */
bool net_is_reset(int conn, int side);
void net_close(int conn, int side);
/* End the sending side. */
void net_end(int conn, int side);
enum tcp_verdict net_judge(int conn, int side);
int64_t net_acknowledged_ms(int conn, int side);
void net_arrive(const struct segment *segment);
void net_retransmit(const struct segment *timer);
/* Close what the processes of a host have open: it is down, or they were killed. */
void net_wake_host(int host);
void net_lose_host(int host);
/* A middlebox resets a connection at one or both of its ends. */
void net_inject_reset(int conn, bool both);

/* --- sim_server.c */

void server_boot(int server);
void server_kill(int server, bool silently);
void server_ask_to_stop(int server);
int server_accepts(int server, int conn); /* returns the link or SIM_NONE */
void server_step_link(int link);
void server_step_tunnel(int tunnel);
void server_add_visitor(int server, uint16_t port);
bool server_is_listening(int server);

/* --- sim_client.c */

void client_boot(int client);
void client_kill(int client, bool silently);
void client_ask_to_stop(int client);
void client_step(int client);
void client_step_worker(int worker);
void client_hang_up(int client);

/* --- sim_check.c */

void check_reset(void);
/* Returns the instance with this number as the program knows it. */
struct uuid sim_uuid(uint32_t id);

void check_step(void);
/* Nothing goes wrong any more. Returns whether all is as it should be by now. */
bool check_recovery(void);
/* The server means to give a port to a link that has a holder, and does. */
void check_judgement(
    const struct sim_tunnel *tunnel, const struct sim_link *link);
void check_hand_over(
    const struct sim_tunnel *tunnel, const struct sim_link *link);
/* It opens a port that nobody holds. */
void check_opening(const struct sim_link *link, uint16_t port);
void check_attach(const struct sim_tunnel *tunnel, const struct sim_link *link);
void check_attempt_begins(struct sim_client *client);
void check_attempt_ends(struct sim_client *client, uint32_t delay_ms);
void check_restarted(const struct sim_client *client);
void check_hurried(const struct sim_client *client);
void check_accused(const struct sim_client *client, const char *what);
void check_ended(const struct sim_client *client);

/* --- sim_faults.c */

void faults_plan(void);
void faults_happen(int number);

/* --- sim_decisions.c */

/* Whether the process of an actor runs, and is not stopped. */
bool sim_is_running(int actor);
/* It goes on: what it has missed is due. */
void sim_continue(void);

#endif
