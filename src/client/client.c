/* client - see client.h */
#include "client/client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/repeat.h"
#include "base/secret.h"
#include "client/attempt.h"
#include "client/control.h"
#include "client/identity.h"
#include "client/reconnect.h"
#include "client/rekey.h"
#include "client/worker.h"
#include "net/netwatch.h"
#include "net/resolve.h"
#include "net/roster.h"
#include "os/fd.h"
#include "os/thread.h"
#include "os/thread_pool.h"
#include "os/timer.h"
#include "os/wakeup.h"

/* How long an address of the local service is used before the name is looked up
 * again. */
#define LOCAL_AGE_MS 5000
/* A change of the network ends a backoff wait at most once in this time: some
 * networks change all day. */
#define CUT_EVERY_MS 5000
/* How often a waiting client checks whether the system was suspended. */
#define LOOK_MS 5000
/* How often a client whose secret was refused checks the file for another one.
 * */
#define LOOK_FOR_KEY_MS 2000
/* A longer gap than this means that the system was suspended, and not merely
 * that the thread was scheduled late. */
#define SUSPENDED_MS 2000
/* How long to wait for workers to end, and then for the disk. */
#define END_MS 500

struct client {
	/* Set before the supervisor starts, then read-only. */
	const struct client_options *options;
	struct worker_shared workers;
	struct roster roster;   /* proxied connections */
	struct roster controls; /* control connections */
	struct thread_pool *threads;
	struct resolve *server_name;
	struct resolve *local_name;
	struct identity identity;
	struct keyring keys;
	struct wakeup stop;  /* stays readable once it was sent */
	struct wakeup end;   /* the same, for workers, after the drain */
	struct wakeup retry; /* ends one backoff wait */
	int timer_fd;
	pthread_t supervisor;

	/* Used by the supervisor alone, and by the control thread while that
	 * runs. */
	struct reconnect reconnect;
	struct rekey rekey;
	struct repeat losses; /* failures that were logged */
	struct netwatch watch;
	int64_t cut_ms;       /* when a network change last ended a wait */
	int64_t suspended_ms; /* how long the system was suspended so far */
	bool needs_secret; /* our secret was refused, and there is no other */
	/* of the last tunnel that was up; 0: there was none */
	uint16_t public_port;
	int64_t lost_ms; /* when the tunnel went down; 0: it is up */
	bool has_stood;  /* there was a tunnel in this process */
	enum client_end ending;

	atomic_bool has_ended;
};

static void
public_address(const struct client *client, uint16_t port,
    char text[static ADDRESS_NAME_TEXT_SIZE])
{
	struct address_name name = client->options->server;

	name.port = port;
	address_name_print(&name, text);
}

static void
tell_status(const struct client *client, const char *status)
{
	if (client->options->on_status != NULL)
		client->options->on_status(status);
}

/* Warn that the public address has changed: users of the old address do not
 * know. */
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

	/* Before the log line: a script that waits for the line may kill the
	 * client next. */
	identity_set_port(&client->identity, public_port);
	public_address(client, public_port, address);
	address_name_print(&client->options->server, server);
	if (old_port == public_port && client->lost_ms == 0)
		return; /* by a second connection: nothing was lost */
	if (!client->has_stood)
		log_info("connected to %s, public address %s", server, address);
	else
		log_info("connected again after %.1f s, %s public address %s",
		    (double)(clock_now_ms() - client->lost_ms) / 1000,
		    old_port == public_port ? "same" : "new", address);
	if (old_port != 0 && old_port != public_port)
		warn_of_new_address(client, old_port, address);
	client->public_port = public_port;
	client->has_stood = true;
	client->lost_ms = 0;
	reconnect_stands(&client->reconnect, public_port);
	rekey_accept(&client->rekey);
	memset(&client->losses, 0, sizeof client->losses);
	snprintf(
	    status, sizeof status, "connected, public address %s", address);
	tell_status(client, status);
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
	client->needs_secret = false;
	memset(control, 0, sizeof *control);
	control->options = client->options;
	control->keys = &client->keys;
	control->identity = &client->identity;
	control->watch = &client->watch;
	control->roster = &client->controls;
	control->workers = &client->workers;
	control->server = client->server_name;
	control->stop_fd = client->stop.read_fd;
	control->asked_port =
	    reconnect_port(&client->reconnect, clock_now_ms());
	control->failures = reconnect_failures(&client->reconnect);
	control->established = established;
	control->context = client;
	if (thread_start(&thread, "rebore-control", THREAD_STACK_BYTES,
		run_control, control) == ERROR_NONE) {
		thread_join(thread);
		return;
	}
	control->end.outcome = ATTEMPT_FAILED;
	control->end.asked_port = control->asked_port;
	snprintf(control->reason, sizeof control->reason,
	    "cannot start a thread: %s", strerror(errno));
}

