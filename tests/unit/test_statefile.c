/* What statefile.h promises: one user, and the old content or the new. */
#include <errno.h>
#include <sys/wait.h>

#include "folder.h"
#include "os/statefile.h"

static struct statefile file = STATEFILE_INITIALIZER;
static char content[64];
static size_t size;
static pid_t holder;

static enum error
open_file(void)
{
	memset(content, 'x', sizeof content);
	size = sizeof content;
	holder = 4711;
	return statefile_open(&file, folder_file, content, &size, &holder);
}

static void
assert_content(const char *expected)
{
	ck_assert_uint_eq(size, strlen(expected));
	ck_assert_mem_eq(content, expected, size);
}

START_TEST(a_new_one_is_empty_and_nobody_elses)
{
	struct stat status;

	folder_make();
	umask(0);
	ck_assert_int_eq(open_file(), ERROR_NONE);
	assert_content("");
	ck_assert_int_eq(stat(folder_file, &status), 0);
	ck_assert_int_eq(status.st_mode & 07777, 0600);
	ck_assert_int_eq(statefile_write(&file, "one", 3), ERROR_NONE);
	ck_assert_int_eq(stat(folder_file, &status), 0);
	ck_assert_int_eq(status.st_mode & 07777, 0600);
	statefile_close(&file);
	statefile_close(&file);
	folder_remove();
}
END_TEST

START_TEST(what_is_written_is_found_again)
{
	folder_make();
	ck_assert_int_eq(open_file(), ERROR_NONE);
	ck_assert_int_eq(statefile_write(&file, "one", 3), ERROR_NONE);
	ck_assert_str_eq(folder_read(), "one");
	ck_assert_int_eq(statefile_write(&file, "the second", 10), ERROR_NONE);
	ck_assert_str_eq(folder_read(), "the second");
	/* Shorter: nothing of the longer one is left. */
	ck_assert_int_eq(statefile_write(&file, "3", 1), ERROR_NONE);
	ck_assert_str_eq(folder_read(), "3");
	statefile_close(&file);
	ck_assert_str_eq(folder_read(), "3");
	ck_assert_int_eq(open_file(), ERROR_NONE);
	assert_content("3");
	statefile_close(&file);
	folder_remove();
}
END_TEST

START_TEST(no_more_is_read_than_there_is_room)
{
	static const char long_one[100] = "0123456789";

	folder_make();
	folder_write(long_one, sizeof long_one);
	size = 4;
	memset(content, 'x', sizeof content);
	ck_assert_int_eq(
	    statefile_open(&file, folder_file, content, &size, &holder),
	    ERROR_NONE);
	ck_assert_uint_eq(size, 4);
	ck_assert_mem_eq(content, "0123xx", 6);
	statefile_close(&file);
	folder_remove();
}
END_TEST

/* Open it in another process. Returns what it was told. */
static enum error
open_elsewhere(void)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ne(child, -1);
	if (child == 0) {
		enum error error = open_file();

		_exit(error == ERROR_IN_USE && holder != getppid()
			  ? 100
			  : (int)error);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return (enum error)WEXITSTATUS(status);
}

START_TEST(another_process_is_told_who_has_it)
{
	struct statefile mine;

	folder_make();
	ck_assert_int_eq(open_file(), ERROR_NONE);
	mine = file;
	file = (struct statefile)STATEFILE_INITIALIZER;
	ck_assert_int_eq(open_elsewhere(), ERROR_IN_USE);
	/* The lock goes with the file that takes its place. */
	ck_assert_int_eq(statefile_write(&mine, "new", 3), ERROR_NONE);
	ck_assert_int_eq(open_elsewhere(), ERROR_IN_USE);
	ck_assert_int_eq(statefile_write(&mine, "newer", 5), ERROR_NONE);
	ck_assert_int_eq(open_elsewhere(), ERROR_IN_USE);
	statefile_close(&mine);
	ck_assert_int_eq(open_elsewhere(), ERROR_NONE);
	folder_remove();
}
END_TEST

START_TEST(what_cannot_be_written_leaves_the_old_content)
{
	char beside[FOLDER_PATH_SIZE + 16];

	folder_make();
	ck_assert_int_eq(open_file(), ERROR_NONE);
	ck_assert_int_eq(statefile_write(&file, "old", 3), ERROR_NONE);
	/* A folder in the place of what is written beside it. */
	snprintf(beside, sizeof beside, "%s.new", folder_file);
	ck_assert_int_eq(mkdir(beside, 0700), 0);
	errno = 0;
	ck_assert_int_ne(statefile_write(&file, "new", 3), ERROR_NONE);
	ck_assert_int_ne(errno, 0);
	ck_assert_str_eq(folder_read(), "old");
	/* It goes on when it can. */
	ck_assert_int_eq(rmdir(beside), 0);
	ck_assert_int_eq(statefile_write(&file, "new", 3), ERROR_NONE);
	ck_assert_str_eq(folder_read(), "new");
	statefile_close(&file);
	folder_remove();
}
END_TEST

START_TEST(what_a_killed_one_has_left_beside_it_does_no_harm)
{
	char beside[FOLDER_PATH_SIZE + 16];

	folder_make();
	snprintf(beside, sizeof beside, "%s.new", folder_file);
	ck_assert_int_eq(open_file(), ERROR_NONE);
	close(open(beside, O_WRONLY | O_CREAT, 0600));
	ck_assert_int_eq(statefile_write(&file, "new", 3), ERROR_NONE);
	ck_assert_str_eq(folder_read(), "new");
	ck_assert_int_eq(access(beside, F_OK), -1);
	statefile_close(&file);
	folder_remove();
}
END_TEST

START_TEST(another_folder_does_not_matter)
{
	folder_make();
	ck_assert_int_eq(chdir(folder), 0);
	size = sizeof content;
	ck_assert_int_eq(
	    statefile_open(&file, "file", content, &size, &holder), ERROR_NONE);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(statefile_write(&file, "here", 4), ERROR_NONE);
	ck_assert_str_eq(folder_read(), "here");
	statefile_close(&file);
	folder_remove();
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
	folder_make();
	ck_assert_int_eq(symlink("/dev/null", folder_file), 0);
	ck_assert_int_eq(open_file(), ERROR_INVALID);
	ck_assert_int_eq(unlink(folder_file), 0);
	ck_assert_int_eq(mkfifo(folder_file, 0600), 0);
	ck_assert_int_eq(open_file(), ERROR_INVALID);
	ck_assert_int_eq(unlink(folder_file), 0);
	ck_assert_int_eq(mkdir(folder_file, 0700), 0);
	ck_assert_int_ne(open_file(), ERROR_NONE);
	ck_assert_int_eq(rmdir(folder_file), 0);
	folder_remove();
	/* Its folder is gone. */
	ck_assert_int_eq(open_file(), ERROR_SYSTEM);
	ck_assert_int_eq(errno, ENOENT);
	statefile_close(&file);
}
END_TEST

SUITE_MAIN("statefile", a_new_one_is_empty_and_nobody_elses,
    what_is_written_is_found_again, no_more_is_read_than_there_is_room,
    another_process_is_told_who_has_it,
    what_cannot_be_written_leaves_the_old_content,
    what_a_killed_one_has_left_beside_it_does_no_harm,
    another_folder_does_not_matter, what_is_no_file_is_refused)
