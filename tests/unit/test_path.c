/* What path.h promises: the same file, wherever the process goes. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "os/path.h"

/* A case has changed the current folder: go to where it began. */
static void
leave_folder(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	folder_remove();
}

START_TEST(a_path_from_the_root_stays_as_it_is)
{
	static const char *const paths[] = {"/", "/a", "/a/../b//c"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		char *whole = path_absolute(paths[i]);

		ck_assert_str_eq(whole, paths[i]);
		ck_assert_ptr_ne(whole, paths[i]); /* the caller frees it */
		free(whole);
	}
}
END_TEST

START_TEST(another_path_names_the_same_file_from_everywhere)
{
	struct stat before, after;
	char *whole;

	folder_make();
	folder_write("x", 1);
	ck_assert_int_eq(chdir(folder), 0);
	whole = path_absolute("file");
	ck_assert_ptr_nonnull(whole);
	ck_assert_int_eq(*whole, '/');
	ck_assert_int_eq(stat("file", &before), 0);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(stat(whole, &after), 0);
	ck_assert(before.st_ino == after.st_ino);
	ck_assert(before.st_dev == after.st_dev);
	free(whole);
	leave_folder();
}
END_TEST

START_TEST(the_file_need_not_exist)
{
	char expected[FOLDER_PATH_SIZE + sizeof "/./none/of/it"];
	char here[FOLDER_PATH_SIZE];
	char *whole;

	folder_make();
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_ptr_nonnull(getcwd(here, sizeof here));
	snprintf(expected, sizeof expected, "%s/./none/of/it", here);
	whole = path_absolute("./none/of/it");
	ck_assert_str_eq(whole, expected);
	free(whole);
	leave_folder();
}
END_TEST

/* What is left then is for the caller to say: errno tells. */
START_TEST(a_folder_that_is_gone_has_no_paths)
{
	char *whole;

	folder_make();
	ck_assert_int_eq(chdir(folder), 0);
	folder_remove();
	errno = 0;
	ck_assert_ptr_null(path_absolute("file"));
	ck_assert_int_ne(errno, 0);
	whole = path_absolute("/file");
	ck_assert_str_eq(whole, "/file");
	free(whole);
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

SUITE_MAIN("path", a_path_from_the_root_stays_as_it_is,
    another_path_names_the_same_file_from_everywhere, the_file_need_not_exist,
    a_folder_that_is_gone_has_no_paths)
