/*
 * rekey - when the server has refused a secret, looks for another one in the
 * secret file.
 */
#ifndef REBORE_CLIENT_REKEY_H
#define REBORE_CLIENT_REKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/auth.h"
#include "wire/keyring.h"

/* How many refused contents of the file are remembered; no more are tried. */
#define REKEY_REFUSED_MOST 16

/* Fields are private. */
struct rekey {
	const char *path;
	struct keyring *keys;
	char refused[REKEY_REFUSED_MOST][AUTH_TAG_TEXT_SIZE];
	unsigned count;
};

/*
 * path: the absolute path of the secret file; NULL: none that can be read
 * again.
 * keys: holds the current key.
 */
void rekey_init(struct rekey *rekey, const char *path, struct keyring *keys);

/* The server has accepted the current key: forget which ones it refused. */
void rekey_accept(struct rekey *rekey);

/* The server has refused the current key. forget: keys that were refused
 * earlier may be tried again. */
void rekey_refuse(struct rekey *rekey, bool forget);

/*
 * Read the file, and use its content from now on if that was not refused.
 *
 * tell: log why the file cannot be read.
 * Returns whether there is another key now.
 */
bool rekey_look(struct rekey *rekey, bool tell);

#endif
