/*
 * options_table - the one table of options, for options.c and options_help.c.
 *
 * A row says all that there is to know about an option: the parser, the check
 * of its value, the error text and the help are made from it.
 */
#ifndef REBORE_OPTIONS_TABLE_H
#define REBORE_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "options.h"

/* The longest --resume. */
#define OPTIONS_RESUME_MOST_S 3600

/* Rows of options_rows, in the order of --help. */
enum options_id {
	OPTIONS_ROW_LOCAL_PORT,
	OPTIONS_ROW_LOCAL_HOST,
	OPTIONS_ROW_TO,
	OPTIONS_ROW_PORT,
	OPTIONS_ROW_MIN_PORT,
	OPTIONS_ROW_MAX_PORT,
	OPTIONS_ROW_SECRET,
	OPTIONS_ROW_SECRET_FILE,
	OPTIONS_ROW_AUTH_RETRY,
	OPTIONS_ROW_BIND_ADDR,
	OPTIONS_ROW_BIND_TUNNELS,
	OPTIONS_ROW_CONTROL_PORT,
	OPTIONS_ROW_CLIENT_TIMEOUT,
	OPTIONS_ROW_LEASE,
	OPTIONS_ROW_HOLD,
	OPTIONS_ROW_MAX_WAITING,
	OPTIONS_ROW_NO_RECONNECT,
	OPTIONS_ROW_MAX_RETRIES,
	OPTIONS_ROW_MAX_RECONNECT_DELAY,
	OPTIONS_ROW_HEARTBEAT_TIMEOUT,
	OPTIONS_ROW_LOCAL_RETRY,
	OPTIONS_ROW_SPARES,
	OPTIONS_ROW_MAX_VISITORS,
	OPTIONS_ROW_KEEPALIVE,
	OPTIONS_ROW_RESUME,
	OPTIONS_ROW_WINDOW,
	OPTIONS_ROW_STREAM_MEMORY,
	OPTIONS_ROW_DRAIN,
	OPTIONS_ROW_STATE_FILE,
	OPTIONS_ROW_VERBOSE,
	OPTIONS_ROW_QUIET,
	OPTIONS_ROW_LOG_FORMAT,
	OPTIONS_ROW_SYSLOG,
	OPTIONS_ROW_DAEMON,
	OPTIONS_ROW_PID_FILE,
	OPTIONS_ROW_HELP,
	OPTIONS_ROW_VERSION,
	OPTIONS_ROW_COUNT,
};

/* Where a value was found. */
enum options_origin {
	OPTIONS_FROM_NOWHERE,
	OPTIONS_FROM_ARGUMENT,
	/* The variable REBORE_X */
	OPTIONS_FROM_REBORE,
	/* The variable BORE_X */
	OPTIONS_FROM_BORE,
	OPTIONS_FROM_DEFAULT,
};

/* The work of one options_parse(). */
struct options_work {
	/* The caller's */
	struct config *config;
	/* The port of config->server.control, once that is parsed. */
	uint16_t control_port;
	enum options_origin origins[OPTIONS_ROW_COUNT];
	/* OPTIONS_RUN until something else is decided. */
	enum options_result result;
	/* Room for OPTIONS_ERROR_SIZE. */
	char *error;
};

/* An option, or the one operand. */
struct options_row {
	/* Without the hyphens; of the operand in capitals. */
	const char *name;
	/* The short form; 0: none. */
	int letter;
	/* What its argument is called; NULL: it takes none. */
	const char *argument;
	/* The value used if the argument is missing; NULL: it may not be
	 * missing. */
	const char *implied;
	/* The default; NULL: none, or help says it. */
	const char *fallback;
	/* Of a number; 0 and 0: it is none. */
	uint32_t min, max;
	/* What a value must be, if it is no number. */
	const char *allowed;
	/* The variable, behind REBORE_ and BORE_; NULL: none. */
	const char *environment;
	const char *help;
	/* Of enum config_command, one or both. */
	unsigned commands;
	bool is_operand;
	bool is_required;
	/* Wiped where it was found; an empty variable is a value. */
	bool is_secret;
	/*
	 * Store text in work; false: the value is not allowed. text: NULL for
	 * an option without argument.
	 */
	bool (*set)(struct options_work *work, const struct options_row *row,
	    const char *text);
	/* Where set() stores it in struct config, if rows share set(). */
	size_t target;
	/* The same for CONFIG_SERVER, if that has a default of its own; else 0.
	 * */
	size_t server_target;
};

/* Indexed by enum options_id. */
extern const struct options_row options_rows[OPTIONS_ROW_COUNT];

/* Wipe the keys; then there is no secret. */
void options_forget_secrets(struct config *config);

/*
 * Make the key of a secret, and add it to those of the command, which on a
 * client is only one.
 * secret: the caller's to wipe.
 */
void options_add_secret(struct config *config, const void *secret, size_t size);

/* Returns the name of a command, or NULL for CONFIG_NONE. */
const char *options_command_name(enum config_command command);

#endif
