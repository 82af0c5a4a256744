/*
 * What options.h promises: the table, the order of sources, the error lines,
 * and that no secret stays where others could read it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "options.h"
#include "suite.h"

#define WORDS_MOST   20
#define WORD_SIZE    80
#define HELP_SIZE    8192
#define LENGTH(list) (sizeof(list) / sizeof *(list))

static char words[WORDS_MOST][WORD_SIZE];
static char *argv[WORDS_MOST + 1];
static struct config config;
static char error[OPTIONS_ERROR_SIZE];

/* Whether the key answers as one that is derived from text. */
static bool
is_key_of(const struct auth_key *key, const char *text)
{
	static const struct uuid challenge;
	struct auth_key derived;
	char tag[AUTH_TAG_TEXT_SIZE];

	auth_key_derive(text, strlen(text), &derived);
	auth_tag(&derived, &challenge, tag);
	return auth_tag_valid(key, &challenge, tag);
}

static const char *const variables[] = {"REBORE_LOCAL_PORT", "BORE_LOCAL_PORT",
    "REBORE_SERVER", "BORE_SERVER", "REBORE_SECRET", "BORE_SECRET",
    "REBORE_MIN_PORT", "BORE_MIN_PORT", "REBORE_MAX_PORT", "BORE_MAX_PORT"};

static void
clear_environment(void)
{
	for (size_t i = 0; i < LENGTH(variables); i++)
		unsetenv(variables[i]);
}

/* Parse line, split at spaces; "''" is an empty argument. */
static enum options_result
parse(const char *line)
{
	char copy[WORDS_MOST * WORD_SIZE];
	char *rest = copy;
	char *word;
	int argc = 0;

	snprintf(copy, sizeof copy, "%s", line);
	while ((word = strtok_r(rest, " ", &rest)) != NULL) {
		ck_assert_int_lt(argc, WORDS_MOST);
		snprintf(words[argc], WORD_SIZE, "%s",
		    strcmp(word, "''") == 0 ? "" : word);
		argv[argc] = words[argc];
		argc++;
	}
	argv[argc] = NULL;
	return options_parse(argc, argv, &config, error);
}

static void
assert_runs(const char *line)
{
	enum options_result result = parse(line);

	ck_assert_msg(result == OPTIONS_RUN, "%s: result %d, %s", line,
	    (int)result, error);
	ck_assert_str_eq(error, "");
}

/* The error line of line is expected, and the pointer to the help. */
static void
assert_refused(const char *line, const char *expected)
{
	static const char *const pointers[] = {"; see 'rebore --help'",
	    "; see 'rebore local --help'", "; see 'rebore server --help'"};
	enum options_result result = parse(line);
	char whole[OPTIONS_ERROR_SIZE];

	ck_assert_msg(
	    result == OPTIONS_USAGE, "%s: result %d", line, (int)result);
	snprintf(
	    whole, sizeof whole, "%s%s", expected, pointers[config.command]);
	ck_assert_str_eq(error, whole);
	ck_assert_ptr_null(strchr(error, '\n'));
}

START_TEST(a_client_without_options_has_the_defaults)
{
	clear_environment();
	assert_runs("rebore local 8000 --to example.org");
	ck_assert_int_eq(config.command, CONFIG_LOCAL);
	ck_assert_str_eq(config.client.local.host, "localhost");
	ck_assert_uint_eq(config.client.local.port, 8000);
	ck_assert_str_eq(config.client.server.host, "example.org");
	ck_assert_uint_eq(config.client.server.port, 7835);
	ck_assert_uint_eq(config.client.reconnect.public_port, 0);
	ck_assert(!config.client.has_secret);
	ck_assert(config.client.reconnect.reconnect);
	ck_assert_uint_eq(config.client.reconnect.max_retries, 0);
	ck_assert_uint_eq(config.client.reconnect.cap_ms, 64000);
	ck_assert_uint_eq(config.client.heartbeat_timeout_ms, 8000);
	ck_assert_int_eq(config.log.level, LOG_LEVEL_INFO);
	ck_assert_int_eq(config.log.format, LOG_FORMAT_TEXT);
	ck_assert(!config.log.use_syslog);
	ck_assert(!config.daemon);
	ck_assert_ptr_null(config.pid_file);
	ck_assert_uint_eq(config.secret_file_count, 0);
	ck_assert_uint_eq(config.client.reconnect.auth_retry_ms, 0);
	ck_assert(!config.secret_in_argv);
	ck_assert(!config.secret_empty);
}
END_TEST

START_TEST(a_server_without_options_has_the_defaults)
{
	char text[ADDRESS_TEXT_SIZE];

	clear_environment();
	assert_runs("rebore server");
	ck_assert_int_eq(config.command, CONFIG_SERVER);
	ck_assert_uint_eq(config.server.min_port, 1024);
	ck_assert_uint_eq(config.server.max_port, 65535);
	ck_assert_uint_eq(config.key_count, 0);
	address_print(&config.server.control, text);
	ck_assert_str_eq(text, "[::]:7835");
	address_print(&config.server.tunnels, text);
	ck_assert_str_eq(text, "[::]:0");
}
END_TEST

