/*
 * registry - which tunnel holds which public port, which control connection has
 * which key, and which connections belong to one instance.
 *
 * Also a turnstile: newcomers for the same port are judged one at a time. Apart
 * from registry_visit(), no operation takes longer when there are more tunnels.
 */
#ifndef REBORE_SERVER_REGISTRY_H
#define REBORE_SERVER_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash_table.h"
#include "base/uuid.h"
#include "os/lock.h"
#include "server/tunnel_calls.h"
#include "wire/principal.h"

#define REGISTRY_PORTS 65536

/* A power of two. */
#define REGISTRY_BUCKETS 1024

struct link;

/* An entry that is found by a uuid, embedded in the object that it leads to.
 * All zero: not entered. */
struct registry_entry {
	struct uuid uuid;
	/* One of these two. */
	struct tunnel *tunnel;
	const struct link *link;
	/* For a key: whose data connections may use it. The caller makes sure
	 * that the principal lives while the entry is in the registry. */
	const struct principal *principal;
	/* Private. */
	bool entered;
	struct hash_entry by_uuid;
};

/* Private. */
struct registry_table {
	struct hash_table entries;
	struct hash_entry *buckets[REGISTRY_BUCKETS];
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
/* All tunnels must have been removed. */
void registry_destroy(struct registry *registry);

/*
 * Become the only newcomer for port; registry_release() must follow.
 *
 * Returns ERROR_TIMEOUT when other newcomers still have their turn at
 * deadline_ms.
 */
enum error registry_claim(
    struct registry *registry, uint16_t port, int64_t deadline_ms);
void registry_release(struct registry *registry, uint16_t port);

/* Returns the tunnel at port, with a reference for the caller, or NULL. */
struct tunnel *registry_find(struct registry *registry, uint16_t port);

/* Enter a tunnel. It replaces one that is over but not removed yet. */
void registry_put(
    struct registry *registry, uint16_t port, struct tunnel *tunnel);

/* Remove a tunnel, unless another has replaced it. */
void registry_remove(
    struct registry *registry, uint16_t port, const struct tunnel *tunnel);

/* Enter or remove the key of a control connection, with its tunnel. Removing an
 * entry that is not in the registry is legal. */
void registry_put_key(struct registry *registry, struct registry_entry *entry);
void registry_remove_key(
    struct registry *registry, struct registry_entry *entry);

/* Returns the tunnel of the key, with a reference for the caller. NULL: no
 * connection has the key, more than one has, or one of another principal. */
struct tunnel *registry_find_key(struct registry *registry,
    const struct uuid *uuid, const struct principal *principal);

/* The same for the instance of a control connection, with its link. */
void registry_put_instance(
    struct registry *registry, struct registry_entry *entry);
void registry_remove_instance(
    struct registry *registry, struct registry_entry *entry);

/*
 * Call visit for each link of the same instance that was entered before entry,
 * until visit returns false. Runs under the lock, so visit must not block; the
 * link is valid only while visit runs.
 */
void registry_visit_older(struct registry *registry,
    const struct registry_entry *entry,
    bool (*visit)(const struct link *link, void *server), void *server);

/* Call visit for each tunnel, with argument. Runs under the lock, so visit must
 * not block. */
void registry_visit(struct registry *registry,
    void (*visit)(struct tunnel *tunnel, void *argument), void *argument);

#endif
