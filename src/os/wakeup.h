/*
 * wakeup - a descriptor that becomes readable when another thread asks for
 * attention. configure chooses wakeup_eventfd.c or wakeup_pipe.c.
 */
#ifndef REBORE_OS_WAKEUP_H
#define REBORE_OS_WAKEUP_H

#include "base/error.h"

/* Poll read_fd for POLLIN; the rest is private. */
struct wakeup {
	int read_fd;
	int write_fd;
};

#define WAKEUP_INITIALIZER                                                     \
	{                                                                      \
		-1, -1                                                         \
	}

/* Returns ERROR_RESOURCES or ERROR_SYSTEM with errno; then nothing is open. */
enum error wakeup_open(struct wakeup *wakeup);

/* Make read_fd readable. Threads: any, also in a signal handler. */
void wakeup_send(const struct wakeup *wakeup);

/* Make read_fd unreadable again, however many wake-ups were sent. */
void wakeup_clear(const struct wakeup *wakeup);

/* Legal on one that is not open. */
void wakeup_close(struct wakeup *wakeup);

#endif
