/* janitor - see janitor.h */
#include "server/janitor.h"

#include <poll.h>

#include "base/clock.h"
#include "os/thread.h"

/* Memory that has been idle for this long is given back. */
#define TIDY_MS 1000
/* How often to give memory back after the last tunnel has ended: what was in
 * use then is given back the second time. */
#define TIDIES_AFTER 2

/* Give idle memory back while there are tunnels, and shortly after. A server
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
	int64_t wake_ms = notices_due_ms(&server->notices);

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
	};

	while (slots[0].revents == 0) {
		if (poll(slots, 2, clock_left_ms(janitor_due_ms(janitor))) ==
		    -1)
			continue;
		if (slots[1].revents != 0)
			wakeup_clear(&server->opened);
		tidy_if_due(janitor);
		notices_write_counts(&server->notices);
	}
	return NULL;
}

enum error
janitor_start(struct janitor *janitor, struct server_state *server)
{
	enum error error = wakeup_open(&janitor->stop);

	janitor->started = false;
	if (error)
		return error;
	janitor->server = server;
	janitor->tidies = 0;
	janitor->tidy_ms = 0;
	error = thread_start(&janitor->thread, "rebore-janitor",
	    THREAD_STACK_BYTES, run_janitor, janitor);
	janitor->started = error == ERROR_NONE;
	if (error)
		wakeup_close(&janitor->stop);
	return error;
}

void
janitor_stop(struct janitor *janitor)
{
	if (!janitor->started)
		return;
	wakeup_send(&janitor->stop);
	thread_join(janitor->thread);
	wakeup_close(&janitor->stop);
	janitor->started = false;
}
