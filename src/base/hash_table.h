/*
 * hash_table - finds objects by a number that peers may influence.
 *
 * An object embeds a struct hash_entry, whose key its owner sets. Two objects
 * may have the same key: the owner compares what the key was made from. A table
 * has a seed that its owner draws at random, so that nobody can choose keys
 * that end up in one bucket.
 *
 * No table grows, and nothing is allocated here: the owner provides the
 * buckets.
 *
 * Threads: under the owner's lock.
 */
#ifndef REBORE_BASE_HASH_TABLE_H
#define REBORE_BASE_HASH_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"

struct hash_entry {
	/* Set by the owner; unchanged while the entry is in a table. */
	uint64_t key;
	/* Private. */
	struct hash_entry *next;
};

/* Fields are private. */
struct hash_table {
	struct hash_entry **buckets;
	unsigned count;
	uint64_t seed;
};

/* Returns the object that embeds an entry as the given member. entry is not
 * NULL. */
#define HASH_OBJECT(entry, type, member)                                       \
	((type *)(void *)((char *)(entry)-offsetof(type, member)))

/* Returns the place of a key among count places, a power of two. */
static inline unsigned
hash_place(uint64_t key, uint64_t seed, unsigned count)
{
	uint64_t mixed = (key ^ key >> 29) * (seed | 1);

	return (unsigned)(mixed >> 32) & (count - 1);
}

/* Returns the key of a uuid. Random uuids need no seed. */
uint64_t hash_of_uuid(const struct uuid *uuid);

/* buckets: count of them, a power of two, all NULL. */
void hash_table_init(struct hash_table *table, struct hash_entry **buckets,
    unsigned count, uint64_t seed);

/* Add an entry, which is found before older ones with the same key. */
void hash_table_put(struct hash_table *table, struct hash_entry *entry);

/* Remove an entry, which must be in the table. */
void hash_table_remove(struct hash_table *table, struct hash_entry *entry);

/* Returns the newest entry with this key, or NULL. */
struct hash_entry *hash_table_find(
    const struct hash_table *table, uint64_t key);

/* Returns the next entry with the same key, older than this one, or NULL. */
struct hash_entry *hash_table_next(const struct hash_entry *entry);

/* Remove all entries, and call drop for each, which may free it. */
void hash_table_clear(
    struct hash_table *table, void (*drop)(struct hash_entry *entry));

#endif
