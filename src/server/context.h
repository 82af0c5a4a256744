/*
 * context - what all threads of a server share.
 *
 * Made by server_start() before the first thread, gone after the last.
 */
#ifndef REBORE_SERVER_CONTEXT_H
#define REBORE_SERVER_CONTEXT_H

#include "base/repeat.h"
#include "net/roster.h"
#include "os/crew.h"
#include "server/budget.h"
#include "server/pending.h"
#include "server/ports.h"
#include "wire/auth.h"

struct context {
	/* Set before the first thread starts, then read-only. */
	const struct auth_key *key; /* NULL: no secret */
	struct address tunnels;
	struct ports_range range;
	struct crew *crew;

	/* Each with a lock of its own. */
	struct budget budget;
	struct pending pending;
	/* Connections that have not said yet what they are for. */
	struct roster silent;
	/* Tunnels and proxied connections. */
	struct roster active;

	struct lock lock;
	/* Under lock. */
	struct repeat told; /* of what had to be turned away */
};

/*
 * Warn that something was turned away; the same text once in a while.
 *
 * why: for people, with the system's text of the error.
 */
void context_warn_shed(struct context *context, const char *why);

#endif
