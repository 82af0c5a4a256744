/*
 * log_syslog - hands lines to the system's log daemon, and never waits for it.
 *
 * As syslog(3) does, in the form of RFC 3164; but that one waits while a daemon
 * has stopped reading, and all threads of the program with it.
 */
#ifndef REBORE_BASE_LOG_SYSLOG_H
#define REBORE_BASE_LOG_SYSLOG_H

#include <stdbool.h>

/*
 * Begin. A daemon that is not there yet is looked for again with the lines that
 * follow, once a second.
 *
 * path: of the daemon's socket; datagrams or a stream. A constant.
 * facility: of syslog.h.
 * Threads: before the first one starts.
 */
void log_syslog_open(const char *path, int facility);

/*
 * Hand over one line, without a newline.
 *
 * priority: LOG_ERR and so on, of syslog.h.
 * Returns false when it is lost: the daemon is not there, or takes nothing now.
 * Threads: any.
 */
bool log_syslog_write(int priority, const char *text);

#endif
