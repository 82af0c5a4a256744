/* options_table - see options_table.h */
#include "options_table.h"

#include <string.h>

#include "base/secret.h"

#define CONTROL_PORT 7835

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

#define BOTH (CONFIG_LOCAL | CONFIG_SERVER)

static void *
target_of(struct options_work *work, const struct options_row *row)
{
	bool is_server = work->config->command == CONFIG_SERVER;
	bool is_own = is_server && row->server_target != 0;

	return (char *)work->config +
	       (is_own ? row->server_target : row->target);
}

/* digits only, in the range of row */
static bool
parse_number(const struct options_row *row, const char *text, uint32_t *number)
{
	uint64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > row->max)
			return false;
	}
	*number = (uint32_t)value;
	return value >= row->min;
}

static bool
set_port(
    struct options_work *work, const struct options_row *row, const char *text)
{
	uint16_t *port = target_of(work, row);
	uint32_t number;

	if (!parse_number(row, text, &number))
		return false;
	*port = (uint16_t)number;
	return true;
}

static bool
set_control_port(
    struct options_work *work, const struct options_row *row, const char *text)
{
	uint32_t number;

	if (!parse_number(row, text, &number))
		return false;
	work->control_port = (uint16_t)number;
	return true;
}

static bool
set_number(
    struct options_work *work, const struct options_row *row, const char *text)
{
	unsigned *target = target_of(work, row);
	uint32_t number;

	if (!parse_number(row, text, &number))
		return false;
	*target = number;
	return true;
}

/* Stored in milliseconds, so that row->max must be small enough. */
static bool
set_seconds(
    struct options_work *work, const struct options_row *row, const char *text)
{
	unsigned *target_ms = target_of(work, row);
	uint32_t number;

	if (!parse_number(row, text, &number))
		return false;
	*target_ms = number * 1000;
	return true;
}

/* In KiB, stored in bytes, so that row->max must be small enough. */
static bool
set_kilobytes(
    struct options_work *work, const struct options_row *row, const char *text)
{
	uint32_t *target = target_of(work, row);
	uint32_t number;

	if (!parse_number(row, text, &number))
		return false;
	*target = number * 1024;
	return true;
}

static bool
set_path(
    struct options_work *work, const struct options_row *row, const char *text)
{
	const char **path = target_of(work, row);

	*path = text;
	return *text != '\0';
}

static bool
set_address(
    struct options_work *work, const struct options_row *row, const char *text)
{
	struct server_options *server = &work->config->server;
	bool is_control = row == &options_rows[OPTIONS_ROW_BIND_ADDR];

	return address_parse_link(text, 0, target_of(work, row),
	    is_control ? server->control_link : server->tunnels_link);
}

static bool
set_local_host(
    struct options_work *work, const struct options_row *row, const char *text)
{
	struct address_name *local = &work->config->client.local;
	struct address_name name;

	(void)row;
	/* 0 can only be the default; any other port was in the text. */
	if (!address_name_parse(text, 0, &name) || name.port != 0)
		return false;
	memcpy(local->host, name.host, sizeof local->host);
	return true;
}

static bool
set_to(
    struct options_work *work, const struct options_row *row, const char *text)
{
	(void)row;
	return address_name_parse(
	    text, CONTROL_PORT, &work->config->client.server);
}

void
options_forget_secrets(struct config *config)
{
	config->client.has_secret = false;
	secret_wipe(config->keys, sizeof config->keys);
	config->key_count = 0;
	config->secret_empty = false;
}

void
options_add_secret(struct config *config, const void *secret, size_t size)
{
	if (config->command == CONFIG_LOCAL) {
		config->key_count = 0;
		config->client.has_secret = true;
	}
	if (config->key_count < KEYRING_MOST)
		auth_key_derive(
		    secret, size, &config->keys[config->key_count++]);
	if (size == 0)
		config->secret_empty = true;
}

static bool
set_secret(
    struct options_work *work, const struct options_row *row, const char *text)
{
	(void)row;
	/* The last one counts. */
	options_forget_secrets(work->config);
	options_add_secret(work->config, text, strlen(text));
	return true;
}

/* On a server all files count, on a client the last one. */
static bool
set_secret_file(
    struct options_work *work, const struct options_row *row, const char *text)
{
	struct config *config = work->config;

	(void)row;
	if (config->command == CONFIG_LOCAL)
		config->secret_file_count = 0;
	if (config->secret_file_count < KEYRING_MOST)
		config->secret_files[config->secret_file_count] = text;
	config->secret_file_count++; /* too many: found later */
	return *text != '\0';
}

