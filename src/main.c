/* rebore - a reverse TCP tunnel: start, wait for signals, stop. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/log_stream.h"
#include "base/random.h"
#include "base/secret.h"
#include "client/client.h"
#include "config.h"
#include "net/listen.h"
#include "net/sockopt.h"
#include "options.h"
#include "os/budget.h"
#include "os/daemon.h"
#include "os/fd.h"
#include "os/memory.h"
#include "os/notify.h"
#include "os/path.h"
#include "os/pidfile.h"
#include "os/signals.h"
#include "relay/buffers.h"
#include "relay/pipes.h"
#include "server/server.h"
#include "status.h"
#include "stream/stream_retain.h"
#include "wire/json_arena.h"

#define TEXT_SIZE 640

/* The fraction of memory that may be lent for bytes in flight. */
#define BUFFERS_SHARE 8
#define PIPES_SHARE   16
/* The same for bytes that may have to be sent again, and the most. */
#define STREAMS_SHARE      8
#define STREAMS_BYTES_MOST ((uint64_t)256 << 20)
/* One visitor is admitted for this much memory: the default of --max-visitors.
 * A control group is charged for what is in sockets, which the system limits
 * otherwise. */
#define VISITOR_BYTES          ((uint64_t)128 * 1024)
#define VISITOR_BYTES_IN_GROUP ((uint64_t)256 * 1024)
#define VISITORS_LEAST         64
#define VISITORS_MOST          1000000

/* Ports below this usually need a privilege. */
#define FREE_PORT_LOWEST 1024

/* How often to look for an address that is not there yet. */
#define ADDRESS_WAIT_MS 1000

/* Of all connections and pipes of this process. */
static struct budget budget;

