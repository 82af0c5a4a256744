/* listen - listening sockets. */
#ifndef REBORE_NET_LISTEN_H
#define REBORE_NET_LISTEN_H

#include "base/error.h"
#include "net/address.h"

/*
 * Open a listening TCP socket at address: non-blocking, close-on-exec, with
 * SO_REUSEADDR and the longest backlog that the system allows. An IPv6 address
 * "::" takes IPv4 connections too.
 *
 * address: port 0 lets the system choose.
 * fd: on success the socket, the caller's to close; on failure -1.
 * Returns ERROR_IN_USE, ERROR_DENIED, ERROR_RESOURCES (try later) or
 * ERROR_SYSTEM, with errno.
 */
enum error listen_open(const struct address *address, int *fd);

/*
 * Take the next connection that waits, if any.
 *
 * fd: on success the connection, the caller's to close, non-blocking and
 * close-on-exec; else -1.
 * peer: on success where it comes from.
 * Returns ERROR_AGAIN: none waits; ERROR_RESOURCES or ERROR_MEMORY with errno:
 * one waits, but cannot be taken now, so rest a little; ERROR_RESET: it is gone
 * already, call again; ERROR_SYSTEM: the listener is of no more use.
 */
enum error listen_accept(int listener, int *fd, struct address *peer);

#endif
