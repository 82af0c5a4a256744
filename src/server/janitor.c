/* janitor - see janitor.h */
#include "server/janitor.h"

#include <poll.h>

#include "base/clock.h"
#include "os/thread.h"

static void *
run(void *argument)
{
	struct janitor *janitor = argument;
	struct pollfd slots[] = {
	    {.fd = janitor->stop.read_fd, .events = POLLIN},
	    {.fd = grants_fd(janitor->grants), .events = POLLIN},
	};

	while (slots[0].revents == 0) {
		int64_t due_ms = grants_due_ms(janitor->grants);

		if (poll(slots, 2, clock_left_ms(due_ms)) >= 0)
			grants_save_if_due(janitor->grants);
	}
	grants_save(janitor->grants);
	lock_take(&janitor->lock);
	janitor->ended = true;
	lock_condition_tell(&janitor->over);
	lock_give(&janitor->lock);
	return NULL;
}

static void
release(struct janitor *janitor)
{
	lock_condition_destroy(&janitor->over);
	lock_destroy(&janitor->lock);
	wakeup_close(&janitor->stop);
	janitor->started = false;
}

enum error
janitor_start(struct janitor *janitor, struct grants *grants)
{
	enum error error;

	janitor->started = false;
	if (grants_fd(grants) == -1)
		return ERROR_NONE;
	error = wakeup_open(&janitor->stop);
	if (error)
		return error;
	janitor->grants = grants;
	janitor->ended = false;
	lock_init(&janitor->lock, LOCK_RANK_JANITOR);
	lock_condition_init(&janitor->over);
	janitor->started = true;
	error = thread_start(&janitor->thread, "rebore-janitor",
	    THREAD_STACK_BYTES, run, janitor);
	if (error)
		release(janitor);
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
	release(janitor);
	return ERROR_NONE;
}
