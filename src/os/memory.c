/* memory - see memory.h */
#include "os/memory.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line of /proc/PID/cgroup has a path and a few names. */
#define LINE_SIZE (PATH_MAX + 256)

static uint64_t
lesser(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

/* Returns the number that a file has, or MEMORY_UNKNOWN when it has none or
 * does not exist. */
static uint64_t
read_number_of_file(const char *path)
{
	char text[32];
	char *end = text;
	FILE *file = fopen(path, "re");
	unsigned long long number = 0;

	if (file == NULL)
		return MEMORY_UNKNOWN;
	if (fgets(text, sizeof text, file) != NULL && *text >= '0' &&
	    *text <= '9') {
		errno = 0;
		number = strtoull(text, &end, 10);
		if (errno != 0)
			end = text;
	}
	fclose(file);
	return end == text ? MEMORY_UNKNOWN : number;
}

/*
 * Returns the lowest limit of a group and of all groups above it. In a
 * container the path may be the one that is seen from outside, where parts of
 * it do not exist: those are skipped, and the last one asked is the folder
 * where the groups are mounted.
 */
static uint64_t
least_of(const char *root, const char *mount, const char *group,
    const char *limit_name)
{
	char path[2 * LINE_SIZE];
	size_t length = strlen(group);
	uint64_t least = MEMORY_UNKNOWN;

	for (;;) {
		while (length > 0 && group[length - 1] == '/')
			length--;
		snprintf(path, sizeof path, "%s%s%.*s/%s", root, mount,
		    (int)length, group, limit_name);
		least = lesser(least, read_number_of_file(path));
		if (length == 0)
			return least;
		while (length > 0 && group[length - 1] != '/')
			length--;
	}
}

/* Whether name is in a comma-separated list. */
static bool
has_name(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (; list != NULL; list = strchr(list, ',')) {
		list += *list == ',';
		if (strncmp(list, name, length) == 0 &&
		    (list[length] == ',' || list[length] == '\0'))
			return true;
	}
	return false;
}

/* A line is "HIERARCHY:CONTROLLERS:PATH"; in version 2 "0::PATH". */
static uint64_t
limit_of_line(const char *root, char *line)
{
	char *controllers = strchr(line, ':');
	char *group = controllers ? strchr(controllers + 1, ':') : NULL;

	if (group == NULL)
		return MEMORY_UNKNOWN;
	*group++ = '\0';
	controllers++;
	group[strcspn(group, "\n")] = '\0';
	if (*controllers == '\0')
		return least_of(root, "/sys/fs/cgroup", group, "memory.max");
	if (has_name(controllers, "memory"))
		return least_of(root, "/sys/fs/cgroup/memory", group,
		    "memory.limit_in_bytes");
	return MEMORY_UNKNOWN;
}

uint64_t
memory_limit_of_groups(const char *root)
{
	char line[LINE_SIZE];
	uint64_t limit = MEMORY_UNKNOWN;
	FILE *file;

	snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
	file = fopen(line, "re");
	if (file == NULL)
		return MEMORY_UNKNOWN;
	while (fgets(line, sizeof line, file) != NULL)
		limit = lesser(limit, limit_of_line(root, line));
	fclose(file);
	return limit;
}

static uint64_t
memory_of_system(void)
{
#if defined(_SC_PHYS_PAGES) && defined(_SC_PAGESIZE)
	long pages = sysconf(_SC_PHYS_PAGES);
	long page_bytes = sysconf(_SC_PAGESIZE);

	if (pages > 0 && page_bytes > 0)
		return (uint64_t)pages * (uint64_t)page_bytes;
#endif
	return MEMORY_UNKNOWN;
}

uint64_t
memory_limit(void)
{
	return lesser(memory_of_system(), memory_limit_of_groups(""));
}
