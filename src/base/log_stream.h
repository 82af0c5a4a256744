/*
 * log_stream - writes lines to standard error, and never waits for it.
 *
 * Standard error may be a pipe, a terminal or a socket that other processes
 * share, together with its flags, which are therefore not changed. A pipe or a
 * terminal is opened a second time, non-blocking; where the system refuses
 * that, poll() says whether there is room. A regular file is simply written to:
 * if the disk hangs, the thread that writes hangs with it, but no other.
 */
#ifndef REBORE_BASE_LOG_STREAM_H
#define REBORE_BASE_LOG_STREAM_H

#include <stdbool.h>

/*
 * Find out what standard error is. Before this call, it is polled.
 *
 * Threads: before the first one starts.
 */
void log_stream_open(void);

/* Returns whether standard error is the journal of systemd, according to
 * JOURNAL_STREAM (sd-daemon(3)). Call it after log_stream_open(). */
bool log_stream_is_journal(void);

/*
 * Write prefix, text and a newline, at most 4096 bytes in all.
 *
 * Returns false if the line is lost (there is no room now, the disk is full or
 * nobody reads) or was cut; then the next one begins on a line of its own.
 * Threads: any.
 */
bool log_stream_write(const char *prefix, const char *text);

#endif
