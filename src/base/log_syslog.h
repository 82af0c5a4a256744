/*
 * log_syslog - hands lines to the system's log daemon, and never waits for it.
 *
 * It sends what syslog(3) sends, in the form of RFC 3164. But syslog(3) waits
 * while the daemon does not read, and would keep all threads of the program
 * waiting.
 */
#ifndef REBORE_BASE_LOG_SYSLOG_H
#define REBORE_BASE_LOG_SYSLOG_H

#include <stdbool.h>

/*
 * Connect to the daemon. One that is not there yet is tried again when there is
 * a line to write, once a second at most.
 *
 * path: the daemon's socket, for datagrams or a stream. A constant.
 * facility: of syslog.h.
 * Threads: before the first one starts.
 */
void log_syslog_open(const char *path, int facility);

/*
 * Hand over one line, without a newline.
 *
 * priority: LOG_ERR and so on, of syslog.h.
 * Returns false when the line is lost, because the daemon is not there or
 * accepts nothing now.
 * Threads: any.
 */
bool log_syslog_write(int priority, const char *text);

#endif