START_TEST(every_form_of_an_option_of_a_client_is_read)
{
	static const char *const lines[] = {
	    "rebore local 80 -t h:1 -l ::1 -p 9 -s abc -v",
	    "rebore local -th:1 -l::1 -p9 -sabc -v 80",
	    "rebore local -vth:1 -l ::1 -p 9 80 -s abc",
	    "rebore local --to=h:1 80 --local-host=::1 -p9 --secret=abc -v",
	    "rebore local -t h:1 80 --local-h=::1 --port=9 --secret=abc -v",
	    "rebore local -t h:1 80 -l ::1 -p 9 -s abc --verb",
	    "rebore local --to h:1 --local-h ::1 --po 9 --secret abc -qv -- 80",
	    "rebore local -t x -t h:1 -p 7 -p 9 -l y -l ::1 -s x -s abc -v 80",
	};

	clear_environment();
	for (size_t i = 0; i < LENGTH(lines); i++) {
		assert_runs(lines[i]);
		ck_assert_str_eq(config.client.server.host, "h");
		ck_assert_uint_eq(config.client.server.port, 1);
		ck_assert_str_eq(config.client.local.host, "::1");
		ck_assert_uint_eq(config.client.local.port, 80);
		ck_assert_uint_eq(config.client.reconnect.public_port, 9);
		ck_assert(config.client.has_secret);
		ck_assert(is_key_of(&config.keys[0], "abc"));
		ck_assert_uint_eq(config.key_count, 1);
		ck_assert(config.secret_in_argv);
		ck_assert_int_eq(config.log.level, LOG_LEVEL_DEBUG);
	}
}
END_TEST

START_TEST(options_may_follow_the_port_whatever_posix_says)
{
	clear_environment();
	setenv("POSIXLY_CORRECT", "1", 1);
	assert_runs("rebore local 80 -t h --port 9");
	ck_assert_uint_eq(config.client.local.port, 80);
	ck_assert_uint_eq(config.client.reconnect.public_port, 9);
	unsetenv("POSIXLY_CORRECT");
}
END_TEST

START_TEST(options_of_reconnection_are_read_up_to_their_bounds)
{
	clear_environment();
	assert_runs("rebore local 1 -t h --no-reconnect --max-retries 1 "
		    "--max-reconnect-delay 1 --heartbeat-timeout 2");
	ck_assert(!config.client.reconnect.reconnect);
	ck_assert_uint_eq(config.client.reconnect.max_retries, 1);
	ck_assert_uint_eq(config.client.reconnect.cap_ms, 1000);
	ck_assert_uint_eq(config.client.heartbeat_timeout_ms, 2000);
	assert_runs("rebore local 65535 -t h --max-retries 4294967295 "
		    "--max-reconnect-delay 86400 --heartbeat-timeout 3600 "
		    "-p 65535");
	ck_assert_uint_eq(config.client.local.port, 65535);
	ck_assert_uint_eq(config.client.reconnect.public_port, 65535);
	ck_assert_uint_eq(config.client.reconnect.max_retries, 4294967295);
	ck_assert_uint_eq(config.client.reconnect.cap_ms, 86400000);
	ck_assert_uint_eq(config.client.heartbeat_timeout_ms, 3600000);
}
END_TEST

START_TEST(options_of_a_server_are_read)
{
	char text[ADDRESS_TEXT_SIZE];

	clear_environment();
	assert_runs("rebore server --control-port 0 --min-port 1 --max-port 1 "
		    "--bind-addr :: --bind-tunnels 192.0.2.1 -s abc");
	ck_assert_uint_eq(config.server.min_port, 1);
	ck_assert_uint_eq(config.server.max_port, 1);
	address_print(&config.server.control, text);
	ck_assert_str_eq(text, "[::]:0");
	address_print(&config.server.tunnels, text);
	ck_assert_str_eq(text, "192.0.2.1:0");
	ck_assert_uint_gt(config.key_count, 0);
	ck_assert(!config.client.has_secret);
	ck_assert(is_key_of(&config.keys[0], "abc"));

	assert_runs("rebore server --bind-addr ::1 --control-port 65535");
	address_print(&config.server.control, text);
	ck_assert_str_eq(text, "[::1]:65535");
	address_print(&config.server.tunnels, text);
	ck_assert_str_eq(text, "[::1]:0");
}
END_TEST

START_TEST(options_of_the_log_and_the_process_are_read)
{
	clear_environment();
	assert_runs("rebore server --syslog --log-format json --quiet");
	ck_assert(config.log.use_syslog);
	ck_assert_int_eq(config.log.facility, LOG_DAEMON);
	ck_assert_int_eq(config.log.format, LOG_FORMAT_JSON);
	ck_assert_int_eq(config.log.level, LOG_LEVEL_WARNING);
	assert_runs("rebore server --syslog=local3 --log-format text -q -v");
	ck_assert_int_eq(config.log.facility, LOG_LOCAL3);
	ck_assert_int_eq(config.log.format, LOG_FORMAT_TEXT);
	ck_assert_int_eq(config.log.level, LOG_LEVEL_DEBUG);
	assert_runs("rebore server --daemon --pid-file p");
	ck_assert(config.daemon);
	ck_assert(config.log.use_syslog);
	ck_assert_int_eq(config.log.facility, LOG_DAEMON);
	ck_assert_str_eq(config.pid_file, "p");
	assert_runs("rebore server --syslog=user --daemon");
	ck_assert_int_eq(config.log.facility, LOG_USER);
}
END_TEST

