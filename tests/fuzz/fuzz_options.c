/*
 * Whatever the command line and the environment are: a configuration within its
 * ranges, or one line that says what is wrong. The input is lines: NAME=VALUE
 * first, for the environment, then an argument each.
 */
#include <string.h>

#include "fuzz.h"
#include "options.h"

#define WORDS_MOST 32

static char *words[WORDS_MOST + 1];
static const char *variables[WORDS_MOST];

static bool
is_variable(const char *line)
{
	return strncmp(line, "REBORE_", 7) == 0 ||
	       strncmp(line, "BORE_", 5) == 0;
}

/* Split text at its newlines; into the environment what belongs there. */
static int
prepare(char *text)
{
	int argc = 0;
	int variable_count = 0;
	char *line;

	memset(words, 0, sizeof words);
	memset(variables, 0, sizeof variables);
	while ((line = strsep(&text, "\n")) != NULL && argc < WORDS_MOST) {
		char *equals = strchr(line, '=');

		if (argc == 0 && equals != NULL && is_variable(line) &&
		    variable_count < WORDS_MOST) {
			*equals = '\0';
			setenv(line, equals + 1, 1);
			variables[variable_count++] = line;
		} else {
			words[argc++] = line;
		}
	}
	return argc;
}

static void
check_name(const struct address_name *name)
{
	FUZZ_MUST(memchr(name->host, '\0', sizeof name->host) != NULL);
	FUZZ_MUST(name->host[0] != '\0');
	FUZZ_MUST(name->port != 0);
}

static void
check_client(const struct client_options *client)
{
	check_name(&client->local);
	check_name(&client->server);
	FUZZ_MUST(client->reconnect.cap_ms >= 1000);
	FUZZ_MUST(client->heartbeat_timeout_ms >= 2000);
}

static void
check_server(const struct server_options *server)
{
	FUZZ_MUST(server->min_port >= 1);
	FUZZ_MUST(server->min_port <= server->max_port);
	FUZZ_MUST(server->client_timeout_ms >= 3000);
	FUZZ_MUST(server->control.socket.generic.sa_family == AF_INET ||
		  server->control.socket.generic.sa_family == AF_INET6);
	FUZZ_MUST(server->tunnels.socket.generic.sa_family == AF_INET ||
		  server->tunnels.socket.generic.sa_family == AF_INET6);
}

static void
check_config(const struct config *config)
{
	FUZZ_MUST(config->log.level >= LOG_LEVEL_ERROR &&
		  config->log.level <= LOG_LEVEL_DEBUG);
	FUZZ_MUST(config->log.format == LOG_FORMAT_TEXT ||
		  config->log.format == LOG_FORMAT_JSON);
	FUZZ_MUST(!config->daemon || config->log.use_syslog);
	FUZZ_MUST(config->command == CONFIG_LOCAL ||
		  config->command == CONFIG_SERVER);
	if (config->command == CONFIG_LOCAL)
		check_client(&config->client);
	else
		check_server(&config->server);
}

/* One line, safe for a terminal. */
static void
check_error(const char error[static OPTIONS_ERROR_SIZE])
{
	FUZZ_MUST(error[0] != '\0');
	FUZZ_MUST(memchr(error, '\0', OPTIONS_ERROR_SIZE) != NULL);
	for (; *error != '\0'; error++)
		FUZZ_MUST((unsigned char)*error >= ' ' && *error != 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[OPTIONS_ERROR_SIZE];
	char *text = malloc(size + 1);
	struct config config;
	enum options_result result;
	int argc;

	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	memset(error, 'x', sizeof error);
	argc = prepare(text);
	if (argc == 0)
		words[argc++] = text; /* as a kernel does */
	result = options_parse(argc, words, &config, error);
	if (result == OPTIONS_RUN)
		check_config(&config);
	if (result == OPTIONS_USAGE)
		check_error(error);
	else
		FUZZ_MUST(error[0] == '\0');
	for (int i = 0; i < WORDS_MOST && variables[i] != NULL; i++)
		unsetenv(variables[i]);
	free(text);
	return 0;
}
