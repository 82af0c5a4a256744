/*
 * channel - messages over a transport.
 *
 * There are two ways to use it. A handshake calls channel_receive() and
 * channel_send(), which wait until a deadline. A loop that polls calls
 * channel_fill() when there is something to read, then channel_next() until it
 * returns ERROR_AGAIN, and writes by channel_put() and channel_flush(). The
 * queue of messages to be written is bounded.
 *
 * The owner of the transport closes it.
 */
#ifndef REBORE_WIRE_CHANNEL_H
#define REBORE_WIRE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/transport.h"
#include "wire/frame.h"
#include "wire/message.h"

/* Room for some twenty Connection messages. A peer that has not read that many
 * gets no more until it has. */
#define CHANNEL_QUEUE_BYTES 1024
/* How much is read and dropped from a peer that is refused: more than a hundred
 * of the longest messages. */
#define CHANNEL_DRAIN_BYTES ((size_t)64 * 1024)

struct channel {
	/* Fields are private. */
	struct transport transport;
	size_t queued;
	char queue[CHANNEL_QUEUE_BYTES];
	struct frame_buffer in;
};

/* transport: the caller still has to close it. */
void channel_init(struct channel *channel, struct transport transport);

/*
 * Read what has arrived, without waiting.
 *
 * Returns ERROR_AGAIN when nothing has; ERROR_CLOSED when the peer has ended
 * its side; ERROR_RESET or ERROR_SYSTEM with errno when the connection is
 * broken.
 */
enum error channel_fill(struct channel *channel);

/*
 * Take the next message of what was read.
 *
 * Returns ERROR_AGAIN when none is complete; else what message_decode() does.
 */
enum error channel_next(struct channel *channel, struct message *message);

/* Wait for the next message. Returns ERROR_TIMEOUT when none has come by
 * deadline_ms, else what channel_fill() and channel_next() do. */
enum error channel_receive(
    struct channel *channel, struct message *message, int64_t deadline_ms);

/* Returns whether one more frame fits into the queue. */
bool channel_has_room(const struct channel *channel);

/* Returns how many bytes are queued. */
size_t channel_queued(const struct channel *channel);

/* Queue a message. Returns ERROR_RESOURCES when the queue has no room, or
 * ERROR_MEMORY. */
enum error channel_put(struct channel *channel, const struct message *message);

/*
 * Write what is queued, without waiting.
 *
 * Returns ERROR_AGAIN when some of it is still queued; ERROR_RESET or
 * ERROR_SYSTEM with errno when the connection is broken.
 */
enum error channel_flush(struct channel *channel);

/* Queue message (NULL: none), and write until the queue is empty or deadline_ms
 * has passed. Returns ERROR_TIMEOUT then, else what channel_put() and
 * channel_flush() do. */
enum error channel_send(struct channel *channel, const struct message *message,
    int64_t deadline_ms);

/* Returns the size raw bytes that were read after the last message taken. */
const char *channel_rest(const struct channel *channel, size_t *size);

/*
 * Read and drop what the peer sends.
 *
 * Returns ERROR_TIMEOUT at deadline_ms, ERROR_PROTOCOL when CHANNEL_DRAIN_BYTES
 * have arrived, or what channel_fill() does when the peer has ended its side or
 * is lost.
 */
enum error channel_drain(struct channel *channel, int64_t deadline_ms);

/*
 * Tell the peer why it is refused, and give it time to read that: send an Error
 * and, in the same write, more (NULL: nothing), end the sending side, and then
 * read and drop what comes, as channel_drain() does. If the connection were
 * closed at once, bytes that still arrive could cause a reset that destroys the
 * Error on its way. Failures are ignored.
 */
void channel_refuse(struct channel *channel, const char *text,
    const struct message *more, int64_t deadline_ms);

#endif
