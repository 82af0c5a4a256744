/* grants - see grants.h */
#include "server/grants.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* All ports, five digits and a comma each */
#define CONTENT_SIZE ((size_t)65536 * 6 + 64)

static bool
has(const uint64_t *set, uint16_t port)
{
	return (set[port / 64] >> port % 64 & 1) != 0;
}

static void
put(uint64_t *set, uint16_t port, bool in)
{
	uint64_t bit = (uint64_t)1 << port % 64;

	if (in)
		set[port / 64] |= bit;
	else
		set[port / 64] &= ~bit;
}

/* Read the object {"ports": [N, ...]}. */
static bool
parse(struct grants *grants, const json_t *object)
{
	const json_t *ports = json_object_get(object, "ports");
	const json_t *value;
	size_t index;

	if (!json_is_array(ports))
		return false;
	json_array_foreach(ports, index, value)
	{
		json_int_t number = json_integer_value(value);

		if (!json_is_integer(value) || number < 1 ||
		    number > UINT16_MAX)
			return false;
		put(grants->before, (uint16_t)number, true);
	}
	return true;
}

static void
load(struct grants *grants, const char *path, const char *content, size_t size)
{
	json_error_t problem;
	json_t *object =
	    json_loadb(content, size, JSON_REJECT_DUPLICATES, &problem);

	if (size > 0 && (object == NULL || !parse(grants, object))) {
		log_warning("the state file %s holds nothing of use and is "
			    "replaced",
		    path);
		memset(grants->before, 0, sizeof grants->before);
	}
	json_decref(object);
}

/* Returns the content of the file, to be freed, or NULL: out of memory. */
static char *
print(const struct grants *grants)
{
	bool expected = clock_now_ms() < grants->reserved_until_ms;
	json_t *ports = json_array();
	json_t *object;
	char *text;

	/* Those who have not returned yet are not forgotten by one who has. */
	for (unsigned port = 1; port <= UINT16_MAX; port++)
		if (has(grants->granted, (uint16_t)port) ||
		    (expected && has(grants->before, (uint16_t)port)))
			json_array_append_new(ports, json_integer(port));
	object = json_pack("{s:o}", "ports", ports);
	text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	return text;
}

/* Write what is granted now. Returns whether that was possible. */
static bool
write_file(struct grants *grants)
{
	enum error error = ERROR_MEMORY;
	char *text;

	lock_take(&grants->lock);
	grants->due_ms = CLOCK_NEVER;
	text = print(grants);
	lock_give(&grants->lock);
	/* Only one thread writes: the janitor, or the last. */
	if (text != NULL)
		error = statefile_write(&grants->file, text, strlen(text));
	if (error && !grants->failing)
		log_warning("cannot write the state file, and tries again: %s",
		    text ? strerror(errno) : error_text(error));
	else if (error == ERROR_NONE && grants->failing)
		log_info("the state file is written again");
	grants->failing = error != ERROR_NONE;
	free(text);
	return error == ERROR_NONE;
}

void
grants_save(struct grants *grants)
{
	if (grants_due_ms(grants) == CLOCK_NEVER || write_file(grants))
		return;
	lock_take(&grants->lock);
	grants->due_ms = clock_now_ms() + GRANTS_RETRY_MS;
	lock_give(&grants->lock);
}

enum error
grants_start(struct grants *grants, const char *state_path, pid_t *holder)
{
	char *content;
	size_t size = CONTENT_SIZE;
	enum error error;

	grants->due_ms = CLOCK_NEVER;
	grants->failing = false;
	grants->file = (struct statefile)STATEFILE_INITIALIZER;
	grants->changed = (struct wakeup)WAKEUP_INITIALIZER;
	lock_init(&grants->lock);
	if (state_path == NULL)
		return ERROR_NONE;
	content = malloc(CONTENT_SIZE);
	if (content == NULL)
		return ERROR_MEMORY;
	error =
	    statefile_open(&grants->file, state_path, content, &size, holder);
	if (error == ERROR_NONE) {
		load(grants, state_path, content, size);
		grants->reserved_until_ms = clock_now_ms() + GRANTS_RESERVED_MS;
	}
	free(content);
	return error ? error : wakeup_open(&grants->changed);
}

static void
change(struct grants *grants, uint16_t port, bool in)
{
	lock_take(&grants->lock);
	put(grants->granted, port, in);
	if (in)
		put(grants->before, port, false); /* it has returned */
	if (grants->file.path != NULL && grants->due_ms == CLOCK_NEVER) {
		grants->due_ms = clock_now_ms() + GRANTS_DELAY_MS;
		wakeup_send(&grants->changed);
	}
	lock_give(&grants->lock);
}

void
grants_add(struct grants *grants, uint16_t port)
{
	change(grants, port, true);
}

void
grants_remove(struct grants *grants, uint16_t port)
{
	change(grants, port, false);
}

bool
grants_is_reserved(struct grants *grants, uint16_t port)
{
	bool reserved;

	lock_take(&grants->lock);
	reserved = has(grants->before, port) &&
	           clock_now_ms() < grants->reserved_until_ms;
	lock_give(&grants->lock);
	return reserved;
}

uint64_t
grants_free(struct grants *grants, unsigned word, bool reserved_too)
{
	uint64_t free_ports;

	lock_take(&grants->lock);
	free_ports = ~grants->granted[word];
	if (!reserved_too && clock_now_ms() < grants->reserved_until_ms)
		free_ports &= ~grants->before[word];
	lock_give(&grants->lock);
	return free_ports;
}

int64_t
grants_due_ms(struct grants *grants)
{
	int64_t due_ms;

	lock_take(&grants->lock);
	due_ms = grants->due_ms;
	lock_give(&grants->lock);
	return due_ms;
}

int
grants_fd(const struct grants *grants)
{
	return grants->changed.read_fd;
}

void
grants_save_if_due(struct grants *grants)
{
	if (grants->changed.read_fd != -1)
		wakeup_clear(&grants->changed);
	if (clock_now_ms() >= grants_due_ms(grants))
		grants_save(grants);
}

void
grants_end(struct grants *grants)
{
	if (!grants->failing)
		grants_save(grants);
	statefile_close(&grants->file);
	wakeup_close(&grants->changed);
	lock_destroy(&grants->lock);
}
