/* client - see client.h */
#include "client/client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/repeat.h"
#include "client/control.h"
#include "client/worker.h"
#include "net/resolve.h"
#include "net/roster.h"
#include "os/crew.h"
#include "os/fd.h"
#include "os/thread.h"
#include "os/timer.h"
#include "os/wakeup.h"

/* A connection that stood for so long, or served a visitor, was a good one:
 * the next delay is a first one. Anything less would hit a server that accepts
 * and drops once a second, for ever. */
#define GOOD_AFTER_MS 10000
/* The same visitors keep the same local address for so long. */
#define LOCAL_AGE_MS 5000
/* A port that another holds for longer is not coming back. */
#define PORT_PATIENCE_MS 30000
/* How long workers may take to end. */
#define END_MS 500

struct client {
	/* Set before the supervisor starts, then read-only. */
	struct client_options options;
	struct worker_context workers;
	struct roster roster;
	struct crew *crew;
	struct resolve *server_name;
	struct resolve *local_name;
	struct wakeup stop;  /* once sent it stays readable */
	struct wakeup retry; /* ends one wait */
	int timer_fd;
	pthread_t supervisor;

	/* The supervisor's alone; the control thread's while it runs. */
	struct backoff backoff;
	struct repeat told;
	uint16_t public_port; /* that we had last; 0: none yet */
	int64_t lost_ms;      /* since when there is no tunnel */
	int64_t taken_ms;     /* since when the port is refused; 0: it is not */
	unsigned failures;    /* in a row */
	enum client_end end;
};

static void
public_address(const struct client *client, uint16_t port,
    char text[static ADDRESS_NAME_TEXT_SIZE])
{
	struct address_name name = client->options.server;

	name.port = port;
	address_name_print(&name, text);
}

static void
tell(const struct client *client, const char *status)
{
	if (client->options.told != NULL)
		client->options.told(status);
}

/* The address has changed against the user's will: say so loudly. */
static void
warn_of_new_address(
    const struct client *client, uint16_t old_port, const char *address)
{
	char old[ADDRESS_NAME_TEXT_SIZE];

	public_address(client, old_port, old);
	log_warning("the public address has changed: it was %s, it is %s", old,
	    address);
}

/* Called in the control thread, while the supervisor waits for it. */
static void
established(void *context, uint16_t public_port)
{
	struct client *client = context;
	uint16_t old_port = client->public_port;
	char address[ADDRESS_NAME_TEXT_SIZE];
	char server[ADDRESS_NAME_TEXT_SIZE];
	char status[ADDRESS_NAME_TEXT_SIZE + 32];

	public_address(client, public_port, address);
	address_name_print(&client->options.server, server);
	if (old_port == 0)
		log_info("connected to %s, public address %s", server, address);
	else
		log_info("connected again after %.1f s, %s public address %s",
		    (double)(clock_now_ms() - client->lost_ms) / 1000,
		    old_port == public_port ? "same" : "new", address);
	if (old_port != 0 && old_port != public_port)
		warn_of_new_address(client, old_port, address);
	client->public_port = public_port;
	client->failures = 0;
	client->taken_ms = 0;
	wakeup_clear(&client->retry); /* what was asked for is done */
	memset(&client->told, 0, sizeof client->told);
	snprintf(
	    status, sizeof status, "connected, public address %s", address);
	tell(client, status);
}

/*
 * The port that was granted once is asked for again, so that the public address
 * stays. Where any would do and another holds it for good, another is better
 * than none.
 */
static uint16_t
port_to_ask(const struct client *client)
{
	bool is_lost = client->options.public_port == 0 &&
	               client->taken_ms != 0 &&
	               clock_now_ms() - client->taken_ms > PORT_PATIENCE_MS;

	if (client->public_port == 0 || is_lost)
		return client->options.public_port;
	return client->public_port;
}

static void *
run_control(void *control)
{
	control_run(control);
	return NULL;
}

