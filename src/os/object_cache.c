/* object_cache - see object_cache.h */
#include "os/object_cache.h"

#include <assert.h>
#include <stdlib.h>

/* What an object in the cache begins with. */
struct object_cache_object {
	struct object_cache_object *next;
};

void
object_cache_init(struct object_cache *cache, size_t size)
{
	assert(size >= sizeof(struct object_cache_object));
	cache->size = size;
	lock_init(&cache->lock, LOCK_RANK_OBJECT_CACHE);
	cache->first = NULL;
	cache->count = 0;
}

/* Take an object out, unless only most are left. Returns it, or NULL. */
static struct object_cache_object *
take_off(struct object_cache *cache, unsigned most)
{
	struct object_cache_object *object = NULL;

	lock_take(&cache->lock);
	if (cache->count > most) {
		object = cache->first;
		cache->first = object->next;
		cache->count--;
	}
	lock_give(&cache->lock);
	return object;
}

void *
object_cache_take(struct object_cache *cache)
{
	void *object = take_off(cache, 0);

	return object != NULL ? object : malloc(cache->size);
}

void
object_cache_give(struct object_cache *cache, void *object)
{
	struct object_cache_object *given = object;

	if (given == NULL)
		return;
	lock_take(&cache->lock);
	given->next = cache->first;
	cache->first = given;
	cache->count++;
	lock_give(&cache->lock);
}

static void
shrink(struct object_cache *cache, unsigned most)
{
	struct object_cache_object *object;

	while ((object = take_off(cache, most)) != NULL)
		free(object);
}

void
object_cache_tidy(struct object_cache *cache)
{
	shrink(cache, OBJECT_CACHE_KEPT_MOST);
}

void
object_cache_destroy(struct object_cache *cache)
{
	shrink(cache, 0);
	lock_destroy(&cache->lock);
}
