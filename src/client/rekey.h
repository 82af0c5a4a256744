/*
 * rekey - what a client does about a secret that the server has refused: it
 * looks whether its file has another one by now.
 */
#ifndef REBORE_CLIENT_REKEY_H
#define REBORE_CLIENT_REKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/auth.h"
#include "wire/keyring.h"

/* Contents of the file that are remembered as refused; more are not tried. */
#define REKEY_REFUSED_MOST 16

/* Fields are private. */
struct rekey {
	const char *path;
	struct keyring *keys;
	char refused[REKEY_REFUSED_MOST][AUTH_TAG_TEXT_SIZE];
	unsigned count;
};

/*
 * path: the file of the secret, from the root; NULL: none that can be read
 * again.
 * keys: has the key that is used.
 */
void rekey_init(struct rekey *rekey, const char *path, struct keyring *keys);

/* The server has accepted the current key: forget which ones it refused. */
void rekey_accept(struct rekey *rekey);

/* The key that is used was refused. forget: what was refused before may be
 * tried again. */
void rekey_refuse(struct rekey *rekey, bool forget);

/*
 * Read the file, and if its content was not refused, use it from now on.
 *
 * tell: log why it cannot be read.
 * Returns whether there is another key now.
 */
bool rekey_look(struct rekey *rekey, bool tell);

#endif
