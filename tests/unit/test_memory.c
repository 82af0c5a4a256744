/* What memory.h promises, over made-up systems in a folder. */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include "folder.h"
#include "os/memory.h"
#include "suite.h"

/* The folders that were made and the files, in that order. */
#define MADE_MOST 40
static char made[MADE_MOST][FOLDER_PATH_SIZE * 2];
static int made_count;

static char *
remember(const char *name, int length)
{
	char *path = made[made_count++];

	ck_assert_int_le(made_count, MADE_MOST);
	snprintf(path, sizeof made[0], "%s%.*s", folder, length, name);
	return path;
}

/* Make a file, and the folders that it is in. */
static void
put(const char *name, const char *content)
{
	FILE *file;

	for (const char *slash = strchr(name + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		char *path = remember(name, (int)(slash - name));

		if (mkdir(path, 0700) == -1) {
			ck_assert_int_eq(errno, EEXIST);
			made_count--;
		}
	}
	file = fopen(remember(name, (int)strlen(name)), "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(content, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static void
finish(uint64_t expected)
{
	uint64_t limit = memory_limit_of_groups(folder);

	while (made_count > 0)
		remove(made[--made_count]);
	folder_remove();
	ck_assert_uint_eq(limit, expected);
}

START_TEST(no_groups_allow_anything)
{
	folder_make();
	finish(MEMORY_UNKNOWN);
}
END_TEST

START_TEST(a_group_of_version_2_limits)
{
	folder_make();
	put("/proc/self/cgroup", "0::/system.slice/rebore.service\n");
	put("/sys/fs/cgroup/system.slice/rebore.service/memory.max",
	    "100663296\n");
	put("/sys/fs/cgroup/system.slice/memory.max", "max\n");
	finish(100663296);
}
END_TEST

START_TEST(a_group_above_limits_too)
{
	folder_make();
	put("/proc/self/cgroup", "0::/a/b/c\n");
	put("/sys/fs/cgroup/a/b/c/memory.max", "3000000\n");
	put("/sys/fs/cgroup/a/b/memory.max", "max\n");
	put("/sys/fs/cgroup/a/memory.max", "2000000\n");
	put("/sys/fs/cgroup/memory.max", "4000000\n");
	finish(2000000);
}
END_TEST

START_TEST(the_innermost_may_be_the_least)
{
	folder_make();
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/memory.max", "1000000\n");
	put("/sys/fs/cgroup/a/memory.max", "2000000\n");
	finish(1000000);
}
END_TEST

START_TEST(max_is_no_limit)
{
	folder_make();
	put("/proc/self/cgroup", "0::/a\n");
	put("/sys/fs/cgroup/a/memory.max", "max\n");
	finish(MEMORY_UNKNOWN);
}
END_TEST

START_TEST(a_group_of_version_1_limits)
{
	folder_make();
	put("/proc/self/cgroup",
	    "9:name=systemd:/x\n5:cpu,memory,pids:/y/z\n3:cpuset:/\n0::/\n");
	put("/sys/fs/cgroup/memory/y/z/memory.limit_in_bytes", "50000000\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes",
	    "9223372036854771712\n");
	put("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "7\n");
	finish(50000000);
}
END_TEST

START_TEST(a_name_that_begins_like_memory_is_another)
{
	folder_make();
	put("/proc/self/cgroup", "5:memoryless,notmemory:/y\n");
	put("/sys/fs/cgroup/memory/y/memory.limit_in_bytes", "50000000\n");
	finish(MEMORY_UNKNOWN);
}
END_TEST

/* As in a container of version 1, that sees its own group as the top. */
START_TEST(a_path_that_is_not_there_leaves_the_top)
{
	folder_make();
	put("/proc/self/cgroup", "4:memory:/docker/0123456789ab\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "60000000\n");
	finish(60000000);
}
END_TEST

START_TEST(what_is_no_number_is_no_limit)
{
	static const char *const contents[] = {
	    "", "\n", "-1\n", " 5\n", "lots\n", "99999999999999999999999999\n"};

	for (size_t i = 0; i < SUITE_LENGTH(contents); i++) {
		folder_make();
		put("/proc/self/cgroup", "0::/a\n");
		put("/sys/fs/cgroup/a/memory.max", contents[i]);
		finish(MEMORY_UNKNOWN);
	}
}
END_TEST

START_TEST(lines_that_say_nothing_are_passed_over)
{
	folder_make();
	put("/proc/self/cgroup", "\nx\n1:y\n::\n0::/a");
	put("/sys/fs/cgroup/a/memory.max", "12345678");
	finish(12345678);
}
END_TEST

START_TEST(this_system_has_some_memory)
{
	uint64_t limit = memory_limit();

	ck_assert_uint_gt(limit, 1024 * 1024);
	ck_assert_uint_le(limit, memory_limit_of_groups(""));
}
END_TEST

SUITE_MAIN("memory", no_groups_allow_anything, a_group_of_version_2_limits,
    a_group_above_limits_too, the_innermost_may_be_the_least, max_is_no_limit,
    a_group_of_version_1_limits, a_name_that_begins_like_memory_is_another,
    a_path_that_is_not_there_leaves_the_top, what_is_no_number_is_no_limit,
    lines_that_say_nothing_are_passed_over, this_system_has_some_memory)
