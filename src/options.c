/* options - see options.h */
#include "options.h"

#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/secret.h"
#include "base/u32.h"
#include "options_suggest.h"
#include "options_table.h"
#include "os/path.h"
#include "os/secretfile.h"

/* What getopt_long() returns for a row; no character is that large. */
#define ROW_VALUE 0x1000
/* What it returns for an argument that is no option. */
#define OPERAND 1

/* How much of a bad value is shown: the longest host, at the worst. */
#define VALUE_SIZE 272
/* "REBORE_" or "--", the longest name of a row, NUL */
#define NAME_SIZE 48

/* "-:", each row's letter with up to two colons, NUL */
#define LETTERS_SIZE (2 + 3 * OPTIONS_ROW_COUNT + 1)

/* The table, as getopt_long() wants it */
struct getopt_table {
	struct option options[OPTIONS_ROW_COUNT + 1];
	char letters[LETTERS_SIZE];
};

/* Make this the result, unless there is one. */
__attribute__((__format__(__printf__, 2, 3))) static void
fail(struct options_work *work, const char *format, ...)
{
	const char *command = options_command_name(work->config->command);
	va_list arguments;
	size_t used;

	if (work->result != OPTIONS_RUN)
		return;
	work->result = OPTIONS_USAGE;
	va_start(arguments, format);
	vsnprintf(work->error, OPTIONS_ERROR_SIZE, format, arguments);
	va_end(arguments);
	used = strlen(work->error);
	snprintf(work->error + used, OPTIONS_ERROR_SIZE - used,
	    "; see 'rebore %s%s--help'", command ? command : "",
	    command ? " " : "");
}

/* The option in word, without a value, which may be secret */
static void
print_option_of_word(const char *word, char text[static VALUE_SIZE])
{
	size_t length = strcspn(word, "=");

	if (word[0] == '-' && word[1] != '-' && length > 2)
		length = 2;
	escape_text(word, length, text, VALUE_SIZE);
}

/* The name by which a person gave the value of row */
static void
print_name(const struct options_row *row, enum options_origin origin,
    char text[static NAME_SIZE])
{
	const char *before = row->is_operand ? "" : "--";
	const char *name = row->name;

	if (origin == OPTIONS_FROM_REBORE || origin == OPTIONS_FROM_BORE) {
		before = origin == OPTIONS_FROM_REBORE ? "REBORE_" : "BORE_";
		name = row->environment;
	}
	snprintf(text, NAME_SIZE, "%s%s", before, name);
}

static void
print_allowed(const struct options_row *row, char text[static VALUE_SIZE])
{
	if (row->max > 0)
		snprintf(text, VALUE_SIZE,
		    "a number from %" PRIu32 " to %" PRIu32, row->min,
		    row->max);
	else
		snprintf(text, VALUE_SIZE, "%s", row->allowed);
}

static enum options_origin *
origin_of(struct options_work *work, const struct options_row *row)
{
	return &work->origins[row - options_rows];
}

/* Store one value, unless the result is known. */
static void
take_value(struct options_work *work, const struct options_row *row,
    enum options_origin origin, const char *text)
{
	char value[VALUE_SIZE];
	char name[NAME_SIZE];
	char allowed[VALUE_SIZE];

	if (work->result != OPTIONS_RUN)
		return;
	*origin_of(work, row) = origin;
	if (row->set(work, row, text))
		return;
	assert(text != NULL); /* nothing is wrong with an option alone */
	escape_text(text, strlen(text), value, sizeof value);
	print_name(row, origin, name);
	print_allowed(row, allowed);
	fail(work, "%s '%s': must be %s", name, value, allowed);
}

/* Whether text is a value of row. It is stored, but the command line is refused
 * in that case. */
static bool
is_value_of(
    struct options_work *work, const struct options_row *row, const char *text)
{
	return row != NULL && row->set(work, row, text);
}

