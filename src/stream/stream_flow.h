/*
 * stream_flow - the positions of the two directions of a stream, at one end.
 *
 * A position counts the bytes of a direction from its start, in 64 bits; END
 * takes the position after the last byte. What is sent and not acknowledged is
 * kept, so that it can be sent again on another data connection.
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

/* How much may be sent before the peer's limit is known: one piece. */
#define STREAM_LIMIT_FIRST STREAM_WINDOW_LEAST
/* A client that has not sent any frame yet acknowledges without delay when it
 * has received this much. */
#define STREAM_FIRST_ACK_BYTES 32768u

/* From our end socket to the peer's. */
struct stream_out {
	/* The peer holds everything before this position. */
	uint64_t acked;
	/* Sent on the current data connection, and on any. */
	uint64_t sent;
	uint64_t most_sent;
	/* Read from the end socket, including END, which is the last position.
	 * */
	uint64_t read;
	bool ended;
	/* The peer accepts everything before this position. */
	uint64_t limit;
};

/* From the peer's end socket to ours. */
struct stream_in {
	/* Held here or passed on, including END. */
	uint64_t received;
	bool ended;
	/* Passed on to the end socket, including END. */
	uint64_t taken;
	/* The highest limit that was sent on any data connection. */
	uint64_t limit;
	/* The position and limit that were last sent. */
	uint64_t advertised_received;
	uint64_t advertised_limit;
	struct stream_window window;
	uint32_t window_most;
};

void stream_out_init(struct stream_out *out, uint64_t limit);

/* Returns how many bytes may be read from the end socket and kept. keep_most:
 * this stream's share of the memory. */
uint64_t stream_out_room(const struct stream_out *out, uint64_t keep_most);

/* Record that size bytes were read, within stream_out_room(); or the end of
 * file. */
void stream_out_read(struct stream_out *out, uint64_t size);
void stream_out_end(struct stream_out *out);

/* Returns how many bytes are to be sent, starting at position sent. */
uint64_t stream_out_unsent(const struct stream_out *out);

/* Whether END is to be sent next. */
bool stream_out_end_is_next(const struct stream_out *out);

/* Record that this many positions were sent: bytes, or END, which counts as
 * one. */
void stream_out_sent(struct stream_out *out, uint64_t size);

/* Whether anything that was sent is not acknowledged. */
bool stream_out_is_owed(const struct stream_out *out);

/* Whether END was read, sent and acknowledged. */
bool stream_out_is_complete(const struct stream_out *out);

/* Whether everything up to the peer's limit is acknowledged, so that nothing
 * can be sent before the peer raises the limit. */
bool stream_out_is_blocked(const struct stream_out *out);

/* Process a frame's position and limit. Returns false if they are impossible:
 * the peer cannot hold what was not sent. */
bool stream_out_update(
    struct stream_out *out, uint32_t received, uint32_t limit);

/* Continue on another data connection, from what the peer holds. Returns false
 * if that is impossible: bytes that were never sent, or less than the peer has
 * acknowledged. */
bool stream_out_resume(
    struct stream_out *out, const struct stream_place *place);

void stream_in_init(struct stream_in *in, uint32_t window_most);

/* Do without a window: TCP holds the peer back. Only at the start. */
void stream_in_open(struct stream_in *in);

/* Returns how many bytes are held for the end socket. */
uint64_t stream_in_held(const struct stream_in *in);

/* Process DATA or END. Returns false if that is impossible: after END, or
 * beyond the limit. */
bool stream_in_data(struct stream_in *in, uint64_t size);
bool stream_in_end(struct stream_in *in);

/* Record that the end socket has accepted size bytes; or that END was passed
 * on. */
void stream_in_took(struct stream_in *in, uint64_t size);
void stream_in_pass_end(struct stream_in *in);

/* Whether END was received and everything was passed on. */
bool stream_in_is_complete(const struct stream_in *in);

/* Returns the position and limit to send to the peer. keep_most: how much may
 * be held for the end socket. A limit that was sent is never lowered. */
struct stream_place stream_in_place(
    const struct stream_in *in, uint64_t keep_most);

/* Record that they were sent on the current data connection. */
void stream_in_advertise(
    struct stream_in *in, const struct stream_place *place);

/* Whether the peer has reached the limit that it knows, and place has a higher
 * one that it must be waiting for. */
bool stream_in_frees(
    const struct stream_in *in, const struct stream_place *place);

/* Whether place differs from what was sent; and whether by so much (a quarter
 * of the window, or END) that the peer should learn of it at once. */
bool stream_in_is_news(
    const struct stream_in *in, const struct stream_place *place);
bool stream_in_is_urgent(const struct stream_in *in,
    const struct stream_place *place, uint64_t keep_most);

#endif
