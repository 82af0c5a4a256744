/* channel - see channel.h */
#include "wire/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "os/lock.h"

void
channel_init(struct channel *channel, int fd)
{
	channel->fd = fd;
	channel->queued = 0;
	frame_init(&channel->in);
}

enum error
channel_fill(struct channel *channel)
{
	size_t room;
	char *space = frame_space(&channel->in, &room);
	ssize_t got;

	do
		got = recv(channel->fd, space, room, MSG_DONTWAIT);
	while (got == -1 && errno == EINTR);
	if (got == -1)
		return error_of_errno();
	if (got == 0)
		return ERROR_CLOSED;
	frame_put(&channel->in, (size_t)got);
	return ERROR_NONE;
}

enum error
channel_next(struct channel *channel, struct message *message)
{
	const char *json;
	size_t size;
	enum error error = frame_next(&channel->in, &json, &size);

	return error ? error : message_decode(json, size, message);
}

/* Wait for events on fd. Returns ERROR_TIMEOUT, or ERROR_SYSTEM with errno. */
static enum error
wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd slot = {.fd = fd, .events = events};
	int ready;

	lock_assert_none();
	do
		ready = poll(&slot, 1, clock_left_ms(deadline_ms));
	while (ready == -1 && (errno == EINTR || errno == EAGAIN));
	if (ready == -1)
		return ERROR_SYSTEM;
	return ready == 0 ? ERROR_TIMEOUT : ERROR_NONE;
}

enum error
channel_receive(
    struct channel *channel, struct message *message, int64_t deadline_ms)
{
	enum error error = channel_next(channel, message);

	while (error == ERROR_AGAIN) {
		error = wait_for(channel->fd, POLLIN, deadline_ms);
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
		ssize_t sent = send(channel->fd, channel->queue,
		    channel->queued, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1)
			return error_of_errno();
		channel->queued -= (size_t)sent;
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
		error = wait_for(channel->fd, POLLOUT, deadline_ms);
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
		enum error error = wait_for(channel->fd, POLLIN, deadline_ms);
		ssize_t got;

		if (error == ERROR_NONE && clock_left_ms(deadline_ms) == 0)
			error = ERROR_TIMEOUT; /* more keeps coming */
		if (error)
			return error;
		got = recv(channel->fd, dropped, sizeof dropped, MSG_DONTWAIT);
		if (got == 0)
			return ERROR_CLOSED;
		if (got == -1 && errno != EINTR && errno != EAGAIN)
			return error_of_errno();
		if (got > 0)
			left -= left < (size_t)got ? left : (size_t)got;
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
	    shutdown(channel->fd, SHUT_WR) == -1)
		return;
	(void)channel_drain(channel, deadline_ms);
}
