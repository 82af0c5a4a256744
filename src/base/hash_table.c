/* hash_table - see hash_table.h */
#include "base/hash_table.h"

#include <assert.h>
#include <string.h>

uint64_t
hash_of_uuid(const struct uuid *uuid)
{
	uint64_t key;

	memcpy(&key, uuid->bytes, sizeof key);
	return key;
}

void
hash_table_init(struct hash_table *table, struct hash_entry **buckets,
    unsigned count, uint64_t seed)
{
	assert(count > 0 && (count & (count - 1)) == 0);
	*table = (struct hash_table){
	    .buckets = buckets, .count = count, .seed = seed};
}

static struct hash_entry **
bucket_for(const struct hash_table *table, uint64_t key)
{
	return &table->buckets[hash_place(key, table->seed, table->count)];
}

void
hash_table_put(struct hash_table *table, struct hash_entry *entry)
{
	struct hash_entry **bucket = bucket_for(table, entry->key);

	entry->next = *bucket;
	*bucket = entry;
}

void
hash_table_remove(struct hash_table *table, struct hash_entry *entry)
{
	struct hash_entry **place = bucket_for(table, entry->key);

	while (*place != entry)
		place = &(*place)->next;
	*place = entry->next;
}

/* Returns the first entry of a chain with this key, or NULL. */
static struct hash_entry *
first_with(struct hash_entry *entry, uint64_t key)
{
	while (entry != NULL && entry->key != key)
		entry = entry->next;
	return entry;
}

struct hash_entry *
hash_table_find(const struct hash_table *table, uint64_t key)
{
	return first_with(*bucket_for(table, key), key);
}

struct hash_entry *
hash_table_next(const struct hash_entry *entry)
{
	return first_with(entry->next, entry->key);
}

void
hash_table_clear(
    struct hash_table *table, void (*drop)(struct hash_entry *entry))
{
	for (unsigned i = 0; i < table->count; i++)
		while (table->buckets[i] != NULL) {
			struct hash_entry *entry = table->buckets[i];

			table->buckets[i] = entry->next;
			drop(entry);
		}
}
