/*
 * What thread.h says of stacks: no chain of calls needs more than half of one. A
 * thread paints its stack, does what such threads do, and looks how far down the
 * paint is gone. What is printed is for the comment in thread.h.
 *
 * The threads are those of the program: this program's thread_start() and
 * thread_start_on() paint each that is started, and thread.c is part of it. A sanitizer has frames of its own,
 * and stacks that are larger as configure says; the limit is half of those.
 */
#define thread_start    thread_start_unpainted
#define thread_start_on thread_start_on_unpainted
#include "os/fd.h"
#include "os/thread.c"
#undef thread_start
#undef thread_start_on

#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "client/client.h"
#include "net/resolve.h"
#include "os/lock.h"
#include "server/server.h"
#include "sockets.h"
#include "suite.h"
#include "wire/auth.h"
#include "wire/json_arena.h"
#include "wire/message.h"

#define PAINT ((unsigned char)0xa7)
/* What paints and looks needs so much for itself. */
#define APART_BYTES 1024
#define KINDS_MOST  16
#define NAME_SIZE   16
#define SOME_BYTES  20000

/* No redzone, and none of a sanitizer's stacks, which are elsewhere. */
#define PLAIN                                                                  \
	__attribute__((noinline, no_sanitize("address"), no_sanitize("thread")))

/* All that was painted. */
static struct {
	struct lock lock;
	struct lock_condition changed;
	/* Under lock. */
	unsigned started;
	unsigned ended;
	struct use {
		char name[NAME_SIZE]; /* "": none yet */
		size_t stack_bytes;
		size_t used;
		unsigned threads;
	} uses[KINDS_MOST];
} seen;

struct painted {
	const char *name; /* NULL: the thread names itself */
	size_t stack_bytes;
	void *(*run)(void *);
	void *argument;
};

/* Where the stack of this thread begins, and where it ends. */
static _Thread_local uintptr_t lowest, highest;

static void
find_stack(void)
{
	pthread_attr_t attributes;
	void *start;
	size_t size;

	if (pthread_getattr_np(pthread_self(), &attributes) != 0 ||
	    pthread_attr_getstack(&attributes, &start, &size) != 0)
		abort();
	pthread_attr_destroy(&attributes);
	lowest = (uintptr_t)start;
	/* A sanitizer's variables at the upper end may be larger than all the
	 * rest, and come on top of what was asked for. */
	highest = REBORE_STACK_FACTOR == 1
	              ? lowest + size
	              : (uintptr_t)__builtin_frame_address(0);
}

PLAIN static void
paint(void)
{
	uintptr_t end = (uintptr_t)__builtin_frame_address(0) - APART_BYTES;

	for (uintptr_t at = lowest; at < end; at++)
		*(volatile unsigned char *)at = PAINT;
}

/* How much has been in use; thread descriptor and all, without a sanitizer. */
PLAIN static size_t
look(void)
{
	uintptr_t at = lowest;

	while (*(volatile unsigned char *)at == PAINT)
		at++;
	return highest - at;
}

static void
note(const struct painted *painted, size_t used)
{
	struct use *use = seen.uses;
	char name[NAME_SIZE];

	if (painted->name != NULL)
		snprintf(name, sizeof name, "%s", painted->name);
	else
		pthread_getname_np(pthread_self(), name, sizeof name);
	lock_take(&seen.lock);
	while (use->name[0] != '\0' && strcmp(use->name, name) != 0)
		use++;
	if (use == &seen.uses[KINDS_MOST - 1])
		abort();
	memcpy(use->name, name, sizeof name);
	use->stack_bytes = painted->stack_bytes;
	use->used = used > use->used ? used : use->used;
	use->threads++;
	seen.ended++;
	lock_condition_tell(&seen.changed);
	lock_give(&seen.lock);
}

static void *
run_painted(void *argument)
{
	struct painted painted = *(struct painted *)argument;

	free(argument);
	find_stack();
	paint();
	painted.run(painted.argument);
	note(&painted, look());
	return NULL;
}

static struct painted *
prepare(
    const char *name, size_t stack_bytes, void *(*run)(void *), void *argument)
{
	struct painted *painted = malloc(sizeof *painted);

	if (painted != NULL)
		*painted = (struct painted){name, stack_bytes, run, argument};
	return painted;
}

/* Returns error. */
static enum error
finish_start(struct painted *painted, enum error error)
{
	if (error) {
		free(painted);
		return error;
	}
	lock_take(&seen.lock);
	seen.started++;
	lock_give(&seen.lock);
	return ERROR_NONE;
}