/* before: the option without its optional value right before text, or NULL */
static void
take_operand(struct options_work *work, const struct options_row *before,
    const char *text)
{
	const struct options_row *row = &options_rows[OPTIONS_ROW_LOCAL_PORT];
	char value[VALUE_SIZE];

	escape_text(text, strlen(text), value, sizeof value);
	if (is_value_of(work, before, text))
		fail(work, "argument '%s': a value of --%s is given as --%s=%s",
		    value, before->name, before->name, value);
	else if (!(row->commands & work->config->command))
		fail(work, "argument '%s': only options are allowed", value);
	else if (*origin_of(work, row) != OPTIONS_FROM_NOWHERE)
		fail(work, "argument '%s': only one %s is allowed", value,
		    row->name);
	else
		take_value(work, row, OPTIONS_FROM_ARGUMENT, text);
}

/* text: within argv, or NULL */
static void
take_option(
    struct options_work *work, const struct options_row *row, char *text)
{
	take_value(
	    work, row, OPTIONS_FROM_ARGUMENT, text ? text : row->implied);
	if (row->is_secret && text != NULL) {
		secret_wipe(text, strlen(text));
		work->config->secret_in_argv = true;
	}
}

/* The row of what getopt_long() returned, or NULL */
static const struct options_row *
row_of_value(int value)
{
	if (value >= ROW_VALUE && value < ROW_VALUE + OPTIONS_ROW_COUNT)
		return &options_rows[value - ROW_VALUE];
	for (size_t i = 0; i < OPTIONS_ROW_COUNT; i++)
		if (value != 0 && options_rows[i].letter == value)
			return &options_rows[i];
	return NULL;
}

static bool
is_option_of(const struct options_row *row, enum config_command command)
{
	return (row->commands & command) && !row->is_operand;
}

/* Whether more than one option starts with name */
static bool
is_ambiguous(const char *name, size_t length, enum config_command command)
{
	unsigned matches = 0;

	for (size_t i = 0; i < OPTIONS_ROW_COUNT; i++)
		if (is_option_of(&options_rows[i], command) &&
		    strncmp(options_rows[i].name, name, length) == 0)
			matches++;
	return matches > 1;
}

/* The long option with exactly this name, of any of the commands; NULL: none */
static const struct options_row *
row_of_name(const char *name, size_t length, unsigned commands)
{
	for (size_t i = 0; i < OPTIONS_ROW_COUNT; i++) {
		const struct options_row *row = &options_rows[i];

		if ((row->commands & commands) && !row->is_operand &&
		    strlen(row->name) == length &&
		    strncmp(row->name, name, length) == 0)
			return row;
	}
	return NULL;
}

/* Say that there is no such long option, and which one may be meant. */
static void
fail_unknown(struct options_work *work, const char *option, const char *name,
    size_t length)
{
	enum config_command command = work->config->command;
	enum config_command other =
	    command == CONFIG_LOCAL ? CONFIG_SERVER : CONFIG_LOCAL;
	const char *nearest = options_suggest(command, name, length);

	if (row_of_name(name, length, other) != NULL)
		fail(work,
		    "option '%s': there is no such option; it belongs to "
		    "'rebore %s'",
		    option, options_command_name(other));
	else if (nearest != NULL)
		fail(work,
		    "option '%s': there is no such option; did you mean --%s?",
		    option, nearest);
	else
		fail(work, "option '%s': there is no such option", option);
}

/* An unknown long option, or a shortened one that could be several */
static void
reject_long(struct options_work *work, char *word)
{
	size_t length = strcspn(word, "=");
	char option[VALUE_SIZE];

	print_option_of_word(word, option);
	if (is_ambiguous(word + 2, length - 2, work->config->command))
		fail(work, "option '%s': more than one option starts like this",
		    option);
	else
		fail_unknown(work, option, word + 2, length - 2);
	/* It may have been meant for --secret. */
	secret_wipe(word + length, strlen(word + length));
}

/*
 * A long option behind one hyphen, such as -to, whose letters would be taken
 * for options of one letter, or for the value of one.
 *
 * Returns whether it was refused.
 */