/* Discard answers of name servers that were reached over the old path, and
 * their time-outs. */
static void
look_up_anew(struct client *client)
{
	resolve_network_changed(client->server_name);
	resolve_network_changed(client->local_name);
}

/* Returns whether there is a reason to try again now. */
static bool
is_news(struct client *client, bool network_is_readable)
{
	int64_t suspended_ms = clock_suspended_ms();
	bool slept = suspended_ms - client->suspended_ms > SUSPENDED_MS;
	bool changed = network_is_readable && netwatch_changed(&client->watch);

	client->suspended_ms = suspended_ms;
	if (slept || changed)
		look_up_anew(client);
	return slept || (changed && netwatch_has_route(&client->watch));
}

/* Whether the secret was refused, and the file now has another one. */
static bool
has_new_key(struct client *client)
{
	if (!client->needs_secret || !rekey_look(&client->rekey, false))
		return false;
	log_info("the secret file has changed");
	return true;
}

/*
 * Wait until end_ms, or until there is a reason to try earlier: a request
 * (client_retry_now()), another secret, or a change of the network. The latter
 * counts once in CUT_EVERY_MS, and not after the secret was refused.
 *
 * Returns ERROR_STOPPED when the client is to end, ERROR_AGAIN when end_ms has
 * not been reached yet, and ERROR_NONE when the wait is over.
 */
static enum error
wait_a_while(struct client *client, int64_t *end_ms)
{
	struct pollfd slots[] = {
	    {.fd = client->stop.read_fd, .events = POLLIN},
	    {.fd = client->retry.read_fd, .events = POLLIN},
	    {.fd = client->watch.fd, .events = POLLIN},
	    {.fd = client->timer_fd, .events = POLLIN},
	};
	int64_t look_ms = clock_earlier(
	    *end_ms, clock_now_ms() +
			 (client->needs_secret ? LOOK_FOR_KEY_MS : LOOK_MS));
	bool is_cut;

	timer_set(client->timer_fd, *end_ms);
	if (poll(slots, 4, clock_left_ms(look_ms)) == -1)
		return ERROR_AGAIN; /* EINTR or no memory: wait on */
	if (slots[0].revents != 0)
		return ERROR_STOPPED;
	if (has_new_key(client) || slots[1].revents != 0)
		return ERROR_NONE;
	is_cut = is_news(client, slots[2].revents != 0);
	if (is_cut && !client->needs_secret) {
		log_debug("the network has changed, or the system was asleep");
		*end_ms = clock_earlier(*end_ms,
		    clock_later(clock_now_ms(), client->cut_ms + CUT_EVERY_MS));
		client->cut_ms = *end_ms;
	}
	return ERROR_AGAIN;
}

/* Wait for the delay. Returns whether the client is to end. */
static bool
wait_out(struct client *client, uint32_t delay_ms)
{
	int64_t end_ms = clock_now_ms() + delay_ms;
	enum error error = ERROR_AGAIN;

	client->suspended_ms = clock_suspended_ms();
	while (error == ERROR_AGAIN && clock_now_ms() < end_ms)
		error = wait_a_while(client, &end_ms);
	timer_set(client->timer_fd, CLOCK_NEVER);
	return error == ERROR_STOPPED;
}

/* Log that the attempt failed or the tunnel was lost, and when the next attempt
 * is due; the same failure only once in a while. */
static void
log_failure(
    struct client *client, const struct control *control, uint32_t delay_ms)
{
	bool lost = attempt_stood(control->end.outcome);
	const char *what = lost ? "connection lost" : "no connection";
	/* A refused secret rarely becomes valid by itself. */
	void (*log)(const char *, ...) =
	    client->needs_secret ? log_error : log_warning;
	double delay_s = (double)delay_ms / 1000;
	char status[HANDSHAKE_REASON_SIZE + 32];
	char more[REPEAT_MORE_SIZE];

	snprintf(status, sizeof status, "%s (%s)", what, control->reason);
	tell_status(client, status);
	if (!repeat_due(&client->losses, status, clock_now_ms(), more))
		log_debug("%s; trying again in %.1f s", status, delay_s);
	else
		log("%s%s; trying again in %.1f s", status, more, delay_s);
}