/* In place of those of thread.c, which are others here */
enum error thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
    void *(*run)(void *), void *argument);
enum error thread_start_on(
    void *stack, pthread_t *thread, void *(*run)(void *), void *argument);

enum error
thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
    void *(*run)(void *), void *argument)
{
	struct painted *painted = prepare(name, stack_bytes, run, argument);

	if (painted == NULL)
		return ERROR_RESOURCES;
	return finish_start(painted, thread_start_unpainted(thread, name,
					 stack_bytes, run_painted, painted));
}

enum error
thread_start_on(
    void *stack, pthread_t *thread, void *(*run)(void *), void *argument)
{
	struct painted *painted =
	    prepare(NULL, THREAD_STACK_BYTES, run, argument);

	if (painted == NULL)
		return ERROR_RESOURCES;
	return finish_start(painted,
	    thread_start_on_unpainted(stack, thread, run_painted, painted));
}

/* In place of the system's: stack_trim() must not wash the paint off. */
int
madvise(void *start, size_t size, int advice)
{
	if (advice == MADV_DONTNEED)
		return 0;
	return (int)syscall(SYS_madvise, start, size, advice);
}

static void
start(void)
{
	lock_init(&seen.lock, LOCK_RANK_OF_TESTS);
	lock_condition_init(&seen.changed);
	ck_assert_int_eq(random_start(), ERROR_NONE);
}

/* Wait for all threads. Returns whether they have ended. */
static bool
wait_for_all(void)
{
	int64_t end_ms = clock_now_ms() + SOCKETS_PATIENCE_MS;
	bool in_time = true;

	lock_take(&seen.lock);
	while (seen.ended < seen.started && in_time)
		in_time =
		    lock_condition_wait(&seen.changed, &seen.lock, end_ms);
	lock_give(&seen.lock);
	return in_time;
}

/* All threads have ended: print what each kind has used, and judge it. */
static void
assert_uses(void)
{
	for (const struct use *use = seen.uses; use->name[0] != '\0'; use++)
		printf("# %s: %zu of %zu bytes in %u\n", use->name, use->used,
		    use->stack_bytes, use->threads);
	fflush(stdout);
	for (const struct use *use = seen.uses; use->name[0] != '\0'; use++)
		ck_assert_msg(use->used <= use->stack_bytes / 2,
		    "%s: %zu of %zu bytes", use->name, use->used,
		    use->stack_bytes);
	ck_assert_str_ne(seen.uses[0].name, "");
}

/* Do it in a thread of its own. */
static void
measure(const char *name, void *(*run)(void *), void *argument)
{
	pthread_t thread;

	ck_assert_int_eq(
	    thread_start(&thread, name, THREAD_STACK_BYTES, run, argument),
	    ERROR_NONE);
	thread_join(thread);
}

/* --- The paint itself */

static void *
use_some(void *argument)
{
	volatile char bytes[SOME_BYTES];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = 0;
	return argument;
}

static void *
use_none(void *argument)
{
	return argument;
}

#if REBORE_STACK_FACTOR == 1
/* A sanitizer may have the array elsewhere. */
START_TEST(what_is_used_is_seen)
{
	start();
	measure("none", use_none, NULL);
	measure("some", use_some, NULL);
	ck_assert_uint_gt(seen.uses[0].used, 0);
	/* None uses at least what is not painted. */
	ck_assert_uint_ge(
	    seen.uses[1].used, seen.uses[0].used - APART_BYTES + SOME_BYTES);
	ck_assert_uint_le(
	    seen.uses[1].used, seen.uses[0].used + APART_BYTES + SOME_BYTES);
	assert_uses();
}
END_TEST
#else
START_TEST(what_is_used_is_seen)
{
	start();
	measure("none", use_none, NULL);
	measure("some", use_some, NULL);
	ck_assert_uint_gt(seen.uses[0].used, 0);
}
END_TEST
#endif

/* --- Messages */

static void
decode(const char *frame, size_t size)
{
	struct message message;

	(void)message_decode(frame, size, &message);
}

/* A frame full of item, between head and tail. */
static void
decode_full(const char *head, const char *item, const char *tail)
{
	char frame[MESSAGE_JSON_MOST];
	size_t used = strlen(head);

	memcpy(frame, head, used);
	for (; used + strlen(item) + strlen(tail) <= sizeof frame;
	     used += strlen(item))
		memcpy(frame + used, item, strlen(item));
	memcpy(frame + used, tail, strlen(tail));
	decode(frame, used + strlen(tail));
}

