/*
 * sockopt - the socket options that every connection of ours has.
 */
#ifndef REBORE_NET_SOCKOPT_H
#define REBORE_NET_SOCKOPT_H

#include <stdbool.h>

#include "base/error.h"

/* The default for proxied connections: NATs forget one after 30 s or more. */
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

/* Set when the first probe of proxied connections goes out, after 1 s or more;
 * the others follow at the same interval, but at most 15 s apart. Call it
 * before the first thread starts. */
void sockopt_set_proxied_idle(unsigned idle_s);

/* Set TCP_NODELAY. What cannot be set is logged once as a warning, and is no
 * error. */
void sockopt_hurry(int fd);

/*
 * Prepare a TCP socket that is connected or listens: TCP_NODELAY and keepalive.
 * What cannot be set is logged once as a warning, and is no error.
 */
void sockopt_prepare(int fd, const struct sockopt_keepalive *keepalive);

/* The same, as for a proxied connection, for a socket that was accepted from a
 * listener of listen_open(): on most systems it inherits all of that. */
void sockopt_prepare_accepted(int fd);

/* Change the keepalive of a prepared socket. */
void sockopt_set_keepalive(int fd, const struct sockopt_keepalive *keepalive);

/*
 * Leave an urgent byte (RFC 6093) where it is among the others: it is data like
 * them, and recv() reads what poll() reports. Call it before the socket listens
 * or connects. All our connections have this option: accepted ones inherit it.
 */
void sockopt_keep_urgent(int fd);

/* Let close() of fd reset the connection and drop what was not sent. */
void sockopt_reset_on_close(int fd);

/* Undo sockopt_reset_on_close(). */
void sockopt_send_on_close(int fd);

/* Returns and clears the pending error of fd, an errno value; 0: none. */
int sockopt_take_error(int fd);

#endif
