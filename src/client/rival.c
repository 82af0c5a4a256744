/* rival - see rival.h */
#include "client/rival.h"

#include "base/log.h"
#include "base/patience.h"
#include "base/protocol_times.h"
#include "net/tcp.h"
#include "os/thread.h"

static void *
run_rival(void *argument)
{
	struct rival *rival = argument;

	handshake_run(rival->handshake);
	wakeup_send(&rival->done);
	return NULL;
}

static void
close_wakeups(struct rival *rival)
{
	wakeup_close(&rival->done);
	wakeup_close(&rival->stop);
}

bool
rival_start(struct rival *rival, struct handshake *handshake,
    const struct handshake *beside)
{
	rival->handshake = handshake;
	rival->done = (struct wakeup)WAKEUP_INITIALIZER;
	rival->stop = (struct wakeup)WAKEUP_INITIALIZER;
	if (wakeup_open(&rival->done) || wakeup_open(&rival->stop)) {
		close_wakeups(rival);
		return false;
	}
	roster_init(&rival->roster);
	handshake_init(handshake);
	handshake->asked_port = beside->public_port;
	handshake->connect_ms = patience_answer_ms(PROTOCOL_CONNECT_AGAIN_MS,
	    tcp_rtt_ms(transport_fd(&beside->transport)));
	handshake->again_ms = PROTOCOL_CONNECT_AGAIN_MS;
	handshake->known = &beside->peer;
	handshake->roster = &rival->roster;
	handshake->stop_fd = rival->stop.read_fd;
	if (thread_start(&rival->thread, "rebore-rival", THREAD_STACK_BYTES,
		run_rival, rival)) {
		roster_destroy(&rival->roster);
		close_wakeups(rival);
		return false;
	}
	rival->has_thread = true;
	log_debug("dialling a second connection");
	return true;
}

bool
rival_is_running(const struct rival *rival)
{
	return rival->has_thread;
}

int
rival_done_fd(const struct rival *rival)
{
	return rival->has_thread ? rival->done.read_fd : -1;
}

void
rival_interrupt(struct rival *rival)
{
	if (!rival->has_thread)
		return;
	wakeup_send(&rival->stop);
	roster_interrupt_all(&rival->roster);
}

void
rival_join(struct rival *rival)
{
	if (!rival->has_thread)
		return;
	thread_join(rival->thread);
	rival->has_thread = false;
	close_wakeups(rival);
	if (rival->handshake->outcome != HANDSHAKE_DONE)
		rival_release(rival);
}

void
rival_release(struct rival *rival)
{
	roster_destroy(&rival->roster);
}
