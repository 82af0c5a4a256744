/*
 * socket - TCP sockets that are non-blocking and close-on-exec from the start.
 * configure chooses socket_flags.c, which takes one system call, or
 * socket_plain.c.
 */
#ifndef REBORE_NET_SOCKET_H
#define REBORE_NET_SOCKET_H

#include "net/address.h"

/* Returns a socket of an address family, the caller's to close, or -1 with
 * errno. */
int socket_open(int family);

/* Like accept(2). peer: set on success. Returns the socket, the caller's to
 * close, or -1 with errno. */
int socket_accept(int listener, struct address *peer);

#endif