/* what the user who starts the program must see, wherever the log goes */
__attribute__((__format__(__printf__, 3, 4))) static void
say(const struct config *config, void (*log)(const char *, ...),
    const char *format, ...)
{
	char text[TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	log("%s", text);
	if (config->log.use_syslog)
		(void)log_stream_write("rebore: ", text);
}

/* Tell the service manager and the shell. Returns false after saying why not.
 * */
static bool
tell_ready(
    const struct config *config, struct daemon *daemon, const char *status)
{
	if (daemon_ready(daemon) != ERROR_NONE) {
		say(config, log_error, "cannot go to the background: %s",
		    strerror(errno));
		return false;
	}
	notify_ready(status);
	return true;
}

static void
begin_stop(void)
{
	notify_stopping();
	signals_end_on_next();
}

/* error: of statefile_open(), with errno */
static void
say_why_no_state(const struct config *config, const char *path,
    enum error error, pid_t holder)
{
	if (error == ERROR_IN_USE && holder > 0)
		say(config, log_error,
		    "--state-file '%s': in use by process %ld; give each "
		    "process a file of its own",
		    path, (long)holder);
	else if (error == ERROR_IN_USE)
		say(config, log_error,
		    "--state-file '%s': in use by another process; give each "
		    "process a file of its own",
		    path);
	else if (error == ERROR_INVALID)
		say(config, log_error,
		    "--state-file '%s': must be a regular file, and no "
		    "symbolic link",
		    path);
	else
		say(config, log_error, "--state-file '%s': %s", path,
		    strerror(errno));
}

/* error: of server_start(), with errno */
static void
say_why_not_listening(const struct config *config, enum error error)
{
	const char *reason = errno != 0 ? strerror(errno) : error_text(error);
	unsigned port = address_port(&config->server.control);
	char address[ADDRESS_TEXT_SIZE];
	char advice[TEXT_SIZE / 2] = "";

	if (error == ERROR_IN_USE)
		snprintf(advice, sizeof advice,
		    ": another program holds port %u; stop it, or choose "
		    "another --control-port",
		    port);
	else if (error == ERROR_DENIED && port < FREE_PORT_LOWEST)
		snprintf(advice, sizeof advice,
		    ": ports below %d need privileges; choose another "
		    "--control-port, or give CAP_NET_BIND_SERVICE",
		    FREE_PORT_LOWEST);
	address_print(&config->server.control, address);
	say(config, log_error, "cannot listen on %s: %s%s", address, reason,
	    advice);
}

/* Warn of oddities of the secret files. */
static void
warn_of_oddities(const struct config *config)
{
	for (unsigned i = 0; i < config->secret_file_count; i++)
		if (config->secret_oddities[i] != NULL)
			say(config, log_warning, "the secret file '%s' %s",
			    config->secret_files[i],
			    config->secret_oddities[i]);
}

/* SIGHUP: the secret files are read again. */
static void
replace_secrets(struct config *config, struct server *server)
{
	char problem[OPTIONS_ERROR_SIZE];
	unsigned count;
	unsigned left;

	if (config->secret_file_count == 0) {
		log_info("SIGHUP: there is no secret file to read again");
		return;
	}
	if (options_read_secrets(config, true, problem) != OPTIONS_RUN) {
		log_error("SIGHUP: %s; the secrets stay as they were", problem);
		return;
	}
	count = config->key_count;
	if (server_set_keys(server, config->keys, count, &left))
		log_error("SIGHUP: %s; the secrets stay as they were",
		    error_text(ERROR_MEMORY));
	else
		log_info("SIGHUP: read %u secret file%s again; %u client%s "
			 "connected with a secret of before",
		    count, count == 1 ? "" : "s", left,
		    left == 1 ? " is" : "s are");
	secret_wipe(config->keys, sizeof config->keys);
	warn_of_oddities(config);
}

/* Whether the addresses to listen on exist; if not, why says what is missing.
 * */
static bool
has_addresses(struct server_options *server, char why[static TEXT_SIZE / 2])
{
	const struct address *absent = &server->control;
	const char *missing = NULL;
	char address[ADDRESS_TEXT_SIZE];

	if (!address_find_link(&server->tunnels, server->tunnels_link))
		missing = server->tunnels_link;
	if (!address_find_link(&server->control, server->control_link))
		missing = server->control_link;
	if (missing == NULL && listen_probe(absent) == ERROR_NONE) {
		absent = &server->tunnels;
		if (listen_probe(absent) == ERROR_NONE)
			return true;
	}
	address_print(absent, address);
	if (missing != NULL)
		snprintf(why, TEXT_SIZE / 2, "there is no link '%s'", missing);
	else
		snprintf(why, TEXT_SIZE / 2, "cannot listen on %s: %s", address,
		    strerror(errno));
	return false;
}

/*
 * The shell need not wait for an address that may appear when the rest of the
 * system is up. Relative paths have been resolved by then.
 */
static bool
leave_shell(struct config *config, struct daemon *daemon)
{
	const char *path = config->server.state_path;
	bool is_absolute = true;

	if (!config->daemon)
		return true;
	if (path != NULL) {
		path = path_absolute(path); /* till the end */
		is_absolute = path != NULL;
		config->server.state_path = path;
	}
	if (is_absolute && daemon_ready(daemon) == ERROR_NONE)
		return true;
	say(config, log_error, "cannot go to the background: %s",
	    strerror(errno));
	return false;
}

/*
 * An address, or its link, may appear later than this program: wait for it.
 *
 * Returns false when the program is to end instead; status says how.
 */
static bool
wait_for_addresses(
    struct config *config, struct daemon *daemon, enum status *status)
{
	enum signals_event event = SIGNALS_NONE;
	char why[TEXT_SIZE / 2];

	if (has_addresses(&config->server, why))
		return true;
	say(config, log_warning, "%s; waiting for it", why);
	if (!leave_shell(config, daemon)) {
		*status = STATUS_FAILED;
		return false;
	}
	while (event != SIGNALS_STOP && !has_addresses(&config->server, why)) {
		notify_waiting(why);
		event = signals_wait_for(ADDRESS_WAIT_MS);
	}
	if (event != SIGNALS_STOP)
		return true;
	begin_stop();
	log_info("stopping");
	*status = STATUS_STOPPED;
	return false;
}

static enum status
run_server(struct config *config, struct daemon *daemon)
{
	enum status status = STATUS_FAILED;
	struct server *server;
	struct server_failure failure;
	struct address address;
	char listening[ADDRESS_TEXT_SIZE + sizeof "listening on "];
	char text[ADDRESS_TEXT_SIZE];
	enum signals_event event;
	enum error error;

	if (!wait_for_addresses(config, daemon, &status)) {
		secret_wipe(config->keys, sizeof config->keys);
		return status;
	}
	errno = 0;
	error = server_start(&config->server, config->keys, config->key_count,
	    &server, &failure);
	secret_wipe(config->keys, sizeof config->keys);
	if (error != ERROR_NONE) {
		if (failure.of_state_file)
			say_why_no_state(config, config->server.state_path,
			    error, failure.holder);
		else
			say_why_not_listening(config, error);
		return STATUS_FAILED;
	}
	server_address(server, &address);
	address_print(&address, text);
	snprintf(listening, sizeof listening, "listening on %s", text);
	log_info("%s", listening);
	if (tell_ready(config, daemon, listening)) {
		while ((event = signals_wait()) != SIGNALS_STOP)
			if (event == SIGNALS_RETRY)
				replace_secrets(config, server);
		begin_stop();
		log_info("stopping");
		status = STATUS_STOPPED;
	}
	server_stop(server);
	return status;
}

static enum status
status_of_end(enum client_end end)
{
	switch (end) {
	case CLIENT_END_STOPPED:
		return STATUS_STOPPED;
	case CLIENT_END_GAVE_UP:
		return STATUS_GAVE_UP;
	case CLIENT_END_REFUSED:
		return STATUS_REFUSED;
	case CLIENT_END_IMPOSSIBLE:
		return STATUS_IMPOSSIBLE;
	case CLIENT_END_FAILED:
		break;
	}
	return STATUS_FAILED;
}

static void
wait_for_client(struct client *client)
{
	enum signals_event event;

	do {
		event = signals_wait();
		if (event == SIGNALS_RETRY) {
			client_retry_now(client);
			log_debug("SIGHUP: a wait is over");
		}
	} while (event != SIGNALS_STOP && !client_has_ended(client));
	begin_stop();
	if (event == SIGNALS_STOP) {
		log_info("stopping");
		client_stop(client);
	}
}

static enum status
run_client(struct config *config, struct daemon *daemon)
{
	struct client *client;
	struct client_failure failure;
	enum client_end end;
	enum error error;
	bool is_ready;

	config->client.on_status = notify_status;
	config->client.on_end = signals_tell_main;
	errno = 0;
	error = client_start(&config->client, config->keys, &client, &failure);
	secret_wipe(config->keys, sizeof config->keys);
	if (error != ERROR_NONE && failure.of_state_file) {
		say_why_no_state(
		    config, config->client.state_path, error, failure.holder);
		return STATUS_FAILED;
	}
	if (error != ERROR_NONE) {
		say(config, log_error, "cannot start: %s",
		    errno != 0 ? strerror(errno) : error_text(error));
		return STATUS_FAILED;
	}
	/* The client reports its status, and may have done so already. */
	is_ready = tell_ready(config, daemon, NULL);
	if (is_ready)
		wait_for_client(client);
	else
		client_stop(client);
	end = client_join(client);
	return is_ready ? status_of_end(end) : STATUS_FAILED;
}

/* Returns false after saying why not. */
static bool
take_pidfile(const struct config *config, struct pidfile *pidfile)
{
	const char *path = config->pid_file;
	enum error error;
	pid_t holder;

	*pidfile = (struct pidfile){.fd = -1};
	if (path == NULL)
		return true;
	error = pidfile_take(path, pidfile, &holder);
	if (error == ERROR_NONE)
		return true;
	if (error == ERROR_IN_USE && holder > 0)
		say(config, log_error,
		    "--pid-file '%s': rebore runs already, as process %ld",
		    path, (long)holder);
	else if (error == ERROR_IN_USE)
		say(config, log_error,
		    "--pid-file '%s': another process holds it", path);
	else if (error == ERROR_INVALID)
		say(config, log_error,
		    "--pid-file '%s': is no pid file, and was left alone",
		    path);
	else
		say(config, log_error, "--pid-file '%s': %s", path,
		    strerror(errno));
	return false;
}

static void
warn_of_secret(const struct config *config)
{
	if (config->secret_in_argv)
		say(config, log_warning,
		    "a secret on the command line can be seen in ps and in "
		    "the shell's history: use --secret-file or "
		    "REBORE_SECRET");
	if (config->secret_empty)
		say(config, log_warning,
		    "the secret is empty: anybody can guess it");
	warn_of_oddities(config);
	if (config->command == CONFIG_SERVER && config->key_count == 0)
		say(config, log_warning,
		    "no secret: anybody who reaches the control port can have "
		    "a public port; --secret-file keeps strangers out");
}

/* How many visitors there is memory for. */
static unsigned
count_visitors(uint64_t memory)
{
	bool in_group = memory_limit_of_groups("") <= memory;
	uint64_t visitors =
	    memory / (in_group ? VISITOR_BYTES_IN_GROUP : VISITOR_BYTES);

	if (visitors < VISITORS_LEAST)
		visitors = VISITORS_LEAST;
	return visitors < VISITORS_MOST ? (unsigned)visitors : VISITORS_MOST;
}

/* Returns how many bytes streams may keep. */
static uint64_t
stream_bytes(const struct config *config, uint64_t memory)
{
	if (config->stream_memory_mib > 0)
		return (uint64_t)config->stream_memory_mib << 20;
	return memory / STREAMS_SHARE < STREAMS_BYTES_MOST
	           ? memory / STREAMS_SHARE
	           : STREAMS_BYTES_MOST;
}

/* Peers that open connections and read nothing must not use up the memory: only
 * part of it may be lent for bytes in flight, and the number of visitors is
 * limited. */
static void
share_memory(struct config *config)
{
	const uint64_t memory = memory_limit();
	unsigned visitors = count_visitors(memory);

	buffers_limit(memory / BUFFERS_SHARE);
	pipes_limit(memory / PIPES_SHARE);
	stream_retain_limit(stream_bytes(config, memory));
	log_debug("there is memory for %u visitors", visitors);
	if (config->max_visitors > 0)
		visitors = config->max_visitors;
	budget_init(&budget, fd_limit());
	budget_limit(&budget, visitors);
	pipes_charge(&budget);
	config->client.budget = &budget;
	config->server.budget = &budget;
}

/* In the process that stays. */
static enum status
run_in_process(struct config *config, struct daemon *daemon)
{
	enum status status = STATUS_FAILED;
	struct pidfile pidfile;

	log_open(&config->log);
	warn_of_secret(config);
	signals_start();
	if (random_start() != ERROR_NONE) {
		say(config, log_error,
		    "the system gives no random bytes: is there a "
		    "/dev/urandom?");
		return STATUS_FAILED;
	}
	if (!take_pidfile(config, &pidfile))
		return STATUS_FAILED;
	sockopt_set_proxied_idle(config->keepalive_s);
	share_memory(config);
	if (config->command == CONFIG_SERVER)
		status = run_server(config, daemon);
	else
		status = run_client(config, daemon);
	pidfile_release(&pidfile);
	return status;
}

/* Returns the exit status, also in the parent of a daemon. */
static enum status
run_or_fork(struct config *config)
{
	struct daemon daemon = DAEMON_INITIALIZER;
	bool is_parent;
	int status;

	if (!config->daemon)
		return run_in_process(config, &daemon);
	if (daemon_start(&daemon, &is_parent, &status) != ERROR_NONE) {
		fprintf(stderr, "rebore: cannot go to the background: %s\n",
		    strerror(errno));
		return STATUS_FAILED;
	}
	return is_parent ? (enum status)status
	                 : run_in_process(config, &daemon);
}

/* Standard output may be a full disk, or a pipe that nobody reads. */
static enum status
status_of_output(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? STATUS_STOPPED
	                                              : STATUS_FAILED;
}

int
main(int argc, char **argv)
{
	/* Static, because a stop may leave threads behind that read it. */
	static struct config config;
	char error[OPTIONS_ERROR_SIZE];
	enum status status = STATUS_FAILED;
	enum options_result result;

	if (fd_fill_standard() != ERROR_NONE)
		return STATUS_FAILED; /* and there is nowhere to say why */
	json_arena_install();
	result = options_parse(argc, argv, &config, error);
	if (result == OPTIONS_RUN)
		result = options_read_secrets(&config, false, error);
	switch (result) {
	case OPTIONS_RUN:
		status = run_or_fork(&config);
		break;
	case OPTIONS_HELP:
		options_help(stdout, config.command);
		status = status_of_output();
		break;
	case OPTIONS_VERSION:
		printf("rebore %s\n", PACKAGE_VERSION);
		status = status_of_output();
		break;
	case OPTIONS_USAGE:
		fprintf(stderr, "rebore: %s\n", error);
		status = STATUS_USAGE;
		break;
	case OPTIONS_FAILED:
		fprintf(stderr, "rebore: %s\n", error);
		break;
	}
	options_free(&config);
	return (int)status;
}
