/* keyring - see keyring.h */
#include "wire/keyring.h"

#include <assert.h>
#include <stdlib.h>

#include "base/secret.h"

struct keyring_key {
	/* Read-only. */
	struct auth_key key;
	struct principal *principal; /* a reference */

	/* Under the ring's lock. */
	unsigned holders;
	bool is_valid;
	struct keyring_key *next;
};

static void
wipe_and_free(struct keyring_key *key)
{
	principal_release(key->principal);
	secret_wipe(key, sizeof *key);
	free(key);
}

void
keyring_init(struct keyring *ring)
{
	lock_init(&ring->lock, LOCK_RANK_KEYRING);
	ring->first = NULL;
}

void
keyring_destroy(struct keyring *ring)
{
	while (ring->first != NULL) {
		struct keyring_key *key = ring->first;

		ring->first = key->next;
		wipe_and_free(key);
	}
	lock_destroy(&ring->lock);
}

/* Wipe the keys that are neither valid nor held. */
static void
wipe_unused(struct keyring *ring)
{
	struct keyring_key **link = &ring->first;

	lock_assert_held(&ring->lock);
	while (*link != NULL) {
		struct keyring_key *key = *link;

		if (key->is_valid || key->holders > 0) {
			link = &key->next;
		} else {
			*link = key->next;
			wipe_and_free(key);
		}
	}
}

/* Returns an entry without a key yet, or NULL when there is no memory. */
static struct keyring_key *
make_entry(void)
{
	struct keyring_key *key = calloc(1, sizeof *key);

	if (key == NULL)
		return NULL;
	key->principal = principal_create();
	if (key->principal == NULL) {
		free(key);
		return NULL;
	}
	return key;
}

/* Make key valid. made: a new entry, for a key that the ring does not have.
 * Returns whether it was used. */
static bool
make_valid(
    struct keyring *ring, const struct auth_key *key, struct keyring_key *made)
{
	struct keyring_key *one = ring->first;

	lock_assert_held(&ring->lock);
	while (one != NULL && !auth_key_equal(&one->key, key))
		one = one->next;
	if (one != NULL) {
		one->is_valid = true;
		return false;
	}
	made->key = *key;
	made->is_valid = true;
	made->next = ring->first;
	ring->first = made;
	return true;
}

enum error
keyring_replace(
    struct keyring *ring, const struct auth_key *keys, unsigned count)
{
	struct keyring_key *made[KEYRING_MOST];
	enum error error = ERROR_NONE;

	assert(count <= KEYRING_MOST);
	for (unsigned i = 0; i < count; i++) {
		made[i] = make_entry();
		if (made[i] == NULL)
			error = ERROR_MEMORY;
	}
	lock_take(&ring->lock);
	if (error == ERROR_NONE) {
		for (struct keyring_key *one = ring->first; one != NULL;
		     one = one->next)
			one->is_valid = false;
		for (unsigned i = 0; i < count; i++)
			if (make_valid(ring, &keys[i], made[i]))
				made[i] = NULL;
		wipe_unused(ring);
	}
	lock_give(&ring->lock);
	for (unsigned i = 0; i < count; i++)
		if (made[i] != NULL)
			wipe_and_free(made[i]); /* the ring had this key */
	return error;
}

struct keyring_key *
keyring_find(struct keyring *ring, const struct uuid *challenge,
    const char *tag, bool *is_valid)
{
	struct keyring_key *found = NULL;

	lock_take(&ring->lock);
	/* Try all keys, also after one that fits: the time that this takes must
	 * not reveal which one it was. */
	for (struct keyring_key *one = ring->first; one != NULL;
	     one = one->next)
		if (auth_tag_valid(&one->key, challenge, tag))
			found = one;
	if (found != NULL) {
		found->holders++;
		*is_valid = found->is_valid;
	}
	lock_give(&ring->lock);
	return found;
}

struct principal *
keyring_principal(const struct keyring_key *key)
{
	return key != NULL ? key->principal : NULL;
}

void
keyring_release(struct keyring *ring, struct keyring_key *key)
{
	if (key == NULL)
		return;
	lock_take(&ring->lock);
	assert(key->holders > 0);
	key->holders--;
	wipe_unused(ring);
	lock_give(&ring->lock);
}

unsigned
keyring_outdated(struct keyring *ring)
{
	unsigned count = 0;

	lock_take(&ring->lock);
	for (struct keyring_key *one = ring->first; one != NULL;
	     one = one->next)
		if (!one->is_valid)
			count += one->holders;
	lock_give(&ring->lock);
	return count;
}

bool
keyring_copy(struct keyring *ring, struct auth_key *key)
{
	bool has_one;

	lock_take(&ring->lock);
	has_one = ring->first != NULL;
	if (has_one)
		*key = ring->first->key;
	lock_give(&ring->lock);
	return has_one;
}
