/* stream_directory - see stream_directory.h */
#include "stream/stream_directory.h"

#include <stdlib.h>
#include <string.h>

void
stream_directory_init(struct stream_directory *directory)
{
	lock_init(&directory->lock, LOCK_RANK_STREAM_DIRECTORY);
	/* Ids are random, so no seed is needed. */
	hash_table_init(&directory->streams, directory->buckets,
	    STREAM_DIRECTORY_BUCKETS, 0);
}

void
stream_directory_destroy(struct stream_directory *directory)
{
	lock_destroy(&directory->lock);
}

static const struct stream_news no_news = {.data = TRANSPORT_INITIALIZER};

static struct stream_entry *
find_stream(struct stream_directory *directory, const struct uuid *id)
{
	struct hash_entry *entry =
	    hash_table_find(&directory->streams, hash_of_uuid(id));

	lock_assert_held(&directory->lock);
	for (; entry != NULL; entry = hash_table_next(entry)) {
		struct stream_entry *stream =
		    HASH_OBJECT(entry, struct stream_entry, by_id);

		if (uuid_equal(&stream->id, id))
			return stream;
	}
	return NULL;
}

static void
list_stream(struct stream_directory *directory, struct stream_entry *entry)
{
	hash_table_put(&directory->streams, &entry->by_id);
	entry->newer = NULL;
	entry->older = directory->newest;
	if (entry->older != NULL)
		entry->older->newer = entry;
	directory->newest = entry;
}

bool
stream_directory_enter(
    struct stream_directory *directory, struct stream_entry *entry)
{
	bool is_new;

	entry->news = no_news;
	atomic_store(&entry->has_news, false);
	entry->data_fd = -1;
	entry->attempt = 0;
	entry->wakeup = (struct wakeup)WAKEUP_INITIALIZER;
	entry->by_id.key = hash_of_uuid(&entry->id);
	lock_take(&directory->lock);
	is_new = find_stream(directory, &entry->id) == NULL;
	if (is_new)
		list_stream(directory, entry);
	lock_give(&directory->lock);
	return is_new;
}

static void
drop_news(struct stream_news *news)
{
	if (transport_is_open(&news->data))
		transport_close(&news->data);
	free(news->rest);
	news->rest = NULL;
}

void
stream_directory_leave(
    struct stream_directory *directory, struct stream_entry *entry)
{
	lock_take(&directory->lock);
	hash_table_remove(&directory->streams, &entry->by_id);
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		directory->newest = entry->older;
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	lock_give(&directory->lock);
	drop_news(&entry->news);
	wakeup_close(&entry->wakeup);
}

int
stream_directory_watch(struct stream_directory *directory,
    struct stream_entry *entry, int data_fd, uint32_t attempt)
{
	struct wakeup old = WAKEUP_INITIALIZER;
	struct wakeup fresh = WAKEUP_INITIALIZER;

	/* without descriptors, the owner looks for news now and then */
	if (data_fd == -1 && entry->wakeup.read_fd == -1)
		(void)wakeup_open(&fresh);
	lock_take(&directory->lock);
	entry->data_fd = data_fd;
	entry->attempt = attempt;
	if (data_fd != -1) {
		old = entry->wakeup;
		entry->wakeup = (struct wakeup)WAKEUP_INITIALIZER;
	} else if (entry->wakeup.read_fd == -1) {
		entry->wakeup = fresh;
	}
	lock_give(&directory->lock);
	wakeup_close(&old);
	return entry->wakeup.read_fd;
}

bool
stream_directory_take(struct stream_directory *directory,
    struct stream_entry *entry, struct stream_news *news)
{
	bool has_news;

	if (!atomic_load(&entry->has_news))
		return false;
	lock_take(&directory->lock);
	has_news = atomic_load(&entry->has_news);
	*news = entry->news;
	entry->news = no_news;
	atomic_store(&entry->has_news, false);
	if (entry->wakeup.read_fd != -1)
		wakeup_clear(&entry->wakeup);
	lock_give(&directory->lock);
	return has_news;
}

/* Wake the owner. Its current data connection, if any, is of no further use. */
static void
wake_owner(struct stream_entry *entry)
{
	if (entry->data_fd != -1)
		transport_wake(entry->data_fd);
	else if (entry->wakeup.read_fd != -1)
		wakeup_send(&entry->wakeup);
}

bool
stream_directory_has(struct stream_directory *directory, const struct uuid *id)
{
	bool has;

	lock_take(&directory->lock);
	has = find_stream(directory, id) != NULL;
	lock_give(&directory->lock);
	return has;
}

bool
stream_directory_bring(struct stream_directory *directory,
    const struct uuid *id, const struct principal *principal,
    const struct stream_news *news)
{
	struct stream_news dropped = no_news;
	struct stream_entry *entry;

	lock_take(&directory->lock);
	entry = find_stream(directory, id);
	if (entry != NULL && !principal_same(entry->principal, principal))
		entry = NULL;
	if (entry != NULL) {
		/* A late RESUME is of no use, and to wake the owner would break
		 * the data connection in use. Any other replaces an earlier one
		 * that was not taken yet. */
		if ((news->attempt > 0 && news->attempt <= entry->attempt) ||
		    (transport_is_open(&entry->news.data) &&
			entry->news.attempt > news->attempt)) {
			dropped = *news;
		} else {
			dropped = entry->news;
			entry->news.data = news->data;
			entry->news.attempt = news->attempt;
			entry->news.place = news->place;
			entry->news.rest = news->rest;
			entry->news.rest_size = news->rest_size;
			atomic_store(&entry->has_news, true);
			wake_owner(entry);
		}
	}
	lock_give(&directory->lock);
	drop_news(&dropped);
	return entry != NULL;
}

bool
stream_directory_lose(
    struct stream_directory *directory, const struct uuid *id, uint32_t attempt)
{
	struct stream_entry *entry;

	lock_take(&directory->lock);
	entry = find_stream(directory, id);
	/* A Lost about an earlier data connection must not break the current
	 * one. */
	if (entry != NULL && attempt >= entry->attempt) {
		entry->news.is_lost = true;
		entry->news.lost_attempt = attempt;
		atomic_store(&entry->has_news, true);
		wake_owner(entry);
	}
	lock_give(&directory->lock);
	return entry != NULL;
}

void
stream_directory_disown(struct stream_directory *directory,
    const struct uuid *id, const struct principal *principal)
{
	struct stream_entry *entry;

	lock_take(&directory->lock);
	entry = find_stream(directory, id);
	if (entry != NULL && principal_same(entry->principal, principal)) {
		entry->news.is_unknown = true;
		atomic_store(&entry->has_news, true);
		wake_owner(entry);
	}
	lock_give(&directory->lock);
}

unsigned
stream_directory_break(struct stream_directory *directory, const void *group,
    int64_t since_ms, unsigned most)
{
	unsigned count = 0;

	lock_take(&directory->lock);
	for (struct stream_entry *entry = directory->newest;
	     entry != NULL && count < most; entry = entry->older) {
		if (entry->data_fd == -1 ||
		    (group != NULL && entry->group != group) ||
		    atomic_load(&entry->heard_ms) >= since_ms)
			continue;
		transport_wake(entry->data_fd);
		count++;
	}
	lock_give(&directory->lock);
	return count;
}
