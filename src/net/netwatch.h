/*
 * netwatch - reports when the route to an address has changed: another
 * interface, source or gateway, another carrier, or no route any more.
 * configure chooses netwatch_linux.c or netwatch_none.c.
 *
 * The system reports every change of links, addresses and routes; containers
 * cause some all day. Only a change of the route to the watched address counts.
 */
#ifndef REBORE_NET_NETWATCH_H
#define REBORE_NET_NETWATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"

/* How packets to an address leave this host. All zero: they cannot. */
struct netwatch_route {
	uint32_t interface;
	uint8_t source[16];
	uint8_t gateway[16];
};

/* Fields except fd are private. */
struct netwatch {
	/* Poll it for POLLIN; -1 if the system reports nothing. */
	int fd;
	/* The watched address; length 0: none, and every change counts. */
	struct address address;
	struct netwatch_route route;
	/* The interface of route has a carrier: its cable is plugged in. */
	bool carrier;
};

/* Begin. A failure is not reported, and then no change is either. */
void netwatch_open(struct netwatch *watch);

/* Watch the route to address from now on. */
void netwatch_set(struct netwatch *watch, const struct address *address);

/*
 * Read what the system has reported, after poll().
 *
 * Returns whether the route has changed. A lost report counts as a change.
 */
bool netwatch_changed(struct netwatch *watch);

/* Whether there is a route to the watched address at all, as far as is
 * known. */
bool netwatch_has_route(const struct netwatch *watch);

/* Whether this host still has the local address of the connected socket fd. */
bool netwatch_has_local_address(int fd);

void netwatch_close(struct netwatch *watch);

#endif
