/* What hash_table.h promises. */
#include "base/hash_table.h"
#include "suite.h"

#define BUCKETS 64
#define OBJECTS 1000

struct object {
	int number;
	struct hash_entry entry;
};

static struct hash_table table;
static struct hash_entry *buckets[BUCKETS];
static struct object objects[OBJECTS];
static int dropped;

static void
begin(uint64_t seed)
{
	memset(buckets, 0, sizeof buckets);
	memset(objects, 0, sizeof objects);
	dropped = 0;
	hash_table_init(&table, buckets, BUCKETS, seed);
}

static struct object *
put(int number, uint64_t key)
{
	objects[number].number = number;
	objects[number].entry.key = key;
	hash_table_put(&table, &objects[number].entry);
	return &objects[number];
}

static int
number_of(struct hash_entry *entry)
{
	return entry ? HASH_OBJECT(entry, struct object, entry)->number : -1;
}

static int
find(uint64_t key)
{
	return number_of(hash_table_find(&table, key));
}

START_TEST(what_is_put_is_found_until_it_is_removed)
{
	begin(4711);
	for (int i = 0; i < OBJECTS; i++)
		put(i, (uint64_t)i * 3);
	/* Every other one, from the middle of chains too. */
	for (int i = 0; i < OBJECTS; i += 2)
		hash_table_remove(&table, &objects[i].entry);
	for (int i = 0; i < OBJECTS; i++) {
		ck_assert_int_eq(find((uint64_t)i * 3), i % 2 == 0 ? -1 : i);
		ck_assert_int_eq(find((uint64_t)i * 3 + 1), -1);
	}
}
END_TEST

START_TEST(of_one_key_the_newest_is_found_first)
{
	struct hash_entry *entry;

	begin(0);
	put(0, 7);
	put(1, 8);
	put(2, 7);
	/* In the same bucket, with another key. */
	for (int i = 3; i < 200; i++)
		put(i, 1000 + (uint64_t)i);
	put(200, 7);
	entry = hash_table_find(&table, 7);
	ck_assert_int_eq(number_of(entry), 200);
	entry = hash_table_next(entry);
	ck_assert_int_eq(number_of(entry), 2);
	entry = hash_table_next(entry);
	ck_assert_int_eq(number_of(entry), 0);
	ck_assert_ptr_null(hash_table_next(entry));
}
END_TEST

START_TEST(a_place_is_one_of_those_there_are)
{
	for (uint64_t key = 0; key < 10000; key++)
		ck_assert_uint_lt(hash_place(key << 20, ~key, 8), 8);
	ck_assert_uint_eq(hash_place(UINT64_MAX, UINT64_MAX, 1), 0);
}
END_TEST

/* How many of a thousand sources are in the fullest of the places. */
static unsigned
fullest(unsigned shift, uint64_t seed)
{
	unsigned counts[BUCKETS] = {0};
	unsigned most = 0;

	for (uint64_t key = 0; key < 1000; key++) {
		unsigned place = hash_place(key << shift, seed, BUCKETS);

		if (++counts[place] > most)
			most = counts[place];
	}
	return most;
}

START_TEST(neighbours_are_spread_whatever_bits_they_differ_in)
{
	/* An even share is 16. */
	for (unsigned shift = 0; shift < 54; shift++)
		ck_assert_uint_lt(
		    fullest(shift, UINT64_C(0x9e3779b97f4a7c15)), 200);
}
END_TEST

START_TEST(the_seed_decides_who_meets_whom)
{
	unsigned together = 0;

	for (uint64_t seed = 1; seed < 1000; seed++) {
		uint64_t spread = seed * UINT64_C(0x9e3779b97f4a7c15);

		together += hash_place(12345, spread, BUCKETS) ==
		            hash_place(67890, spread, BUCKETS);
	}
	ck_assert_uint_lt(together, 100);
	ck_assert_uint_gt(together, 0);
}
END_TEST

START_TEST(an_even_seed_is_as_good)
{
	/* Multiplied by 0, all would be in one place. */
	ck_assert_uint_lt(fullest(30, 0), 1000);
	ck_assert_uint_eq(
	    hash_place(99, 2, BUCKETS), hash_place(99, 3, BUCKETS));
}
END_TEST

START_TEST(the_key_of_a_uuid_is_in_its_first_bytes)
{
	struct uuid a = {{1, 2, 3, 4, 5, 6, 7, 8, 9}};
	struct uuid b = a;

	ck_assert_uint_eq(hash_of_uuid(&a), hash_of_uuid(&b));
	for (int i = 0; i < 8; i++) {
		b = a;
		b.bytes[i] ^= 0x80;
		ck_assert_uint_ne(hash_of_uuid(&a), hash_of_uuid(&b));
	}
}
END_TEST

static void
drop(struct hash_entry *entry)
{
	/* As if it were freed. */
	memset(entry, 0xff, sizeof *entry);
	dropped++;
}

START_TEST(clearing_drops_each_once)
{
	begin(1);
	for (int i = 0; i < OBJECTS; i++)
		put(i, (uint64_t)i);
	hash_table_clear(&table, drop);
	ck_assert_int_eq(dropped, OBJECTS);
	for (int i = 0; i < OBJECTS; i++)
		ck_assert_int_eq(find((uint64_t)i), -1);
	hash_table_clear(&table, drop);
	ck_assert_int_eq(dropped, OBJECTS);
}
END_TEST

SUITE_MAIN("hash_table", what_is_put_is_found_until_it_is_removed,
    of_one_key_the_newest_is_found_first, a_place_is_one_of_those_there_are,
    neighbours_are_spread_whatever_bits_they_differ_in,
    the_seed_decides_who_meets_whom, an_even_seed_is_as_good,
    the_key_of_a_uuid_is_in_its_first_bytes, clearing_drops_each_once)
