/* sockets - connected sockets of both kinds, for unit tests. */
#ifndef REBORE_TESTS_SOCKETS_H
#define REBORE_TESTS_SOCKETS_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"
#include "os/fd.h"
#include "suite.h"

/* How long what is expected may take. */
#define SOCKETS_PATIENCE_MS 20000

/* Listen on a port of 127.0.0.1 that the system chooses; blocking. */
static inline int
sockets_listen(struct address *address, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert(address_parse("127.0.0.1", 0, address));
	ck_assert_int_eq(
	    bind(fd, &address->socket.generic, address->length), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	ck_assert(address_of_socket(fd, address));
	return fd;
}

static inline void
sockets_bound_buffers(int fd, int send_bytes, int receive_bytes)
{
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes,
			     sizeof send_bytes),
	    0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
			     sizeof receive_bytes),
	    0);
}

/*
 * A TCP connection: ours is non-blocking, as the code under test wants it,
 * theirs blocks.
 *
 * in, out: bytes of the socket buffers from them to us and from us to them; 0:
 * the system's choice.
 */
static inline void
sockets_tcp_bounded(int *ours, int *theirs, int in, int out)
{
	struct address address;
	int listener = sockets_listen(&address, 1);
	int on = 1;

	*theirs = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_ne(*theirs, -1);
	if (in != 0) {
		sockets_bound_buffers(listener, out, in);
		sockets_bound_buffers(*theirs, in, out);
	}
	ck_assert_int_eq(
	    connect(*theirs, &address.socket.generic, address.length), 0);
	ck_assert_int_eq(
	    setsockopt(*theirs, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
	*ours = accept(listener, NULL, NULL);
	ck_assert_int_ne(*ours, -1);
	ck_assert_int_eq(fd_prepare(*ours), ERROR_NONE);
	close(listener);
}

static inline void
sockets_tcp(int *ours, int *theirs, int buffers)
{
	sockets_tcp_bounded(ours, theirs, buffers, buffers);
}

/* A pair of local stream sockets; as above. */
static inline void
sockets_local(int *ours, int *theirs)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(fd_prepare(fds[0]), ERROR_NONE);
	*ours = fds[0];
	*theirs = fds[1];
}

static inline void
sockets_write(int fd, const char *text)
{
	ck_assert_int_eq(
	    send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Wait until fd has any of events. Returns what it has; 0: in time_ms none. */
static inline short
sockets_wait(int fd, short events, int time_ms)
{
	struct pollfd slot = {.fd = fd, .events = events};

	ck_assert_int_ne(poll(&slot, 1, time_ms), -1);
	return slot.revents;
}

/* Whether fd is readable right now. */
static inline bool
sockets_is_readable(int fd)
{
	return sockets_wait(fd, POLLIN, 0) != 0;
}

/* Read one piece; waits for it. Returns 0 at the end of file, else -errno. */
static inline ssize_t
sockets_read(int fd, void *bytes, size_t size)
{
	ssize_t got;

	ck_assert_msg(sockets_wait(fd, POLLIN, SOCKETS_PATIENCE_MS) != 0,
	    "nothing to read in %d ms", SOCKETS_PATIENCE_MS);
	got = recv(fd, bytes, size, 0);
	return got == -1 ? -errno : got;
}

/* Expect exactly these bytes, in however many pieces. */
static inline void
sockets_expect(int fd, const char *bytes, size_t size)
{
	char got[4096];

	while (size > 0) {
		ssize_t count = sockets_read(
		    fd, got, size < sizeof got ? size : sizeof got);

		ck_assert_int_gt(count, 0);
		ck_assert_mem_eq(got, bytes, (size_t)count);
		bytes += count;
		size -= (size_t)count;
	}
}

static inline void
sockets_expect_end(int fd)
{
	char byte;

	ck_assert_int_eq(sockets_read(fd, &byte, 1), 0);
}

/* Expect a reset, behind any bytes. */
static inline void
sockets_expect_reset(int fd)
{
	char bytes[4096];
	ssize_t got;

	do
		got = sockets_read(fd, bytes, sizeof bytes);
	while (got > 0);
	ck_assert_int_eq(got, -ECONNRESET);
}

/* Expect that the connection is broken, also when its end of file came before,
 * which can be read for ever. */
static inline void
sockets_expect_broken(int fd)
{
	ck_assert_msg((sockets_wait(fd, 0, SOCKETS_PATIENCE_MS) & POLLERR) != 0,
	    "no reset in %d ms", SOCKETS_PATIENCE_MS);
}

/* Reset the connection. */
static inline void
sockets_reset(int fd)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};

	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
	close(fd);
}

/*
 * Write until neither fd nor what is behind it takes any more. Returns how much
 * it took, most at the most.
 */
static inline size_t
sockets_stuff(int fd, size_t most)
{
	static const char bytes[65536];
	size_t total = 0;

	while (total < most && sockets_wait(fd, POLLOUT, 300) != 0) {
		size_t size =
		    most - total < sizeof bytes ? most - total : sizeof bytes;
		ssize_t sent =
		    send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent == -1)
			ck_assert_int_eq(errno, EAGAIN);
		else
			total += (size_t)sent;
	}
	return total;
}

/* Wait until an end of file has reached ours, whatever is before it. */
static inline void
sockets_wait_for_end(int ours)
{
	ck_assert_int_ne(sockets_wait(ours, POLLRDHUP, SOCKETS_PATIENCE_MS), 0);
}

#endif