static bool
reject_one_hyphen(struct options_work *work, char *word)
{
	size_t length = strcspn(word, "=");
	const struct options_row *row;

	if (word[0] != '-' || word[1] == '-' || length < 3)
		return false;
	row = row_of_name(word + 1, length - 1, work->config->command);
	if (row == NULL)
		return false;
	fail(work,
	    "option '-%s': a long option has two hyphens; did you mean --%s?",
	    row->name, row->name);
	secret_wipe(word + length, strlen(word + length));
	return true;
}

/* Say why getopt_long() refused word. rejected: its optopt */
static void
reject(struct options_work *work, char *word, int rejected)
{
	const struct options_row *row = row_of_value(rejected);
	char letter = (char)rejected;
	char text[VALUE_SIZE];

	if (row != NULL && row->argument == NULL) {
		fail(work, "option '--%s': no value is allowed", row->name);
	} else if (row != NULL && is_option_of(row, work->config->command)) {
		print_allowed(row, text);
		fail(work, "option '--%s': its value is missing: must be %s",
		    row->name, text);
	} else if (rejected != 0) {
		escape_text(&letter, 1, text, sizeof text);
		fail(work, "option '-%s': there is no such option", text);
	} else {
		reject_long(work, word);
	}
}

static int
argument_kind(const struct options_row *row)
{
	if (row->argument == NULL)
		return no_argument;
	return row->implied ? optional_argument : required_argument;
}

static void
fill_getopt_table(struct getopt_table *table, enum config_command command)
{
	struct option *option = table->options;
	char *letter = table->letters + strlen(table->letters);

	for (int i = 0; i < OPTIONS_ROW_COUNT; i++) {
		const struct options_row *row = &options_rows[i];
		int kind = argument_kind(row);

		if (!is_option_of(row, command))
			continue;
		option->name = row->name;
		option->has_arg = kind;
		option->val = ROW_VALUE + i;
		option++;
		if (row->letter == 0)
			continue;
		*letter++ = (char)row->letter;
		for (; kind > 0; kind--)
			*letter++ = ':';
	}
}

/* argv: from the command's name on */
static void
take_arguments(struct options_work *work, int argc, char **argv)
{
	/* Operands in their place, and ':' for a missing argument */
	struct getopt_table table = {.letters = "-:"};
	const struct options_row *before = NULL;
	int value;
	int index = 1; /* of the word that getopt_long() looks at */

	fill_getopt_table(&table, work->config->command);
	opterr = 0;
	/* Starts over, as no other value does on all systems. */
	optind = 0;
	/* Goes on after an error, for a secret that may follow. */
	while ((value = getopt_long(
		    argc, argv, table.letters, table.options, NULL)) != -1) {
		const struct options_row *row = row_of_value(value);
		bool refused =
		    value != OPERAND && reject_one_hyphen(work, argv[index]);

		if (value == OPERAND)
			take_operand(work, before, argv[optind - 1]);
		else if (row != NULL && !refused)
			take_option(work, row, optarg);
		else if (!refused)
			reject(work, argv[optind - 1], optopt);
		before = row != NULL && row->implied && !optarg ? row : NULL;
		index = optind;
	}
	for (; optind < argc; optind++)
		take_operand(work, NULL, argv[optind]);
}

/*
 * The variable of row, or NULL. An empty one counts as unset, but for a secret,
 * as the empty secret is one.
 */
static char *
find_variable(const struct options_row *row, enum options_origin origin)
{
	char name[NAME_SIZE];
	char *value;

	if (row->environment == NULL)
		return NULL;
	print_name(row, origin, name);
	value = getenv(name);
	return value && (*value != '\0' || row->is_secret) ? value : NULL;
}