START_TEST(a_command_finds_the_values_of_both_commands_in_its_own)
{
	clear_environment();
	assert_runs("rebore server --drain 7 --state-file s");
	ck_assert_uint_eq(config.server.drain_s, 7);
	ck_assert_str_eq(config.server.state_path, "s");
	assert_runs("rebore local 80 -t h --drain 8 --state-file l");
	ck_assert_uint_eq(config.client.drain_s, 8);
	ck_assert_str_eq(config.client.state_path, "l");
	assert_runs("rebore server");
	ck_assert_uint_eq(config.server.drain_s, 0);
	ck_assert_ptr_null(config.server.state_path);
}
END_TEST

START_TEST(times_of_the_server_are_stored_in_milliseconds)
{
	clear_environment();
	assert_runs("rebore server");
	ck_assert_uint_eq(config.server.client_timeout_ms, 8000);
	ck_assert_uint_eq(config.server.lease_ms, 30000);
	ck_assert_uint_eq(config.server.hold_ms, 15000);
	/* The most that each may be */
	assert_runs("rebore server --client-timeout 3600 --lease 86400 "
		    "--hold 3600");
	ck_assert_uint_eq(config.server.client_timeout_ms, 3600000);
	ck_assert_uint_eq(config.server.lease_ms, 86400000);
	ck_assert_uint_eq(config.server.hold_ms, 3600000);
}
END_TEST

START_TEST(connections_outlive_their_path_as_long_as_a_port_is_kept)
{
	clear_environment();
	assert_runs("rebore server");
	ck_assert_uint_eq(config.server.resume_ms, 30000);
	assert_runs("rebore server --lease 7");
	ck_assert_uint_eq(config.server.resume_ms, 7000);
	assert_runs("rebore server --lease 86400");
	ck_assert_uint_eq(config.server.resume_ms, 3600000);
	assert_runs("rebore server --lease 7 --resume 0");
	ck_assert_uint_eq(config.server.resume_ms, 0);
	assert_runs("rebore server --resume 3600 --lease 7");
	ck_assert_uint_eq(config.server.resume_ms, 3600000);
	assert_runs("rebore local 8000 --to host");
	ck_assert_uint_eq(config.client.resume_ms, 30000);
}
END_TEST

START_TEST(help_and_version_win_over_what_comes_later)
{
	static const struct {
		const char *line;
		enum options_result result;
		enum config_command command;
	} cases[] = {
	    {"rebore --help", OPTIONS_HELP, CONFIG_NONE},
	    {"rebore -h", OPTIONS_HELP, CONFIG_NONE},
	    {"rebore --version", OPTIONS_VERSION, CONFIG_NONE},
	    {"rebore -V", OPTIONS_VERSION, CONFIG_NONE},
	    {"rebore local --help", OPTIONS_HELP, CONFIG_LOCAL},
	    {"rebore local -h", OPTIONS_HELP, CONFIG_LOCAL},
	    {"rebore local 8000 --help --port x", OPTIONS_HELP, CONFIG_LOCAL},
	    {"rebore server -h --bogus", OPTIONS_HELP, CONFIG_SERVER},
	    {"rebore server --help --version", OPTIONS_HELP, CONFIG_SERVER},
	    {"rebore server --version --help", OPTIONS_VERSION, CONFIG_SERVER},
	    {"rebore local -V", OPTIONS_VERSION, CONFIG_LOCAL},
	};

	clear_environment();
	for (size_t i = 0; i < LENGTH(cases); i++) {
		ck_assert_int_eq(parse(cases[i].line), cases[i].result);
		ck_assert_int_eq(config.command, cases[i].command);
		ck_assert_str_eq(error, "");
	}
}
END_TEST

