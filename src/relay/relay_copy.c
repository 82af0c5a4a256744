/* relay_copy - see relay_copy.h */
#include "relay/relay_copy.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "relay/buffers.h"

bool
relay_copy_wants_read(const struct relay_copy *copy)
{
	return !copy->ended && copy->start == copy->end;
}

bool
relay_copy_wants_write(const struct relay_copy *copy)
{
	return copy->start < copy->end;
}

enum error
relay_copy_put(struct relay_copy *copy, const char *bytes, size_t size)
{
	assert(size <= BUFFERS_BYTES && copy->buffer == NULL);

	if (size == 0)
		return ERROR_NONE;
	copy->buffer = buffers_borrow();
	if (copy->buffer == NULL)
		return ERROR_MEMORY;
	memcpy(copy->buffer, bytes, size);
	copy->end = size;
	return ERROR_NONE;
}

static enum error
fill(struct relay_copy *copy)
{
	ssize_t got;

	if (copy->buffer == NULL)
		copy->buffer = buffers_borrow();
	if (copy->buffer == NULL)
		return ERROR_MEMORY;
	do
		got =
		    recv(copy->from, copy->buffer, BUFFERS_BYTES, MSG_DONTWAIT);
	while (got == -1 && errno == EINTR);
	if (got == -1)
		return error_of_errno();
	copy->ended = got == 0;
	copy->start = 0;
	copy->end = (size_t)got;
	return ERROR_NONE;
}

static enum error
drain(struct relay_copy *copy)
{
	while (copy->start < copy->end) {
		ssize_t sent = send(copy->to, copy->buffer + copy->start,
		    copy->end - copy->start, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1)
			return error_of_errno();
		copy->start += (size_t)sent;
		copy->moved += (uint64_t)sent;
	}
	return ERROR_NONE;
}

static enum error
move(struct relay_copy *copy)
{
	enum error error = ERROR_NONE;

	if (relay_copy_wants_read(copy))
		error = fill(copy);
	if (error == ERROR_NONE)
		error = drain(copy);
	return error == ERROR_AGAIN ? ERROR_NONE : error;
}

enum error
relay_copy_step(struct relay_copy *copy)
{
	enum error error = move(copy);

	if (copy->start == copy->end)
		relay_copy_end(copy); /* nothing in flight: no memory either */
	return error;
}

void
relay_copy_tell(struct relay_copy *copy)
{
	if (!copy->ended || copy->told || copy->start < copy->end)
		return;
	copy->told = true;
	/* Fails where to is gone, and reading from it tells that. */
	shutdown(copy->to, SHUT_WR);
}

void
relay_copy_end(struct relay_copy *copy)
{
	buffers_return(copy->buffer);
	copy->buffer = NULL;
	copy->start = 0;
	copy->end = 0;
}