static void
take_environment(struct options_work *work, const struct options_row *row)
{
	static const enum options_origin origins[] = {
	    OPTIONS_FROM_REBORE, OPTIONS_FROM_BORE};
	char name[NAME_SIZE];

	for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
		char *value = find_variable(row, origins[i]);

		if (value == NULL)
			continue;
		if (*origin_of(work, row) == OPTIONS_FROM_NOWHERE)
			take_value(work, row, origins[i], value);
		if (row->is_secret) {
			print_name(row, origins[i], name);
			secret_wipe(value, strlen(value));
			unsetenv(name);
		}
	}
}

/* Fill in what was not given: from the environment, by the default, or report
 * an error. */
static void
complete(struct options_work *work, const struct options_row *row)
{
	enum options_origin *origin = origin_of(work, row);
	char name[NAME_SIZE];
	char allowed[VALUE_SIZE];

	/* A secret file takes precedence over the environment. */
	if (row->is_secret && *origin == OPTIONS_FROM_NOWHERE &&
	    work->origins[OPTIONS_ROW_SECRET_FILE] != OPTIONS_FROM_NOWHERE)
		*origin = OPTIONS_FROM_DEFAULT;
	take_environment(work, row);
	if (*origin != OPTIONS_FROM_NOWHERE)
		return;
	if (row->fallback != NULL) {
		take_value(work, row, OPTIONS_FROM_DEFAULT, row->fallback);
	} else if (row->is_required) {
		print_name(row, OPTIONS_FROM_ARGUMENT, name);
		print_allowed(row, allowed);
		fail(work, "%s is missing: must be %s, here or in REBORE_%s",
		    name, allowed, row->environment);
	}
}

static void
check_secret(struct options_work *work)
{
	if (work->origins[OPTIONS_ROW_SECRET] != OPTIONS_FROM_NOWHERE &&
	    work->origins[OPTIONS_ROW_SECRET_FILE] != OPTIONS_FROM_NOWHERE)
		fail(work, "options '--secret' and '--secret-file': only one "
			   "of them is allowed");
	if (work->config->secret_file_count > KEYRING_MOST)
		fail(work,
		    "option '--secret-file': only %d of them are "
		    "allowed",
		    KEYRING_MOST);
}

/* One file would replace the other. */
static void
check_files(struct options_work *work)
{
	const struct config *config = work->config;
	const char *state_path = config->command == CONFIG_SERVER
	                             ? config->server.state_path
	                             : config->client.state_path;

	if (config->pid_file != NULL && state_path != NULL &&
	    strcmp(config->pid_file, state_path) == 0)
		fail(work, "options '--pid-file' and '--state-file': each "
			   "must have a file of its own");
}

static void
check_range(struct options_work *work)
{
	const struct server_options *server = &work->config->server;
	char min_name[NAME_SIZE];
	char max_name[NAME_SIZE];

	if (server->min_port <= server->max_port)
		return;
	print_name(&options_rows[OPTIONS_ROW_MIN_PORT],
	    work->origins[OPTIONS_ROW_MIN_PORT], min_name);
	print_name(&options_rows[OPTIONS_ROW_MAX_PORT],
	    work->origins[OPTIONS_ROW_MAX_PORT], max_name);
	fail(work,
	    "%s '%u': must not be above %s '%u', as no port is left then",
	    min_name, (unsigned)server->min_port, max_name,
	    (unsigned)server->max_port);
}

static void
complete_server(struct options_work *work)
{
	struct server_options *server = &work->config->server;

	check_range(work);
	if (work->origins[OPTIONS_ROW_BIND_TUNNELS] == OPTIONS_FROM_NOWHERE) {
		server->tunnels = server->control;
		memcpy(server->tunnels_link, server->control_link,
		    sizeof server->tunnels_link);
	}
	/* It makes no sense to keep a visitor for longer than its port. */
	if (work->origins[OPTIONS_ROW_RESUME] == OPTIONS_FROM_DEFAULT)
		server->resume_ms =
		    u32_min(server->lease_ms, OPTIONS_RESUME_MOST_S * 1000);
	if (work->result == OPTIONS_RUN)
		address_set_port(&server->control, work->control_port);
}

