/* port_memory - see port_memory.h */
#include "server/port_memory.h"

#include <bearssl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"

/* The two hashes of an owner, in hex */
#define OWNER_BYTES  16
#define OWNER_DIGITS (2 * OWNER_BYTES)
/* All ports with their owners: 5,  and "5":"32 digits", */
#define CONTENT_SIZE                                                           \
	((size_t)PORT_MEMORY_PORTS * (6 + 8 + OWNER_DIGITS + 3) + 64)

static bool
has(const uint64_t *set, uint16_t port)
{
	return (set[port / 64] >> port % 64 & 1) != 0;
}

static void
put(uint64_t *set, uint16_t port, bool in)
{
	uint64_t bit = (uint64_t)1 << port % 64;

	if (in)
		set[port / 64] |= bit;
	else
		set[port / 64] &= ~bit;
}

static bool
is_known(const struct port_memory_owner *owner)
{
	return owner->instance != 0 || owner->address != 0;
}

static uint64_t
read_64(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

static void
write_64(uint8_t *bytes, uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		bytes[i] = (uint8_t)value;
}

static uint64_t
hash_of(const void *bytes, size_t size)
{
	br_sha256_context context;
	uint8_t digest[br_sha256_SIZE];

	br_sha256_init(&context);
	br_sha256_update(&context, bytes, size);
	br_sha256_out(&context, digest);
	return read_64(digest);
}

/* Read an owner as print_owner() writes it. */
static bool
parse_owner(const char *text, struct port_memory_owner *owner)
{
	uint8_t bytes[OWNER_BYTES];

	if (text == NULL || !hex_parse(text, bytes, OWNER_BYTES))
		return false;
	owner->instance = read_64(bytes);
	owner->address = read_64(bytes + OWNER_BYTES / 2);
	return true;
}

static void
print_owner(
    const struct port_memory_owner *owner, char text[static OWNER_DIGITS + 1])
{
	uint8_t bytes[OWNER_BYTES];

	write_64(bytes, owner->instance);
	write_64(bytes + OWNER_BYTES / 2, owner->address);
	hex_print(bytes, OWNER_BYTES, text);
}

/* Read {"80": "owner", ...}. Early versions wrote no owners. */
static bool
parse_owners(struct port_memory *memory, json_t *owners)
{
	const char *name;
	json_t *value;

	if (owners != NULL && !json_is_object(owners))
		return false;
	json_object_foreach(owners, name, value)
	{
		unsigned long port = strtoul(name, NULL, 10);

		if (port < 1 || port > UINT16_MAX ||
		    !parse_owner(
			json_string_value(value), &memory->owners[port]))
			return false;
	}
	return true;
}

/* Read the object {"ports": [N, ...], "owners": {...}}. */
static bool
parse_ports(struct port_memory *memory, const json_t *object)
{
	const json_t *ports = json_object_get(object, "ports");
	const json_t *value;
	size_t index;

	if (!json_is_array(ports) ||
	    !parse_owners(memory, json_object_get(object, "owners")))
		return false;
	json_array_foreach(ports, index, value)
	{
		json_int_t number = json_integer_value(value);

		if (!json_is_integer(value) || number < 1 ||
		    number > UINT16_MAX)
			return false;
		put(memory->before, (uint16_t)number, true);
	}
	return true;
}

static bool
restore_ports(void *owner, const json_t *object)
{
	struct port_memory *memory = owner;

	if (parse_ports(memory, object))
		return true;
	memset(memory->before, 0, sizeof memory->before);
	memset(memory->owners, 0, sizeof memory->owners);
	return false;
}

static void
put_owner(json_t *owners, unsigned port, const struct port_memory_owner *owner)
{
	char name[16], text[OWNER_DIGITS + 1];

	if (!is_known(owner))
		return;
	snprintf(name, sizeof name, "%u", port);
	print_owner(owner, text);
	json_object_set_new(owners, name, json_string(text));
}

static json_t *
snapshot_ports(void *owner)
{
	struct port_memory *memory = owner;
	json_t *ports = json_array();
	json_t *owners = json_object();
	bool expected;

	lock_take(&memory->lock);
	expected = clock_now_ms() < memory->reserved_until_ms;
	/* The return of one client does not drop the reservations of the
	 * others. */
	for (unsigned port = 1; port <= UINT16_MAX; port++)
		if (has(memory->granted, (uint16_t)port) ||
		    (expected && has(memory->before, (uint16_t)port))) {
			json_array_append_new(ports, json_integer(port));
			put_owner(owners, port, &memory->owners[port]);
		}
	lock_give(&memory->lock);
	return json_pack("{s:o, s:o}", "ports", ports, "owners", owners);
}

static const struct saver_calls saver_calls = {
    .bytes_most = CONTENT_SIZE,
    .restore = restore_ports,
    .snapshot = snapshot_ports,
};

enum error
port_memory_start(
    struct port_memory *memory, const char *state_path, pid_t *holder)
{
	lock_init(&memory->lock, LOCK_RANK_PORT_MEMORY);
	if (state_path != NULL)
		memory->reserved_until_ms =
		    clock_now_ms() + PORT_MEMORY_RESERVED_MS;
	return saver_start(
	    &memory->saver, state_path, &saver_calls, memory, holder);
}

/* Schedule a write: the file is out of date. */
static void
save_soon(struct port_memory *memory)
{
	saver_ask(&memory->saver, clock_now_ms() + PORT_MEMORY_DELAY_MS);
}

static void
set_granted(struct port_memory *memory, uint16_t port, bool in)
{
	lock_take(&memory->lock);
	put(memory->granted, port, in);
	if (in)
		put(memory->before, port, false); /* it has returned */
	lock_give(&memory->lock);
	save_soon(memory);
}

void
port_memory_add(struct port_memory *memory, uint16_t port)
{
	set_granted(memory, port, true);
}

void
port_memory_remove(struct port_memory *memory, uint16_t port)
{
	set_granted(memory, port, false);
}

static struct port_memory_owner
owner_of(const struct uuid *instance, const struct address *address)
{
	struct port_memory_owner owner = {.instance = 0};
	struct address host = *address;
	char text[ADDRESS_TEXT_SIZE];

	if (instance != NULL)
		owner.instance = hash_of(instance->bytes, UUID_BYTES);
	address_set_port(&host, 0);
	address_print(&host, text);
	owner.address = hash_of(text, strlen(text));
	return owner;
}

void
port_memory_own(struct port_memory *memory, uint16_t port,
    const struct uuid *instance, const struct address *address)
{
	struct port_memory_owner owner = owner_of(instance, address);
	struct port_memory_owner *known = &memory->owners[port];
	bool is_new;

	lock_take(&memory->lock);
	is_new = known->instance != owner.instance ||
	         known->address != owner.address;
	*known = owner;
	lock_give(&memory->lock);
	if (is_new)
		save_soon(memory);
}

static bool
is_reserved(const struct port_memory *memory, uint16_t port)
{
	lock_assert_held(&memory->lock);
	return has(memory->before, port) &&
	       clock_now_ms() < memory->reserved_until_ms;
}

bool
port_memory_is_reserved(struct port_memory *memory, uint16_t port)
{
	bool reserved;

	lock_take(&memory->lock);
	reserved = is_reserved(memory, port);
	lock_give(&memory->lock);
	return reserved;
}

uint64_t
port_memory_free(struct port_memory *memory, unsigned word, bool reserved_too)
{
	uint64_t free_ports;

	lock_take(&memory->lock);
	free_ports = ~memory->granted[word];
	if (!reserved_too && clock_now_ms() < memory->reserved_until_ms)
		free_ports &= ~memory->before[word];
	lock_give(&memory->lock);
	return free_ports;
}

struct port_memory_match
port_memory_match(struct port_memory *memory, uint16_t port,
    const struct uuid *instance, const struct address *address)
{
	struct port_memory_owner newcomer = owner_of(instance, address);
	const struct port_memory_owner *owner = &memory->owners[port];
	struct port_memory_match match;

	lock_take(&memory->lock);
	match = (struct port_memory_match){
	    .is_owned = is_reserved(memory, port) && is_known(owner),
	    .same_instance =
		instance != NULL && newcomer.instance == owner->instance,
	    .same_address = newcomer.address == owner->address,
	};
	lock_give(&memory->lock);
	return match;
}

int64_t
port_memory_expected_until_ms(
    struct port_memory *memory, const struct address *address)
{
	struct port_memory_owner owner = owner_of(NULL, address);
	int64_t until_ms = 0;

	lock_take(&memory->lock);
	if (clock_now_ms() < memory->reserved_until_ms)
		for (unsigned port = 1; port <= UINT16_MAX; port++)
			if (has(memory->before, (uint16_t)port) &&
			    memory->owners[port].address == owner.address)
				until_ms = memory->reserved_until_ms;
	lock_give(&memory->lock);
	return until_ms;
}

enum error
port_memory_stop(struct port_memory *memory, int64_t deadline_ms)
{
	return saver_stop(&memory->saver, deadline_ms);
}

void
port_memory_end(struct port_memory *memory)
{
	saver_destroy(&memory->saver);
	lock_destroy(&memory->lock);
}
