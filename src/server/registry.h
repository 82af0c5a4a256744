/*
 * registry - which tunnel holds which public port.
 *
 * Also a turnstile: newcomers for the same port are served one at a time.
 * Neither depends on how many tunnels there are.
 */
#ifndef REBORE_SERVER_REGISTRY_H
#define REBORE_SERVER_REGISTRY_H

#include <stdint.h>

#include "base/error.h"
#include "os/lock.h"

#define REGISTRY_PORTS 65536

struct tunnel;

/* Fields are private. */
struct registry {
	struct lock lock;
	struct lock_condition released;
	/* Under lock. */
	struct tunnel *tunnels[REGISTRY_PORTS];
	uint8_t claimed[REGISTRY_PORTS / 8];
};

void registry_init(struct registry *registry);
/* All tunnels must have left. */
void registry_destroy(struct registry *registry);

/*
 * Become the only newcomer for port.
 *
 * Returns ERROR_TIMEOUT when others are still served at deadline_ms; else it is
 * to be given back by registry_release().
 */
enum error registry_claim(
    struct registry *registry, uint16_t port, int64_t deadline_ms);
void registry_release(struct registry *registry, uint16_t port);

/* Returns the tunnel at port with a reference for the caller, or NULL. */
struct tunnel *registry_find(struct registry *registry, uint16_t port);

/* Enter a tunnel; one that has ended and not left yet is replaced. */
void registry_put(
    struct registry *registry, uint16_t port, struct tunnel *tunnel);

/* Take a tunnel off, if it is still there. */
void registry_remove(
    struct registry *registry, uint16_t port, const struct tunnel *tunnel);

/* Call visit for each tunnel; under the lock, so visit must not block. */
void registry_visit(
    struct registry *registry, void (*visit)(struct tunnel *tunnel));

#endif