/* argv: from the command's name on */
static void
read_command(struct options_work *work, int argc, char **argv)
{
	take_arguments(work, argc, argv);
	check_secret(work);
	check_files(work);
	for (size_t i = 0; i < OPTIONS_ROW_COUNT; i++)
		if (options_rows[i].commands & work->config->command)
			complete(work, &options_rows[i]);
	if (work->config->command == CONFIG_SERVER)
		complete_server(work);
}

static enum config_command
command_of_name(const char *name)
{
	static const enum config_command commands[] = {
	    CONFIG_LOCAL, CONFIG_SERVER};

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(options_command_name(commands[i]), name) == 0)
			return commands[i];
	return CONFIG_NONE;
}

/* The first argument, which is no command */
static void
read_word(struct options_work *work, const char *word)
{
	char text[VALUE_SIZE];

	print_option_of_word(word, text);
	if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
		work->result = OPTIONS_HELP;
	else if (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0)
		work->result = OPTIONS_VERSION;
	else if (*word == '-')
		fail(work,
		    "option '%s': the command must come first, 'local' or "
		    "'server'",
		    text);
	else
		fail(work, "command '%s': must be 'local' or 'server'", text);
}

enum options_result
options_parse(int argc, char **argv, struct config *config,
    char error[static OPTIONS_ERROR_SIZE])
{
	struct options_work work;
	enum config_command command = CONFIG_NONE;

	if (argc >= 2)
		command = command_of_name(argv[1]);
	memset(&work, 0, sizeof work);
	memset(config, 0, sizeof *config);
	error[0] = '\0';
	work.result = OPTIONS_RUN;
	work.error = error;
	work.config = config;
	config->command = command;
	config->client.reconnect.reconnect = true;
	config->log.level = LOG_LEVEL_INFO;
	config->log.facility = log_facility_of_name("daemon");
	if (command != CONFIG_NONE)
		read_command(&work, argc - 1, argv + 1);
	else if (argc >= 2)
		read_word(&work, argv[1]);
	else
		fail(&work, "no command: must be 'local' or 'server'");
	if (work.result != OPTIONS_RUN) {
		secret_wipe(config, sizeof *config); /* perhaps with a key */
		config->command = command;
	}
	return work.result;
}

/* Read the secret file with this number. */
static enum error
read_secret(struct config *config, unsigned number, bool again,
    char why[static SECRETFILE_WHY_SIZE])
{
	char **path = &config->secret_paths[number];
	const char *name = config->secret_files[number];
	struct secretfile file;
	enum error error = secretfile_read(
	    again && *path != NULL ? *path : name, again, &file, why);

	if (error)
		return error;
	options_add_secret(config, file.secret, file.size);
	config->secret_oddities[number] = file.oddity;
	if (file.is_regular && *path == NULL)
		*path = path_absolute(name); /* --daemon changes the folder */
	secretfile_wipe(&file);
	return ERROR_NONE;
}

enum options_result
options_read_secrets(
    struct config *config, bool again, char error[static OPTIONS_ERROR_SIZE])
{
	char why[SECRETFILE_WHY_SIZE];
	char path[VALUE_SIZE];

	error[0] = '\0';
	if (config->secret_file_count > 0)
		options_forget_secrets(config);
	for (unsigned i = 0; i < config->secret_file_count; i++) {
		const char *name = config->secret_files[i];

		if (read_secret(config, i, again, why) == ERROR_NONE)
			continue;
		options_forget_secrets(config);
		escape_text(name, strlen(name), path, sizeof path);
		snprintf(error, OPTIONS_ERROR_SIZE, "--secret-file '%s': %s",
		    path, why);
		return OPTIONS_FAILED;
	}
	if (config->secret_file_count > 0)
		config->client.secret_path = config->secret_paths[0];
	return OPTIONS_RUN;
}

void
options_free(struct config *config)
{
	for (unsigned i = 0; i < KEYRING_MOST; i++)
		free(config->secret_paths[i]);
	options_forget_secrets(config);
}