START_TEST(an_error_names_option_value_and_what_is_allowed)
{
	static const struct {
		const char *line;
		const char *error;
	} cases[] = {
	    {"rebore", "no command: must be 'local' or 'server'"},
	    {"rebore ''", "command '': must be 'local' or 'server'"},
	    {"rebore Local", "command 'Local': must be 'local' or 'server'"},
	    {"rebore -sabc local", "option '-s': the command must come first, "
				   "'local' or 'server'"},
	    {"rebore --secret=abc local",
		"option '--secret': the command must come first, 'local' or "
		"'server'"},
	    {"rebore local -t h", "LOCAL_PORT is missing: must be a number "
				  "from 1 to 65535, here or in "
				  "REBORE_LOCAL_PORT"},
	    {"rebore local 80",
		"--to is missing: must be HOST[:PORT], such as example.org, "
		"192.0.2.1:7835 or [2001:db8::1]:7835, here or in "
		"REBORE_SERVER"},
	    {"rebore local 80 81 -t h",
		"argument '81': only one LOCAL_PORT is allowed"},
	    {"rebore local 80 -t h -- 81",
		"argument '81': only one LOCAL_PORT is allowed"},
	    {"rebore server 80", "argument '80': only options are allowed"},
	    {"rebore server -- 80", "argument '80': only options are allowed"},
	    {"rebore local 80 --bogus=1 -t h",
		"option '--bogus': there is no such option"},
	    {"rebore server --to h",
		"option '--to': there is no such option; it belongs to 'rebore "
		"local'"},
	    {"rebore local 80 --min-port 1 -t h",
		"option '--min-port': there is no such option; it belongs to "
		"'rebore server'"},
	    {"rebore local 80 --tp h",
		"option '--tp': there is no such option; did you mean --to?"},
	    {"rebore server --min-prot=80",
		"option '--min-prot': there is no such option; did you mean "
		"--min-port?"},
	    {"rebore local 80 --secrte=abc -t h",
		"option '--secrte': there is no such option; did you mean "
		"--secret?"},
	    {"rebore local 80 -to h", "option '-to': a long option has two "
				      "hyphens; did you mean --to?"},
	    {"rebore local -to h 80", "option '-to': a long option has two "
				      "hyphens; did you mean --to?"},
	    {"rebore local -verbose -t h 80",
		"option '-verbose': a long option has two hyphens; did you "
		"mean --verbose?"},
	    {"rebore local -secret=abc -t h 80",
		"option '-secret': a long option has two hyphens; did you "
		"mean --secret?"},
	    {"rebore local 80 --syslog daemon -t h",
		"argument 'daemon': a value of --syslog is given as "
		"--syslog=daemon"},
	    {"rebore server --syslog local7",
		"argument 'local7': a value of --syslog is given as "
		"--syslog=local7"},
	    {"rebore local --syslog nonsense -t h",
		"LOCAL_PORT 'nonsense': must be a number from 1 to 65535"},
	    {"rebore server -p 80", "option '-p': there is no such option"},
	    {"rebore local 80 -x", "option '-x': there is no such option"},
	    {"rebore local 80 -vxq", "option '-x': there is no such option"},
	    {"rebore local 80 --se=abc",
		"option '--se': more than one option starts like this"},
	    {"rebore local 80 --verbose=1",
		"option '--verbose': no value is allowed"},
	    {"rebore local 80 --LOCAL_PORT=1",
		"option '--LOCAL_PORT': there is no such option"},
	    {"rebore local 80 -t",
		"option '--to': its value is missing: must be HOST[:PORT], "
		"such as example.org, 192.0.2.1:7835 or [2001:db8::1]:7835"},
	    {"rebore local 80 --port", "option '--port': its value is missing: "
				       "must be a number from 0 to 65535"},
	    {"rebore local 80 --secret",
		"option '--secret': its value is missing: must be any text"},
	    {"rebore local 80 -t 256.0.0.1",
		"--to '256.0.0.1': must be HOST[:PORT], such as example.org, "
		"192.0.2.1:7835 or [2001:db8::1]:7835"},
	    {"rebore local 80 -t h -l h:80",
		"--local-host 'h:80': must be a host name, an IPv4 or an IPv6 "
		"address, without a port"},
	    {"rebore local 80 -t h --local-host ''",
		"--local-host '': must be a host name, an IPv4 or an IPv6 "
		"address, without a port"},
	    {"rebore local 80 -t h:0",
		"--to 'h:0': must be HOST[:PORT], such as example.org, "
		"192.0.2.1:7835 or [2001:db8::1]:7835"},
	    {"rebore local 80 -t h --max-reconnect-delay 0",
		"--max-reconnect-delay '0': must be a number from 1 to "
		"86400"},
	    {"rebore local 80 -t h --max-retries 0",
		"--max-retries '0': must be a number from 1 to 4294967295"},
	    {"rebore server --log-format xml",
		"--log-format 'xml': must be text or json"},
	    {"rebore server --syslog=lpr",
		"--syslog 'lpr': must be auth, cron, daemon, user or local0 to "
		"local7"},
	    {"rebore server --bind-addr example.org",
		"--bind-addr 'example.org': must be an IPv4 or IPv6 address, "
		"such as ::, 0.0.0.0 or 192.0.2.1"},
	    {"rebore server --bind-tunnels 192.0.2.1:80",
		"--bind-tunnels '192.0.2.1:80': must be an IPv4 or IPv6 "
		"address, such as ::, 0.0.0.0 or 192.0.2.1"},
	    {"rebore server --pid-file ''",
		"--pid-file '': must be the name of a file"},
	    {"rebore server --secret-file=",
		"--secret-file '': must be the name of a file"},
	    {"rebore server --min-port 6000 --max-port 5999",
		"--min-port '6000': must not be above --max-port '5999', as "
		"no port is left then"},
	    {"rebore server --max-port 1023",
		"--min-port '1024': must not be above --max-port '1023', as "
		"no port is left then"},
	    {"rebore server -s a --secret-file f",
		"options '--secret' and '--secret-file': only one of them is "
		"allowed"},
	    {"rebore local 80 -t h --secret-file f --secret=",
		"options '--secret' and '--secret-file': only one of them is "
		"allowed"},
	    {"rebore server --control-port a\tb\n",
		"--control-port 'a\\x09b\\x0a': must be a number from 0 to "
		"65535"},
	    {"rebore server --min-port 0 --max-port x",
		"--min-port '0': must be a number from 1 to 65535"},
	};

	clear_environment();
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_refused(cases[i].line, cases[i].error);
}
END_TEST

