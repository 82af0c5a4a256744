/*
 * server_options - what `rebore server` is asked for, but for its secrets.
 *
 * The caller of server_start() fills and owns it. All threads of the server read
 * it without a lock, so that it stays as it is, and where it is, from then on; as
 * server_stop() may leave threads behind, to the end of the process. The secrets
 * are no part of it: they are replaced and wiped (wire/keyring).
 */
#ifndef REBORE_SERVER_SERVER_OPTIONS_H
#define REBORE_SERVER_SERVER_OPTIONS_H

#include <stdint.h>

#include "net/address.h"
#include "os/budget.h"

struct server_options {
	/* Public ports that clients may have: min to max, 1 to 65535. */
	uint16_t min_port;
	uint16_t max_port;
	/* An announced client that is silent for so long is gone; 3,000 or
	 * more. */
	unsigned client_timeout_ms;
	/* The port of an announced client is kept for so long; 0: not. */
	unsigned lease_ms;
	/* Visitors wait for an absent client so long, ... */
	unsigned hold_ms;
	/* ... and so many of them for each. */
	unsigned max_waiting;
	/* Of the process, and how many connections there may be at a time. */
	struct budget *budget;
	/* Proxied connections may go on so long after server_stop(). */
	unsigned drain_s;
	/* Where granted ports outlive the process; NULL: nowhere. */
	const char *state_path;
	/* Where to listen for clients; port 0: any. */
	struct address control;
	/* Where to listen for visitors; the port is ignored. */
	struct address tunnels;
	/* Links that have to be found first (address_find_link()), by the
	 * caller; "": none. */
	char control_link[ADDRESS_LINK_SIZE];
	char tunnels_link[ADDRESS_LINK_SIZE];
};

#endif
