/* shelf - see shelf.h */
#include "os/shelf.h"

#include <assert.h>
#include <stdlib.h>

/* An object that nobody uses begins with this. */
struct shelf_object {
	struct shelf_object *next;
};

void
shelf_init(struct shelf *shelf, size_t size)
{
	assert(size >= sizeof(struct shelf_object));
	shelf->size = size;
	lock_init(&shelf->lock, LOCK_RANK_SHELF);
	shelf->first = NULL;
	shelf->count = 0;
}

/* Take the first off, or nothing when most are left. */
static struct shelf_object *
pop(struct shelf *shelf, unsigned most)
{
	struct shelf_object *object = NULL;

	lock_take(&shelf->lock);
	if (shelf->count > most) {
		object = shelf->first;
		shelf->first = object->next;
		shelf->count--;
	}
	lock_give(&shelf->lock);
	return object;
}

void *
shelf_take(struct shelf *shelf)
{
	void *object = pop(shelf, 0);

	return object != NULL ? object : malloc(shelf->size);
}

void
shelf_give(struct shelf *shelf, void *object)
{
	struct shelf_object *given = object;

	if (given == NULL)
		return;
	lock_take(&shelf->lock);
	given->next = shelf->first;
	shelf->first = given;
	shelf->count++;
	lock_give(&shelf->lock);
}

static void
shrink(struct shelf *shelf, unsigned most)
{
	struct shelf_object *object;

	while ((object = pop(shelf, most)) != NULL)
		free(object);
}

void
shelf_tidy(struct shelf *shelf)
{
	shrink(shelf, SHELF_KEPT_MOST);
}

void
shelf_destroy(struct shelf *shelf)
{
	shrink(shelf, 0);
	lock_destroy(&shelf->lock);
}
