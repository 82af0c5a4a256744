/* channel - see channel.h */
#include "wire/channel.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

void
channel_init(struct channel *channel, struct transport transport)
{
	channel->transport = transport;
	channel->queued = 0;
	frame_init(&channel->in);
}

enum error
channel_fill(struct channel *channel)
{
	size_t room;
	char *space = frame_space(&channel->in, &room);
	size_t got;
	enum error error =
	    transport_read(&channel->transport, space, room, &got);

	if (error == ERROR_NONE)
		frame_put(&channel->in, got);
	return error;
}

enum error
channel_next(struct channel *channel, struct message *message)
{
	const char *json;
	size_t size;
	enum error error = frame_next(&channel->in, &json, &size);

	return error ? error : message_decode(json, size, message);
}

enum error
channel_receive(
    struct channel *channel, struct message *message, int64_t deadline_ms)
{
	enum error error = channel_next(channel, message);

	while (error == ERROR_AGAIN) {
		error =
		    transport_wait(&channel->transport, POLLIN, deadline_ms);
		if (error)
			return error;
		error = channel_fill(channel);
		if (error == ERROR_NONE)
			error = channel_next(channel, message);
	}
	return error;
}

bool
channel_has_room(const struct channel *channel)
{
	return sizeof channel->queue - channel->queued > MESSAGE_JSON_MOST;
}

size_t
channel_queued(const struct channel *channel)
{
	return channel->queued;
}

enum error
channel_put(struct channel *channel, const struct message *message)
{
	size_t size;

	if (!channel_has_room(channel))
		return ERROR_RESOURCES;
	size = message_encode(message, channel->queue + channel->queued);
	channel->queued += size;
	return size == 0 ? ERROR_MEMORY : ERROR_NONE;
}

enum error
channel_flush(struct channel *channel)
{
	while (channel->queued > 0) {
		size_t sent;
		enum error error = transport_write(&channel->transport,
		    channel->queue, channel->queued, &sent);

		if (error)
			return error;
		channel->queued -= sent;
		memmove(channel->queue, channel->queue + sent, channel->queued);
	}
	return ERROR_NONE;
}

enum error
channel_send(
    struct channel *channel, const struct message *message, int64_t deadline_ms)
{
	enum error error = message ? channel_put(channel, message) : ERROR_NONE;

	if (error == ERROR_NONE)
		error = channel_flush(channel);
	while (error == ERROR_AGAIN) {
		error =
		    transport_wait(&channel->transport, POLLOUT, deadline_ms);
		if (error == ERROR_NONE)
			error = channel_flush(channel);
	}
	return error;
}

const char *
channel_rest(const struct channel *channel, size_t *size)
{
	return frame_rest(&channel->in, size);
}

enum error
channel_drain(struct channel *channel, int64_t deadline_ms)
{
	size_t left = CHANNEL_DRAIN_BYTES;
	char dropped[256];

	while (left > 0) {
		enum error error =
		    transport_wait(&channel->transport, POLLIN, deadline_ms);
		size_t got;

		if (error == ERROR_NONE && clock_left_ms(deadline_ms) == 0)
			error = ERROR_TIMEOUT; /* it goes on sending */
		if (error)
			return error;
		error = transport_read(
		    &channel->transport, dropped, sizeof dropped, &got);
		if (error && error != ERROR_AGAIN)
			return error;
		if (error == ERROR_NONE)
			left -= left < got ? left : got;
	}
	return ERROR_PROTOCOL;
}

void
channel_refuse(struct channel *channel, const char *text,
    const struct message *more, int64_t deadline_ms)
{
	struct message message = {.kind = MESSAGE_ERROR};

	snprintf(message.as.text, sizeof message.as.text, "%s", text);
	if (channel_put(channel, &message) ||
	    channel_send(channel, more, deadline_ms) ||
	    transport_end(&channel->transport))
		return;
	(void)channel_drain(channel, deadline_ms);
}
