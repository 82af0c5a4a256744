/*
 * sockopt - the socket options that every connection of ours has.
 */
#ifndef REBORE_NET_SOCKOPT_H
#define REBORE_NET_SOCKOPT_H

#include <stdbool.h>

#include "base/error.h"

/* Of proxied connections, unless set: NATs forget after 30 s and more. */
#define SOCKOPT_IDLE_S 25

/* TCP keepalive: first probe after idle_s, then every interval_s, dead after
 * probes without an answer. */
struct sockopt_keepalive {
	int idle_s;
	int interval_s;
	int probes;
};

/* Control connections (rebore-protocol(7), TIME-OUTS). */
extern const struct sockopt_keepalive sockopt_keepalive_control;
/* Proxied connections and what may become one, so that a half-open one does not
 * stay for ever, and a NAT on the way does not forget an idle one. */
extern struct sockopt_keepalive sockopt_keepalive_proxied;

/* Set when the first probe of proxied connections goes out, 1 s or later; the
 * others follow as soon, but 15 s apart at the most. Before the first
 * thread. */
void sockopt_set_proxied_idle(unsigned idle_s);

/* Set TCP_NODELAY. What cannot be set is logged once as a warning, and is no
 * error. */
void sockopt_hurry(int fd);

/*
 * Prepare a TCP socket that is connected or listens: TCP_NODELAY and keepalive.
 * What cannot be set is logged once as a warning, and is no error.
 */
void sockopt_prepare(int fd, const struct sockopt_keepalive *keepalive);

/* The same, as of a proxied connection, for a socket that was accepted from a
 * listener of listen_open(): most systems have it inherit all of that. */
void sockopt_prepare_accepted(int fd);

/* Change the keepalive of a prepared socket. */
void sockopt_set_keepalive(int fd, const struct sockopt_keepalive *keepalive);

/*
 * Leave an urgent byte (RFC 6093) where it is among the others: it is data like
 * them, and what poll() says is what recv() gives. Before the socket listens or
 * connects. Every connection of ours has it: accepted ones inherit it.
 */
void sockopt_keep_urgent(int fd);

/* Let close() of fd reset the connection and drop what was not sent. */
void sockopt_reset_on_close(int fd);

/* Take sockopt_reset_on_close() back. */
void sockopt_send_on_close(int fd);

/* Returns and clears the pending error of fd, an errno value; 0: none. */
int sockopt_take_error(int fd);

#endif
