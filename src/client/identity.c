/* identity - see identity.h */
#include "client/identity.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

/* The file is written once for so many attempts: flash wears out. */
#define RESERVE      1000
#define CONTENT_SIZE 1024

/* Read the object {"instance": UUID, "attempt": N, "port": N}. */
static bool
parse(struct identity *identity, const json_t *object)
{
	const json_t *instance = json_object_get(object, "instance");
	const json_t *attempt = json_object_get(object, "attempt");
	const json_t *port = json_object_get(object, "port");
	json_int_t number = json_integer_value(attempt);
	json_int_t port_number = json_integer_value(port);

	if (!json_is_string(instance) || !json_is_integer(attempt) ||
	    !json_is_integer(port) || number < 0 ||
	    number > INT64_MAX - RESERVE || port_number < 0 ||
	    port_number > UINT16_MAX ||
	    !uuid_parse(json_string_value(instance), &identity->instance))
		return false;
	identity->attempt = (uint64_t)number;
	identity->port = (uint16_t)port_number;
	return true;
}

static bool
load(struct identity *identity, const char *content, size_t size)
{
	json_error_t problem;
	json_t *object =
	    json_loadb(content, size, JSON_REJECT_DUPLICATES, &problem);
	bool good = object != NULL && parse(identity, object);

	json_decref(object);
	return good;
}

/* Returns the content of the file, to be freed, or NULL: out of memory. It has
 * all that is known now. */
static char *
print(struct identity *identity)
{
	char instance[UUID_TEXT_SIZE];
	json_t *object;
	char *text;

	lock_assert_held(&identity->lock);
	identity->is_due = false;
	identity->is_wanted = false;
	identity->saved_ms = clock_now_ms();
	identity->reserved = identity->attempt + RESERVE;
	uuid_print(&identity->instance, instance);
	object = json_pack("{s:s, s:I, s:i}", "instance", instance, "attempt",
	    (json_int_t)identity->reserved, "port", (int)identity->port);
	text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	return text;
}

/*
 * Write the file if that is wanted. No lock is held meanwhile, as a disk may take
 * long: what others want is written by whoever is writing, and they go on. What
 * cannot be written is only missed after a restart.
 */
static void
write_if_wanted(struct identity *identity)
{
	char *text;

	lock_take(&identity->lock);
	while (identity->is_wanted && !identity->is_writing) {
		identity->is_writing = true;
		text = print(identity);
		lock_give(&identity->lock);
		if (text == NULL ||
		    statefile_write(&identity->file, text, strlen(text)))
			log_warning(
			    "cannot write the state file: %s", strerror(errno));
		free(text);
		lock_take(&identity->lock);
		identity->is_writing = false;
	}
	lock_give(&identity->lock);
}

/* Have the file written, where there is one. */
static void
want(struct identity *identity)
{
	lock_assert_held(&identity->lock);
	identity->is_wanted = identity->file.path != NULL;
}

static int64_t
due_ms(const struct identity *identity)
{
	return identity->is_due ? identity->saved_ms + IDENTITY_SAVE_EVERY_MS
	                        : CLOCK_NEVER;
}

static void
want_if_due(struct identity *identity)
{
	lock_assert_held(&identity->lock);
	if (clock_now_ms() >= due_ms(identity))
		want(identity);
}

static void
begin_anew(struct identity *identity)
{
	identity->instance = random_uuid();
	identity->attempt = 0;
	identity->port = 0;
}

enum error
identity_start(struct identity *identity, const char *state_path, pid_t *holder)
{
	char content[CONTENT_SIZE];
	size_t size = sizeof content;
	enum error error;

	memset(identity, 0, sizeof *identity);
	identity->file = (struct statefile)STATEFILE_INITIALIZER;
	lock_init(&identity->lock, LOCK_RANK_IDENTITY);
	identity->process = random_uuid();
	begin_anew(identity);
	if (state_path == NULL)
		return ERROR_NONE;
	error =
	    statefile_open(&identity->file, state_path, content, &size, holder);
	if (error)
		return error;
	if (size > 0 && !load(identity, content, size)) {
		log_warning("the state file %s holds nothing of use and is "
			    "replaced",
		    state_path);
		begin_anew(identity);
	}
	lock_take(&identity->lock);
	want(identity);
	lock_give(&identity->lock);
	write_if_wanted(identity);
	/* The port that will be granted in a moment need not wait. */
	identity->saved_ms -= IDENTITY_SAVE_EVERY_MS;
	return ERROR_NONE;
}

struct uuid
identity_instance(struct identity *identity)
{
	struct uuid instance;

	lock_take(&identity->lock);
	instance = identity->instance;
	lock_give(&identity->lock);
	return instance;
}

void
identity_renew(struct identity *identity)
{
	lock_take(&identity->lock);
	identity->instance = random_uuid();
	identity->attempt = 0;
	identity->is_due = identity->file.path != NULL;
	want_if_due(identity);
	lock_give(&identity->lock);
	write_if_wanted(identity);
}

bool
identity_catch_up(struct identity *identity, uint64_t attempt)
{
	bool was_lower;

	lock_take(&identity->lock);
	was_lower = identity->attempt <= attempt &&
	            attempt <= (uint64_t)INT64_MAX - RESERVE;
	if (was_lower) {
		identity->attempt = attempt;
		identity->is_due = identity->file.path != NULL;
		want_if_due(identity);
	}
	lock_give(&identity->lock);
	write_if_wanted(identity);
	return was_lower;
}

uint64_t
identity_next_attempt(struct identity *identity)
{
	uint64_t attempt;

	lock_take(&identity->lock);
	attempt = ++identity->attempt;
	if (identity->file.path != NULL && attempt >= identity->reserved)
		want(identity);
	lock_give(&identity->lock);
	write_if_wanted(identity);
	return attempt;
}

uint16_t
identity_port(struct identity *identity)
{
	uint16_t port;

	lock_take(&identity->lock);
	port = identity->port;
	lock_give(&identity->lock);
	return port;
}

void
identity_set_port(struct identity *identity, uint16_t port)
{
	lock_take(&identity->lock);
	if (identity->port != port) {
		identity->port = port;
		identity->is_due = identity->file.path != NULL;
		want_if_due(identity);
	}
	lock_give(&identity->lock);
	write_if_wanted(identity);
}

int64_t
identity_due_ms(struct identity *identity)
{
	int64_t when_ms;

	lock_take(&identity->lock);
	when_ms = due_ms(identity);
	lock_give(&identity->lock);
	return when_ms;
}

void
identity_save_if_due(struct identity *identity)
{
	lock_take(&identity->lock);
	want_if_due(identity);
	lock_give(&identity->lock);
	write_if_wanted(identity);
}

void
identity_end(struct identity *identity)
{
	lock_take(&identity->lock);
	if (identity->is_due)
		want(identity);
	lock_give(&identity->lock);
	write_if_wanted(identity);
	statefile_close(&identity->file);
	lock_destroy(&identity->lock);
}