START_TEST(a_number_is_digits_in_range_and_nothing_else)
{
	static const char *const bad[] = {"0", "65536", "-1", "+1", "1.0",
	    "0x10", "1e3", "80a", "a", "''", "\t80", "80\n", "4294967297",
	    "18446744073709551617", "99999999999999999999999999999999"};
	char line[WORD_SIZE * 2];
	char expected[WORD_SIZE * 2];

	clear_environment();
	for (size_t i = 0; i < LENGTH(bad); i++) {
		snprintf(
		    line, sizeof line, "rebore server --min-port %s", bad[i]);
		ck_assert_int_eq(parse(line), OPTIONS_USAGE);
		snprintf(expected, sizeof expected, "--min-port '%c",
		    bad[i][0] == '\'' ? '\'' : bad[i][0]);
		if (bad[i][0] != '\t')
			ck_assert_int_eq(
			    strncmp(error, expected, strlen(expected)), 0);
	}
	assert_runs("rebore server --min-port 65535");
	ck_assert_uint_eq(config.server.min_port, 65535);
	assert_refused("rebore local 80 -t h --port ''",
	    "--port '': must be a number from 0 to 65535");
	assert_refused("rebore local 0 -t h",
	    "LOCAL_PORT '0': must be a number from 1 to 65535");
	assert_refused("rebore local 80 -t h --heartbeat-timeout 1",
	    "--heartbeat-timeout '1': must be a number from 2 to 3600");
	assert_refused("rebore local 80 -t h --heartbeat-timeout 3601",
	    "--heartbeat-timeout '3601': must be a number from 2 to 3600");
	assert_refused("rebore local 80 -t h --max-reconnect-delay 86401",
	    "--max-reconnect-delay '86401': must be a number from 1 to 86400");
	assert_refused("rebore local 80 -t h --max-retries 4294967296",
	    "--max-retries '4294967296': must be a number from 1 to "
	    "4294967295");
}
END_TEST

START_TEST(an_option_goes_before_rebore_and_that_before_bore)
{
	clear_environment();
	setenv("BORE_LOCAL_PORT", "1", 1);
	setenv("BORE_SERVER", "bore:1", 1);
	assert_runs("rebore local");
	ck_assert_uint_eq(config.client.local.port, 1);
	ck_assert_str_eq(config.client.server.host, "bore");
	setenv("REBORE_LOCAL_PORT", "2", 1);
	setenv("REBORE_SERVER", "rebore", 1);
	assert_runs("rebore local");
	ck_assert_uint_eq(config.client.local.port, 2);
	ck_assert_str_eq(config.client.server.host, "rebore");
	ck_assert_uint_eq(config.client.server.port, 7835);
	/* What is not used is not read either. */
	setenv("REBORE_SERVER", "bad name", 1);
	assert_runs("rebore local -t option 3");
	ck_assert_uint_eq(config.client.local.port, 3);
	ck_assert_str_eq(config.client.server.host, "option");

	setenv("BORE_MIN_PORT", "10", 1);
	setenv("BORE_MAX_PORT", "40", 1);
	setenv("REBORE_MAX_PORT", "30", 1);
	assert_runs("rebore server");
	ck_assert_uint_eq(config.server.min_port, 10);
	ck_assert_uint_eq(config.server.max_port, 30);
	assert_runs("rebore server --max-port 20 --min-port 15");
	ck_assert_uint_eq(config.server.min_port, 15);
	ck_assert_uint_eq(config.server.max_port, 20);
}
END_TEST

START_TEST(an_empty_variable_counts_as_unset)
{
	clear_environment();
	setenv("REBORE_LOCAL_PORT", "", 1);
	setenv("BORE_LOCAL_PORT", "80", 1);
	setenv("REBORE_SERVER", "", 1);
	assert_runs("rebore local -t h");
	ck_assert_uint_eq(config.client.local.port, 80);
	ck_assert_int_eq(parse("rebore local"), OPTIONS_USAGE);
	setenv("BORE_MIN_PORT", "", 1);
	setenv("REBORE_MAX_PORT", "", 1);
	assert_runs("rebore server");
	ck_assert_uint_eq(config.server.min_port, 1024);
	ck_assert_uint_eq(config.server.max_port, 65535);
}
END_TEST

