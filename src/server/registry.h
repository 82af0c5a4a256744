/*
 * registry - which tunnel holds which public port, which control connection has
 * which key, and which connections are of one instance.
 *
 * Also a turnstile: newcomers for the same port are looked at one at a time.
 * Nothing here depends on how many tunnels there are.
 */
#ifndef REBORE_SERVER_REGISTRY_H
#define REBORE_SERVER_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "os/lock.h"
#include "server/tunnel_calls.h"
#include "wire/principal.h"

#define REGISTRY_PORTS 65536

/* A power of two. */
#define REGISTRY_BUCKETS 1024

struct link;

/* Something that is found by a UUID: part of what it stands for. All zero is
 * none. */
struct registry_entry {
	struct uuid uuid;
	/* One of both. */
	struct tunnel *tunnel;
	const struct link *link;
	/* Of a key: who may use it; kept by whoever has entered it. */
	const struct principal *principal;
	/* Private. */
	bool entered;
	struct registry_entry *next;
};

/* Private. */
struct registry_table {
	struct registry_entry *buckets[REGISTRY_BUCKETS];
};

/* Fields are private. */
struct registry {
	const struct tunnel_calls *calls; /* read-only */
	struct lock lock;
	struct lock_condition released;
	/* Under lock. */
	struct tunnel *tunnels[REGISTRY_PORTS];
	uint8_t claimed[REGISTRY_PORTS / 8];
	struct registry_table keys;
	struct registry_table instances;
};

void registry_init(struct registry *registry, const struct tunnel_calls *calls);
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

/* Enter and take off the key of a control connection, with its tunnel. Taking
 * off what is not entered is legal. */
void registry_put_key(struct registry *registry, struct registry_entry *entry);
void registry_remove_key(
    struct registry *registry, struct registry_entry *entry);

/* Returns the tunnel of the key with a reference for the caller; NULL when no
 * connection has it, or more than one, or one of another principal. */
struct tunnel *registry_find_key(struct registry *registry,
    const struct uuid *uuid, const struct principal *principal);

/* The same for the instance of a control connection, with its link. */
void registry_put_instance(
    struct registry *registry, struct registry_entry *entry);
void registry_remove_instance(
    struct registry *registry, struct registry_entry *entry);

/*
 * Call visit for each link with the instance of entry that was entered before
 * it, until visit returns false. Under the lock, so visit must not block; the
 * link is there as long as visit runs.
 */
void registry_visit_older(struct registry *registry,
    const struct registry_entry *entry,
    bool (*visit)(const struct link *link, void *context), void *context);

/* Call visit for each tunnel, with argument; under the lock, so visit must not
 * block. */
void registry_visit(struct registry *registry,
    void (*visit)(struct tunnel *tunnel, void *argument), void *argument);

#endif
