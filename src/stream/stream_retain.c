/* stream_retain - see stream_retain.h */
#include "stream/stream_retain.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "os/lock.h"

struct stream_piece {
	struct stream_piece *next;
	/* the position of the first byte, and the number of bytes */
	uint64_t position;
	size_t size;
	uint8_t head[STREAM_HEAD_BYTES];
	uint8_t bytes[STREAM_PIECE_BYTES];
};

/* otherwise head and bytes would not be contiguous */
_Static_assert(offsetof(struct stream_piece, bytes) ==
		   offsetof(struct stream_piece, head) + STREAM_HEAD_BYTES,
    "there is padding behind the head");

static struct lock lock = LOCK_INITIALIZER(LOCK_RANK_STREAM_RETAIN);
/* Under lock: the unused pieces, their number, and the lowest number since the
 * last stream_retain_tidy(); the pieces in use, and their limit. */
static struct stream_piece *unused;
static unsigned unused_count;
static unsigned unused_least;
static uint64_t used;
static uint64_t used_most = UINT64_MAX;

void
stream_retain_limit(uint64_t bytes)
{
	lock_take(&lock);
	used_most = bytes / STREAM_PIECE_BYTES;
	lock_give(&lock);
}

uint64_t
stream_retain_free(void)
{
	uint64_t pieces;

	lock_take(&lock);
	pieces = used < used_most ? used_most - used : 0;
	lock_give(&lock);
	return pieces <= UINT64_MAX / STREAM_PIECE_BYTES
	           ? pieces * STREAM_PIECE_BYTES
	           : UINT64_MAX;
}

/* Count one more piece as used. Returns false if there are too many already.
 * anyway: exceed the limit. */
static bool
charge_piece(bool anyway, struct stream_piece **piece)
{
	bool allowed;

	*piece = NULL;
	lock_take(&lock);
	allowed = anyway || used < used_most;
	if (allowed)
		used++;
	if (allowed && unused != NULL) {
		*piece = unused;
		unused = unused->next;
		unused_count--;
	}
	if (unused_least > unused_count)
		unused_least = unused_count;
	lock_give(&lock);
	return allowed;
}

static struct stream_piece *
make_piece(bool anyway)
{
	struct stream_piece *piece;

	if (!charge_piece(anyway, &piece) || piece != NULL)
		return piece;
	/* Not malloc(): free() would not return all of it to the system. */
	piece = mmap(NULL, sizeof *piece, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (piece != MAP_FAILED)
		return piece;
	lock_take(&lock);
	used--;
	lock_give(&lock);
	return NULL;
}

static void
free_piece(struct stream_piece *piece)
{
	lock_take(&lock);
	used--;
	if (unused_count < STREAM_PIECES_UNUSED_MOST) {
		piece->next = unused;
		unused = piece;
		unused_count++;
		piece = NULL;
	}
	lock_give(&lock);
	if (piece != NULL)
		munmap(piece, sizeof *piece);
}

/* Returns one that was not needed since the last stream_retain_tidy(), or
 * NULL. */
static struct stream_piece *
take_needless(void)
{
	struct stream_piece *piece = NULL;

	lock_take(&lock);
	if (unused_least > STREAM_PIECES_UNUSED_IDLE) {
		piece = unused;
		unused = piece->next;
		unused_count--;
		unused_least--;
	}
	lock_give(&lock);
	return piece;
}

void
stream_retain_tidy(void)
{
	struct stream_piece *piece;

	while ((piece = take_needless()) != NULL)
		munmap(piece, sizeof *piece);
	lock_take(&lock);
	unused_least = unused_count;
	lock_give(&lock);
}

void
stream_retain_init(struct stream_retain *retain, uint64_t position)
{
	*retain = (struct stream_retain){.end = position};
}

static void
drop_first(struct stream_retain *retain)
{
	struct stream_piece *piece = retain->first;

	retain->first = piece->next;
	if (retain->first == NULL)
		retain->last = NULL;
	free_piece(piece);
}

void
stream_retain_destroy(struct stream_retain *retain)
{
	while (retain->first != NULL)
		drop_first(retain);
}

static char *
room_in_piece(struct stream_retain *retain, bool anyway, size_t *room)
{
	struct stream_piece *piece = retain->last;

	if (piece == NULL ||
	    STREAM_PIECE_BYTES - piece->size < STREAM_PIECE_ROOM_LEAST) {
		piece = make_piece(anyway);
		if (piece == NULL)
			return NULL;
		piece->next = NULL;
		piece->position = retain->end;
		piece->size = 0;
		if (retain->last != NULL)
			retain->last->next = piece;
		else
			retain->first = piece;
		retain->last = piece;
	}
	*room = STREAM_PIECE_BYTES - piece->size;
	return (char *)piece->bytes + piece->size;
}

char *
stream_retain_room(struct stream_retain *retain, size_t *room)
{
	return room_in_piece(retain, retain->first == NULL, room);
}

char *
stream_retain_force(struct stream_retain *retain, size_t *room)
{
	return room_in_piece(retain, true, room);
}

void
stream_retain_put(struct stream_retain *retain, size_t size)
{
	struct stream_piece *piece = retain->last;

	assert(piece != NULL && size <= STREAM_PIECE_BYTES - piece->size);
	piece->size += size;
	retain->end += size;
	/* if nothing was put, the room is not needed */
	stream_retain_release(retain, retain->first->position);
}

void
stream_retain_release(struct stream_retain *retain, uint64_t position)
{
	while (retain->first != NULL &&
	       retain->first->position + retain->first->size <= position)
		drop_first(retain);
}

size_t
stream_retain_count(size_t size)
{
	/* A head, parts of the first and last piece, full pieces of least
	 * size. */
	return 3 + size / (STREAM_PIECE_BYTES - STREAM_PIECE_ROOM_LEAST + 1);
}

size_t
stream_retain_gather(struct stream_retain *retain, uint8_t *head,
    uint64_t position, size_t size, struct iovec *vectors)
{
	struct stream_piece *piece = retain->first;
	size_t count = 0;

	while (size > 0 && piece->position + piece->size <= position)
		piece = piece->next;
	if (head != NULL && size > 0 && piece->position == position)
		memcpy(piece->head, head, STREAM_HEAD_BYTES);
	else if (head != NULL)
		vectors[count++] = (struct iovec){head, STREAM_HEAD_BYTES};
	for (; size > 0; piece = piece->next) {
		size_t offset = (size_t)(position - piece->position);
		size_t part = piece->size - offset;

		assert(piece->position <= position);
		if (part > size)
			part = size;
		vectors[count++] = (struct iovec){piece->bytes + offset, part};
		if (head != NULL && count == 1) {
			vectors[0].iov_base = piece->head;
			vectors[0].iov_len += STREAM_HEAD_BYTES;
		}
		position += part;
		size -= part;
	}
	return count;
}
