/*
 * spares - data connections that a client has opened ahead of need.
 *
 * They belong to one tunnel and to one control session of its client, and are
 * closed when that session ends. No thread waits on them: each costs a
 * descriptor.
 */
#ifndef REBORE_SERVER_SPARES_H
#define REBORE_SERVER_SPARES_H

#include <stdbool.h>
#include <stdint.h>

#include "net/transport.h"
#include "os/budget.h"
#include "os/lock.h"
#include "wire/principal.h"

/* Per tunnel. */
#define SPARES_MOST 64

struct spare {
	struct transport transport;
	/* Higher than that of any spare added before. */
	uint32_t serial;
	/* Of the control session that it belongs to. */
	uint32_t session;
	/* Both of its ends are on this host. */
	bool is_local;
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
	uint32_t session;                  /* the current one */
	unsigned count;
	struct spare all[SPARES_MOST];
};

/* budget: where a spare that is closed releases its place. most: how many are
 * kept, at most SPARES_MOST. */
void spares_init(struct spares *spares, struct budget *budget, unsigned most);
void spares_destroy(struct spares *spares);

/* Start to accept spares of principal, which must live until spares_close(). */
void spares_open(struct spares *spares, const struct principal *principal);

/* Close all, and accept no more. */
void spares_close(struct spares *spares);

/*
 * Add a data connection, with its place in the budget. Threads: any.
 *
 * principal: whose it is. is_local: both of its ends are on this host.
 * Returns false when no more are accepted, or none of this principal; the
 * transport remains the caller's then.
 */
bool spares_add(struct spares *spares, struct transport transport,
    const struct principal *principal, bool is_local);

/* Put back a spare from spares_take(). Returns as spares_add(). */
bool spares_return(struct spares *spares, const struct spare *spare);

/* Add one again that has served a visitor: it counts as new. Returns as
 * spares_add(), and false also when its session is over. */
bool spares_reuse(struct spares *spares, const struct spare *spare);

/* Returns how many there are. Threads: any. */
unsigned spares_count(struct spares *spares);

/* Whether spares of this session are accepted. */
bool spares_has_session(struct spares *spares, uint32_t session);

/* Close the oldest spares, so that this many are left. Threads: any. */
void spares_trim(struct spares *spares, unsigned most);

/* Close those that their client has closed. */
void spares_sweep(struct spares *spares);

/* Close all, but go on accepting. Threads: any. */
void spares_shed(struct spares *spares);

/*
 * Close the spares that were added before the one with this serial number,
 * which did not answer. They have been idle for as long or longer: if a NAT has
 * forgotten that one, it has forgotten them too. Threads: any.
 *
 * Returns how many were closed.
 */
unsigned spares_condemn(struct spares *spares, uint32_t serial);

/*
 * Take the newest spare that is still connected. Threads: any.
 *
 * spare: the caller's from then on, with its place in the budget.
 * Returns false when there is none.
 */
bool spares_take(struct spares *spares, struct spare *spare);

#endif
