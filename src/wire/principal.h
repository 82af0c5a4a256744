/*
 * principal - who a peer has proved to be.
 *
 * NULL is nobody: a peer that has proved nothing, on a server without a secret.
 * Any other principal stands for one key of the keyring, and for all peers that
 * know its secret. It holds no secret itself, so it may outlive the key: a key
 * that is made valid again after it was wiped has a new principal.
 *
 * Immutable and counted. Threads: any.
 */
#ifndef REBORE_WIRE_PRINCIPAL_H
#define REBORE_WIRE_PRINCIPAL_H

#include <stdbool.h>

struct principal;

/* Returns a new principal with one reference, or NULL when there is no
 * memory. */
struct principal *principal_create(void);

/* Take a reference. Returns principal; NULL is legal. */
struct principal *principal_hold(struct principal *principal);

/* Give a reference back. NULL is legal. */
void principal_release(struct principal *principal);

/* Returns whether both are the same, or both nobody. A data connection serves
 * only the visitors of its own principal. */
bool principal_same(const struct principal *a, const struct principal *b);

/*
 * Whether newcomer may have what holder has left. Every principal has the same
 * rights today: whoever knows one secret of a server may take over from whoever
 * knew another. Nobody may take over from nobody: their addresses decide that
 * (server_state_trusts()).
 */
bool principal_may_succeed(
    const struct principal *holder, const struct principal *newcomer);

#endif
