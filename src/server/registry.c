/* registry - see registry.h */
#include "server/registry.h"

#include <stddef.h>
#include <string.h>

void
registry_init(struct registry *registry, const struct tunnel_calls *calls)
{
	registry->calls = calls;
	lock_init(&registry->lock, LOCK_RANK_REGISTRY);
	lock_condition_init(&registry->released);
	/* The buckets start as zeros: untouched pages cost no memory. uuids are
	 * random, so that no seed is needed. */
	hash_table_init(&registry->keys.entries, registry->keys.buckets,
	    REGISTRY_BUCKETS, 0);
	hash_table_init(&registry->instances.entries,
	    registry->instances.buckets, REGISTRY_BUCKETS, 0);
}

void
registry_destroy(struct registry *registry)
{
	lock_condition_destroy(&registry->released);
	lock_destroy(&registry->lock);
}

static bool
is_claimed(const struct registry *registry, uint16_t port)
{
	return (registry->claimed[port / 8] >> port % 8 & 1) != 0;
}

enum error
registry_claim(struct registry *registry, uint16_t port, int64_t deadline_ms)
{
	enum error error = ERROR_NONE;

	lock_take(&registry->lock);
	while (is_claimed(registry, port) && error == ERROR_NONE)
		if (!lock_condition_wait(
			&registry->released, &registry->lock, deadline_ms))
			error = ERROR_TIMEOUT;
	if (error == ERROR_NONE)
		registry->claimed[port / 8] |= (uint8_t)(1u << port % 8);
	lock_give(&registry->lock);
	return error;
}

void
registry_release(struct registry *registry, uint16_t port)
{
	lock_take(&registry->lock);
	registry->claimed[port / 8] &= (uint8_t) ~(1u << port % 8);
	lock_condition_tell(&registry->released);
	lock_give(&registry->lock);
}

struct tunnel *
registry_find(struct registry *registry, uint16_t port)
{
	struct tunnel *tunnel;

	lock_take(&registry->lock);
	tunnel = registry->tunnels[port];
	if (tunnel != NULL)
		registry->calls->hold(tunnel);
	lock_give(&registry->lock);
	return tunnel;
}

void
registry_put(struct registry *registry, uint16_t port, struct tunnel *tunnel)
{
	lock_take(&registry->lock);
	registry->tunnels[port] = tunnel;
	lock_give(&registry->lock);
}

void
registry_remove(
    struct registry *registry, uint16_t port, const struct tunnel *tunnel)
{
	lock_take(&registry->lock);
	if (registry->tunnels[port] == tunnel)
		registry->tunnels[port] = NULL;
	lock_give(&registry->lock);
}

void
registry_visit(struct registry *registry,
    void (*visit)(struct tunnel *tunnel, void *argument), void *argument)
{
	lock_take(&registry->lock);
	for (unsigned port = 0; port < REGISTRY_PORTS; port++)
		if (registry->tunnels[port] != NULL)
			visit(registry->tunnels[port], argument);
	lock_give(&registry->lock);
}

/* Newer entries come first. */
static void
enter_table(struct registry *registry, struct registry_table *table,
    struct registry_entry *entry)
{
	lock_take(&registry->lock);
	entry->entered = true;
	entry->by_uuid.key = hash_of_uuid(&entry->uuid);
	hash_table_put(&table->entries, &entry->by_uuid);
	lock_give(&registry->lock);
}

static void
leave_table(struct registry *registry, struct registry_table *table,
    struct registry_entry *entry)
{
	lock_take(&registry->lock);
	if (entry->entered)
		hash_table_remove(&table->entries, &entry->by_uuid);
	entry->entered = false;
	lock_give(&registry->lock);
}

/* Returns the first with this uuid, of an entry and those behind it with the
 * same key, or NULL. */
static struct registry_entry *
seek(struct hash_entry *entry, const struct uuid *uuid)
{
	for (; entry != NULL; entry = hash_table_next(entry)) {
		struct registry_entry *found =
		    HASH_OBJECT(entry, struct registry_entry, by_uuid);

		if (uuid_equal(&found->uuid, uuid))
			return found;
	}
	return NULL;
}

/* Returns the next one with the same uuid, or NULL. */
static struct registry_entry *
seek_older(const struct registry_entry *entry)
{
	return seek(hash_table_next(&entry->by_uuid), &entry->uuid);
}

void
registry_put_key(struct registry *registry, struct registry_entry *entry)
{
	enter_table(registry, &registry->keys, entry);
}

void
registry_remove_key(struct registry *registry, struct registry_entry *entry)
{
	leave_table(registry, &registry->keys, entry);
}

struct tunnel *
registry_find_key(struct registry *registry, const struct uuid *uuid,
    const struct principal *principal)
{
	struct registry_entry *entry;
	struct tunnel *tunnel = NULL;

	lock_take(&registry->lock);
	entry = seek(
	    hash_table_find(&registry->keys.entries, hash_of_uuid(uuid)), uuid);
	if (entry != NULL && seek_older(entry) == NULL &&
	    principal_same(entry->principal, principal)) {
		tunnel = entry->tunnel;
		registry->calls->hold(tunnel);
	}
	lock_give(&registry->lock);
	return tunnel;
}

void
registry_put_instance(struct registry *registry, struct registry_entry *entry)
{
	enter_table(registry, &registry->instances, entry);
}

void
registry_remove_instance(
    struct registry *registry, struct registry_entry *entry)
{
	leave_table(registry, &registry->instances, entry);
}

void
registry_visit_older(struct registry *registry,
    const struct registry_entry *entry,
    bool (*visit)(const struct link *link, void *server), void *server)
{
	const struct registry_entry *older;

	lock_take(&registry->lock);
	older = seek_older(entry);
	while (older != NULL && visit(older->link, server))
		older = seek_older(older);
	lock_give(&registry->lock);
}
