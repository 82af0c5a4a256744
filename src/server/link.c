/* link - see link.h */
#include "server/link.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/patience.h"
#include "base/protocol_times.h"
#include "base/random.h"
#include "base/u32.h"
#include "net/source.h"
#include "net/tcp.h"

/* TCP gives up a connection that has not acknowledged heartbeats for this
 * long. */
#define UNACKNOWLEDGED_MS 15000
/* A client that accepts no data for this long is gone, even if TCP does not say
 * so. */
#define STALLED_MS 16000
/* A client that never stops sending must not starve the rest. */
#define READS_MOST 16

/*
 * Keep the limit of TCP's retransmission interval above the round trip, which a
 * queue may have lengthened, and count the segments that have arrived: when a
 * heartbeat is lost, those behind it cannot be read until it is retransmitted,
 * but their arrival shows that the client lives.
 */
static void
adapt(struct link *link)
{
	uint32_t segments = tcp_segments_in(transport_fd(&link->transport));
	uint32_t longest_ms;

	if (segments != link->segments)
		link_hear(link);
	link->segments = segments;
	link->rtt_ms = tcp_rtt_ms(transport_fd(&link->transport));
	longest_ms = patience_retransmit_ms(link->rtt_ms);
	if (longest_ms <= link->retransmit_ms)
		return; /* a path that was slow once may be slow again */
	link->retransmit_ms = longest_ms;
	tcp_limit_retransmission(transport_fd(&link->transport), longest_ms);
}

struct link *
link_create(struct server_state *server, struct transport transport,
    const struct channel *channel, const struct address *peer)
{
	struct link *link = calloc(1, sizeof *link);

	if (link == NULL)
		return NULL;
	link->name = random_uuid();
	link->server = server;
	link->transport = transport;
	link->channel = *channel;
	link->address = *peer;
	address_print(peer, link->peer);
	link->start_ms = clock_now_ms();
	link->heard_ms = link->start_ms;
	atomic_init(&link->said_ms, link->start_ms);
	link->reason = "";
	tcp_limit_silence(transport_fd(&transport), UNACKNOWLEDGED_MS);
	adapt(link);
	return link;
}

void
link_destroy(struct link *link)
{
	if (link == NULL)
		return;
	registry_remove_instance(&link->server->registry, &link->entry);
	transport_close(&link->transport);
	keyring_release(&link->server->keys, link->key);
	budget_give(link->server->options->budget, BUDGET_SESSION);
	free(link);
}

void
link_enter(struct link *link)
{
	assert(link->announced && link->entry.link == NULL);
	link->entry.uuid = link->who.instance;
	link->entry.link = link;
	registry_put_instance(&link->server->registry, &link->entry);
}

bool
link_same_instance(const struct link *a, const struct link *b)
{
	return a->announced && b->announced &&
	       uuid_equal(&a->who.instance, &b->who.instance);
}

/* Returns LINK_ANNOUNCED, or LINK_NOTHING for a late or repeated Announce. */
static enum link_event
take_announce(struct link *link, const struct message_announce *who)
{
	if (link->announced || !who->has_instance ||
	    clock_now_ms() - link->start_ms > PROTOCOL_ANNOUNCE_MS)
		return LINK_NOTHING;
	link->announced = true;
	link->who = *who;
	/* Heartbeats replace TCP's limit. */
	if (link_can(link, MESSAGE_CAN_HEARTBEAT))
		tcp_limit_silence(transport_fd(&link->transport), 0);
	return LINK_ANNOUNCED;
}

/* Ignore a message of a later version, or one that makes no sense here. */
static void
skip(struct link *link, const struct message *message)
{
	if (link->unknown_is_logged)
		return;
	link->unknown_is_logged = true;
	notices_tell(&link->server->notices, NOTICE_SKIPPED,
	    source_of_address(&link->address),
	    "%s sent %s behind its Hello; it is skipped, and so are further "
	    "ones",
	    link->peer,
	    message->kind == MESSAGE_UNKNOWN ? message->as.text
					     : message_name(message->kind));
}

static enum link_event
take_message(struct link *link, const struct message *message)
{
	link_hear(link);
	atomic_store(&link->said_ms, link->heard_ms);
	switch (message->kind) {
	case MESSAGE_ANNOUNCE:
		return take_announce(link, &message->as.announce);
	case MESSAGE_HEARTBEAT:
		return LINK_NOTHING;
	case MESSAGE_NO_STREAM:
		stream_directory_disown(&link->server->streams,
		    &message->as.uuid, link_principal(link));
		return LINK_NOTHING;
	case MESSAGE_FULL:
		link->refused += message->as.count;
		return LINK_NOTHING;
	case MESSAGE_BYE:
		link->reason = "the client says goodbye";
		return LINK_BYE;
	default:
		skip(link, message);
		return LINK_NOTHING;
	}
}

/* Process the messages that were read, up to the first event. */
static enum error
take_messages(struct link *link, enum link_event *event)
{
	enum error error = ERROR_NONE;
	struct message message;

	*event = LINK_NOTHING;
	while (error == ERROR_NONE && *event == LINK_NOTHING) {
		error = channel_next(&link->channel, &message);
		if (error == ERROR_NONE)
			*event = take_message(link, &message);
	}
	if (error == ERROR_AGAIN)
		return ERROR_NONE;
	if (error)
		link->reason = error_text(error);
	return error;
}

enum error
link_read(struct link *link, enum link_event *event)
{
	enum error error = take_messages(link, event);

	for (int i = 0;
	     i < READS_MOST && error == ERROR_NONE && *event == LINK_NOTHING;
	     i++) {
		error = channel_fill(&link->channel);
		if (error == ERROR_AGAIN)
			return ERROR_NONE;
		if (error == ERROR_CLOSED)
			link->reason = "the client closed the connection";
		else if (error)
			link->reason = strerror(errno);
		else
			error = take_messages(link, event);
	}
	return error;
}

