/*
 * notify - tells a service manager how the program is (sd_notify(3)).
 *
 * Datagrams to the socket that NOTIFY_SOCKET names. Without that variable
 * nothing happens; what cannot be sent at once is lost.
 */
#ifndef REBORE_OS_NOTIFY_H
#define REBORE_OS_NOTIFY_H

/* READY=1: start-up is over. status: as below, or NULL. Threads: any. */
void notify_ready(const char *status);

/* STATUS=: one line for people. Threads: any. */
void notify_status(const char *status);

/* The same, while start-up is not over, and EXTEND_TIMEOUT_USEC=: it may take
 * another half minute from now. */
void notify_waiting(const char *status);

/* STOPPING=1: the end has begun. Threads: any. */
void notify_stopping(void);

#endif