static void *
decode_nested(void *argument)
{
	char frame[MESSAGE_JSON_MOST];

	for (size_t depth = 1; depth <= sizeof frame; depth++) {
		memset(frame, '[', depth);
		decode(frame, depth);
	}
	for (size_t depth = 1; depth <= MESSAGE_NESTING_MOST; depth++) {
		memset(frame, '[', depth);
		memset(frame + depth, ']', depth);
		decode(frame, 2 * depth);
	}
	decode_full("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{",
	    "\"a\":\"\\ud83d\\ude00\"", "}}}}}}}}");
	decode_full("[[[[[[[[", "[],{},", "0]]]]]]]]");
	return argument;
}

static void *
decode_rich(void *argument)
{
	decode_full(
	    "{\"Announce\":{\"version\":1,\"can\":[\"\"", ",\"\"", "]}}");
	decode_full("{\"Announce\":{\"version\":1,\"later\":[{}", ",{}", "]}}");
	decode_full("{\"Error\":\"", "\\u00e9", "\"}");
	decode_full("{\"Error\":\"", "e", "\"}");
	decode_full("{\"Later\":[1", ",1", "]}");
	return argument;
}

/* Numbers take the C library a long way. */
static void *
decode_numbers(void *argument)
{
	decode_full("{\"Hello\":0.", "0123456789", "}");
	decode_full("{\"Hello\":1", "9", "e-300}");
	decode_full("{\"Hello\":-1", "9", "e+30}");
	decode_full("{\"Hello\":1", "9", "e999}");
	decode_full("{\"Hello\":", "9", "}");
	decode_full("{\"Hello\":4.9", "4", "e-324}");
	return argument;
}

/* What jansson has to say of it is formatted. */
static void *
decode_invalid(void *argument)
{
	decode_full("{\"Error\":\"", "\\u12", "\"}");
	decode_full("{\"Error\":\"", "\xff", "\"}");
	decode_full("{\"", "a", "");
	decode_full("", "a", "");
	decode_full("{\"a\":1", ",\"a\":1", "}");
	decode_full("{\"Announce\":{\"version\":1", ",\"can\":7", "}}");
	return argument;
}

static void *
encode(void *argument)
{
	char frame[MESSAGE_JSON_MOST + 1];
	struct message message;

	for (int kind = 0; kind < MESSAGE_UNKNOWN; kind++) {
		memset(&message, 1, sizeof message);
		message.kind = (enum message_kind)kind;
		message.as.text[MESSAGE_JSON_MOST] = '\0';
		if (kind == MESSAGE_ANNOUNCE) {
			message.as.announce.has_instance = true;
			message.as.announce.can = 7;
		}
		if (kind == MESSAGE_BYE)
			message.as.bye.displaced = true;
		(void)message_encode(&message, frame);
	}
	return argument;
}

static void
measure_messages(void)
{
	start();
	measure("nested frames", decode_nested, NULL);
	measure("rich frames", decode_rich, NULL);
	measure("long numbers", decode_numbers, NULL);
	measure("invalid frames", decode_invalid, NULL);
	measure("encoding", encode, NULL);
	assert_uses();
}

START_TEST(messages_with_a_scratch)
{
	json_arena_install();
	measure_messages();
}
END_TEST

START_TEST(messages_without_a_scratch)
{
	measure_messages();
}
END_TEST

/* --- Secrets */

static void *
authenticate(void *argument)
{
	char tag[AUTH_TAG_TEXT_SIZE];
	struct auth_key key;
	struct uuid challenge;
	struct channel channel;
	struct message answer;
	int ours = -1, theirs = -1;

	memset(&challenge, 0x5a, sizeof challenge);
	auth_key_derive("secret", 6, &key);
	auth_tag(&key, &challenge, tag);
	(void)auth_tag_valid(&key, &challenge, tag);
	sockets_local(&ours, &theirs);
	channel_init(&channel, transport_of(ours));
	(void)auth_answer(&channel, &key, &challenge);
	(void)channel_flush(&channel);
	/* The other end of it closes, and does not answer. */
	close(theirs);
	(void)auth_challenge(&channel, &challenge);
	(void)auth_await_answer(&channel, &answer, clock_now_ms() + 1000);
	close(ours);
	return argument;
}

START_TEST(secrets)
{
	start();
	measure("authentication", authenticate, NULL);
	assert_uses();
}
END_TEST

