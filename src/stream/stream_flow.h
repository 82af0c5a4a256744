/*
 * stream_flow - the positions of the two directions of a stream, at one end.
 *
 * A position counts the bytes of a direction from its start, in 64 bits; END
 * takes the one behind the last byte. What is sent and not acknowledged is kept,
 * so that it can be sent again on another data connection.
 *
 *     out    acked <= sent <= most_sent <= read, and read's bytes <= limit
 *     in     taken <= received, and its bytes <= limit
 *
 * Pure: numbers only.
 */
#ifndef REBORE_STREAM_STREAM_FLOW_H
#define REBORE_STREAM_STREAM_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "stream/stream_frame.h"
#include "stream/stream_window.h"

/* As much may be sent before the peer has told a limit: one piece. */
#define STREAM_LIMIT_FIRST STREAM_WINDOW_LEAST
/* As much is received and not told when it is told without delay, by a client
 * that has not said anything yet. */
#define STREAM_FIRST_TOLD 32768u

/* From our end socket to the peer's. */
struct stream_out {
	/* The peer holds all before. */
	uint64_t acked;
	/* Sent on the data connection of now, and on any. */
	uint64_t sent;
	uint64_t most_sent;
	/* Read from the end socket; with END, which is the last position. */
	uint64_t read;
	bool ended;
	/* The peer takes all before. */
	uint64_t limit;
};

/* From the peer's end socket to ours. */
struct stream_in {
	/* Held here, or passed on; with END. */
	uint64_t received;
	bool ended;
	/* Passed on to the end socket; with END. */
	uint64_t taken;
	/* The highest that was told on any data connection. */
	uint64_t limit;
	/* What was told on the data connection of now. */
	uint64_t told_received;
	uint64_t told_limit;
	struct stream_window window;
	uint32_t window_most;
};

void stream_out_init(struct stream_out *out, uint64_t limit);

/* Returns how many bytes may be read from the end socket and kept, of which all
 * streams together leave this one keep_most. */
uint64_t stream_out_room(const struct stream_out *out, uint64_t keep_most);

/* Size bytes were read, within stream_out_room(); or the end of file. */
void stream_out_read(struct stream_out *out, uint64_t size);
void stream_out_end(struct stream_out *out);

/* Returns how many bytes are to be sent, from the position sent on. */
uint64_t stream_out_unsent(const struct stream_out *out);

/* Whether END is what is to be sent next. */
bool stream_out_end_is_next(const struct stream_out *out);

/* So many positions were sent: bytes, or END, which is 1. */
void stream_out_sent(struct stream_out *out, uint64_t size);

/* Whether the peer has not acknowledged all that was sent. */
bool stream_out_is_owed(const struct stream_out *out);

/* Whether END was read, sent and acknowledged. */
bool stream_out_is_complete(const struct stream_out *out);

/* Whether the peer has acknowledged all that it takes: nothing can be sent
 * before it raises its limit. */
bool stream_out_is_blocked(const struct stream_out *out);

/* A frame has told what the peer holds and takes. Returns false when that
 * cannot
 * be: it holds what was not sent. */
bool stream_out_told(struct stream_out *out, uint32_t received, uint32_t limit);

/* The stream goes on with another data connection, where the peer holds this.
 * Returns false when that cannot be: it has what was never sent, or has not
 * what it had acknowledged. */
bool stream_out_resume(
    struct stream_out *out, const struct stream_place *place);

void stream_in_init(struct stream_in *in, uint32_t window_most);

/* There is to be no window: TCP holds the peer back. Only at the start. */
void stream_in_open(struct stream_in *in);

/* Returns how many bytes are held for the end socket. */
uint64_t stream_in_held(const struct stream_in *in);

/* DATA or END has come. Returns false when that cannot be: it is behind END, or
 * beyond the limit. */
bool stream_in_data(struct stream_in *in, uint64_t size);
bool stream_in_end(struct stream_in *in);

/* The end socket has taken size bytes; or END was passed on to it. */
void stream_in_took(struct stream_in *in, uint64_t size);
void stream_in_pass_end(struct stream_in *in);

/* Whether END came and everything was passed on. */
bool stream_in_is_complete(const struct stream_in *in);

/* Returns what is to be told to the peer. keep_most: as much may be kept for
 * the end socket. What was told before is never taken back. */
struct stream_place stream_in_place(
    const struct stream_in *in, uint64_t keep_most);

/* It is told, on the data connection of now. */
void stream_in_tell(struct stream_in *in, const struct stream_place *place);

/* Whether the peer has reached the limit that it was told, and the place has a
 * higher one, so that it waits for just that. */
bool stream_in_frees(
    const struct stream_in *in, const struct stream_place *place);

/* Whether the place has something new; and so much, a quarter of the window or
 * END, that the peer should hear of it at once. */
bool stream_in_is_news(
    const struct stream_in *in, const struct stream_place *place);
bool stream_in_is_urgent(const struct stream_in *in,
    const struct stream_place *place, uint64_t keep_most);

#endif
