/*
 * spares - data connections that a client has opened ahead of need.
 *
 * They belong to one tunnel, and to one control session of its client: they are
 * closed when that ends. Nobody waits on them: they cost a descriptor each.
 */
#ifndef REBORE_SERVER_SPARES_H
#define REBORE_SERVER_SPARES_H

#include <stdbool.h>
#include <stdint.h>

#include "net/transport.h"
#include "os/budget.h"
#include "os/lock.h"
#include "wire/principal.h"

/* Of one tunnel. */
#define SPARES_MOST 64

struct spare {
	struct transport transport;
	/* Higher than that of any that was added before. */
	uint32_t serial;
};

/* Fields are private. */
struct spares {
	/* Read-only. */
	struct budget *budget;
	unsigned most;

	struct lock lock;
	/* Under lock. */
	bool open;
	const struct principal *principal; /* while open */
	uint32_t serial;                   /* of the next */
	unsigned count;
	struct spare all[SPARES_MOST];
};

/* budget: what a spare that is closed gives its place back to. most: how many
 * are kept, SPARES_MOST at most. */
void spares_init(struct spares *spares, struct budget *budget, unsigned most);
void spares_destroy(struct spares *spares);

/* Begin to take spares of principal, which must stay until spares_close(). */
void spares_open(struct spares *spares, const struct principal *principal);

/* Close all and take no more. */
void spares_close(struct spares *spares);

/*
 * Keep a data connection, with the place in the budget that it has. Threads:
 * any.
 *
 * principal: whose it is.
 * Returns false when none is wanted, or none of principal; the transport stays
 * the caller's then.
 */
bool spares_add(struct spares *spares, struct transport transport,
    const struct principal *principal);

/* Keep one that spares_take() has given, as it was. Returns as spares_add(). */
bool spares_return(struct spares *spares, const struct spare *spare);

/* Close those whose client has closed them. */
void spares_sweep(struct spares *spares);

/* Close all, and go on taking new ones. Threads: any. */
void spares_shed(struct spares *spares);

/*
 * Close those that were added before the one with this serial number: it did not
 * answer, and they have been idle for as long or longer. What made it die in
 * silence, a NAT that has forgotten it, has forgotten them too. Threads: any.
 *
 * Returns how many are closed.
 */
unsigned spares_condemn(struct spares *spares, uint32_t serial);

/*
 * Take the newest that is still connected.
 *
 * spare: the caller's now, with its place in the budget.
 * Returns false when there is none. Threads: any.
 */
bool spares_take(struct spares *spares, struct spare *spare);

#endif