enum error
link_await_announce(struct link *link, int64_t deadline_ms)
{
	enum error error = ERROR_NONE;

	while (error == ERROR_NONE && !link->announced) {
		enum link_event event;

		error = link_read(link, &event);
		if (error || link->announced || clock_now_ms() >= deadline_ms)
			break;
		(void)transport_wait(&link->transport, POLLIN, deadline_ms);
	}
	return error;
}

struct principal *
link_principal(const struct link *link)
{
	return keyring_principal(link->key);
}

bool
link_can(const struct link *link, enum message_ability ability)
{
	return link->announced && (link->who.can & (unsigned)ability) != 0;
}

uint32_t
link_resume_ms(const struct link *link)
{
	return link_can(link, MESSAGE_CAN_STREAM)
	           ? u32_min(
			 link->who.resume_ms, link->server->options->resume_ms)
	           : 0;
}

void
link_hear(struct link *link)
{
	link->heard_ms = clock_now_ms();
}

bool
link_has_room(const struct link *link)
{
	return channel_has_room(&link->channel);
}

void
link_put(struct link *link, const struct message *message)
{
	/* Fails only when out of memory; the client's heartbeat deadline will
	 * notice. */
	(void)channel_put(&link->channel, message);
}

void
link_put_announce(struct link *link)
{
	struct message message = {.kind = MESSAGE_ANNOUNCE};

	message.as.announce = (struct message_announce){
	    .can = MESSAGE_CAN_HEARTBEAT,
	    .lease_ms = link->server->options->lease_ms,
	};
	if ((link->who.can & MESSAGE_CAN_SPARE) != 0 &&
	    link->server->spares_most > 0) {
		message.as.announce.can |= MESSAGE_CAN_SPARE;
		message.as.announce.spares = link->server->spares_most;
		message.as.announce.has_key = true;
		message.as.announce.key = link->name;
	}
	if (link->server->options->lease_ms > 0)
		message.as.announce.can |= MESSAGE_CAN_LEASE;
	message.as.announce.resume_ms = link_resume_ms(link);
	if (message.as.announce.resume_ms > 0)
		message.as.announce.can |= MESSAGE_CAN_STREAM;
	link_put(link, &message);
}

/* Write what is queued, and detect a client that no longer accepts data. */
static enum error
write_queued(struct link *link, int64_t now_ms)
{
	size_t before = channel_queued(&link->channel);
	enum error error = channel_flush(&link->channel);

	if (error == ERROR_NONE) {
		link->stalled_ms = 0;
		return ERROR_NONE;
	}
	if (error != ERROR_AGAIN) {
		link->reason = strerror(errno);
		return error;
	}
	if (link->stalled_ms == 0 || channel_queued(&link->channel) < before)
		link->stalled_ms = now_ms;
	if (now_ms - link->stalled_ms < STALLED_MS)
		return ERROR_NONE;
	link->reason = "the client takes nothing any more";
	return ERROR_TIMEOUT;
}

/* When the client counts as lost: not before its answer can have arrived over a
 * slow path. */
static int64_t
lost_ms(const struct link *link)
{
	return link->heard_ms +
	       patience_answer_ms(
		   link->server->options->client_timeout_ms, link->rtt_ms);
}

enum error
link_do_due(struct link *link)
{
	const struct message heartbeat = {.kind = MESSAGE_HEARTBEAT};
	int64_t now_ms = clock_now_ms();

	if (now_ms >= link->heartbeat_ms)
		adapt(link);
	if (link_can(link, MESSAGE_CAN_HEARTBEAT) && now_ms >= lost_ms(link)) {
		link->reason = "no heartbeat from the client";
		return ERROR_TIMEOUT;
	}
	if (now_ms >= link->heartbeat_ms) {
		/* A heartbeat without room is not missed: the client has other
		 * messages to read. */
		if (link_has_room(link))
			link_put(link, &heartbeat);
		link->heartbeat_ms =
		    now_ms + patience_heartbeat_ms(link->rtt_ms);
	}
	return write_queued(link, now_ms);
}

int64_t
link_due_ms(const struct link *link)
{
	int64_t due_ms = link->heartbeat_ms;

	if (link_can(link, MESSAGE_CAN_HEARTBEAT))
		due_ms = clock_earlier(due_ms, lost_ms(link));
	return due_ms;
}

struct pollfd
link_poll(const struct link *link)
{
	short events = POLLIN;

	if (channel_queued(&link->channel) > 0)
		events |= POLLOUT;
	return transport_poll(&link->transport, events);
}

void
link_part(struct link *link, const struct message_bye *bye)
{
	struct message message = {.kind = MESSAGE_BYE};

	if (bye == NULL || !link->announced || !link_has_room(link))
		return;
	message.as.bye = *bye;
	(void)channel_send(
	    &link->channel, &message, clock_now_ms() + PROTOCOL_BYE_MS);
}

void
link_begin_end(struct link *link)
{
	registry_remove_instance(&link->server->registry, &link->entry);
	(void)transport_end(&link->transport);
}

bool
link_has_ended(struct link *link)
{
	char dropped[256];
	enum error error = ERROR_NONE;
	size_t got;

	for (int i = 0; i < READS_MOST && error == ERROR_NONE; i++)
		error = transport_read(
		    &link->transport, dropped, sizeof dropped, &got);
	return error != ERROR_NONE && error != ERROR_AGAIN;
}
