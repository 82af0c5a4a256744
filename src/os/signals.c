/* signals - see signals.h */
#include "os/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/* The signal of signals_tell_main(). */
#define SIGNAL_TO_MAIN SIGUSR2

/* How often signals_wait_for() looks for a signal. */
#define LOOK_MS 50

/* Set before the first thread starts, then read-only. */
static pthread_t main_thread;
static sigset_t waited;

/*
 * Ignore signals that have no meaning for this program, but would end it.
 * Somebody may send one because it means something to another program, such as
 * SIGUSR1. Signals that report a fault of the process or an exceeded limit
 * still end it.
 */
static void
ignore_harmless(void)
{
	static const int harmless[] = {
	    SIGPIPE,
	    SIGUSR1,
	    SIGALRM,
	    SIGVTALRM,
	    SIGPROF,
	    SIGXFSZ,
#ifdef SIGIO
	    SIGIO,
#endif
#ifdef SIGPWR
	    SIGPWR,
#endif
#ifdef SIGSTKFLT
	    SIGSTKFLT,
#endif
	};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		sigaction(harmless[i], &ignore, NULL);
#ifdef SIGRTMIN
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		sigaction(number, &ignore, NULL);
#endif
}

void
signals_start(void)
{
	struct sigaction normal = {.sa_handler = SIG_DFL};

	main_thread = pthread_self();
	sigemptyset(&waited);
	sigaddset(&waited, SIGTERM);
	sigaddset(&waited, SIGINT);
	sigaddset(&waited, SIGHUP);
	sigaddset(&waited, SIGNAL_TO_MAIN);
	pthread_sigmask(SIG_BLOCK, &waited, NULL);
	ignore_harmless();
	/* A shell's "&" and nohup start the program with some of these ignored,
	 * and then sigwait() does not see them. */
	sigaction(SIGTERM, &normal, NULL);
	sigaction(SIGINT, &normal, NULL);
	sigaction(SIGHUP, &normal, NULL);
	sigaction(SIGNAL_TO_MAIN, &normal, NULL);
}

enum signals_event
signals_wait(void)
{
	int number;

	while (sigwait(&waited, &number) != 0)
		continue;
	switch (number) {
	case SIGHUP:
		return SIGNALS_RETRY;
	case SIGNAL_TO_MAIN:
		return SIGNALS_TOLD;
	default:
		return SIGNALS_STOP;
	}
}

/* Whether sigwait() would return at once. */
static bool
is_one_pending(void)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGNAL_TO_MAIN};
	sigset_t pending;

	sigemptyset(&pending);
	sigpending(&pending);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (sigismember(&pending, numbers[i]) == 1)
			return true;
	return false;
}

/* This polls because not all systems have sigtimedwait(). */
enum signals_event
signals_wait_for(unsigned most_ms)
{
	int64_t end_ms = clock_now_ms() + most_ms;

	while (!is_one_pending()) {
		if (clock_now_ms() >= end_ms)
			return SIGNALS_NONE;
		poll(NULL, 0, LOOK_MS);
	}
	return signals_wait();
}

void
signals_tell_main(void)
{
	pthread_kill(main_thread, SIGNAL_TO_MAIN);
}

void
signals_end_on_next(void)
{
	sigset_t deadly;

	sigemptyset(&deadly);
	sigaddset(&deadly, SIGTERM);
	sigaddset(&deadly, SIGINT);
	pthread_sigmask(SIG_UNBLOCK, &deadly, NULL);
}
