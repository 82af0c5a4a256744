/*
 * keyring - the keys of the secrets that are valid, replaced while others use
 * them.
 *
 * Whoever has proved a key holds it. A key that is replaced is found no more by
 * newcomers, but stays known as long as somebody holds it, so that what belongs
 * to a connection that stands can still be proved; then it is wiped.
 *
 * Threads, but for init and destroy: any.
 */
#ifndef REBORE_WIRE_KEYRING_H
#define REBORE_WIRE_KEYRING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/uuid.h"
#include "os/lock.h"
#include "wire/auth.h"
#include "wire/principal.h"

/* Keys that are valid at a time. */
#define KEYRING_MOST 8

struct keyring_key;

/* Fields are private. */
struct keyring {
	struct lock lock;
	/* Under lock. */
	struct keyring_key *first;
};

/* No key. */
void keyring_init(struct keyring *ring);
/* Wipes all keys; nobody may hold one any more. */
void keyring_destroy(struct keyring *ring);

/*
 * Make keys the valid ones, count of them, up to KEYRING_MOST. They are copied,
 * and the caller's to wipe. One that was there before stays the same.
 *
 * Returns ERROR_MEMORY: nothing has changed.
 */
enum error keyring_replace(
    struct keyring *ring, const struct auth_key *keys, unsigned count);

/*
 * Find the key that tag was made with. Takes a time that depends on the number of
 * keys alone.
 *
 * tag: any text.
 * is_valid: set, whether it is a valid one; else it is only held by somebody.
 * Returns it, held for the caller, or NULL.
 */
struct keyring_key *keyring_find(struct keyring *ring,
    const struct uuid *challenge, const char *tag, bool *is_valid);

/* Returns whoever has proved key: the same for the same key, as long as key is
 * held; hold it to keep it longer. NULL is legal, and nobody. */
struct principal *keyring_principal(const struct keyring_key *key);

/* Hold no longer. NULL is legal. */
void keyring_release(struct keyring *ring, struct keyring_key *key);

/* Returns how often keys are held that are not valid any more. */
unsigned keyring_outdated(struct keyring *ring);

/* The client's side, where one key is valid: copy it; the caller's to wipe.
 * Returns false: there is none. */
bool keyring_copy(struct keyring *ring, struct auth_key *key);

#endif