/* Make one attempt in a thread of its own, and wait for its result. */
static void
attempt(struct client *client, struct control *control)
{
	pthread_t thread;

	wakeup_clear(&client->retry);
	memset(control, 0, sizeof *control);
	control->options = &client->options;
	control->workers = &client->workers;
	control->server = client->server_name;
	control->stop_fd = client->stop.read_fd;
	control->asked_port = port_to_ask(client);
	control->established = established;
	control->context = client;
	if (thread_start(&thread, "rebore-control", THREAD_STACK_BYTES,
		run_control, control) == ERROR_NONE) {
		thread_join(thread);
		return;
	}
	control->outcome = CONTROL_FAILED;
	snprintf(control->reason, sizeof control->reason,
	    "cannot start a thread: %s", strerror(errno));
}

/* Wait out a delay. Returns whether the client is to end. */
static bool
rest(struct client *client, uint32_t delay_ms)
{
	int64_t end_ms = clock_now_ms() + delay_ms;
	struct pollfd slots[] = {
	    {.fd = client->stop.read_fd, .events = POLLIN},
	    {.fd = client->retry.read_fd, .events = POLLIN},
	    {.fd = client->timer_fd, .events = POLLIN},
	};
	bool over = false;

	timer_set(client->timer_fd, end_ms);
	while (!over && slots[0].revents == 0) {
		int ready = poll(slots, 3, clock_left_ms(end_ms));

		/* Without the answer of poll() nothing is known of slots. */
		if (ready == -1)
			slots[0].revents = 0;
		else if (slots[1].revents != 0)
			over = true;
		over = over || clock_now_ms() >= end_ms;
	}
	timer_set(client->timer_fd, CLOCK_NEVER);
	return slots[0].revents != 0;
}

/* Say that the attempt came to nothing or the tunnel was lost, and when the
 * next one is due; the same failure only once in a while. */
static void
log_failure(
    struct client *client, const struct control *control, uint32_t delay_ms)
{
	bool lost = control->outcome == CONTROL_LOST;
	const char *what = lost ? "connection lost" : "no connection";
	double delay_s = (double)delay_ms / 1000;
	char status[CONTROL_REASON_SIZE + 32];
	unsigned hidden;

	snprintf(status, sizeof status, "%s (%s)", what, control->reason);
	tell(client, status);
	if (!repeat_due(&client->told, status, clock_now_ms(), &hidden))
		log_debug("%s; trying again in %.1f s", status, delay_s);
	else if (hidden > 0)
		log_warning("%s, and %u times before; trying again in %.1f s",
		    status, hidden, delay_s);
	else
		log_warning("%s; trying again in %.1f s", status, delay_s);
}

/* The end of the last attempt is the end of the client. */
static bool
is_final(struct client *client, const struct control *control)
{
	const struct client_options *options = &client->options;

	switch (control->outcome) {
	case CONTROL_STOPPED:
		client->end = CLIENT_END_STOPPED;
		return true;
	case CONTROL_REFUSED:
		client->end = CLIENT_END_REFUSED;
		log_error("%s", control->reason);
		return true;
	case CONTROL_IMPOSSIBLE:
		client->end = CLIENT_END_IMPOSSIBLE;
		log_error("%s", control->reason);
		return true;
	case CONTROL_LOST:
		client->end = CLIENT_END_STOPPED;
		if (!options->reconnect)
			log_info("connection lost (%s); ending, as "
				 "--no-reconnect asks",
			    control->reason);
		return !options->reconnect;
	case CONTROL_FAILED:
	case CONTROL_PORT_TAKEN:
		break;
	}
	client->failures++;
	if (!options->reconnect) {
		client->end = CLIENT_END_FAILED;
		log_error("no connection (%s)", control->reason);
		return true;
	}
	client->end = CLIENT_END_GAVE_UP;
	if (options->max_retries == 0 ||
	    client->failures < options->max_retries)
		return false;
	log_error("no connection (%s); giving up after %u failed attempts in "
		  "a row",
	    control->reason, client->failures);
	return true;
}

