/* saver - see saver.h */
#include "os/saver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "os/thread.h"

/* Log once that the disk accepts nothing, and once that it does again. error:
 * with errno. */
static void
log_outcome(enum error error, bool was_failing)
{
	if (error && !was_failing)
		log_warning("cannot write the state file, and tries again: %s",
		    strerror(errno));
	else if (error == ERROR_NONE && was_failing)
		log_info("the state file is written again");
}

static enum error
write_snapshot(struct saver *saver, bool was_failing)
{
	json_t *object = saver->calls->snapshot(saver->owner);
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	enum error error = ERROR_MEMORY;

	json_decref(object);
	errno = ENOMEM;
	if (text != NULL)
		error = statefile_write(&saver->file, text, strlen(text));
	log_outcome(error, was_failing);
	free(text);
	return error;
}

/* Write what is due. The lock is not held meanwhile, so that other threads can
 * ask for more. */
static void
save(struct saver *saver)
{
	bool was_failing = saver->failing;
	enum error error;

	lock_assert_held(&saver->lock);
	saver->due_ms = CLOCK_NEVER;
	saver->is_writing = true;
	lock_give(&saver->lock);
	error = write_snapshot(saver, was_failing);
	lock_take(&saver->lock);
	saver->is_writing = false;
	saver->failing = error != ERROR_NONE;
	if (error)
		saver->due_ms = clock_now_ms() + SAVER_RETRY_MS;
	lock_condition_tell(&saver->changed);
}

static void *
run_saver(void *argument)
{
	struct saver *saver = argument;
	bool is_last = false;

	lock_take(&saver->lock);
	while (!is_last) {
		if (saver->stopping || saver->due_ms <= clock_now_ms()) {
			is_last = saver->stopping;
			if (saver->due_ms != CLOCK_NEVER)
				save(saver);
		} else {
			lock_condition_wait(
			    &saver->changed, &saver->lock, saver->due_ms);
		}
	}
	saver->ended = true;
	lock_condition_tell(&saver->changed);
	lock_give(&saver->lock);
	return NULL;
}

static enum error
load_content(struct saver *saver, const char *path, pid_t *holder)
{
	size_t size = saver->calls->bytes_most;
	char *content = malloc(size);
	json_error_t problem;
	json_t *object;
	enum error error;

	if (content == NULL)
		return ERROR_MEMORY;
	error = statefile_open(&saver->file, path, content, &size, holder);
	if (error == ERROR_NONE && size > 0) {
		object =
		    json_loadb(content, size, JSON_REJECT_DUPLICATES, &problem);
		if (object == NULL ||
		    !saver->calls->restore(saver->owner, object))
			log_warning("the state file %s holds nothing of use "
				    "and is replaced",
			    path);
		json_decref(object);
	}
	free(content);
	return error;
}

static void
release_saver(struct saver *saver)
{
	statefile_close(&saver->file);
	lock_condition_destroy(&saver->changed);
	lock_destroy(&saver->lock);
	saver->started = false;
}

enum error
saver_start(struct saver *saver, const char *path,
    const struct saver_calls *calls, void *owner, pid_t *holder)
{
	enum error error;

	memset(saver, 0, sizeof *saver);
	saver->file = (struct statefile)STATEFILE_INITIALIZER;
	if (path == NULL)
		return ERROR_NONE;
	saver->calls = calls;
	saver->owner = owner;
	saver->due_ms = CLOCK_NEVER;
	lock_init(&saver->lock, LOCK_RANK_SAVER);
	lock_condition_init(&saver->changed);
	error = load_content(saver, path, holder);
	/* statefile_open() has logged a warning. */
	saver->failing = saver->file.read_only;
	saver->started = error == ERROR_NONE;
	if (error == ERROR_NONE)
		error = thread_start(&saver->thread, "rebore-saver",
		    THREAD_STACK_BYTES, run_saver, saver);
	if (error)
		release_saver(saver);
	return error;
}

void
saver_ask(struct saver *saver, int64_t due_ms)
{
	if (!saver->started)
		return;
	lock_take(&saver->lock);
	/* A failing disk is not tried more often because of further changes. */
	if (due_ms < saver->due_ms &&
	    (!saver->failing || saver->due_ms == CLOCK_NEVER)) {
		saver->due_ms = due_ms;
		lock_condition_tell(&saver->changed);
	}
	lock_give(&saver->lock);
}

void
saver_wait(struct saver *saver, int64_t deadline_ms)
{
	bool in_time = true;

	lock_assert_none();
	if (!saver->started)
		return;
	lock_take(&saver->lock);
	while (
	    in_time && (saver->is_writing || saver->due_ms <= clock_now_ms()))
		in_time = lock_condition_wait(
		    &saver->changed, &saver->lock, deadline_ms);
	lock_give(&saver->lock);
}

enum error
saver_stop(struct saver *saver, int64_t deadline_ms)
{
	bool in_time = true;

	if (!saver->started)
		return ERROR_NONE;
	lock_take(&saver->lock);
	saver->stopping = true;
	lock_condition_tell(&saver->changed);
	while (!saver->ended && in_time)
		in_time = lock_condition_wait(
		    &saver->changed, &saver->lock, deadline_ms);
	in_time = saver->ended;
	lock_give(&saver->lock);
	if (in_time)
		return ERROR_NONE;
	log_warning("the state file is not written: the disk does not answer");
	return ERROR_TIMEOUT;
}

void
saver_destroy(struct saver *saver)
{
	if (!saver->started)
		return;
	(void)saver_stop(saver, CLOCK_NEVER);
	thread_join(saver->thread);
	release_saver(saver);
}
