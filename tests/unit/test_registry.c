/* What registry.h promises. Tunnels are made of nothing here. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "server/registry.h"
#include "suite.h"

#define PATIENCE_MS 20000

struct tunnel {
	unsigned references;
	unsigned visits;
};

static struct registry registry;
static struct tunnel first, second;

static void
hold(struct tunnel *tunnel)
{
	tunnel->references++;
}

static const struct tunnel_calls calls = {.hold = hold};

static void
visit(struct tunnel *tunnel, void *argument)
{
	ck_assert_ptr_eq(argument, &registry);
	tunnel->visits++;
}

START_TEST(a_tunnel_is_found_at_its_port_with_a_reference)
{
	registry_init(&registry, &calls);
	ck_assert_ptr_null(registry_find(&registry, 80));
	registry_put(&registry, 80, &first);
	registry_put(&registry, 65535, &second);
	ck_assert_ptr_null(registry_find(&registry, 81));
	ck_assert_ptr_eq(registry_find(&registry, 80), &first);
	ck_assert_uint_eq(first.references, 1);
	ck_assert_ptr_eq(registry_find(&registry, 65535), &second);
	ck_assert_ptr_eq(registry_find(&registry, 65535), &second);
	ck_assert_uint_eq(second.references, 2);
	ck_assert_uint_eq(first.references, 1);
	registry_remove(&registry, 80, &first);
	ck_assert_ptr_null(registry_find(&registry, 80));
	registry_remove(&registry, 65535, &second);
	registry_destroy(&registry);
}
END_TEST

START_TEST(who_was_replaced_does_not_take_its_successor_off)
{
	registry_init(&registry, &calls);
	registry_put(&registry, 80, &first);
	registry_put(&registry, 80, &second);
	registry_remove(&registry, 80, &first);
	ck_assert_ptr_eq(registry_find(&registry, 80), &second);
	registry_remove(&registry, 80, &second);
	registry_remove(&registry, 80, &second);
	ck_assert_ptr_null(registry_find(&registry, 80));
	registry_destroy(&registry);
}
END_TEST

START_TEST(all_are_visited_once)
{
	registry_init(&registry, &calls);
	registry_visit(&registry, visit, &registry);
	registry_put(&registry, 1, &first);
	registry_put(&registry, 65535, &second);
	registry_visit(&registry, visit, &registry);
	ck_assert_uint_eq(first.visits, 1);
	ck_assert_uint_eq(second.visits, 1);
	registry_destroy(&registry);
}
END_TEST

START_TEST(a_port_is_claimed_by_one_at_a_time)
{
	int64_t deadline_ms;

	registry_init(&registry, &calls);
	ck_assert_int_eq(registry_claim(&registry, 80, 0), ERROR_NONE);
	deadline_ms = clock_now_ms() + 100;
	ck_assert_int_eq(
	    registry_claim(&registry, 80, deadline_ms), ERROR_TIMEOUT);
	ck_assert_int_ge(clock_now_ms(), deadline_ms);
	/* Neighbours are free. */
	for (uint16_t port = 72; port < 96; port++)
		if (port != 80)
			ck_assert_int_eq(
			    registry_claim(&registry, port, 0), ERROR_NONE);
	registry_release(&registry, 81);
	ck_assert_int_eq(registry_claim(&registry, 80, 0), ERROR_TIMEOUT);
	ck_assert_int_eq(registry_claim(&registry, 81, 0), ERROR_NONE);
	registry_release(&registry, 80);
	ck_assert_int_eq(registry_claim(&registry, 80, 0), ERROR_NONE);
	registry_destroy(&registry);
}
END_TEST

/* Two links by their numbers */
static const char links[3];

static const struct link *
link_number(unsigned number)
{
	return (const struct link *)(const void *)&links[number];
}

static struct registry_entry
entry_of(uint8_t name, struct tunnel *tunnel, unsigned number)
{
	/* All in one bucket */
	return (struct registry_entry){.uuid.bytes = {1, 2, 3, name},
	    .tunnel = tunnel,
	    .link = link_number(number)};
}

START_TEST(a_tunnel_is_found_by_the_key_of_its_connection)
{
	struct registry_entry a = entry_of(1, &first, 0);
	struct registry_entry b = entry_of(2, &second, 0);

	registry_init(&registry, &calls);
	registry_remove_key(&registry, &a);
	ck_assert_ptr_null(registry_find_key(&registry, &a.uuid, NULL));
	registry_put_key(&registry, &a);
	registry_put_key(&registry, &b);
	ck_assert_ptr_eq(registry_find_key(&registry, &a.uuid, NULL), &first);
	ck_assert_ptr_eq(registry_find_key(&registry, &b.uuid, NULL), &second);
	ck_assert_uint_eq(first.references, 1);
	ck_assert_uint_eq(second.references, 1);
	registry_remove_key(&registry, &a);
	registry_remove_key(&registry, &a);
	ck_assert_ptr_null(registry_find_key(&registry, &a.uuid, NULL));
	ck_assert_ptr_eq(registry_find_key(&registry, &b.uuid, NULL), &second);
	registry_remove_key(&registry, &b);
	registry_destroy(&registry);
}
END_TEST

