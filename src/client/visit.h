/*
 * visit - relays between a visitor and the local service until both have ended.
 *
 * It is small: a connection that is idle for hours costs little more than its
 * thread.
 */
#ifndef REBORE_CLIENT_VISIT_H
#define REBORE_CLIENT_VISIT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "client/served_visitors.h"
#include "net/address.h"
#include "net/roster.h"
#include "net/transport.h"
#include "wire/announcement.h"

struct visit {
	/* Of the client; they outlive the visit. */
	struct roster *roster;
	struct served_visitors *served;
	/* Set once bytes of the visitor have reached the service. */
	atomic_bool *carried;

	/* Stays in place until visit_run() returns: a copy in here would cost
	 * an idle connection another page of stack. */
	const struct announcement *announcement;
	int64_t start_ms;
	/* Both are connected and prepared; closed by visit_run(). */
	struct transport data;
	struct transport service;
	struct address local;
	/* What arrived behind the last frame: a buffer (buffers.h), which
	 * visit_run() gives back; NULL: nothing. */
	char *early;
	size_t early_size;
};

/* Relay until the end, log it, and close both. Takes as long as the visitor
 * stays. The roster expects the visit (roster_expect()) until it has entered.
 * */
void visit_run(struct visit *visit);

#endif
