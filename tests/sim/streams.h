/*
 * streams - two ends, a client and a server, the data connections between them,
 * and visitors whose streams go over these; in one thread and in simulated time,
 * deterministic from a seed. See tests/README.md, Streams.
 *
 * What is decided is decided by src/stream; streams_ends.c stands for the threads
 * that will ask it.
 */
#ifndef REBORE_TESTS_STREAMS_H
#define REBORE_TESTS_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim.h"
#include "stream/stream.h"
#include "stream/stream_tombstones.h"

#define LINES_MOST   96
#define STREAMS_MOST 12
#define ANSWERS_MOST 24
/* Frames that a direction of a data connection can hold; a power of two. */
#define LINE_RING       64
#define CONTROL_RING    64
#define TOMBSTONES_MOST 64
/* As long as a stream may be resumed, and what may be late */
#define TOMBSTONES_KEEP_MS 90000

/* Sides of everything */
#define CLIENT 0
#define SERVER 1

enum streams_actor {
	ACTOR_END,    /* stream * 2 + side; from ACTOR_ANSWERS on an answer */
	ACTOR_LINE,   /* line * 2 + side that it comes to */
	ACTOR_CONTROL /* side that it comes to; 2: the connection itself */
};
#define ACTOR_ANSWERS 128

/* --- Data connections */

/* What is on its way; truth is what only the simulation knows. */
struct parcel {
	int64_t at_ms;
	enum { PARCEL_FRAME, PARCEL_END, PARCEL_RESET } kind;
	struct stream_frame frame;
	struct uuid id; /* OPEN, RESUME */
	int truth_stream;
	uint64_t truth_position;
};

/* One way of a data connection, to a side. */
struct way {
	struct parcel ring[LINE_RING];
	uint32_t first, count;
	int64_t last_ms;
	bool is_forgotten; /* nothing arrives any more */
	int64_t stalled_until_ms;
};

enum line_use {
	LINE_CLOSED,  /* at this side */
	LINE_DIALLED, /* client: stands soon */
	LINE_FRESH,   /* server: RESUME comes first */
	LINE_IDLE,
	LINE_USED
};

struct line {
	uint32_t number; /* 0: free */
	enum line_use use[2];
	int user[2]; /* the actor's index of the end that uses it */
	struct way ways[2];
	uint64_t idle_order;
	int64_t dial_end_ms;
};

/* --- Ends */

enum sock_state { SOCK_OPEN, SOCK_CLOSED, SOCK_RESET, SOCK_WAS_RESET };

/* A visitor's or a service's socket, and what its owner does. */
struct sock {
	enum sock_state state;
	/* What is said, and how it ends. */
	uint64_t total;
	uint64_t ready; /* could be read by now */
	uint32_t chunk, gap_ms;
	int64_t next_ms;
	enum { ENDS_BY_END, ENDS_BY_RESET, ENDS_WHEN_HEARD } ends_by;
	bool has_ended;
	/* It resets at this time, whatever it does. */
	int64_t reset_at_ms;
	/* What is heard: so much each so often. */
	uint32_t takes, takes_each_ms;
	int64_t takes_next_ms;
	int64_t paused_until_ms;
	uint64_t taken;
	bool heard_end;
};

struct sim_end {
	bool used;
	int side;
	int index; /* of the actor */
	int stream_index;
	struct uuid id;
	struct stream machine;
	uint32_t line;   /* the number of the data connection that it holds */
	bool wants_line; /* server: DO_OFFER */
	struct sock sock;
	uint64_t kept_from; /* what was forgotten before */
	uint64_t extra_frames;
};

/* What only the simulation knows of a stream. */
struct truth {
	bool used;
	struct uuid id;
	struct sock plan; /* of its service, once it is begun */
	bool is_refused;
	unsigned begun;
	uint64_t base;
	/* Per side that it comes from: what was read, and where it ended. */
	uint64_t read[2];
	bool ended[2];
	/* Per side: what became of its end socket. */
	bool was_there[2];
	enum sock_state fate[2];
	bool was_killed[2];
	bool self_reset[2];
	bool has_given_up[2];
	bool is_finished[2];
};

struct streams {
	/* Options of this scenario */
	uint32_t delay_ms, jitter_ms, resume_ms, data_most, window_most;
	uint64_t keep_most;
	bool may_keep_change;
	/* Paths, by the side that they go to */
	bool cut[2];
	int64_t cut_since_ms;
	/* Control connection */
	bool control_up;
	int64_t control_back_ms;
	struct control_message {
		int64_t at_ms;
		enum { SAYS_LOST, SAYS_UNKNOWN, SAYS_MORE } kind;
		struct uuid id;
		uint32_t attempt;
	} control[2][CONTROL_RING];
	uint32_t control_first[2], control_count[2];
	int64_t control_last_ms[2];
	int64_t clone_until_ms; /* another process has the control connection */

	struct line lines[LINES_MOST];
	uint32_t numbers;
	uint64_t idle_orders;
	struct sim_end ends[STREAMS_MOST][2];
	struct sim_end answers[ANSWERS_MOST];
	struct truth truths[STREAMS_MOST];
	unsigned count;
	struct stream_tombstones tombstones[2];

	uint64_t frames_alone; /* without bytes */
	uint64_t bytes;
	unsigned trouble; /* faults so far */
	int64_t spin_ms;
	unsigned spin_count;
};

extern struct streams streams;

/* --- streams_net.c */

struct line *line_of(uint32_t number);
/* Dial, or have one that is authenticated and idle. Returns its number or 0. */
uint32_t line_dial(int index);
uint32_t line_make_idle(void);
bool line_has_room(const struct line *line, int to);
void line_send(struct line *line, int to, const struct parcel *parcel);
/* A side closes it: by an end of file, or a reset. */
void line_close(struct line *line, int side, bool resets);
void line_arrive(int index);
void line_break(struct line *line, int side);
void path_repair(void);
void control_say(int to, const struct control_message *message);
void control_arrive(int side);
void control_renew(void);

/* --- streams_ends.c */

struct sim_end *end_of(int index);
void end_run(struct sim_end *end);
void end_step(struct sim_end *end, struct stream_event *event);
/* What a side does with what comes on a data connection. */
void side_hears(struct line *line, int side, const struct parcel *parcel);
/* Whether a frame that has come has to wait. */
bool side_holds_back(const struct line *line, int side);
void side_is_broken(struct line *line, int side);
void side_hears_control(int side, const struct control_message *message);
void side_doubts(int side);
void side_is_killed(int side, bool silently);
void visitor_comes(void);
void server_has_idle(void);
void line_is_dialled(struct line *line, bool stands);

/* --- streams_check.c */

void check_frame(const struct sim_end *end, const struct parcel *parcel);
void check_taken(const struct sim_end *end);
void check_end(const struct sim_end *end);
void check_kept(const struct sim_end *end);
void check_fate(struct sim_end *end, enum sock_state state);
void check_spin(void);
void check_resumed(void);
void check_over(void);

#endif
