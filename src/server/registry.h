/*
 * registry - which tunnel holds which public port.
 *
 * Also a turnstile: newcomers for the same port are served one at a time.
 * Neither depends on how many tunnels there are.
 */
#ifndef REBORE_SERVER_REGISTRY_H
#define REBORE_SERVER_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "os/lock.h"

#define REGISTRY_PORTS 65536

/* A power of two. */
#define REGISTRY_BUCKETS 1024

struct tunnel;

/* A client that has announced itself, and its tunnel. Part of the tunnel; all
 * zero is none. */
struct registry_instance {
	struct uuid uuid;
	struct tunnel *tunnel;
	/* Private. */
	bool entered;
	struct registry_instance *next;
};

/* Fields are private. */
struct registry {
	struct lock lock;
	struct lock_condition released;
	/* Under lock. */
	struct tunnel *tunnels[REGISTRY_PORTS];
	uint8_t claimed[REGISTRY_PORTS / 8];
	struct registry_instance *instances[REGISTRY_BUCKETS];
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

/* Enter and take off an instance; taking off one that is not entered is legal. */
void registry_put_instance(
    struct registry *registry, struct registry_instance *instance);
void registry_remove_instance(
    struct registry *registry, struct registry_instance *instance);

/* Returns the tunnel of the instance with a reference for the caller, or NULL. */
struct tunnel *registry_find_instance(
    struct registry *registry, const struct uuid *uuid);

/* Call visit for each tunnel; under the lock, so visit must not block. */
void registry_visit(
    struct registry *registry, void (*visit)(struct tunnel *tunnel));

#endif
