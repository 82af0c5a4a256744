/*
 * signals - the main thread waits for them; no other thread ever sees one.
 */
#ifndef REBORE_OS_SIGNALS_H
#define REBORE_OS_SIGNALS_H

enum signals_event {
	/* SIGTERM or SIGINT: end. */
	SIGNALS_STOP,
	/* SIGHUP: try again now. */
	SIGNALS_RETRY,
	/* signals_tell_main() was called. */
	SIGNALS_TOLD,
	/* Of signals_wait_for(): nothing has happened. */
	SIGNALS_NONE,
};

/*
 * Block what signals_wait() waits for, and ignore what would end the process to
 * no purpose, such as SIGPIPE and SIGUSR1.
 *
 * Threads: the main thread, before it starts another.
 */
void signals_start(void);

/* Wait for the next event. Threads: the main thread. */
enum signals_event signals_wait(void);

/* Wait for it for so long at the most. Threads: the main thread. */
enum signals_event signals_wait_for(unsigned most_ms);

/* Make signals_wait() return SIGNALS_TOLD. Threads: any. */
void signals_tell_main(void);

/*
 * From now on SIGTERM and SIGINT end the process on the spot: a person who
 * sends a second one does not want to wait.
 *
 * Threads: the main thread.
 */
void signals_end_on_next(void);

#endif
