/* log - see log.h */
#include "base/log.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "base/escape.h"
#include "base/log_stream.h"
#include "base/log_syslog.h"

/* The longest message has the text of a frame (256 bytes), all of it
 * escaped. */
#define MESSAGE_SIZE 1280
#define TIME_SIZE    32

#ifndef _PATH_LOG
#define _PATH_LOG "/dev/log"
#endif

/* Set before the first thread starts, then read-only. */
static struct log_options chosen = {
    .level = LOG_LEVEL_INFO,
    .format = LOG_FORMAT_TEXT,
};

static const struct {
	const char *name;
	int priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

static const struct {
	const char *name;
	int facility;
} facilities[] = {
    {"auth", LOG_AUTH},
    {"cron", LOG_CRON},
    {"daemon", LOG_DAEMON},
    {"local0", LOG_LOCAL0},
    {"local1", LOG_LOCAL1},
    {"local2", LOG_LOCAL2},
    {"local3", LOG_LOCAL3},
    {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5},
    {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7},
    {"user", LOG_USER},
};

void
log_open(const struct log_options *options)
{
	chosen = *options;
	if (chosen.use_syslog)
		log_syslog_open(_PATH_LOG, chosen.facility);
	else
		log_stream_open();
}

int
log_facility_of_name(const char *name)
{
	for (size_t i = 0; i < sizeof facilities / sizeof *facilities; i++)
		if (strcmp(facilities[i].name, name) == 0)
			return facilities[i].facility;
	return LOG_FACILITY_UNKNOWN;
}

/* RFC 3339 in UTC, with milliseconds */
static void
print_time(char text[static TIME_SIZE])
{
	struct timespec now;
	struct tm parts;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	used = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + used, TIME_SIZE - used, ".%03dZ",
	    (int)(now.tv_nsec / 1000000));
}

/* How many lines were lost since that was last reported. */
static atomic_uint lost;

/* The journal records the time and the level itself. */
static bool
write_text(enum log_level level, const char *time, const char *message)
{
	char prefix[TIME_SIZE + 16];

	if (log_stream_is_journal())
		snprintf(prefix, sizeof prefix, "<%d>", levels[level].priority);
	else
		snprintf(
		    prefix, sizeof prefix, "%s %s: ", time, levels[level].name);
	return log_stream_write(prefix, message);
}

/* Returns the JSON text of one line, which the caller frees, or NULL when there
 * is no memory. */
static char *
make_json(enum log_level level, const char *time, const char *message)
{
	json_t *object = json_pack("{s:s, s:s, s:s}", "time", time, "level",
	    levels[level].name, "message", message);
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

static bool
write_json(enum log_level level, const char *time, const char *message)
{
	char prefix[8] = "";
	char *text = make_json(level, time, message);
	bool written;

	if (text == NULL)
		return write_text(level, time, message);
	if (log_stream_is_journal())
		snprintf(prefix, sizeof prefix, "<%d>", levels[level].priority);
	written = log_stream_write(prefix, text);
	free(text);
	return written;
}

static bool
write_syslog(enum log_level level, const char *time, const char *message)
{
	char *text = chosen.format == LOG_FORMAT_JSON
	                 ? make_json(level, time, message)
	                 : NULL;
	bool written =
	    log_syslog_write(levels[level].priority, text ? text : message);

	free(text);
	return written;
}

/* Returns false when the line is lost. */
static bool
write_message(enum log_level level, const char *message)
{
	char time[TIME_SIZE];

	print_time(time);
	if (chosen.use_syslog)
		return write_syslog(level, time, message);
	if (chosen.format == LOG_FORMAT_JSON)
		return write_json(level, time, message);
	return write_text(level, time, message);
}

/* Report how many lines were lost. If the report is lost too, the count
 * stays. */
static void
write_lost(void)
{
	unsigned count = atomic_exchange(&lost, 0);
	char message[64];

	if (count == 0)
		return;
	snprintf(message, sizeof message, "%u log lines were lost", count);
	if (!write_message(LOG_LEVEL_WARNING, message))
		atomic_fetch_add(&lost, count);
}

__attribute__((__format__(__printf__, 2, 0))) static void
log_message(enum log_level level, const char *format, va_list arguments)
{
	char raw[MESSAGE_SIZE];
	char message[MESSAGE_SIZE];
	int saved = errno;

	if (level > chosen.level)
		return;
	vsnprintf(raw, sizeof raw, format, arguments);
	escape_text(raw, strlen(raw), message, sizeof message);
	write_lost();
	if (!write_message(level, message))
		atomic_fetch_add(&lost, 1);
	errno = saved;
}

bool
log_is_verbose(void)
{
	return chosen.level >= LOG_LEVEL_DEBUG;
}

void
log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_message(LOG_LEVEL_ERROR, format, arguments);
	va_end(arguments);
}

void
log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_message(LOG_LEVEL_WARNING, format, arguments);
	va_end(arguments);
}

void
log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_message(LOG_LEVEL_INFO, format, arguments);
	va_end(arguments);
}

void
log_debug(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_message(LOG_LEVEL_DEBUG, format, arguments);
	va_end(arguments);
}
