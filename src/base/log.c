/* log - see log.h */
#include "base/log.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/escape.h"

/* A message holds a frame's text (256 bytes), escaped at the worst. */
#define MESSAGE_SIZE 1280
#define TIME_SIZE    32

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
		openlog("rebore", LOG_PID | LOG_NDELAY, chosen.facility);
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

/* Lines that could not be written. */
static atomic_uint lost;

/*
 * A line that cannot be written at once is lost, and counted: a pipe that nobody
 * reads must not stop the program. (A pipe is writable only while it has room
 * for PIPE_BUF bytes, which is more than a line.)
 */
static void
write_line(const char *line, size_t length)
{
	struct pollfd slot = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (poll(&slot, 1, 0) != 1 || (slot.revents & POLLOUT) == 0) {
		atomic_fetch_add(&lost, 1);
		return;
	}
	while (write(STDERR_FILENO, line, length) == -1 && errno == EINTR)
		continue;
}

static void
write_text(enum log_level level, const char *time, const char *message)
{
	char line[TIME_SIZE + 16 + MESSAGE_SIZE];
	int length = snprintf(line, sizeof line, "%s %s: %s\n", time,
	    levels[level].name, message);

	if (length > 0)
		write_line(line, (size_t)length);
}

/* The object of one event, or NULL: out of memory. The caller frees it. */
static char *
make_json(enum log_level level, const char *time, const char *message)
{
	json_t *object = json_pack("{s:s, s:s, s:s}", "time", time, "level",
	    levels[level].name, "message", message);
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

static void
write_json(enum log_level level, const char *time, const char *message)
{
	char line[TIME_SIZE + 64 + 2 * MESSAGE_SIZE];
	char *text = make_json(level, time, message);
	int length;

	if (text == NULL) {
		write_text(level, time, message);
		return;
	}
	length = snprintf(line, sizeof line, "%s\n", text);
	if (length > 0 && (size_t)length < sizeof line)
		write_line(line, (size_t)length);
	free(text);
}

static void
write_syslog(enum log_level level, const char *time, const char *message)
{
	char *text = chosen.format == LOG_FORMAT_JSON
	                 ? make_json(level, time, message)
	                 : NULL;

	syslog(levels[level].priority, "%s", text ? text : message);
	free(text);
}

static void
write_message(enum log_level level, const char *message)
{
	char time[TIME_SIZE];

	print_time(time);
	if (chosen.use_syslog)
		write_syslog(level, time, message);
	else if (chosen.format == LOG_FORMAT_JSON)
		write_json(level, time, message);
	else
		write_text(level, time, message);
}

/* Say how many lines were lost; if that is lost, too, they stay counted. */
static void
write_lost(void)
{
	unsigned count = atomic_exchange(&lost, 0);
	char message[64];

	if (count == 0)
		return;
	snprintf(message, sizeof message, "%u log lines were lost", count);
	write_message(LOG_LEVEL_WARNING, message);
	if (atomic_load(&lost) > 0)
		atomic_fetch_add(&lost, count - 1);
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
	write_message(level, message);
	errno = saved;
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