START_TEST(a_bad_variable_is_named)
{
	clear_environment();
	setenv("BORE_MIN_PORT", "0", 1);
	assert_refused("rebore server",
	    "BORE_MIN_PORT '0': must be a number from 1 to 65535");
	setenv("REBORE_MIN_PORT", "x y", 1);
	assert_refused("rebore server",
	    "REBORE_MIN_PORT 'x y': must be a number from 1 to 65535");
	setenv("REBORE_MIN_PORT", "500", 1);
	setenv("BORE_MAX_PORT", "400", 1);
	assert_refused("rebore server",
	    "REBORE_MIN_PORT '500': must not be above BORE_MAX_PORT '400', as "
	    "no port is left then");
	setenv("BORE_LOCAL_PORT", "http", 1);
	assert_refused("rebore local -t h",
	    "BORE_LOCAL_PORT 'http': must be a number from 1 to 65535");
	setenv("REBORE_SERVER", "h:x", 1);
	assert_refused("rebore local 80",
	    "REBORE_SERVER 'h:x': must be HOST[:PORT], such as example.org, "
	    "192.0.2.1:7835 or [2001:db8::1]:7835");
}
END_TEST

START_TEST(a_secret_is_wiped_from_the_arguments)
{
	static const struct {
		const char *line;
		/* Which word had it, and what is left of that */
		int word;
		const char *left;
	} cases[] = {
	    {"rebore local 80 -t h -s abc", 6, ""},
	    {"rebore local 80 -t h -sabc", 5, "-s"},
	    {"rebore local 80 -t h -vsabc", 5, "-vs"},
	    {"rebore local 80 -t h --secret abc", 6, ""},
	    {"rebore local 80 -t h --secret=abc", 5, "--secret="},
	    /* Also when something else is wrong, before or after it */
	    {"rebore local 80 -s abc --bogus", 4, ""},
	    {"rebore local 80 --bogus -s abc", 5, ""},
	    {"rebore local 80 --port x --secret=abc", 5, "--secret="},
	    {"rebore server --help -s abc", 4, ""},
	    {"rebore server --secre=abc", 2, "--secre"},
	    {"rebore server --secert=abc", 2, "--secert"},
	};

	clear_environment();
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *word = words[cases[i].word];
		size_t length = strlen(cases[i].left);

		parse(cases[i].line);
		ck_assert_str_eq(word, cases[i].left);
		/* Not only cut, but gone */
		for (size_t at = length; at < length + 4; at++)
			ck_assert_int_eq(word[at], '\0');
		ck_assert_ptr_null(strstr(error, "abc"));
	}
}
END_TEST

START_TEST(a_secret_is_taken_out_of_the_environment)
{
	char *value;

	clear_environment();
	setenv("REBORE_SECRET", "abc", 1);
	setenv("BORE_SECRET", "xyz", 1);
	value = getenv("REBORE_SECRET");
	ck_assert_ptr_nonnull(value);
	assert_runs("rebore server");
	ck_assert_uint_gt(config.key_count, 0);
	ck_assert(is_key_of(&config.keys[0], "abc"));
	ck_assert(!config.secret_in_argv);
	ck_assert_ptr_null(getenv("REBORE_SECRET"));
	ck_assert_ptr_null(getenv("BORE_SECRET"));
	ck_assert_int_eq(value[0], '\0');
	ck_assert_int_eq(value[2], '\0');

	setenv("BORE_SECRET", "abc", 1);
	assert_runs("rebore local 80 -t h");
	ck_assert(config.client.has_secret);
	ck_assert(is_key_of(&config.keys[0], "abc"));

	/* Also when it is not used */
	setenv("BORE_SECRET", "xyz", 1);
	assert_runs("rebore server -s abc");
	ck_assert(is_key_of(&config.keys[0], "abc"));
	ck_assert_ptr_null(getenv("BORE_SECRET"));
	setenv("BORE_SECRET", "xyz", 1);
	assert_runs("rebore server --secret-file f");
	ck_assert_uint_eq(config.key_count, 0);
	ck_assert_ptr_null(getenv("BORE_SECRET"));
	setenv("BORE_SECRET", "xyz", 1);
	ck_assert_int_eq(parse("rebore server --bogus"), OPTIONS_USAGE);
	ck_assert_ptr_null(getenv("BORE_SECRET"));
}
END_TEST

START_TEST(the_empty_secret_is_one)
{
	static const char *const lines[] = {"rebore server -s ''",
	    "rebore server --secret ''", "rebore server --secret="};

	clear_environment();
	for (size_t i = 0; i < LENGTH(lines); i++) {
		assert_runs(lines[i]);
		ck_assert_uint_gt(config.key_count, 0);
		ck_assert(config.secret_empty);
		ck_assert(is_key_of(&config.keys[0], ""));
	}
	/* It goes before BORE_SECRET, as any other. */
	setenv("REBORE_SECRET", "", 1);
	setenv("BORE_SECRET", "abc", 1);
	assert_runs("rebore local 80 -t h");
	ck_assert(config.client.has_secret);
	ck_assert(is_key_of(&config.keys[0], ""));
}
END_TEST

