/*
 * transport - a connection to a peer, as whoever reads and writes sees it.
 *
 * Today each is a TCP socket and nothing else. Nobody above net/ reads or
 * writes a socket directly, so that a transport may become more than that.
 *
 * A transport is a small plain value that its owner embeds. A copy of it names
 * the same connection: to hand a connection over is to copy the transport and
 * to set one's own to TRANSPORT_INITIALIZER. The owner alone closes. Others may
 * interrupt the connection through a roster (roster.h), which works on
 * descriptors.
 *
 * Nothing here waits, except for transport_wait(), and nothing raises SIGPIPE.
 * ETIMEDOUT of a socket is ERROR_RESET: ERROR_TIMEOUT is always a deadline of
 * our own.
 *
 * transport_read() and transport_write() stand in the header because a relay
 * does little else: a call for each would be a fifth of its own instructions.
 *
 * Threads: one that reads and one that writes at a time.
 */
#ifndef REBORE_NET_TRANSPORT_H
#define REBORE_NET_TRANSPORT_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/error.h"

struct transport {
	/* Private: see transport_fd(). */
	int fd;
};

/* No connection. */
#define TRANSPORT_INITIALIZER                                                  \
	{                                                                      \
		-1                                                             \
	}

/* Returns the plain transport of a socket.
 * fd: connected and non-blocking; owned through the transport from now on. */
static inline struct transport
transport_of(int fd)
{
	return (struct transport){fd};
}

/* Whether there is a connection, living or broken. */
static inline bool
transport_is_open(const struct transport *transport)
{
	return transport->fd != -1;
}

/* Returns the socket, for a roster, for options (sockopt.h, tcp.h), and for
 * splice(2), which only a plain transport has use for; -1: no connection. */
static inline int
transport_fd(const struct transport *transport)
{
	return transport->fd;
}

/* For the functions below alone. flags: 0 or MSG_PEEK. */
static inline enum error
transport_receive(const struct transport *transport, void *bytes, size_t size,
    int flags, size_t *got)
{
	ssize_t count;

	do
		count = recv(transport->fd, bytes, size, flags | MSG_DONTWAIT);
	while (count == -1 && errno == EINTR);
	*got = count > 0 ? (size_t)count : 0;
	if (count == -1)
		return error_of_errno();
	return count == 0 ? ERROR_CLOSED : ERROR_NONE;
}

/*
 * Read what has arrived.
 *
 * size: 1 or more. got: set to the bytes read; 0 unless ERROR_NONE.
 * Returns ERROR_AGAIN: nothing has arrived; ERROR_CLOSED: the peer has ended
 * its side, and everything that it sent has been read; ERROR_RESET,
 * ERROR_SYSTEM or another failure with errno: the connection is broken.
 */
static inline enum error
transport_read(
    const struct transport *transport, void *bytes, size_t size, size_t *got)
{
	return transport_receive(transport, bytes, size, 0, got);
}

/*
 * Look at what has arrived and leave it there, to be read later. If the peer
 * has sent nothing, ERROR_AGAIN means that it is still there.
 *
 * Parameters and return values are those of transport_read().
 */
enum error transport_peek(
    const struct transport *transport, void *bytes, size_t size, size_t *got);

/*
 * Write as much as the system takes now.
 *
 * size: 1 or more. sent: set to the bytes taken; 0 unless ERROR_NONE.
 * Returns ERROR_AGAIN: it takes nothing now; ERROR_RESET, ERROR_SYSTEM or
 * another failure with errno: the connection is broken.
 */
static inline enum error
transport_write(const struct transport *transport, const void *bytes,
    size_t size, size_t *sent)
{
	ssize_t count;

	do
		count = send(
		    transport->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (count == -1 && errno == EINTR);
	*sent = count > 0 ? (size_t)count : 0;
	return count == -1 ? error_of_errno() : ERROR_NONE;
}

/* The same for bytes that lie in count parts, written as if they were one. The
 * parts have 1 byte or more together, and are not changed. */
enum error transport_gather(const struct transport *transport,
    struct iovec *parts, unsigned count, size_t *sent);

/*
 * Returns what to poll() for; call it before each poll(). The result of poll()
 * means that reading or writing is worth trying, but not which.
 *
 * events: POLLIN to read, POLLOUT to write; others are passed on. 0: only
 * errors and the end of both directions matter.
 */
static inline struct pollfd
transport_poll(const struct transport *transport, short events)
{
	return (struct pollfd){.fd = transport->fd, .events = events};
}

/*
 * Wait until reading (POLLIN) or writing (POLLOUT) is worth trying.
 *
 * Returns ERROR_TIMEOUT at deadline_ms, or ERROR_SYSTEM with errno.
 */
enum error transport_wait(
    const struct transport *transport, short events, int64_t deadline_ms);

/*
 * End our sending side: after everything that was written, the peer reads an
 * end of file. Reading goes on.
 *
 * Returns the failures of transport_write().
 */
enum error transport_end(const struct transport *transport);

/* Wake whoever waits for a socket, by an end of file, without the peer noticing
 * anything; as roster.h does. Nothing can be read on it afterwards. Threads:
 * any, while fd stays open. */
void transport_wake(int fd);

/*
 * Let transport_close() reset the connection and drop what was not sent: the
 * peer notices that something broke, instead of an end of file that would look
 * like a complete answer.
 */
void transport_reset(const struct transport *transport);

/* Undo transport_reset(): transport_close() sends what was written, and an end
 * of file after it. */
void transport_keep_sent(const struct transport *transport);

/* Close, and set it to TRANSPORT_INITIALIZER; without a connection nothing
 * happens. Keeps errno. */
void transport_close(struct transport *transport);

#endif