/* Log why there is no further attempt. */
static void
log_why_final(const struct client *client, const struct control *control)
{
	unsigned failures = reconnect_failures(&client->reconnect);

	switch (client->ending) {
	case CLIENT_END_STOPPED:
		if (control->end.outcome != ATTEMPT_STOPPED)
			log_info("connection lost (%s); ending, as "
				 "--no-reconnect asks",
			    control->reason);
		break;
	case CLIENT_END_FAILED:
		log_error("no connection (%s)", control->reason);
		break;
	case CLIENT_END_GAVE_UP:
		log_error("no connection (%s); giving up after %u failed "
			  "attempt%s",
		    control->reason, failures,
		    failures == 1 ? "" : "s in a row");
		break;
	case CLIENT_END_REFUSED:
	case CLIENT_END_IMPOSSIBLE:
		log_error("%s", control->reason);
		break;
	}
}

/*
 * The secret was refused: check the file for another one. Returns whether there
 * is one.
 */
static bool
find_other_secret(struct client *client)
{
	rekey_refuse(
	    &client->rekey, client->options->reconnect.auth_retry_ms > 0);
	return client->options->reconnect.reconnect &&
	       rekey_look(&client->rekey, true);
}

/* Complete the result of an attempt with what only the client knows. */
static void
add_facts(struct client *client, struct attempt_end *end)
{
	if (end->outcome == ATTEMPT_REFUSED)
		end->has_other_secret = find_other_secret(client);
	if (end->outcome == ATTEMPT_PORT_TAKEN)
		end->caught_up =
		    identity_catch_up(&client->identity, end->known_attempt);
	end->interrupts = stream_outage_count(&client->workers.outage) > 0;
	if (end->caught_up)
		log_warning("the state file is older than what the server "
			    "knows of us; going on from there");
	if (attempt_stood(end->outcome)) {
		client->lost_ms = clock_now_ms();
		/* The request came while the tunnel was up, when there was
		 * nothing to try. It does not apply to the wait that begins
		 * now. */
		wakeup_clear(&client->retry);
	}
}

/* Take a new instance: another process uses ours. */
static void
take_new_identity(struct client *client, const struct control *control)
{
	const char *why = control->reason;

	if (control->end.outcome == ATTEMPT_DISPLACED)
		why = "displaced 3 times in ten minutes by a client with our "
		      "identity: one state file is a copy of the other";
	log_error("%s; taking a new identity", why);
	identity_renew(&client->identity);
}

/* Decide what follows an attempt, and log it. */
static struct reconnect_decision
decide(struct client *client, struct control *control)
{
	struct reconnect_decision decision;

	add_facts(client, &control->end);
	decision = reconnect_decide(
	    &client->reconnect, &control->end, clock_now_ms(), random_u32());
	client->ending = decision.end;
	client->needs_secret = decision.needs_secret;
	if (decision.needs_identity)
		take_new_identity(client, control);
	if (control->end.outcome == ATTEMPT_DISPLACED)
		log_error("%s", control->reason);
	if (decision.is_final) {
		log_why_final(client, control);
		return decision;
	}
	if (control->end.has_other_secret)
		log_info("the secret file has changed");
	log_failure(client, control, decision.delay_ms);
	return decision;
}

static void *
supervise(void *argument)
{
	struct client *client = argument;
	struct reconnect_decision decision;
	struct control control;

	for (;;) {
		attempt(client, &control);
		decision = decide(client, &control);
		if (decision.is_final)
			break;
		if (wait_out(client, decision.delay_ms)) {
			client->ending = CLIENT_END_STOPPED;
			break;
		}
	}
	atomic_store(&client->has_ended, true);
	if (client->options->on_end != NULL)
		client->options->on_end();
	return NULL;
}

/* Release what client_create() has made so far. */
static void
destroy_client(struct client *client)
{
	if (client == NULL)
		return;
	thread_pool_destroy(client->threads);
	resolve_release(client->server_name);
	resolve_release(client->local_name);
	netwatch_close(&client->watch);
	fd_close(&client->timer_fd);
	wakeup_close(&client->end);
	wakeup_close(&client->retry);
	wakeup_close(&client->stop);
	worker_shared_destroy(&client->workers);
	identity_end(&client->identity);
	keyring_destroy(&client->keys);
	roster_destroy(&client->controls);
	roster_destroy(&client->roster);
	free(client);
}

