/* janitor - see janitor.h */
#include "server/janitor.h"

#include <poll.h>

#include "base/clock.h"
#include "os/thread.h"

/* Memory that was not wanted for so long is given back. */
#define TIDY_MS 1000
/* How often memory is given back after the last tunnel: what was in use then goes
 * back at the second time. */
#define TIDIES_AFTER 2

/* Give memory back as long as there are tunnels, and a little longer. A server
 * without tunnels does not wake up for this. */
static void
tidy_if_due(struct janitor *janitor)
{
	struct server_state *server = janitor->server;
	int64_t now_ms = clock_now_ms();

	if (atomic_load(&server->tunnels_now) > 0)
		janitor->tidies = TIDIES_AFTER;
	if (janitor->tidies == 0 || now_ms < janitor->tidy_ms)
		return;
	janitor->tidies--;
	janitor->tidy_ms = now_ms + TIDY_MS;
	server_state_tidy(server);
}

static int64_t
janitor_due_ms(struct janitor *janitor)
{
	struct server_state *server = janitor->server;
	int64_t wake_ms =
	    clock_earlier(port_memory_due_ms(&server->port_memory),
		notices_due_ms(&server->notices));

	if (janitor->tidies > 0)
		wake_ms = clock_earlier(wake_ms, janitor->tidy_ms);
	return wake_ms;
}

static void *
run_janitor(void *argument)
{
	struct janitor *janitor = argument;
	struct server_state *server = janitor->server;
	struct pollfd slots[] = {
	    {.fd = janitor->stop.read_fd, .events = POLLIN},
	    {.fd = server->opened.read_fd, .events = POLLIN},
	    {.fd = port_memory_fd(&server->port_memory), .events = POLLIN},
	};

	while (slots[0].revents == 0) {
		if (poll(slots, 3, clock_left_ms(janitor_due_ms(janitor))) ==
		    -1)
			continue;
		if (slots[1].revents != 0)
			wakeup_clear(&server->opened);
		tidy_if_due(janitor);
		notices_write_counts(&server->notices);
		port_memory_save_if_due(&server->port_memory);
	}
	port_memory_save(&server->port_memory);
	lock_take(&janitor->lock);
	janitor->ended = true;
	lock_condition_tell(&janitor->over);
	lock_give(&janitor->lock);
	return NULL;
}

static void
release_janitor(struct janitor *janitor)
{
	lock_condition_destroy(&janitor->over);
	lock_destroy(&janitor->lock);
	wakeup_close(&janitor->stop);
	janitor->started = false;
}

enum error
janitor_start(struct janitor *janitor, struct server_state *server)
{
	enum error error = wakeup_open(&janitor->stop);

	janitor->started = false;
	if (error)
		return error;
	janitor->server = server;
	janitor->ended = false;
	janitor->tidies = 0;
	janitor->tidy_ms = 0;
	lock_init(&janitor->lock, LOCK_RANK_JANITOR);
	lock_condition_init(&janitor->over);
	janitor->started = true;
	error = thread_start(&janitor->thread, "rebore-janitor",
	    THREAD_STACK_BYTES, run_janitor, janitor);
	if (error)
		release_janitor(janitor);
	return error;
}

enum error
janitor_stop(struct janitor *janitor, int64_t deadline_ms)
{
	bool in_time = true;

	if (!janitor->started)
		return ERROR_NONE;
	wakeup_send(&janitor->stop);
	lock_take(&janitor->lock);
	while (!janitor->ended && in_time)
		in_time = lock_condition_wait(
		    &janitor->over, &janitor->lock, deadline_ms);
	in_time = janitor->ended;
	lock_give(&janitor->lock);
	if (!in_time)
		return ERROR_TIMEOUT;
	thread_join(janitor->thread);
	release_janitor(janitor);
	return ERROR_NONE;
}
