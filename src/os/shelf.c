/* shelf - see shelf.h */
#include "os/shelf.h"

#include <assert.h>
#include <stdlib.h>

/* What an object on the shelf begins with. */
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

/* Take an object off, unless only most are left. Returns it, or NULL. */
static struct shelf_object *
take_off(struct shelf *shelf, unsigned most)
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
	void *object = take_off(shelf, 0);

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

	while ((object = take_off(shelf, most)) != NULL)
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