/* Keep in mind what the attempt taught. */
static void
learn(struct client *client, const struct control *control)
{
	int64_t now_ms = clock_now_ms();

	if (control->outcome == CONTROL_LOST)
		client->lost_ms = now_ms;
	if (control->stood_ms >= GOOD_AFTER_MS || control->carried)
		backoff_init(
		    &client->backoff, client->options.max_delay_s * 1000);
	if (control->outcome != CONTROL_PORT_TAKEN)
		client->taken_ms = 0;
	else if (client->taken_ms == 0)
		client->taken_ms = now_ms;
}

static void *
supervise(void *argument)
{
	struct client *client = argument;
	struct control control;
	uint32_t delay_ms;

	for (;;) {
		attempt(client, &control);
		learn(client, &control);
		if (is_final(client, &control))
			break;
		delay_ms = backoff_next(&client->backoff, random_u32());
		log_failure(client, &control, delay_ms);
		if (rest(client, delay_ms)) {
			client->end = CLIENT_END_STOPPED;
			break;
		}
	}
	if (client->options.ended != NULL)
		client->options.ended();
	return NULL;
}

/* Release what client_create() made, as far as it came. */
static void
destroy(struct client *client)
{
	if (client == NULL)
		return;
	crew_destroy(client->crew);
	resolve_release(client->server_name);
	resolve_release(client->local_name);
	fd_close(&client->timer_fd);
	wakeup_close(&client->retry);
	wakeup_close(&client->stop);
	worker_context_destroy(&client->workers);
	roster_destroy(&client->roster);
	free(client);
}

static void
connect_workers(struct client *client)
{
	struct worker_context *workers = &client->workers;

	workers->key = client->options.has_secret ? &client->options.key : NULL;
	workers->local_name = client->options.local;
	workers->local = client->local_name;
	workers->crew = client->crew;
	workers->roster = &client->roster;
	workers->stop_fd = client->stop.read_fd;
}

static enum error
create(const struct client_options *options, struct client **made)
{
	struct client *client = calloc(1, sizeof *client);
	enum error error;

	*made = client;
	if (client == NULL)
		return ERROR_MEMORY;
	client->options = *options;
	client->timer_fd = -1;
	client->stop = (struct wakeup)WAKEUP_INITIALIZER;
	client->retry = (struct wakeup)WAKEUP_INITIALIZER;
	backoff_init(&client->backoff, options->max_delay_s * 1000);
	roster_init(&client->roster);
	worker_context_init(&client->workers);
	client->crew = crew_create("rebore-visitor");
	client->server_name = resolve_create(&options->server, 0);
	client->local_name = resolve_create(&options->local, LOCAL_AGE_MS);
	if (client->crew == NULL || client->server_name == NULL ||
	    client->local_name == NULL)
		return ERROR_MEMORY;
	error = wakeup_open(&client->stop);
	if (error == ERROR_NONE)
		error = wakeup_open(&client->retry);
	if (error == ERROR_NONE)
		error = timer_open(&client->timer_fd);
	connect_workers(client);
	return error;
}

enum error
client_start(const struct client_options *options, struct client **client)
{
	enum error error = create(options, client);

	if (error == ERROR_NONE)
		error = thread_start(&(*client)->supervisor, "rebore-superv",
		    THREAD_STACK_BYTES, supervise, *client);
	if (error) {
		destroy(*client);
		*client = NULL;
	}
	return error;
}

void
client_retry_now(struct client *client)
{
	wakeup_send(&client->retry);
}

void
client_stop(struct client *client)
{
	wakeup_send(&client->stop);
	resolve_stop(client->server_name);
	resolve_stop(client->local_name);
	roster_interrupt_all(&client->roster);
}

enum client_end
client_join(struct client *client)
{
	enum client_end end;

	thread_join(client->supervisor);
	end = client->end;
	client_stop(client);
	if (crew_stop(client->crew, clock_now_ms() + END_MS) == ERROR_NONE)
		destroy(client);
	return end;
}
