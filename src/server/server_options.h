/*
 * server_options - the settings of `rebore server`, except for its secrets.
 *
 * The caller of server_start() fills and owns them. All threads of the server
 * read them without a lock, so they must stay unchanged and in place until the
 * process ends: server_stop() may leave threads behind. Secrets are not
 * included, since they are replaced and wiped (wire/keyring).
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
	/* An announced client that is silent for this long is gone; 3,000 or
	 * more. */
	unsigned client_timeout_ms;
	/* How long the port of an announced client is reserved; 0: not at
	 * all. */
	unsigned lease_ms;
	/* How long a proxied connection may be interrupted; 0: not at all. */
	uint32_t resume_ms;
	/* The largest window of a stream in bytes; 0: by its round trip. */
	uint32_t window;
	/* How long visitors wait for an absent client, ... */
	unsigned hold_ms;
	/* ... and how many of them for each client. */
	unsigned max_waiting;
	/* The process's budget, and how many connections there may be at a
	 * time. */
	struct budget *budget;
	/* How long proxied connections may go on after server_stop(). */
	unsigned drain_s;
	/* The state file, where granted ports outlive the process; NULL:
	 * none. */
	const char *state_path;
	/* Where to listen for clients; port 0: any. */
	struct address control;
	/* Where to listen for visitors; the port is ignored. */
	struct address tunnels;
	/* Links that the caller must resolve first (address_find_link()); "":
	 * none. */
	char control_link[ADDRESS_LINK_SIZE];
	char tunnels_link[ADDRESS_LINK_SIZE];
};

#endif
