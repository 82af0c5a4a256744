/*
 * config - what the command line asks for.
 *
 * Made by options.h, then read-only, but for the keys: options_read_secrets()
 * replaces them, and they are wiped once their users have a copy.
 */
#ifndef REBORE_CONFIG_H
#define REBORE_CONFIG_H

#include <stdbool.h>

#include "base/log.h"
#include "client/client_options.h"
#include "server/server_options.h"
#include "wire/auth.h"
#include "wire/keyring.h"

/* Each a bit, so that an option can belong to both. */
enum config_command {
	CONFIG_NONE = 0,
	CONFIG_LOCAL = 1,
	CONFIG_SERVER = 2,
};

struct config {
	enum config_command command;
	/* Visitors at a time; 0: as many as memory is there for. */
	unsigned max_visitors;
	/* The most MiB that streams keep; 0: by the memory that there is. */
	unsigned stream_memory_mib;
	/* A proxied connection that is idle is asked so early. */
	unsigned keepalive_s;
	/* Complete for CONFIG_LOCAL, but for the budget and the
	 * callbacks. */
	struct client_options client;
	/* Complete for CONFIG_SERVER, but for the budget. */
	struct server_options server;

	struct log_options log;
	/* NULL: none. Points into argv. */
	const char *pid_file;

	/* A client has one at most. Of a server any will do; none: none is
	 * wanted. */
	struct auth_key keys[KEYRING_MOST];
	/* The files of secrets, in the order of the arguments; into argv. */
	const char *secret_files[KEYRING_MOST];
	/* The same once they are read, from the root, so that they can be read
	 * again; options_free() frees them. NULL: was a pipe, or the folder has
	 * no name. */
	char *secret_paths[KEYRING_MOST];
	/* What is odd about each file, as secretfile.h; NULL: nothing. */
	const char *secret_oddities[KEYRING_MOST];
	unsigned key_count;
	unsigned secret_file_count;

	/* Go to the background; log.use_syslog is set then. */
	bool daemon;
	/* The secret was an argument: others could have seen it. */
	bool secret_in_argv;
	/* A secret is the empty one, which is valid, and no protection. */
	bool secret_empty;
};

#endif
