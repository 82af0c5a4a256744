/* What rekey.h promises: each content of the file is tried once. */
#include "client/rekey.h"
#include "folder.h"

static struct keyring ring;
static struct rekey rekey;

static void
write_secret(const char *content)
{
	folder_write(content, strlen(content));
}

static bool
uses(const char *secret)
{
	struct auth_key key, other;

	auth_key_derive(secret, strlen(secret), &other);
	return keyring_copy(&ring, &key) && auth_key_equal(&key, &other);
}

static void
start(const char *path)
{
	struct auth_key key;

	auth_key_derive("old", 3, &key);
	keyring_init(&ring);
	ck_assert_int_eq(keyring_replace(&ring, &key, 1), ERROR_NONE);
	rekey_init(&rekey, path, &ring);
}

START_TEST(each_content_is_tried_once)
{
	folder_make();
	start(folder_file);
	write_secret("old\n");
	rekey_refuse(&rekey, false);
	ck_assert(!rekey_look(&rekey, false));
	write_secret("new\n");
	ck_assert(rekey_look(&rekey, false));
	ck_assert(uses("new"));
	rekey_refuse(&rekey, false);
	ck_assert(!rekey_look(&rekey, false));
	/* The first one again: it was tried. */
	write_secret("old");
	ck_assert(!rekey_look(&rekey, false));
	ck_assert(uses("new"));
	/* Not so once another was right. */
	rekey_accept(&rekey);
	rekey_refuse(&rekey, false);
	ck_assert(rekey_look(&rekey, false));
	ck_assert(uses("old"));
	/* Nor for one that stays. */
	write_secret("new");
	rekey_refuse(&rekey, true);
	ck_assert(rekey_look(&rekey, false));
	rekey_refuse(&rekey, true);
	write_secret("old");
	ck_assert(rekey_look(&rekey, false));
	keyring_destroy(&ring);
	folder_remove();
}
END_TEST

START_TEST(it_comes_to_an_end)
{
	char content[16];
	unsigned tried = 0;

	folder_make();
	start(folder_file);
	for (int i = 0; i < 100; i++) {
		snprintf(content, sizeof content, "secret %d", i);
		write_secret(content);
		rekey_refuse(&rekey, false);
		tried += rekey_look(&rekey, false);
	}
	ck_assert_uint_lt(tried, REKEY_REFUSED_MOST);
	ck_assert_uint_gt(tried, 4);
	keyring_destroy(&ring);
	folder_remove();
}
END_TEST

START_TEST(what_cannot_be_read_changes_nothing)
{
	folder_make();
	start(folder_file);
	rekey_refuse(&rekey, false);
	ck_assert(!rekey_look(&rekey, true)); /* there is none */
	write_secret("new");
	ck_assert_int_eq(chmod(folder_file, 0644), 0);
	ck_assert(!rekey_look(&rekey, true));
	ck_assert(uses("old"));
	ck_assert_int_eq(chmod(folder_file, 0600), 0);
	ck_assert(rekey_look(&rekey, true));
	keyring_destroy(&ring);
	folder_remove();
}
END_TEST

START_TEST(without_a_file_there_is_nothing_to_try)
{
	start(NULL);
	rekey_refuse(&rekey, false);
	ck_assert(!rekey_look(&rekey, true));
	keyring_destroy(&ring);
}
END_TEST

SUITE_MAIN("rekey", each_content_is_tried_once, it_comes_to_an_end,
    what_cannot_be_read_changes_nothing, without_a_file_there_is_nothing_to_try)