START_TEST(a_secret_file_gives_the_key)
{
	char folder[] = "/tmp/test_options.XXXXXX";
	char line[WORD_SIZE];
	char path[WORD_SIZE / 2];
	int fd;

	clear_environment();
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/f", folder);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, "abc\n", 4), 4);
	close(fd);
	snprintf(line, sizeof line, "rebore server --secret-file %s", path);
	assert_runs(line);
	ck_assert_uint_eq(config.key_count, 0);
	ck_assert_int_eq(
	    options_read_secrets(&config, false, error), OPTIONS_RUN);
	ck_assert_uint_gt(config.key_count, 0);
	ck_assert(!config.secret_in_argv);
	ck_assert(!config.secret_empty);
	ck_assert(is_key_of(&config.keys[0], "abc"));
	options_free(&config);
	unlink(path);
	assert_runs(line);
	ck_assert_int_eq(
	    options_read_secrets(&config, false, error), OPTIONS_FAILED);
	ck_assert_uint_eq(config.key_count, 0);
	ck_assert_ptr_nonnull(strstr(error, path));
	ck_assert_ptr_nonnull(strstr(error, strerror(ENOENT)));
	rmdir(folder);
}
END_TEST

static void
write_secret(const char *path, const char *content)
{
	size_t length = strlen(content);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_eq(write(fd, content, length), (ssize_t)length);
	close(fd);
}

/* Some for the time of a rotation; they are read again where they were, wherever
 * the process is by then. */
START_TEST(a_server_takes_more_than_one_secret_file)
{
	char folder[] = "/tmp/test_options.XXXXXX";

	clear_environment();
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	write_secret("a", "abc\n");
	write_secret("b", "xyz\n\n");
	assert_runs("rebore server --secret-file a --secret-file b");
	ck_assert_int_eq(
	    options_read_secrets(&config, false, error), OPTIONS_RUN);
	ck_assert_uint_eq(config.key_count, 2);
	ck_assert(is_key_of(&config.keys[0], "abc"));
	ck_assert(is_key_of(&config.keys[1], "xyz\n"));
	ck_assert_ptr_null(config.secret_oddities[0]);
	ck_assert_ptr_nonnull(config.secret_oddities[1]);
	write_secret("a", "new");
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(
	    options_read_secrets(&config, true, error), OPTIONS_RUN);
	ck_assert_uint_eq(config.key_count, 2);
	ck_assert(is_key_of(&config.keys[0], "new"));
	ck_assert_int_eq(chdir(folder), 0);
	unlink("b");
	ck_assert_int_eq(
	    options_read_secrets(&config, true, error), OPTIONS_FAILED);
	ck_assert_ptr_nonnull(strstr(error, "--secret-file 'b'"));
	ck_assert_uint_eq(config.key_count, 0);
	options_free(&config);
	assert_runs("rebore server --secret-file 1 --secret-file 2 "
		    "--secret-file 3 --secret-file 4 --secret-file 5 "
		    "--secret-file 6 --secret-file 7 --secret-file 8");
	ck_assert_int_eq(
	    parse("rebore server --secret-file 1 --secret-file 2 "
		  "--secret-file 3 --secret-file 4 --secret-file 5 "
		  "--secret-file 6 --secret-file 7 --secret-file 8 "
		  "--secret-file 9"),
	    OPTIONS_USAGE);
	ck_assert_ptr_nonnull(strstr(error, "'--secret-file': only 8"));
	/* Of a client the last one, as of any other option */
	assert_runs("rebore local 80 -t h --secret-file b --secret-file a");
	ck_assert_int_eq(
	    options_read_secrets(&config, false, error), OPTIONS_RUN);
	ck_assert(is_key_of(&config.keys[0], "new"));
	ck_assert_int_eq(config.client.secret_path[0], '/');
	options_free(&config);
	unlink("a");
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(folder);
}
END_TEST

START_TEST(a_pipe_is_not_read_again)
{
	char line[WORD_SIZE];
	int ends[2];

	clear_environment();
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "abc\n", 4), 4);
	close(ends[1]);
	snprintf(line, sizeof line,
	    "rebore local 80 -t h --secret-file /dev/fd/%d", ends[0]);
	assert_runs(line);
	ck_assert_int_eq(
	    options_read_secrets(&config, false, error), OPTIONS_RUN);
	ck_assert(is_key_of(&config.keys[0], "abc"));
	ck_assert_ptr_null(config.client.secret_path);
	ck_assert_int_eq(
	    options_read_secrets(&config, true, error), OPTIONS_FAILED);
	options_free(&config);
	close(ends[0]);
}
END_TEST

START_TEST(without_a_secret_file_nothing_is_read)
{
	clear_environment();
	assert_runs("rebore server");
	ck_assert_int_eq(
	    options_read_secrets(&config, false, error), OPTIONS_RUN);
	ck_assert_uint_eq(config.key_count, 0);
	ck_assert_str_eq(error, "");
}
END_TEST

