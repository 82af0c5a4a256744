/*
 * relay_flow - one direction of a relay.
 *
 * Bytes move through a borrowed buffer (relay_copy.c). When a read fills the
 * buffer, there is much to move, and bytes move through a borrowed pipe, which
 * avoids copying them (relay_splice.c, or relay_nosplice.c where the system has
 * no splice(2)); when little arrives, they move through a buffer again. Nothing
 * is borrowed while nothing is in flight. If no buffer is left, the flow goes
 * on without one (relay_peek.c): bytes stay in the receive queue of one side
 * until the other side takes them.
 *
 * A flow reads again only when everything that it has read is written, so a
 * slow reader holds the writer back: at most PIPES_BYTES are in flight, or
 * BUFFERS_BYTES where the flow does not splice.
 */
#ifndef REBORE_RELAY_RELAY_FLOW_H
#define REBORE_RELAY_RELAY_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/transport.h"
#include "relay/pipes.h"

struct relay_flow {
	/* Set by relay_flow_init(), then read-only. */
	struct transport from;
	struct transport to;
	/* Bytes written so far. */
	uint64_t moved;
	/* from has ended. */
	bool ended;
	/* The sending side of to was ended in turn. */
	bool end_passed_on;
	/* The side on which a call has failed: its connection is broken. */
	bool from_broke;
	bool to_broke;

	/* The rest is private. Bytes that are read and not yet written: */
	char *buffer;
	uint32_t start;
	uint32_t end;
	/* How many bytes are in the pipe; they come after those in the
	 * buffer. */
	uint32_t piped;
	struct pipe_ends pipe;
	/* Without a buffer: how many bytes are written, but not yet taken out
	 * of from; and whether to accepts no more for now. */
	uint32_t owed;
	bool blocked;
	/* The flow has gone on without a buffer at some time. */
	bool is_lean;
	/* The next step is to splice; the system has not refused to. */
	bool splicing;
	bool can_splice;
	/* A read has filled the buffer at some time. */
	bool is_bulk;
};

/* from, to: connected; the caller still has to close them. SIGPIPE must be
 * ignored. */
void relay_flow_init(
    struct relay_flow *flow, struct transport from, struct transport to);

/* Return whether the flow waits for from to become readable, or for to to
 * become writable. */
bool relay_flow_wants_read(const struct relay_flow *flow);
bool relay_flow_wants_write(const struct relay_flow *flow);

/*
 * Have bytes that were already read from from written first. Only before the
 * first step.
 *
 * buffer: a borrowed one, which the flow takes over; NULL: none.
 */
void relay_flow_put(struct relay_flow *flow, char *buffer, size_t size);

/*
 * Move what can be moved now, without waiting.
 *
 * Returns ERROR_NONE even if nothing could be moved; ERROR_RESET or another
 * error with errno if one of the two connections is broken: then from_broke or
 * to_broke is set; ERROR_MEMORY if there is no buffer even for the bytes in a
 * pipe.
 */
enum error relay_flow_step(struct relay_flow *flow);

/* If from has ended and all of its bytes are written, end the sending side of
 * to. */
void relay_flow_pass_end(struct relay_flow *flow);

/* Give back what is borrowed, even if bytes are in it. */
void relay_flow_end(struct relay_flow *flow);

/* For relay_*.c alone: set side, which is from_broke or to_broke of a flow, if
 * error is a failure, which ERROR_AGAIN is not. Returns error. */
static inline enum error
relay_flow_blame(bool *side, enum error error)
{
	*side = error != ERROR_NONE && error != ERROR_AGAIN;
	return error;
}

/*
 * For relay_copy.c alone: one step without a buffer. It peeks at what has
 * arrived, writes as much of that as it can, and only then takes it out, so
 * that nothing is in flight.
 * Returns what relay_copy_step() does.
 */
enum error relay_peek_step(struct relay_flow *flow);

/*
 * For relay_flow.c alone: one step of either kind. They return what
 * relay_flow_step() does, or ERROR_AGAIN. relay_copy_step() sets splicing when
 * the next step should splice; relay_splice_step() clears it when it should
 * not, and leaves in the pipe what it could not write, for relay_copy_step() to
 * read. Only relay_copy_step() finds that from has ended: where that may be so,
 * relay_splice_step() clears splicing and returns ERROR_AGAIN.
 *
 * polled: poll() has reported from as readable, and nothing was read since
 * then.
 */
enum error relay_copy_step(struct relay_flow *flow);
enum error relay_splice_step(struct relay_flow *flow, bool polled);

#endif
