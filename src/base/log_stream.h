/*
 * log_stream - writes lines to standard error, and never waits for it.
 *
 * Standard error may be a pipe, a terminal or a socket that others have, too:
 * its flags are theirs as well and stay as they are. A pipe or a terminal is
 * opened once more for that reason, non-blocking; where the system refuses
 * that, poll() says whether there is room. A regular file is written as it is:
 * a disk that hangs holds the one thread that has the line, and no other.
 */
#ifndef REBORE_BASE_LOG_STREAM_H
#define REBORE_BASE_LOG_STREAM_H

#include <stdbool.h>

/*
 * Find out what standard error is. Before that call it is polled.
 *
 * Threads: before the first one starts.
 */
void log_stream_open(void);

/* Whether standard error is the journal of systemd, as JOURNAL_STREAM says
 * (sd-daemon(3)); known by log_stream_open(). */
bool log_stream_is_journal(void);

/*
 * Write prefix, text and a newline, 4096 bytes at the most in all.
 *
 * Returns false when the line is lost: there is no room now, the disk is full,
 * nobody reads. A line that was cut is lost too; the next begins on a line of
 * its own.
 * Threads: any.
 */
bool log_stream_write(const char *prefix, const char *text);

#endif