static bool
set_no_reconnect(
    struct options_work *work, const struct options_row *row, const char *text)
{
	(void)row;
	(void)text;
	work->config->client.reconnect.reconnect = false;
	return true;
}

static bool
set_verbose(
    struct options_work *work, const struct options_row *row, const char *text)
{
	(void)row;
	(void)text;
	work->config->log.level = LOG_LEVEL_DEBUG;
	return true;
}

static bool
set_quiet(
    struct options_work *work, const struct options_row *row, const char *text)
{
	(void)row;
	(void)text;
	work->config->log.level = LOG_LEVEL_WARNING;
	return true;
}

static bool
set_log_format(
    struct options_work *work, const struct options_row *row, const char *text)
{
	bool is_json = strcmp(text, "json") == 0;

	(void)row;
	work->config->log.format = is_json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
	return is_json || strcmp(text, "text") == 0;
}

static bool
set_syslog(
    struct options_work *work, const struct options_row *row, const char *text)
{
	int facility = log_facility_of_name(text);

	(void)row;
	if (facility == LOG_FACILITY_UNKNOWN)
		return false;
	work->config->log.use_syslog = true;
	work->config->log.facility = facility;
	return true;
}

static bool
set_daemon(
    struct options_work *work, const struct options_row *row, const char *text)
{
	(void)row;
	(void)text;
	work->config->daemon = true;
	/* Standard error is /dev/null then. */
	work->config->log.use_syslog = true;
	return true;
}

static bool
set_help(
    struct options_work *work, const struct options_row *row, const char *text)
{
	(void)row;
	(void)text;
	work->result = OPTIONS_HELP;
	return true;
}

static bool
set_version(
    struct options_work *work, const struct options_row *row, const char *text)
{
	(void)row;
	(void)text;
	work->result = OPTIONS_VERSION;
	return true;
}

#define TARGET(member) offsetof(struct config, member)

