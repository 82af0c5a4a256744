/*
 * options - the command line and the environment, read into a configuration.
 *
 * One table has every option: name, argument, default, range, environment
 * variable, help. The parser, the checks of values and --help are made from it.
 * The command line takes precedence over the environment, REBORE_X over BORE_X,
 * and both over the default.
 */
#ifndef REBORE_OPTIONS_H
#define REBORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config.h"

/* Room for every error line of this module. */
#define OPTIONS_ERROR_SIZE 640

enum options_result {
	/* The configuration is complete, except for the secret files. */
	OPTIONS_RUN,
	/* --help or --version came before any error. */
	OPTIONS_HELP,
	OPTIONS_VERSION,
	/* error says what is wrong. */
	OPTIONS_USAGE,
	/* The arguments are right, but what they name is not. */
	OPTIONS_FAILED,
};

/*
 * Read the command line. Does no I/O and may be called again.
 *
 * argv: of main(); a secret in it is overwritten, whatever the result. A secret
 * in the environment is overwritten too, and its variable removed.
 * config: complete on OPTIONS_RUN; else only its command is valid, the one that
 * --help was asked for.
 * error: on OPTIONS_USAGE one line that names the option, its value and what is
 * allowed; else empty.
 * Threads: the main thread, before it starts another.
 */
enum options_result options_parse(int argc, char **argv, struct config *config,
    char error[static OPTIONS_ERROR_SIZE]);

/*
 * Read the secret files that config names, if any, and derive the keys, which
 * the caller has to wipe (server_start(), client_start() and server_set_keys()
 * copy them).
 *
 * again: they were read before. None can be a pipe then, and the earlier keys
 * are replaced.
 * Returns OPTIONS_RUN, or OPTIONS_FAILED with error as above, and no keys.
 */
enum options_result options_read_secrets(
    struct config *config, bool again, char error[static OPTIONS_ERROR_SIZE]);

/* Release what options_read_secrets() made, and wipe the keys. Legal for every
 * config of options_parse(). */
void options_free(struct config *config);

/* Write the help of a command; CONFIG_NONE: of the program. */
void options_help(FILE *file, enum config_command command);

#endif
