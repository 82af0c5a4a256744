/*
 * notify - reports the state of the program to a service manager
 * (sd_notify(3)).
 *
 * Sends datagrams to the socket that NOTIFY_SOCKET names. Does nothing without
 * that variable; a message that cannot be sent at once is lost.
 */
#ifndef REBORE_OS_NOTIFY_H
#define REBORE_OS_NOTIFY_H

/* READY=1: start-up is over. status: as in notify_status(), or NULL. Threads:
 * any. */
void notify_ready(const char *status);

/* STATUS=: one line for people. Threads: any. */
void notify_status(const char *status);

/* STATUS= during start-up, together with EXTEND_TIMEOUT_USEC=, which allows it
 * another 30 s from now. Threads: any. */
void notify_waiting(const char *status);

/* STOPPING=1: the program is about to end. Threads: any. */
void notify_stopping(void);

#endif