START_TEST(a_long_value_leaves_room_for_the_pointer_to_the_help)
{
	static char value[4 * OPTIONS_ERROR_SIZE];
	char program[] = "rebore";
	char command[] = "local";
	char option[] = "--to";
	char *long_argv[] = {program, command, option, value, NULL};
	static const char pointer[] = "; see 'rebore local --help'";

	clear_environment();
	memset(value, '\x01', sizeof value - 1);
	ck_assert_int_eq(
	    options_parse(4, long_argv, &config, error), OPTIONS_USAGE);
	ck_assert_uint_gt(strlen(error), sizeof pointer);
	ck_assert_str_eq(error + strlen(error) - (sizeof pointer - 1), pointer);
}
END_TEST

START_TEST(no_arguments_at_all_are_a_usage_error)
{
	char *none[] = {NULL};

	clear_environment();
	ck_assert_int_eq(options_parse(0, none, &config, error), OPTIONS_USAGE);
	ck_assert_int_eq(config.command, CONFIG_NONE);
}
END_TEST

/* The help of command, checked for its width */
static const char *
help_of(enum config_command command)
{
	static char help[HELP_SIZE];
	FILE *file;

	memset(help, 0, sizeof help);
	file = fmemopen(help, sizeof help, "w");
	ck_assert_ptr_nonnull(file);
	options_help(file, command);
	fclose(file);
	for (const char *line = help; *line != '\0';) {
		size_t length = strcspn(line, "\n");

		ck_assert_msg(
		    length <= 80, "%zu: %.*s", length, (int)length, line);
		line += length + (line[length] == '\n');
	}
	return help;
}

START_TEST(help_names_every_option_with_default_range_and_variables)
{
	static const char *const of_local[] = {"LOCAL_PORT", "-l, --local-host",
	    "(localhost)", "-t, --to HOST[:PORT]", "-p, --port N",
	    "-s, --secret S", "--secret-file FILE", "--auth-retry SECONDS",
	    "--no-reconnect", "--max-retries N",
	    "--max-reconnect-delay SECONDS", "1 to 86400 (64)",
	    "--heartbeat-timeout SECONDS", "2 to 3600 (8)", "-v, --verbose",
	    "-q, --quiet", "--log-format FORMAT", "--syslog[=FACILITY]",
	    "--daemon", "--pid-file FILE", "-h, --help", "-V, --version",
	    "REBORE_LOCAL_PORT, BORE_LOCAL_PORT", "REBORE_SERVER, BORE_SERVER",
	    "REBORE_SECRET, BORE_SECRET"};
	static const char *const of_server[] = {"--min-port N",
	    "1 to 65535 (1024)", "--max-port N", "1 to 65535 (65535)",
	    "-s, --secret S", "--secret-file FILE", "--bind-addr ADDRESS",
	    "(::)", "--bind-tunnels ADDRESS", "--control-port N",
	    "0 to 65535 (7835)", "REBORE_MIN_PORT, BORE_MIN_PORT",
	    "REBORE_MAX_PORT, BORE_MAX_PORT", "REBORE_SECRET, BORE_SECRET"};

	for (size_t i = 0; i < LENGTH(of_local); i++)
		ck_assert_msg(
		    strstr(help_of(CONFIG_LOCAL), of_local[i]) != NULL, "%s",
		    of_local[i]);
	for (size_t i = 0; i < LENGTH(of_server); i++)
		ck_assert_msg(
		    strstr(help_of(CONFIG_SERVER), of_server[i]) != NULL, "%s",
		    of_server[i]);
	ck_assert_ptr_null(strstr(help_of(CONFIG_LOCAL), "--min-port"));
	ck_assert_ptr_null(strstr(help_of(CONFIG_SERVER), "--to"));
	ck_assert_ptr_nonnull(strstr(help_of(CONFIG_NONE), "rebore local"));
	ck_assert_ptr_nonnull(strstr(help_of(CONFIG_NONE), "rebore server"));
}
END_TEST

SUITE_MAIN("options", a_client_without_options_has_the_defaults,
    a_server_without_options_has_the_defaults,
    every_form_of_an_option_of_a_client_is_read,
    options_may_follow_the_port_whatever_posix_says,
    options_of_reconnection_are_read_up_to_their_bounds,
    options_of_a_server_are_read, options_of_the_log_and_the_process_are_read,
    a_command_finds_the_values_of_both_commands_in_its_own,
    connections_outlive_their_path_as_long_as_a_port_is_kept,
    times_of_the_server_are_stored_in_milliseconds,
    help_and_version_win_over_what_comes_later,
    an_error_names_option_value_and_what_is_allowed,
    a_number_is_digits_in_range_and_nothing_else,
    an_option_goes_before_rebore_and_that_before_bore,
    an_empty_variable_counts_as_unset, a_bad_variable_is_named,
    a_secret_is_wiped_from_the_arguments,
    a_secret_is_taken_out_of_the_environment, the_empty_secret_is_one,
    a_secret_file_gives_the_key, a_server_takes_more_than_one_secret_file,
    a_pipe_is_not_read_again, without_a_secret_file_nothing_is_read,
    a_long_value_leaves_room_for_the_pointer_to_the_help,
    no_arguments_at_all_are_a_usage_error,
    help_names_every_option_with_default_range_and_variables)
