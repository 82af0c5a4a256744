/*
 * saver - keeps a JSON object in a state file, using a thread of its own.
 *
 * A disk may take seconds for an fsync(), or hang. The owner of the state
 * changes it in memory and asks for the file to be written; only the saver's
 * thread waits for the disk, and anyone else only until a deadline of its own.
 */
#ifndef REBORE_OS_SAVER_H
#define REBORE_OS_SAVER_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "os/lock.h"
#include "os/statefile.h"

/* How long after a failure, such as a full disk, to try again. */
#define SAVER_RETRY_MS 5000

/* The operations that the owner of the state provides. */
struct saver_calls {
	/* The largest size of the file. */
	size_t bytes_most;
	/* Initialize the owner with what the file holds. Returns false, and
	 * leaves the owner unchanged, if the content is useless. Called by
	 * saver_start(). */
	bool (*restore)(void *owner, const json_t *object);
	/* Returns what the file is to hold, as a new reference, or NULL when
	 * there is no memory. Called in the saver's thread, which holds no lock
	 * at that time. */
	json_t *(*snapshot)(void *owner);
};

/* Fields are private. All zero is a saver without a file. */
struct saver {
	/* Set before the thread starts, then read-only. */
	const struct saver_calls *calls;
	void *owner;
	pthread_t thread;
	bool started;

	/* Used by the saver's thread alone. */
	struct statefile file;

	struct lock lock;
	struct lock_condition changed;
	/* Under lock. */
	int64_t due_ms; /* CLOCK_NEVER: the file is up to date */
	bool is_writing;
	bool failing; /* the last write failed */
	bool stopping;
	bool ended;
};

/*
 * Open the state file, pass its content to the owner, and start the thread.
 * Useless content is replaced, with a warning.
 *
 * path: NULL: there is no file, and the functions below do nothing.
 * calls, owner: must live until saver_destroy().
 * holder: on ERROR_IN_USE the process that uses the state file.
 * Returns what statefile_open() does, or ERROR_RESOURCES or ERROR_MEMORY with
 * errno; on failure saver has no file.
 */
enum error saver_start(struct saver *saver, const char *path,
    const struct saver_calls *calls, void *owner, pid_t *holder);

/*
 * Have the file written at due_ms, or earlier if that was asked for already. A
 * failure is logged once, and tried again after SAVER_RETRY_MS. Threads: any,
 * also under a lock that is not a leaf.
 */
void saver_ask(struct saver *saver, int64_t due_ms);

/* Wait until the saver has tried to write what is due by now, or until the
 * deadline. Threads: any that holds no lock. */
void saver_wait(struct saver *saver, int64_t deadline_ms);

/*
 * Write what was asked for at once, and end the thread: later changes are not
 * written. Legal again after ERROR_TIMEOUT.
 *
 * Returns ERROR_TIMEOUT, with a warning in the log, when the disk has not
 * finished by deadline_ms: then the thread lives on, and saver and owner must
 * stay.
 */
enum error saver_stop(struct saver *saver, int64_t deadline_ms);

/* Release everything; the file stays. Waits for the disk unless saver_stop()
 * has returned ERROR_NONE. */
void saver_destroy(struct saver *saver);

#endif
