/* identity - see identity.h */
#include "client/identity.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"

/* Attempt numbers are reserved in the file in blocks of this size, ... */
#define RESERVE 1000
/* The highest number that a state file may have, far from where counting on
 * would overflow. */
#define ATTEMPT_MOST ((uint64_t)INT64_MAX - RESERVE)
/* ... and the next block when fewer than this many are left, so that no attempt
 * waits for the disk. */
#define RESERVE_LOW  (RESERVE / 2)
#define CONTENT_SIZE 1024

/* Read the object {"instance": UUID, "attempt": N, "port": N}. */
static bool
restore_identity(void *owner, const json_t *object)
{
	struct identity *identity = owner;
	const json_t *instance = json_object_get(object, "instance");
	const json_t *attempt = json_object_get(object, "attempt");
	const json_t *port = json_object_get(object, "port");
	json_int_t number = json_integer_value(attempt);
	json_int_t port_number = json_integer_value(port);
	struct uuid known;

	if (!json_is_string(instance) || !json_is_integer(attempt) ||
	    !json_is_integer(port) || number < 0 ||
	    (uint64_t)number > ATTEMPT_MOST || port_number < 0 ||
	    port_number > UINT16_MAX ||
	    !uuid_parse(json_string_value(instance), &known))
		return false;
	identity->instance = known;
	identity->attempt = (uint64_t)number;
	identity->port = (uint16_t)port_number;
	return true;
}

static json_t *
snapshot_identity(void *owner)
{
	struct identity *identity = owner;
	char instance[UUID_TEXT_SIZE];
	json_int_t reserved;
	int port;

	lock_take(&identity->lock);
	identity->reserved = identity->attempt + RESERVE;
	/* What is written must be read again. */
	if (identity->reserved > ATTEMPT_MOST)
		identity->reserved = ATTEMPT_MOST;
	reserved = (json_int_t)identity->reserved;
	port = identity->port;
	uuid_print(&identity->instance, instance);
	lock_give(&identity->lock);
	return json_pack("{s:s, s:I, s:i}", "instance", instance, "attempt",
	    reserved, "port", port);
}

static const struct saver_calls saver_calls = {
    .bytes_most = CONTENT_SIZE,
    .restore = restore_identity,
    .snapshot = snapshot_identity,
};

/* Have a change written now or, to spare flash memory, some time after the
 * previous one. */
static void
ask_to_save(struct identity *identity)
{
	int64_t now_ms = clock_now_ms();
	int64_t due_ms;

	lock_take(&identity->lock);
	if (identity->asked_ms <= now_ms)
		identity->asked_ms = clock_later(
		    now_ms, identity->asked_ms + IDENTITY_SAVE_EVERY_MS);
	due_ms = identity->asked_ms;
	lock_give(&identity->lock);
	saver_ask(&identity->saver, due_ms);
}

static void
wait_for_disk(struct identity *identity)
{
	saver_wait(&identity->saver, clock_now_ms() + IDENTITY_DISK_MS);
}

enum error
identity_start(struct identity *identity, const char *state_path, pid_t *holder)
{
	enum error error;

	memset(identity, 0, sizeof *identity);
	lock_init(&identity->lock, LOCK_RANK_IDENTITY);
	identity->process = random_uuid();
	identity->instance = random_uuid();
	identity->asked_ms = -IDENTITY_SAVE_EVERY_MS;
	error = saver_start(
	    &identity->saver, state_path, &saver_calls, identity, holder);
	if (error)
		return error;
	/* The port that will be granted in a moment is written together with
	 * this. */
	saver_ask(&identity->saver, clock_now_ms());
	wait_for_disk(identity);
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
	lock_give(&identity->lock);
	ask_to_save(identity);
}

bool
identity_catch_up(struct identity *identity, uint64_t attempt)
{
	bool was_lower;

	lock_take(&identity->lock);
	was_lower =
	    identity->attempt <= attempt && attempt <= ATTEMPT_MOST - RESERVE;
	if (was_lower)
		identity->attempt = attempt;
	lock_give(&identity->lock);
	if (was_lower)
		ask_to_save(identity);
	return was_lower;
}

uint64_t
identity_next_attempt(struct identity *identity)
{
	uint64_t attempt;
	bool is_low;

	lock_take(&identity->lock);
	attempt = ++identity->attempt;
	is_low = attempt + RESERVE_LOW >= identity->reserved;
	lock_give(&identity->lock);
	if (is_low)
		saver_ask(&identity->saver, clock_now_ms());
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
	bool is_new;

	lock_take(&identity->lock);
	is_new = identity->port != port;
	identity->port = port;
	lock_give(&identity->lock);
	if (!is_new)
		return;
	ask_to_save(identity);
	wait_for_disk(identity);
}

enum error
identity_stop(struct identity *identity, int64_t deadline_ms)
{
	return saver_stop(&identity->saver, deadline_ms);
}

void
identity_end(struct identity *identity)
{
	saver_destroy(&identity->saver);
	lock_destroy(&identity->lock);
}