START_TEST(all_of_a_key_is_compared)
{
	struct registry_entry a = entry_of(1, &first, 0);
	struct registry_entry b = entry_of(1, &second, 0);

	b.uuid.bytes[UUID_BYTES - 1] ^= 1;
	registry_init(&registry, &calls);
	registry_put_key(&registry, &a);
	ck_assert_ptr_null(registry_find_key(&registry, &b.uuid, NULL));
	registry_put_key(&registry, &b);
	ck_assert_ptr_eq(registry_find_key(&registry, &a.uuid, NULL), &first);
	ck_assert_ptr_eq(registry_find_key(&registry, &b.uuid, NULL), &second);
	registry_remove_key(&registry, &a);
	registry_remove_key(&registry, &b);
	registry_destroy(&registry);
}
END_TEST

START_TEST(a_key_is_of_no_use_to_another_principal)
{
	/* Stand for principals; nobody looks into them. */
	struct principal *one = (void *)&first;
	struct principal *other = (void *)&second;
	struct registry_entry a = entry_of(1, &first, 0);

	a.principal = one;
	registry_init(&registry, &calls);
	registry_put_key(&registry, &a);
	ck_assert_ptr_null(registry_find_key(&registry, &a.uuid, other));
	ck_assert_ptr_null(registry_find_key(&registry, &a.uuid, NULL));
	ck_assert_uint_eq(first.references, 0);
	ck_assert_ptr_eq(registry_find_key(&registry, &a.uuid, one), &first);
	registry_remove_key(&registry, &a);
	registry_destroy(&registry);
}
END_TEST

START_TEST(a_key_of_two_is_the_key_of_none)
{
	struct registry_entry a = entry_of(1, &first, 0);
	struct registry_entry b = entry_of(2, &second, 0);
	struct registry_entry twin = entry_of(1, &second, 0);

	registry_init(&registry, &calls);
	registry_put_key(&registry, &a);
	registry_put_key(&registry, &b);
	registry_put_key(&registry, &twin);
	ck_assert_ptr_null(registry_find_key(&registry, &a.uuid, NULL));
	registry_remove_key(&registry, &a);
	ck_assert_ptr_eq(registry_find_key(&registry, &a.uuid, NULL), &second);
	registry_remove_key(&registry, &twin);
	registry_remove_key(&registry, &b);
	registry_destroy(&registry);
}
END_TEST

struct seen {
	unsigned count;
	unsigned most;
	const struct link *last;
};

static bool
see(const struct link *link, void *context)
{
	struct seen *seen = context;

	seen->last = link;
	return ++seen->count < seen->most;
}

static struct seen
older_than(const struct registry_entry *entry, unsigned most)
{
	struct seen seen = {.most = most};

	registry_visit_older(&registry, entry, see, &seen);
	return seen;
}

START_TEST(older_connections_of_an_instance_are_visited)
{
	struct registry_entry one = entry_of(1, NULL, 0);
	struct registry_entry other = entry_of(2, NULL, 1);
	struct registry_entry two = entry_of(1, NULL, 1);
	struct registry_entry three = entry_of(1, NULL, 2);

	registry_init(&registry, &calls);
	registry_put_instance(&registry, &one);
	registry_put_instance(&registry, &other);
	registry_put_instance(&registry, &two);
	registry_put_instance(&registry, &three);
	ck_assert_uint_eq(older_than(&one, 9).count, 0);
	ck_assert_uint_eq(older_than(&other, 9).count, 0);
	ck_assert_uint_eq(older_than(&two, 9).count, 1);
	ck_assert_ptr_eq(older_than(&two, 9).last, link_number(0));
	ck_assert_uint_eq(older_than(&three, 9).count, 2);
	ck_assert_ptr_eq(older_than(&three, 1).last, link_number(1));
	ck_assert_uint_eq(older_than(&three, 1).count, 1);
	registry_remove_instance(&registry, &two);
	registry_remove_instance(&registry, &two);
	ck_assert_uint_eq(older_than(&three, 9).count, 1);
	ck_assert_ptr_eq(older_than(&three, 9).last, link_number(0));
	registry_remove_instance(&registry, &one);
	registry_remove_instance(&registry, &other);
	registry_remove_instance(&registry, &three);
	registry_destroy(&registry);
}
END_TEST

static atomic_uint inside;

static void *
claim_often(void *argument)
{
	for (int i = 0; i < 500; i++) {
		if (registry_claim(&registry, 80, clock_now_ms() + PATIENCE_MS))
			return argument;
		if (atomic_fetch_add(&inside, 1) != 0)
			return argument;
		atomic_fetch_sub(&inside, 1);
		registry_release(&registry, 80);
	}
	return NULL;
}

START_TEST(who_waits_gets_the_port_in_the_end)
{
	pthread_t threads[4];

	registry_init(&registry, &calls);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, claim_often, &registry),
		    0);
	for (int i = 0; i < 4; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	registry_destroy(&registry);
}
END_TEST

SUITE_MAIN("registry", a_tunnel_is_found_at_its_port_with_a_reference,
    who_was_replaced_does_not_take_its_successor_off, all_are_visited_once,
    a_tunnel_is_found_by_the_key_of_its_connection, all_of_a_key_is_compared,
    a_key_is_of_no_use_to_another_principal, a_key_of_two_is_the_key_of_none,
    older_connections_of_an_instance_are_visited,
    a_port_is_claimed_by_one_at_a_time, who_waits_gets_the_port_in_the_end)
