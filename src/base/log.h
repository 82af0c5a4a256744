/*
 * log - one line for each event that a person should know of.
 *
 * Lines go to standard error or to syslog, as text or as JSON objects. Every
 * message is escaped (see escape.h), so that text from a peer can neither break
 * the line nor control a terminal. A line is written by one write(), so that
 * the lines of several threads do not mix. Logging never waits: a line that
 * cannot be written at once is lost, and the next one written is preceded by
 * the number of lost ones.
 *
 * Where standard error is the journal of systemd, a line begins with its
 * priority, "<6>", instead of the time and the level, which the journal records
 * itself; a JSON object has all three keys there, too.
 */
#ifndef REBORE_BASE_LOG_H
#define REBORE_BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
};

/* What log_facility_of_name() returns for an unknown name. */
#define LOG_FACILITY_UNKNOWN (-1)

struct log_options {
	/* Less important lines are dropped. */
	enum log_level level;
	enum log_format format;
	bool use_syslog;
	/* A facility of syslog.h, from log_facility_of_name(). */
	int facility;
};

/*
 * Choose where lines go. Before this call: errors, warnings and information as
 * text on standard error.
 *
 * Threads: call before the first one starts.
 */
void log_open(const struct log_options *options);

/* Returns the facility called name ("daemon", "local0"), or
 * LOG_FACILITY_UNKNOWN. */
int log_facility_of_name(const char *name);

/* Returns whether log_debug() writes anything, for callers whose text takes
 * work to make. Threads: any. */
bool log_is_verbose(void);

/*
 * Log one line; printf-like, without a final newline. Keeps errno.
 *
 * Threads: any.
 */
#define LOG_PRINTF __attribute__((__format__(__printf__, 1, 2)))
void log_error(const char *format, ...) LOG_PRINTF;
void log_warning(const char *format, ...) LOG_PRINTF;
void log_info(const char *format, ...) LOG_PRINTF;
void log_debug(const char *format, ...) LOG_PRINTF;

#endif
