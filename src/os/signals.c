/* signals - see signals.h */
#include "os/signals.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/* What signals_tell_main() sends. */
#define SIGNAL_TOLD SIGUSR2

/* Set before the first thread starts, then read-only. */
static pthread_t main_thread;
static sigset_t waited;

void
signals_start(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction normal = {.sa_handler = SIG_DFL};

	main_thread = pthread_self();
	sigemptyset(&waited);
	sigaddset(&waited, SIGTERM);
	sigaddset(&waited, SIGINT);
	sigaddset(&waited, SIGHUP);
	sigaddset(&waited, SIGNAL_TOLD);
	pthread_sigmask(SIG_BLOCK, &waited, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	/* A shell's "&" and nohup leave these ignored, and sigwait() blind. */
	sigaction(SIGTERM, &normal, NULL);
	sigaction(SIGINT, &normal, NULL);
	sigaction(SIGHUP, &normal, NULL);
	sigaction(SIGNAL_TOLD, &normal, NULL);
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
	case SIGNAL_TOLD:
		return SIGNALS_TOLD;
	default:
		return SIGNALS_STOP;
	}
}

void
signals_tell_main(void)
{
	pthread_kill(main_thread, SIGNAL_TOLD);
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
