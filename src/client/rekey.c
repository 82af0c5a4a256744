/* rekey - see rekey.h */
#include "client/rekey.h"

#include <string.h>

#include "base/log.h"
#include "base/secret.h"
#include "os/secretfile.h"

void
rekey_init(struct rekey *rekey, const char *path, struct keyring *keys)
{
	memset(rekey, 0, sizeof *rekey);
	rekey->path = path;
	rekey->keys = keys;
}

void
rekey_accept(struct rekey *rekey)
{
	rekey->count = 0;
}

/* Identifies a secret without revealing it. */
static void
fingerprint(const struct auth_key *key, char text[static AUTH_TAG_TEXT_SIZE])
{
	static const struct uuid zero;

	auth_tag(key, &zero, text);
}

void
rekey_refuse(struct rekey *rekey, bool forget)
{
	struct auth_key key;

	if (forget)
		rekey->count = 0;
	if (rekey->count == REKEY_REFUSED_MOST ||
	    !keyring_copy(rekey->keys, &key))
		return;
	fingerprint(&key, rekey->refused[rekey->count++]);
	secret_wipe(&key, sizeof key);
}

static bool
was_refused(const struct rekey *rekey, const struct auth_key *key)
{
	char text[AUTH_TAG_TEXT_SIZE];
	bool known = rekey->count == REKEY_REFUSED_MOST;

	fingerprint(key, text);
	for (unsigned i = 0; i < rekey->count; i++)
		if (secret_equal(rekey->refused[i], text, sizeof text))
			known = true;
	return known;
}

bool
rekey_look(struct rekey *rekey, bool tell)
{
	struct secretfile file;
	struct auth_key key;
	char why[SECRETFILE_WHY_SIZE];
	bool is_new;

	if (rekey->path == NULL)
		return false;
	if (secretfile_read(rekey->path, true, &file, why)) {
		if (tell)
			log_warning(
			    "cannot read the secret file '%s' again: %s",
			    rekey->path, why);
		return false;
	}
	auth_key_derive(file.secret, file.size, &key);
	is_new = !was_refused(rekey, &key) &&
	         keyring_replace(rekey->keys, &key, 1) == ERROR_NONE;
	if (is_new && file.oddity != NULL)
		log_warning(
		    "the secret file '%s' %s", rekey->path, file.oddity);
	secret_wipe(&key, sizeof key);
	secretfile_wipe(&file);
	return is_new;
}
