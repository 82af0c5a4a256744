/* notices - see notices.h */
#include "server/notices.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/source.h"

/* Room for two addresses and an error text. */
#define TEXT_SIZE 512

/* Limits for lines that anybody can cause, ... */
#define STRANGER                                                               \
	{                                                                      \
		.of_source = 1, .of_all = 60                                   \
	}
/* ... and for those of clients that have or had a public port: one gateway may
 * have many clients behind it. */
#define CLIENT                                                                 \
	{                                                                      \
		.of_source = 60, .of_all = 2000                                \
	}
#define SOMETIMES                                                              \
	{                                                                      \
		.of_source = 8, .of_all = 120                                  \
	}

static const struct {
	struct condense_rule rule;
	enum log_level level;
	/* For the count: "SOURCE WHAT: N times more within a minute" */
	const char *what;
} kinds[NOTICE_KINDS] = {
    [NOTICE_WRONG_SECRET] = {STRANGER, LOG_LEVEL_WARNING,
	"refused: wrong secret"},
    [NOTICE_NO_SECRET] = {STRANGER, LOG_LEVEL_WARNING,
	"refused: it did not authenticate"},
    [NOTICE_SILENT] = {STRANGER, LOG_LEVEL_WARNING, "dropped: it said nothing"},
    [NOTICE_NO_MESSAGE] = {STRANGER, LOG_LEVEL_WARNING,
	"dropped: what it sent is no message of the protocol"},
    [NOTICE_LEFT] = {STRANGER, LOG_LEVEL_INFO, "left without a word"},
    [NOTICE_HINT] = {SOMETIMES, LOG_LEVEL_WARNING,
	"is silent: it may wait for a challenge, but this server has no "
	"secret"},
    [NOTICE_BEGAN_WITH] = {STRANGER, LOG_LEVEL_WARNING,
	"dropped: it began with a message that does not belong there"},
    [NOTICE_NOT_WAITING] = {STRANGER, LOG_LEVEL_WARNING,
	"accepts a visitor that does not wait any more"},
    [NOTICE_BROKEN] = {STRANGER, LOG_LEVEL_WARNING,
	"dropped: its connection failed"},
    [NOTICE_SHUT_OUT] = {STRANGER, LOG_LEVEL_WARNING,
	"failed to authenticate too often and is shut out"},
    [NOTICE_PORT_REFUSED] = {SOMETIMES, LOG_LEVEL_WARNING,
	"asked for a port and was refused"},
    [NOTICE_COPY] = {SOMETIMES, LOG_LEVEL_ERROR,
	"refused: a state file is a copy"},
    [NOTICE_HAS_PORT] = {CLIENT, LOG_LEVEL_INFO, "has a port"},
    [NOTICE_GONE] = {CLIENT, LOG_LEVEL_INFO, "is gone"},
    [NOTICE_PORT_FREE] = {CLIENT, LOG_LEVEL_INFO, "had a port that is free"},
    [NOTICE_SKIPPED] = {SOMETIMES, LOG_LEVEL_INFO,
	"sent a message behind its Hello that is skipped"},
    [NOTICE_VISITOR_DROPPED] = {SOMETIMES, LOG_LEVEL_WARNING,
	"visited and was dropped"},
    [NOTICE_VISITOR_YIELDED] = {SOMETIMES, LOG_LEVEL_WARNING,
	"had visitors that gave way as descriptors were short"},
    [NOTICE_LEASE_YIELDED] = {SOMETIMES, LOG_LEVEL_WARNING,
	"had leases that gave way as descriptors were short"},
    [NOTICE_SHED] = {{.of_source = 1, .of_all = NOTICES_TEXTS},
	LOG_LEVEL_WARNING, "were turned away"},
};

void
notices_init(struct notices *notices, uint64_t seed)
{
	lock_init(&notices->lock, LOCK_RANK_NOTICES);
	notices->condense.seed = seed;
}

static void
write_line(enum notice kind, const char *text)
{
	if (kinds[kind].level == LOG_LEVEL_ERROR)
		log_error("%s", text);
	else if (kinds[kind].level == LOG_LEVEL_WARNING)
		log_warning("%s", text);
	else
		log_info("%s", text);
}

static bool
is_allowed_now(struct notices *notices, enum notice kind, uint64_t source)
{
	bool due;

	lock_take(&notices->lock);
	due = condense_allows(&notices->condense, &kinds[kind].rule, kind,
	    source, clock_now_ms());
	lock_give(&notices->lock);
	return due;
}

void
notices_tell(struct notices *notices, enum notice kind, uint64_t source,
    const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list arguments;
	bool is_allowed = is_allowed_now(notices, kind, source);

	if (!is_allowed && !log_is_verbose())
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (is_allowed)
		write_line(kind, text);
	else
		log_debug("%s", text);
}

/* FNV-1a, 64 bits */
static uint64_t
hash(const char *text)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		value =
		    (value ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return value;
}

void
notices_tell_text(struct notices *notices, const char *text)
{
	uint64_t source = hash(text);
	struct notices_text *entry;

	if (!is_allowed_now(notices, NOTICE_SHED, source)) {
		log_debug("%s", text);
		return;
	}
	lock_take(&notices->lock);
	entry = &notices->texts[notices->next_text++ % (2 * NOTICES_TEXTS)];
	entry->source = source;
	snprintf(entry->text, sizeof entry->text, "%s", text);
	lock_give(&notices->lock);
	write_line(NOTICE_SHED, text);
}

int64_t
notices_due_ms(struct notices *notices)
{
	int64_t due_ms;

	lock_take(&notices->lock);
	due_ms = condense_due_ms(&notices->condense);
	lock_give(&notices->lock);
	/* Another thread may count a line in the meantime. */
	return clock_earlier(due_ms, clock_now_ms() + CONDENSE_INTERVAL_MS);
}

/* Write who or what was counted. */
static void
print_subject(struct notices *notices, const struct condense_count *count,
    char text[static TEXT_SIZE])
{
	const char *what = kinds[count->kind].what;
	char source[SOURCE_TEXT_SIZE];

	lock_assert_held(&notices->lock);
	source_print(count->source, source);
	snprintf(text, TEXT_SIZE, "%s %s",
	    count->has_source ? source : "other peers", what);
	if (count->kind != NOTICE_SHED || !count->has_source)
		return;
	for (size_t i = 0; i < 2 * (size_t)NOTICES_TEXTS; i++)
		if (notices->texts[i].source == count->source)
			snprintf(text, TEXT_SIZE, "%s", notices->texts[i].text);
}

/* Log the counts that are due at now_ms. */
static void
write_counts(struct notices *notices, int64_t now_ms)
{
	struct condense_count count = {.has_source = false};
	char subject[TEXT_SIZE];
	char text[TEXT_SIZE + 64];
	bool more;

	do {
		lock_take(&notices->lock);
		more = condense_next(&notices->condense, now_ms, &count);
		if (more)
			print_subject(notices, &count, subject);
		lock_give(&notices->lock);
		if (!more)
			break;
		snprintf(text, sizeof text, "%s: %u times more within a minute",
		    subject, count.hidden);
		write_line((enum notice)count.kind, text);
	} while (more);
}

void
notices_write_counts(struct notices *notices)
{
	write_counts(notices, clock_now_ms());
}

void
notices_destroy(struct notices *notices)
{
	write_counts(notices, CLOCK_NEVER);
	lock_destroy(&notices->lock);
}