static void
connect_workers(struct client *client)
{
	struct worker_shared *workers = &client->workers;

	workers->options = client->options;
	workers->keys = client->options->has_secret ? &client->keys : NULL;
	workers->local = client->local_name;
	workers->threads = client->threads;
	workers->roster = &client->roster;
	workers->stop_fd = client->end.read_fd;
}

static void
set_rules(struct client *client)
{
	client->public_port = identity_port(&client->identity);
	reconnect_init(&client->reconnect, &client->options->reconnect,
	    client->public_port);
}

static enum error
open_all(struct client *client)
{
	enum error error = wakeup_open(&client->stop);

	if (error == ERROR_NONE)
		error = wakeup_open(&client->end);
	if (error == ERROR_NONE)
		error = wakeup_open(&client->retry);
	if (error == ERROR_NONE)
		error = timer_open(&client->timer_fd);
	netwatch_open(&client->watch);
	return error;
}

/* Make the parts of a client. On failure destroy_client() releases those that
 * were made. */
static enum error
make_parts(struct client *client, const struct client_options *options,
    const struct auth_key *key, struct client_failure *failure)
{
	enum error error;

	client->options = options;
	keyring_init(&client->keys);
	rekey_init(&client->rekey, options->secret_path, &client->keys);
	client->timer_fd = -1;
	client->watch.fd = -1;
	client->stop = (struct wakeup)WAKEUP_INITIALIZER;
	client->end = (struct wakeup)WAKEUP_INITIALIZER;
	client->retry = (struct wakeup)WAKEUP_INITIALIZER;
	roster_init(&client->roster);
	roster_init(&client->controls);
	error = worker_shared_init(&client->workers, worker_order_size());
	if (error == ERROR_NONE) {
		error = identity_start(
		    &client->identity, options->state_path, &failure->holder);
		failure->of_state_file = error != ERROR_NONE;
	}
	if (error == ERROR_NONE && options->has_secret)
		error = keyring_replace(&client->keys, key, 1);
	set_rules(client);
	client->lost_ms = clock_now_ms();
	client->threads = thread_pool_create("rebore-visitor");
	client->server_name = resolve_create(&options->server, 0);
	client->local_name = resolve_create(&options->local, LOCAL_AGE_MS);
	if (error == ERROR_NONE &&
	    (client->threads == NULL || client->server_name == NULL ||
		client->local_name == NULL))
		error = ERROR_MEMORY;
	if (error == ERROR_NONE)
		error = open_all(client);
	connect_workers(client);
	return error;
}

enum error
client_start(const struct client_options *options, const struct auth_key *key,
    struct client **client, struct client_failure *failure)
{
	struct client *made = calloc(1, sizeof *made);
	enum error error;
	int saved;

	*client = NULL;
	memset(failure, 0, sizeof *failure);
	if (made == NULL)
		return ERROR_MEMORY;
	error = make_parts(made, options, key, failure);
	if (error == ERROR_NONE)
		error = thread_start(&made->supervisor, "rebore-superv",
		    THREAD_STACK_BYTES, supervise, made);
	if (error) {
		saved = errno;
		if (identity_stop(&made->identity, clock_now_ms() + END_MS) ==
		    ERROR_NONE)
			destroy_client(made);
		errno = saved;
		return error;
	}
	*client = made;
	return ERROR_NONE;
}

bool
client_has_ended(const struct client *client)
{
	return atomic_load(&client->has_ended);
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
	roster_interrupt_all(&client->controls);
}

enum client_end
client_join(struct client *client)
{
	enum client_end end;
	enum error error;
	unsigned left;

	thread_join(client->supervisor);
	end = client->ending;
	left = roster_wait_empty(&client->roster,
	    clock_now_ms() + (int64_t)client->options->drain_s * 1000);
	if (left > 0 && client->options->drain_s > 0)
		log_warning("visitors have not finished in %u s and are cut "
			    "off: %u",
		    client->options->drain_s, left);
	wakeup_send(&client->end);
	resolve_stop(client->local_name);
	roster_interrupt_all(&client->roster);
	error = thread_pool_stop(client->threads, clock_now_ms() + END_MS);
	if (identity_stop(&client->identity, clock_now_ms() + END_MS))
		error = ERROR_TIMEOUT;
	if (error == ERROR_NONE)
		destroy_client(client);
	/* Threads that are left use the rest: wipe only the keys that no thread
	 * holds. */
	else
		(void)keyring_replace(&client->keys, NULL, 0);
	return end;
}