/* --- Lines of the log */

static void
log_to(int fd, enum log_format format)
{
	const struct log_options options = {
	    .level = LOG_LEVEL_DEBUG, .format = format};

	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	log_open(&options);
}

static void
log_nowhere(enum log_format format)
{
	int fd = open("/dev/null", O_WRONLY);

	ck_assert_int_ne(fd, -1);
	log_to(fd, format);
	close(fd);
}

/* Longer than a line may be; escaped at the worst; and numbers. */
static void *
log_long(void *argument)
{
	char text[2000];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	log_info("%s", text);
	memset(text, '\x01', sizeof text - 1);
	log_info("%s", text);
	memset(text, '"', sizeof text - 1);
	log_error("%s", text);
	log_warning("%d %s %u %.3f %g", -1, text, 1U, 1e300, 1e-300);
	return argument;
}

START_TEST(long_lines_as_text)
{
	start();
	log_nowhere(LOG_FORMAT_TEXT);
	measure("log, text", log_long, NULL);
	assert_uses();
}
END_TEST

START_TEST(long_lines_as_json)
{
	start();
	log_nowhere(LOG_FORMAT_JSON);
	measure("log, JSON", log_long, NULL);
	assert_uses();
}
END_TEST

/* Lines were lost: that is said in front of the next. */
START_TEST(lost_lines_as_json)
{
	int ends[2];

	start();
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	while (write(ends[1], "x", 1) == 1)
		continue;
	log_to(ends[1], LOG_FORMAT_JSON);
	log_info("lost");
	log_nowhere(LOG_FORMAT_JSON);
	measure("log, lost", log_long, NULL);
	assert_uses();
}
END_TEST

/* --- Names */

static void
look_up(const char *host)
{
	struct address_name name = {.port = 80};
	struct resolve *resolve;
	struct resolve_list list;
	const char *reason;

	snprintf(name.host, sizeof name.host, "%s", host);
	resolve = resolve_create(&name, 0);
	ck_assert_ptr_nonnull(resolve);
	(void)resolve_lookup(
	    resolve, clock_now_ms() + SOCKETS_PATIENCE_MS, &list, &reason);
	resolve_release(resolve);
}

/* Through the files, modules and name servers of this machine, which may be
 * silent: then nothing is known. */
START_TEST(names_that_are_looked_up)
{
	char own[256] = "";

	start();
	ck_assert_int_eq(setenv("RES_OPTIONS", "timeout:1 attempts:1", 1), 0);
	look_up("name.invalid");
	look_up("an-unknown-name-without-a-dot");
	gethostname(own, sizeof own - 1);
	look_up(own);
	if (wait_for_all())
		assert_uses();
	else
		printf("# the name server is silent: not known\n");
	fflush(stdout);
}
END_TEST

/* --- A server and a client, with all their threads */

static struct {
	struct server *server;
	struct client *client;
	struct server_options server_options;
	struct client_options client_options;
	struct lock lock;
	struct lock_condition changed;
	/* Under lock. */
	unsigned port; /* 0: none yet */
} stage;

/* "connected, public address HOST:PORT", or what went wrong */
static void
hear(const char *status)
{
	const char *colon = strrchr(status, ':');

	lock_take(&stage.lock);
	stage.port = colon == NULL ? 0 : (unsigned)strtoul(colon + 1, NULL, 10);
	lock_condition_tell(&stage.changed);
	lock_give(&stage.lock);
}

static struct budget budget;

static void
nothing(void)
{
}

static void
start_server(void)
{
	struct server_options *options = &stage.server_options;
	struct server_failure failure;
	struct auth_key key;

	budget_init(&budget, fd_limit());
	*options = (struct server_options){.budget = &budget,
	    .min_port = 1024,
	    .max_port = 65535,
	    .client_timeout_ms = 8000,
	    .lease_ms = 10000,
	    .hold_ms = 5000,
	    .max_waiting = 10};
	auth_key_derive("secret", 6, &key);
	ck_assert(address_parse("127.0.0.1", 0, &options->control));
	ck_assert(address_parse("127.0.0.1", 0, &options->tunnels));
	ck_assert_int_eq(
	    server_start(options, &key, 1, &stage.server, &failure),
	    ERROR_NONE);
}

