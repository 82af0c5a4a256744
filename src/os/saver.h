/*
 * saver - keeps a JSON object in a state file, by a thread of its own.
 *
 * A disk may take seconds for an fsync(), or for ever. The owner of the state
 * changes it in memory and asks for the file to be written; nobody but the
 * thread waits for the disk, or else only up to a deadline of his own choice.
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

/* What could not be written, on a full disk, is tried again after this. */
#define SAVER_RETRY_MS 5000

/* What the owner of the state does. */
struct saver_calls {
	/* The file has no more bytes than this. */
	size_t bytes_most;
	/* Begin with what the file holds. Returns false where that is of no
	 * use, and then leaves the owner as it was. Called by saver_start(). */
	bool (*restore)(void *owner, const json_t *object);
	/* Returns what the file is to hold, a new reference, or NULL when there
	 * is no memory. Called in the saver's thread, which holds no lock
	 * then. */
	json_t *(*snapshot)(void *owner);
};

/* Fields are private; all zero is one without a file. */
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
	bool failing; /* the disk did not take what was written last */
	bool stopping;
	bool ended;
};

/*
 * Open the state file, give what it holds to the owner, and start the thread.
 * Content that is of no use is replaced, with a warning.
 *
 * path: NULL: there is no file, and what follows does nothing.
 * calls, owner: must live until saver_destroy().
 * holder: on ERROR_IN_USE the process that uses the state file.
 * Returns as statefile_open(), or ERROR_RESOURCES or ERROR_MEMORY with errno;
 * then saver is as one without a file.
 */
enum error saver_start(struct saver *saver, const char *path,
    const struct saver_calls *calls, void *owner, pid_t *holder);

/*
 * Have the file written at due_ms, or sooner where that was asked for already.
 * Where it cannot be written, that is logged once, and tried again after
 * SAVER_RETRY_MS. Threads: any, also under a lock that is no leaf.
 */
void saver_ask(struct saver *saver, int64_t due_ms);

/* Wait until what is due by now has been tried to write, or for the deadline.
 * Threads: any that holds no lock. */
void saver_wait(struct saver *saver, int64_t deadline_ms);

/*
 * Have what was asked for written, at once, and end the thread: what is asked
 * for from now on is not written any more. Legal again after ERROR_TIMEOUT.
 *
 * Returns ERROR_TIMEOUT, with a warning in the log, when the disk has not done
 * it by deadline_ms: then the thread lives on, and so must saver and owner.
 */
enum error saver_stop(struct saver *saver, int64_t deadline_ms);

/* Release everything; the file stays. Waits for the disk unless saver_stop()
 * has returned ERROR_NONE. */
void saver_destroy(struct saver *saver);

#endif
