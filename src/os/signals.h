/*
 * signals - events for the main thread. All other threads have them blocked.
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
	/* The time of signals_wait_for() is over. */
	SIGNALS_NONE,
};

/*
 * Block the signals that signals_wait() waits for, and ignore those that would
 * end the process without need, such as SIGPIPE and SIGUSR1.
 *
 * Threads: the main thread, before it starts another.
 */
void signals_start(void);

/* Wait for the next event. Threads: the main thread. */
enum signals_event signals_wait(void);

/* Wait for the next event, up to most_ms. Threads: the main thread. */
enum signals_event signals_wait_for(unsigned most_ms);

/* Make signals_wait() return SIGNALS_TOLD. Threads: any. */
void signals_tell_main(void);

/*
 * Let the next SIGTERM or SIGINT end the process at once: a user who sends a
 * second one does not want to wait.
 *
 * Threads: the main thread.
 */
void signals_end_on_next(void);

#endif