static void
start_client(uint16_t local_port, unsigned spares)
{
	struct client_options *options = &stage.client_options;
	struct client_failure failure;
	struct auth_key key;
	struct address control;

	server_address(stage.server, &control);
	*options = (struct client_options){.budget = &budget,
	    .has_secret = true,
	    .reconnect = {.reconnect = true, .cap_ms = 1000},
	    .heartbeat_timeout_ms = 8000,
	    .spares = spares,
	    .on_status = hear,
	    .on_end = nothing};
	auth_key_derive("secret", 6, &key);
	snprintf(options->local.host, sizeof options->local.host, "localhost");
	options->local.port = local_port;
	/* So that it has to look for the one that answers. */
	snprintf(
	    options->server.host, sizeof options->server.host, "localhost");
	options->server.port = address_port(&control);
	ck_assert_int_eq(
	    client_start(options, &key, &stage.client, &failure), ERROR_NONE);
}

static uint16_t
wait_for_port(void)
{
	unsigned port;

	lock_take(&stage.lock);
	while (stage.port == 0)
		ck_assert(lock_condition_wait(&stage.changed, &stage.lock,
		    clock_now_ms() + SOCKETS_PATIENCE_MS));
	port = stage.port;
	lock_give(&stage.lock);
	return (uint16_t)port;
}

static int
visit(uint16_t port)
{
	struct address address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_ne(fd, -1);
	ck_assert(address_parse("127.0.0.1", port, &address));
	ck_assert_int_eq(
	    connect(fd, &address.socket.generic, address.length), 0);
	return fd;
}

/* A few bytes, much in both ways, and the ends. */
static void
serve(int listener, uint16_t port)
{
	static char bytes[1 << 16];
	int visitor = visit(port);
	int service;

	sockets_write(visitor, "hello");
	ck_assert_int_ne(
	    sockets_wait(listener, POLLIN, SOCKETS_PATIENCE_MS), 0);
	service = accept(listener, NULL, NULL);
	ck_assert_int_ne(service, -1);
	sockets_expect(service, "hello", 5);
	for (int i = 0; i < 64; i++) {
		ck_assert_int_eq(
		    send(service, bytes, sizeof bytes, MSG_NOSIGNAL),
		    (ssize_t)sizeof bytes);
		sockets_expect(visitor, bytes, sizeof bytes);
	}
	shutdown(visitor, SHUT_WR);
	sockets_expect_end(service);
	close(service);
	sockets_expect_end(visitor);
	close(visitor);
}

/* Say what no client says, and read what the server thinks of it. */
static void
annoy(const char *frame, size_t size)
{
	struct address control;
	char answer[4096];
	int fd;

	server_address(stage.server, &control);
	fd = visit(address_port(&control));
	ck_assert_int_eq(send(fd, frame, size, MSG_NOSIGNAL), (ssize_t)size);
	while (sockets_read(fd, answer, sizeof answer) > 0)
		continue;
	close(fd);
}

static void
run_stage(unsigned spares)
{
	static const char long_frame[1000] = "{\"Authenticate\":\"";
	static const char error[] = "{\"Error\":\"\\u0001\\u0002\"}";
	static const char web[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct address local;
	int listener = sockets_listen(&local, 8);
	int refused;
	char byte;
	uint16_t port;

	lock_init(&stage.lock, LOCK_RANK_OF_TESTS);
	lock_condition_init(&stage.changed);
	start_server();
	start_client(address_port(&local), spares);
	port = wait_for_port();
	for (int i = 0; i < 4; i++)
		serve(listener, port);
	annoy(long_frame, sizeof long_frame);
	annoy(error, sizeof error);
	annoy(web, sizeof web);
	/* Nobody is behind it any more: reset, or closed. */
	close(listener);
	refused = visit(port);
	(void)sockets_read(refused, &byte, 1);
	close(refused);
	client_stop(stage.client);
	ck_assert_int_eq(client_join(stage.client), CLIENT_END_STOPPED);
	server_stop(stage.server);
	ck_assert(wait_for_all());
	assert_uses();
}

START_TEST(a_server_and_a_client)
{
	start();
	json_arena_install();
	log_nowhere(LOG_FORMAT_JSON);
	run_stage(0);
}
END_TEST

START_TEST(a_server_and_a_client_with_spares)
{
	start();
	json_arena_install();
	log_nowhere(LOG_FORMAT_JSON);
	run_stage(2);
}
END_TEST

SUITE_MAIN("stack_use", what_is_used_is_seen, messages_with_a_scratch,
    messages_without_a_scratch, secrets, long_lines_as_text, long_lines_as_json,
    lost_lines_as_json, names_that_are_looked_up, a_server_and_a_client,
    a_server_and_a_client_with_spares)
