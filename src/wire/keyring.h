/*
 * keyring - the keys of the valid secrets, which can be replaced while they are
 * in use.
 *
 * A connection whose peer has proved a key holds it. After a replacement, a key
 * that is no longer valid stays known for as long as it is held, so that the
 * data connections of a tunnel can still be authenticated; then it is wiped.
 *
 * Threads: any, except for keyring_init() and keyring_destroy().
 */
#ifndef REBORE_WIRE_KEYRING_H
#define REBORE_WIRE_KEYRING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/uuid.h"
#include "os/lock.h"
#include "wire/auth.h"
#include "wire/principal.h"

/* The most keys that are valid at a time. */
#define KEYRING_MOST 8

struct keyring_key;

/* Fields are private. */
struct keyring {
	struct lock lock;
	/* Under lock. */
	struct keyring_key *first;
};

/* Make a keyring without keys. */
void keyring_init(struct keyring *ring);
/* Wipe all keys. None may be held. */
void keyring_destroy(struct keyring *ring);

/*
 * Make keys, and no others, the valid ones. They are copied; the caller has to
 * wipe its own. A key that the ring has already keeps its principal.
 *
 * count: of keys, KEYRING_MOST at most.
 * Returns ERROR_MEMORY; then nothing has changed.
 */
enum error keyring_replace(
    struct keyring *ring, const struct auth_key *keys, unsigned count);

/*
 * Find the key that tag was made with, in a time that depends only on the
 * number of keys.
 *
 * tag: any text.
 * is_valid: set, when a key is found, to whether it is valid; it may be one
 * that is only held.
 * Returns the key, held for the caller, or NULL.
 */
struct keyring_key *keyring_find(struct keyring *ring,
    const struct uuid *challenge, const char *tag, bool *is_valid);

/* Returns the principal of key, which stays for as long as key is held; the
 * caller may take a reference to keep it longer. NULL, for no key, is
 * nobody. */
struct principal *keyring_principal(const struct keyring_key *key);

/* Stop holding key. NULL is legal. */
void keyring_release(struct keyring *ring, struct keyring_key *key);

/* Returns how many holders there are of keys that are no longer valid. */
unsigned keyring_outdated(struct keyring *ring);

/* The client's side, where one key is valid: copy it. The caller has to wipe
 * the copy. Returns false when there is no key. */
bool keyring_copy(struct keyring *ring, struct auth_key *key);

#endif
