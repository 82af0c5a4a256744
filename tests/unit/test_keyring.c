/* What keyring.h promises: newcomers need a valid key, who is there keeps theirs. */
#include "suite.h"
#include "wire/keyring.h"

static struct keyring ring;
static struct uuid challenge;

static void
start(void)
{
	memset(&challenge, 0x5a, sizeof challenge);
	keyring_init(&ring);
}

/* Make the secrets in text, one a letter, the valid ones. */
static void
replace(const char *text)
{
	struct auth_key keys[KEYRING_MOST];
	unsigned count = 0;

	for (; text[count] != '\0'; count++)
		auth_key_derive(&text[count], 1, &keys[count]);
	ck_assert_int_eq(keyring_replace(&ring, keys, count), ERROR_NONE);
}

static struct keyring_key *
find(char secret, bool *is_valid)
{
	char tag[AUTH_TAG_TEXT_SIZE];
	struct auth_key key;

	auth_key_derive(&secret, 1, &key);
	auth_tag(&key, &challenge, tag);
	return keyring_find(&ring, &challenge, tag, is_valid);
}

static bool
is_valid(char secret)
{
	bool valid = false;
	struct keyring_key *key = find(secret, &valid);

	keyring_release(&ring, key);
	return key != NULL && valid;
}

START_TEST(all_keys_are_valid)
{
	bool valid;

	start();
	ck_assert_ptr_null(find('a', &valid));
	replace("abcdefgh");
	for (char secret = 'a'; secret <= 'h'; secret++)
		ck_assert(is_valid(secret));
	ck_assert_ptr_null(find('i', &valid));
	ck_assert_ptr_null(keyring_find(&ring, &challenge, "", &valid));
	keyring_destroy(&ring);
}
END_TEST

START_TEST(a_replaced_key_that_nobody_holds_is_gone)
{
	bool valid;

	start();
	replace("ab");
	ck_assert(is_valid('a'));
	replace("bc");
	ck_assert_ptr_null(find('a', &valid));
	ck_assert(is_valid('b'));
	ck_assert(is_valid('c'));
	ck_assert_uint_eq(keyring_outdated(&ring), 0);
	keyring_destroy(&ring);
}
END_TEST

START_TEST(a_replaced_key_is_known_as_long_as_somebody_holds_it)
{
	struct keyring_key *first, *second;
	bool valid = false;

	start();
	replace("a");
	first = find('a', &valid);
	ck_assert(valid);
	second = find('a', &valid);
	ck_assert_ptr_eq(first, second);
	replace("b");
	ck_assert_uint_eq(keyring_outdated(&ring), 2);
	keyring_release(&ring, second);
	second = find('a', &valid);
	ck_assert_ptr_eq(second, first);
	ck_assert(!valid);
	keyring_release(&ring, second);
	ck_assert_uint_eq(keyring_outdated(&ring), 1);
	keyring_release(&ring, first);
	ck_assert_uint_eq(keyring_outdated(&ring), 0);
	ck_assert_ptr_null(find('a', &valid));
	keyring_release(&ring, NULL);
	keyring_destroy(&ring);
}
END_TEST

START_TEST(a_key_can_come_back)
{
	struct keyring_key *held;
	bool valid;

	start();
	replace("a");
	held = find('a', &valid);
	replace("b");
	replace("aab"); /* twice is once */
	ck_assert(is_valid('a'));
	ck_assert_uint_eq(keyring_outdated(&ring), 0);
	keyring_release(&ring, held);
	ck_assert(is_valid('a'));
	keyring_destroy(&ring);
}
END_TEST

START_TEST(each_key_has_a_principal)
{
	struct keyring_key *first;
	struct keyring_key *again;
	struct keyring_key *other;
	struct principal *principal;
	bool valid;

	start();
	replace("ab");
	first = find('a', &valid);
	other = find('b', &valid);
	principal = keyring_principal(first);
	ck_assert_ptr_nonnull(principal);
	ck_assert_ptr_nonnull(keyring_principal(other));
	ck_assert(!principal_same(principal, keyring_principal(other)));
	ck_assert_ptr_null(keyring_principal(NULL));
	/* Whoever proves a key that is valid no more is still the same, */
	replace("b");
	again = find('a', &valid);
	ck_assert(!valid);
	ck_assert(principal_same(principal, keyring_principal(again)));
	/* and so is whoever proves it when it has come back. */
	replace("a");
	keyring_release(&ring, again);
	again = find('a', &valid);
	ck_assert(principal_same(principal, keyring_principal(again)));
	/* A principal may be kept longer than its key. */
	principal_hold(principal);
	keyring_release(&ring, first);
	keyring_release(&ring, again);
	keyring_release(&ring, other);
	replace("b");
	ck_assert_ptr_null(find('a', &valid));
	replace("ab");
	again = find('a', &valid);
	ck_assert(!principal_same(principal, keyring_principal(again)));
	principal_release(principal);
	keyring_release(&ring, again);
	keyring_destroy(&ring);
}
END_TEST

START_TEST(a_copy_is_the_key)
{
	char tag[AUTH_TAG_TEXT_SIZE];
	struct keyring_key *found;
	struct auth_key key;
	bool valid;

	start();
	ck_assert(!keyring_copy(&ring, &key));
	replace("a");
	ck_assert(keyring_copy(&ring, &key));
	auth_tag(&key, &challenge, tag);
	found = keyring_find(&ring, &challenge, tag, &valid);
	ck_assert_ptr_nonnull(found);
	keyring_release(&ring, found);
	keyring_destroy(&ring);
}
END_TEST

SUITE_MAIN("keyring", all_keys_are_valid,
    a_replaced_key_that_nobody_holds_is_gone,
    a_replaced_key_is_known_as_long_as_somebody_holds_it, a_key_can_come_back,
    each_key_has_a_principal, a_copy_is_the_key)
