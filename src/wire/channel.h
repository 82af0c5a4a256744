/*
 * channel - messages over a transport.
 *
 * Two ways to use it. In a handshake: channel_receive() and channel_send(),
 * which wait until a deadline. In a loop that polls: channel_fill() when there
 * is something to read, then channel_next() until it says ERROR_AGAIN;
 * channel_put() and channel_flush(). What is queued is bounded.
 *
 * The transport stays its owner's, who closes it.
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

/* Some twenty announcements; a peer that is further behind has to catch up. */
#define CHANNEL_QUEUE_BYTES 1024
/* So much is read of a peer that is refused. No message of the protocol fills a
 * hundredth of it. */
#define CHANNEL_DRAIN_BYTES ((size_t)64 * 1024)

struct channel {
	/* Fields are private. */
	struct transport transport;
	size_t queued;
	char queue[CHANNEL_QUEUE_BYTES];
	struct frame_buffer in;
};

/* transport: stays the caller's, who closes it. */
void channel_init(struct channel *channel, struct transport transport);

/*
 * Read what has arrived, without waiting.
 *
 * Returns ERROR_AGAIN: nothing; ERROR_CLOSED: the peer has ended its side;
 * ERROR_RESET or ERROR_SYSTEM with errno: the connection is broken.
 */
enum error channel_fill(struct channel *channel);

/*
 * Take the next message of what was read.
 *
 * Returns ERROR_AGAIN: none is complete; ERROR_PROTOCOL; ERROR_MEMORY.
 */
enum error channel_next(struct channel *channel, struct message *message);

/* Wait for the next message. Returns ERROR_TIMEOUT when none has come by
 * deadline_ms, else as channel_fill() and channel_next(). */
enum error channel_receive(
    struct channel *channel, struct message *message, int64_t deadline_ms);

/* Whether one more frame fits into the queue. */
bool channel_has_room(const struct channel *channel);

/* Returns how many bytes are queued. */
size_t channel_queued(const struct channel *channel);

/* Queue a message. Returns ERROR_RESOURCES without room, or ERROR_MEMORY. */
enum error channel_put(struct channel *channel, const struct message *message);

/*
 * Write what is queued, without waiting.
 *
 * Returns ERROR_AGAIN: some of it is still queued; ERROR_RESET or
 * ERROR_SYSTEM with errno: the connection is broken.
 */
enum error channel_flush(struct channel *channel);

/* Queue message (NULL: nothing more), then write until all is written or
 * deadline_ms has come. Returns as channel_put() and channel_flush(). */
enum error channel_send(struct channel *channel, const struct message *message,
    int64_t deadline_ms);

/* Returns the raw bytes behind the last message taken, size of them. */
const char *channel_rest(const struct channel *channel, size_t *size);

/*
 * Read and drop what comes.
 *
 * Returns ERROR_TIMEOUT at deadline_ms, ERROR_PROTOCOL when CHANNEL_DRAIN_BYTES
 * have come, else as channel_fill(): the peer has ended or is lost.
 */
enum error channel_drain(struct channel *channel, int64_t deadline_ms);

/*
 * Tell the peer why it is refused, and let it read that: send an Error and, in
 * the same write, more (NULL: nothing more), end our sending side, then read and
 * drop what still comes, until the peer ends, for CHANNEL_DRAIN_BYTES, or until
 * deadline_ms. Closing at once could reset the connection, and the message
 * would be lost on its way. Failures are ignored.
 */
void channel_refuse(struct channel *channel, const char *text,
    const struct message *more, int64_t deadline_ms);

#endif
