/* registry - see registry.h */
#include "server/registry.h"

#include <stddef.h>
#include <string.h>

#include "server/tunnel.h"

void
registry_init(struct registry *registry)
{
	lock_init(&registry->lock);
	lock_condition_init(&registry->released);
	/* The tables start as zeros: untouched, they cost no memory. */
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
		tunnel_hold(tunnel);
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
registry_visit(struct registry *registry, void (*visit)(struct tunnel *tunnel))
{
	lock_take(&registry->lock);
	for (unsigned port = 0; port < REGISTRY_PORTS; port++)
		if (registry->tunnels[port] != NULL)
			visit(registry->tunnels[port]);
	lock_give(&registry->lock);
}

static struct registry_instance **
bucket_of(struct registry *registry, const struct uuid *uuid)
{
	unsigned bits = (unsigned)uuid->bytes[0] << 8 | uuid->bytes[1];

	lock_assert_held(&registry->lock);
	return &registry->instances[bits % REGISTRY_BUCKETS];
}

void
registry_put_instance(
    struct registry *registry, struct registry_instance *instance)
{
	struct registry_instance **bucket;

	lock_take(&registry->lock);
	bucket = bucket_of(registry, &instance->uuid);
	instance->entered = true;
	instance->next = *bucket;
	*bucket = instance;
	lock_give(&registry->lock);
}

void
registry_remove_instance(
    struct registry *registry, struct registry_instance *instance)
{
	struct registry_instance **link;

	lock_take(&registry->lock);
	link = bucket_of(registry, &instance->uuid);
	while (instance->entered && *link != instance)
		link = &(*link)->next;
	if (instance->entered)
		*link = instance->next;
	instance->entered = false;
	lock_give(&registry->lock);
}

struct tunnel *
registry_find_instance(struct registry *registry, const struct uuid *uuid)
{
	struct registry_instance *one;
	struct tunnel *tunnel = NULL;

	lock_take(&registry->lock);
	one = *bucket_of(registry, uuid);
	while (one != NULL && !uuid_equal(&one->uuid, uuid))
		one = one->next;
	if (one != NULL) {
		tunnel = one->tunnel;
		tunnel_hold(tunnel);
	}
	lock_give(&registry->lock);
	return tunnel;
}
