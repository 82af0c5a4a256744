/* listen - listening sockets. */
#ifndef REBORE_NET_LISTEN_H
#define REBORE_NET_LISTEN_H

#include <stdbool.h>

#include "base/error.h"
#include "net/address.h"

/* The sockets of a listener: two where IPv6 sockets take no IPv4 (OpenBSD). */
#define LISTEN_SOCKETS 2

/* What listens on one address. */
struct listener {
	/* Poll each for POLLIN; -1: there is none. */
	int fds[LISTEN_SOCKETS];
	unsigned turn; /* private: which is asked first */
};

#define LISTENER_INITIALIZER                                                   \
	{                                                                      \
		{-1, -1}, 0                                                    \
	}

/*
 * Listen for TCP at address: non-blocking, close-on-exec, with SO_REUSEADDR and
 * the longest backlog that the system allows. "::" takes IPv4 connections too,
 * and is 0.0.0.0 where there is no IPv6.
 *
 * address: port 0 lets the system choose.
 * listener: to be given to listen_close() on success; without sockets on
 * failure.
 * Returns ERROR_IN_USE, ERROR_DENIED, ERROR_RESOURCES (try later) or
 * ERROR_SYSTEM, with errno.
 */
enum error listen_open(
    const struct address *address, struct listener *listener);

/*
 * Whether this host has the address now, as far as bind() tells. Returns
 * ERROR_SYSTEM with errno EADDRNOTAVAIL when it does not.
 */
enum error listen_probe(const struct address *address);

/*
 * Accept the next connection, if one waits.
 *
 * fd: on success the connection, which the caller closes, non-blocking and
 * close-on-exec; else -1.
 * peer: on success where it comes from; a mapped IPv4 address as IPv4.
 * Returns ERROR_AGAIN: none waits; ERROR_RESOURCES or ERROR_MEMORY with errno:
 * one waits, but cannot be accepted now, so pause for a moment; ERROR_RESET: it
 * is gone already, call again; ERROR_SYSTEM: the listener is useless.
 */
enum error listen_accept(
    struct listener *listener, int *fd, struct address *peer);

/* The address of the listener, with the port that it was given. Returns false
 * when it has no sockets. */
bool listen_address(const struct listener *listener, struct address *address);

/* Close its sockets. Legal on one without. Keeps errno. */
void listen_close(struct listener *listener);

#endif