const struct options_row options_rows[OPTIONS_ROW_COUNT] = {
    [OPTIONS_ROW_LOCAL_PORT] = {.name = "LOCAL_PORT",
	.min = 1,
	.max = UINT16_MAX,
	.environment = "LOCAL_PORT",
	.help = "port of the service",
	.commands = CONFIG_LOCAL,
	.is_operand = true,
	.is_required = true,
	.set = set_port,
	.target = TARGET(client.local.port)},
    [OPTIONS_ROW_LOCAL_HOST] = {.name = "local-host",
	.letter = 'l',
	.argument = "HOST",
	.fallback = "localhost",
	.allowed = "a host name, an IPv4 or an IPv6 address, without a port",
	.help = "host of the service",
	.commands = CONFIG_LOCAL,
	.set = set_local_host},
    [OPTIONS_ROW_TO] = {.name = "to",
	.letter = 't',
	.argument = "HOST[:PORT]",
	.allowed = "HOST[:PORT], such as example.org, 192.0.2.1:7835 or "
		   "[2001:db8::1]:7835",
	.environment = "SERVER",
	.help = "the server (port " TEXT(CONTROL_PORT) " unless given)",
	.commands = CONFIG_LOCAL,
	.is_required = true,
	.set = set_to},
    [OPTIONS_ROW_PORT] = {.name = "port",
	.letter = 'p',
	.argument = "N",
	.fallback = "0",
	.min = 0,
	.max = UINT16_MAX,
	.help = "public port to ask for; 0: any",
	.commands = CONFIG_LOCAL,
	.set = set_port,
	.target = TARGET(client.reconnect.public_port)},
    [OPTIONS_ROW_MIN_PORT] = {.name = "min-port",
	.argument = "N",
	.fallback = "1024",
	.min = 1,
	.max = UINT16_MAX,
	.environment = "MIN_PORT",
	.help = "lowest public port",
	.commands = CONFIG_SERVER,
	.set = set_port,
	.target = TARGET(server.min_port)},
    [OPTIONS_ROW_MAX_PORT] = {.name = "max-port",
	.argument = "N",
	.fallback = "65535",
	.min = 1,
	.max = UINT16_MAX,
	.environment = "MAX_PORT",
	.help = "highest public port",
	.commands = CONFIG_SERVER,
	.set = set_port,
	.target = TARGET(server.max_port)},
    [OPTIONS_ROW_SECRET] = {.name = "secret",
	.letter = 's',
	.argument = "S",
	.allowed = "any text",
	.environment = "SECRET",
	.help = "the shared secret; ps shows it to others",
	.commands = BOTH,
	.is_secret = true,
	.set = set_secret},
    [OPTIONS_ROW_SECRET_FILE] = {.name = "secret-file",
	.argument = "FILE",
	.allowed = "the name of a file",
	.help = "file of the secret; a server takes more than one",
	.commands = BOTH,
	.set = set_secret_file},
    [OPTIONS_ROW_AUTH_RETRY] = {.name = "auth-retry",
	.argument = "SECONDS",
	.fallback = "0",
	.min = 0,
	.max = 86400,
	.help = "a refused secret is tried again",
	.commands = CONFIG_LOCAL,
	.set = set_seconds,
	.target = TARGET(client.reconnect.auth_retry_ms)},
    [OPTIONS_ROW_BIND_ADDR] = {.name = "bind-addr",
	.argument = "ADDRESS",
	.fallback = "::",
	.allowed = "an IPv4 or IPv6 address, such as ::, 0.0.0.0 or 192.0.2.1",
	.help = "listen for clients here",
	.commands = CONFIG_SERVER,
	.set = set_address,
	.target = TARGET(server.control)},
    [OPTIONS_ROW_BIND_TUNNELS] = {.name = "bind-tunnels",
	.argument = "ADDRESS",
	.allowed = "an IPv4 or IPv6 address, such as ::, 0.0.0.0 or 192.0.2.1",
	.help = "listen for visitors here (as --bind-addr)",
	.commands = CONFIG_SERVER,
	.set = set_address,
	.target = TARGET(server.tunnels)},
    [OPTIONS_ROW_CONTROL_PORT] = {.name = "control-port",
	.argument = "N",
	.fallback = TEXT(CONTROL_PORT),
	.min = 0,
	.max = UINT16_MAX,
	.help = "port for clients; 0: any",
	.commands = CONFIG_SERVER,
	.set = set_control_port},
    [OPTIONS_ROW_CLIENT_TIMEOUT] = {.name = "client-timeout",
	.argument = "SECONDS",
	.fallback = "8",
	.min = 3,
	.max = 3600,
	.help = "a silent client is lost after this",
	.commands = CONFIG_SERVER,
	.set = set_seconds,
	.target = TARGET(server.client_timeout_ms)},
    [OPTIONS_ROW_LEASE] = {.name = "lease",
	.argument = "SECONDS",
	.fallback = "30",
	.min = 0,
	.max = 86400,
	.help = "keep a lost client's port",
	.commands = CONFIG_SERVER,
	.set = set_seconds,
	.target = TARGET(server.lease_ms)},
    [OPTIONS_ROW_HOLD] = {.name = "hold",
	.argument = "SECONDS",
	.fallback = "15",
	.min = 1,
	.max = 3600,
	.help = "visitors wait for a lost client",
	.commands = CONFIG_SERVER,
	.set = set_seconds,
	.target = TARGET(server.hold_ms)},
    [OPTIONS_ROW_MAX_WAITING] = {.name = "max-waiting",
	.argument = "N",
	.fallback = "64",
	.min = 0,
	.max = 10000,
	.help = "visitors of a lost client",
	.commands = CONFIG_SERVER,
	.set = set_number,
	.target = TARGET(server.max_waiting)},
    [OPTIONS_ROW_NO_RECONNECT] = {.name = "no-reconnect",
	.help = "end at the first failure or loss",
	.commands = CONFIG_LOCAL,
	.set = set_no_reconnect},
    [OPTIONS_ROW_MAX_RETRIES] = {.name = "max-retries",
	.argument = "N",
	.min = 1,
	.max = UINT32_MAX,
	.help = "give up after N failures in a row",
	.commands = CONFIG_LOCAL,
	.set = set_number,
	.target = TARGET(client.reconnect.max_retries)},
    [OPTIONS_ROW_MAX_RECONNECT_DELAY] = {.name = "max-reconnect-delay",
	.argument = "SECONDS",
	.fallback = "64",
	.min = 1,
	.max = 86400,
	.help = "longest wait between attempts",
	.commands = CONFIG_LOCAL,
	.set = set_seconds,
	.target = TARGET(client.reconnect.cap_ms)},
    [OPTIONS_ROW_HEARTBEAT_TIMEOUT] = {.name = "heartbeat-timeout",
	.argument = "SECONDS",
	.fallback = "8",
	.min = 2,
	.max = 3600,
	.help = "a silent server is lost after this",
	.commands = CONFIG_LOCAL,
	.set = set_seconds,
	.target = TARGET(client.heartbeat_timeout_ms)},
    [OPTIONS_ROW_LOCAL_RETRY] = {.name = "local-retry",
	.argument = "SECONDS",
	.fallback = "0",
	.min = 0,
	.max = 3600,
	.help = "wait for a service that is down",
	.commands = CONFIG_LOCAL,
	.set = set_seconds,
	.target = TARGET(client.local_retry_ms)},
    [OPTIONS_ROW_SPARES] = {.name = "spares",
	.argument = "N",
	.fallback = "4",
	.min = 0,
	.max = 64,
	.help = "connections kept ready",
	.commands = CONFIG_LOCAL,
	.set = set_number,
	.target = TARGET(client.spares)},
    [OPTIONS_ROW_MAX_VISITORS] = {.name = "max-visitors",
	.argument = "N",
	.min = 16,
	.max = 1000000,
	.help = "at a time; default: by memory",
	.commands = BOTH,
	.set = set_number,
	.target = TARGET(max_visitors)},
    [OPTIONS_ROW_KEEPALIVE] = {.name = "keepalive",
	.argument = "SECONDS",
	.fallback = "25",
	.min = 1,
	.max = 7200,
	.help = "probe an idle peer after this long",
	.commands = BOTH,
	.set = set_number,
	.target = TARGET(keepalive_s)},
    [OPTIONS_ROW_RESUME] = {.name = "resume",
	.argument = "SECONDS",
	.fallback = "30",
	.min = 0,
	.max = OPTIONS_RESUME_MOST_S,
	.help = "connections outlive their path",
	.commands = BOTH,
	.set = set_seconds,
	.target = TARGET(client.resume_ms),
	.server_target = TARGET(server.resume_ms)},
    [OPTIONS_ROW_WINDOW] = {.name = "window",
	.argument = "KIB",
	.min = 64,
	.max = 262144,
	.help = "of a stream; default: by distance",
	.commands = BOTH,
	.set = set_kilobytes,
	.target = TARGET(client.window),
	.server_target = TARGET(server.window)},
    [OPTIONS_ROW_STREAM_MEMORY] = {.name = "stream-memory",
	.argument = "MIB",
	.min = 1,
	.max = 1048576,
	.help = "to keep bytes; default: by memory",
	.commands = BOTH,
	.set = set_number,
	.target = TARGET(stream_memory_mib)},
    [OPTIONS_ROW_DRAIN] = {.name = "drain",
	.argument = "SECONDS",
	.fallback = "0",
	.min = 0,
	.max = 86400,
	.help = "let visitors finish at the end",
	.commands = BOTH,
	.set = set_number,
	.target = TARGET(client.drain_s),
	.server_target = TARGET(server.drain_s)},
    [OPTIONS_ROW_STATE_FILE] = {.name = "state-file",
	.argument = "FILE",
	.allowed = "the name of a file",
	.help = "what a restart must not forget",
	.commands = BOTH,
	.set = set_path,
	.target = TARGET(client.state_path),
	.server_target = TARGET(server.state_path)},
    [OPTIONS_ROW_VERBOSE] = {.name = "verbose",
	.letter = 'v',
	.help = "log details too",
	.commands = BOTH,
	.set = set_verbose},
    [OPTIONS_ROW_QUIET] = {.name = "quiet",
	.letter = 'q',
	.help = "log only warnings and errors",
	.commands = BOTH,
	.set = set_quiet},
    [OPTIONS_ROW_LOG_FORMAT] = {.name = "log-format",
	.argument = "FORMAT",
	.fallback = "text",
	.allowed = "text or json",
	.help = "text or json",
	.commands = BOTH,
	.set = set_log_format},
    [OPTIONS_ROW_SYSLOG] = {.name = "syslog",
	.argument = "FACILITY",
	.implied = "daemon",
	.allowed = "auth, cron, daemon, user or local0 to local7",
	.help = "log to syslog (facility daemon)",
	.commands = BOTH,
	.set = set_syslog},
    [OPTIONS_ROW_DAEMON] = {.name = "daemon",
	.help = "go to the background; implies --syslog",
	.commands = BOTH,
	.set = set_daemon},
    [OPTIONS_ROW_PID_FILE] = {.name = "pid-file",
	.argument = "FILE",
	.allowed = "the name of a file",
	.help = "keep the process number in FILE, locked",
	.commands = BOTH,
	.set = set_path,
	.target = TARGET(pid_file)},
    [OPTIONS_ROW_HELP] = {.name = "help",
	.letter = 'h',
	.help = "show this",
	.commands = BOTH,
	.set = set_help},
    [OPTIONS_ROW_VERSION] = {.name = "version",
	.letter = 'V',
	.help = "show the version",
	.commands = BOTH,
	.set = set_version},
};

const char *
options_command_name(enum config_command command)
{
	switch (command) {
	case CONFIG_LOCAL:
		return "local";
	case CONFIG_SERVER:
		return "server";
	case CONFIG_NONE:
		break;
	}
	return NULL;
}
