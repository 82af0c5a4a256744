/*
 * relay_flow - one direction of a relay.
 *
 * Moves bytes through a borrowed buffer (relay_copy.c); where a read fills the
 * buffer, so that there is much to move, through a borrowed pipe, which spares
 * copying (relay_splice.c, or relay_nosplice.c where the system has no splice);
 * and back when little comes. Nothing is borrowed while nothing is in flight.
 * Where no buffer is to be had, it goes on without (relay_peek.c): bytes stay
 * where they came in until the other side takes them.
 *
 * It reads again only when all that it has read is written, so a slow reader
 * holds the writer back: at most PIPES_BYTES are in flight, and BUFFERS_BYTES
 * behind a stream that is not spliced.
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
	/* from has ended; to has been told. */
	bool ended;
	bool told;
	/* The side on which a call has failed: its connection is broken. */
	bool from_broke;
	bool to_broke;

	/* Private: what is read and not yet written. */
	char *buffer;
	uint32_t start;
	uint32_t end;
	/* Behind it, or in its place: what is in the pipe. */
	uint32_t piped;
	struct pipe_ends pipe;
	/* Without a buffer: so much is written, and still to be taken out of
	 * from; to takes no more. */
	uint32_t owed;
	bool blocked;
	bool is_lean; /* it has gone on without, at some time */
	/* Moving through the pipe; it has not been refused. */
	bool splicing;
	bool can_splice;
	/* Much has come at once, at some time. */
	bool is_bulk;
};

/* from, to: connected; stay the caller's. SIGPIPE must be ignored. */
void relay_flow_init(
    struct relay_flow *flow, struct transport from, struct transport to);

/* Whether it waits for from to be readable, or for to to be writable. */
bool relay_flow_wants_read(const struct relay_flow *flow);
bool relay_flow_wants_write(const struct relay_flow *flow);

/*
 * Put bytes first that were read from from already. Only before the first step.
 *
 * buffer: a borrowed one, taken; NULL: none.
 */
void relay_flow_put(struct relay_flow *flow, char *buffer, size_t size);

/*
 * Move what can be moved now, without waiting.
 *
 * Returns ERROR_NONE also when nothing could be moved; ERROR_RESET or another
 * error with errno when one of the two is broken: from_broke or to_broke is set;
 * ERROR_MEMORY, when not even what is in a pipe can be taken out.
 */
enum error relay_flow_step(struct relay_flow *flow);

/* At the end of from, when all is written: end the sending side of to. At any
 * other time it does nothing. */
void relay_flow_tell(struct relay_flow *flow);

/* Give back what is borrowed, whatever is in it. */
void relay_flow_end(struct relay_flow *flow);

/* For relay_*.c alone: note on which side a call has failed, unless it only found
 * nothing to do. Returns error. side: from_broke or to_broke of a flow. */
static inline enum error
relay_flow_blame(bool *side, enum error error)
{
	*side = error != ERROR_NONE && error != ERROR_AGAIN;
	return error;
}

/*
 * For relay_copy.c alone: one step without a buffer. What may be read is looked
 * at, written as far as that goes, and only then taken out: nothing is in
 * flight. Returns as relay_copy_step().
 */
enum error relay_peek_step(struct relay_flow *flow);

/*
 * For relay_flow.c alone: one step of either kind, returning as
 * relay_flow_step() or ERROR_AGAIN. The first sets splicing where the next step
 * should be of the second kind; the second clears it where not, and leaves what
 * it could not write in the pipe, for the first to read. The second never finds
 * that from has ended: it says ERROR_AGAIN with splicing cleared, and the first
 * decides.
 *
 * polled: poll() has said that from is readable, and nothing was read since.
 */
enum error relay_copy_step(struct relay_flow *flow);
enum error relay_splice_step(struct relay_flow *flow, bool polled);

#endif
