/*
 * What statefile.h promises: one user, and the old content or the new. statefile.c
 * is part of this program: a case has a disk that takes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/log.h"
#include "suite.h"

static int open_or_refuse(const char *path, int flags, ...);
static int sync_counted(int fd);

#define open  open_or_refuse
#define fsync sync_counted
#include "os/statefile.c" /* NOLINT(bugprone-suspicious-include) */
#undef open
#undef fsync

#include "folder.h"

/* The disk takes nothing, for this reason; 0: it does. */
static int refusal;
/* How often a folder was synchronised. */
static unsigned synced_folders;

static int
open_or_refuse(const char *path, int flags, ...)
{
	if (refusal != 0 && ((flags & O_ACCMODE) != O_RDONLY)) {
		errno = refusal;
		return -1;
	}
	return open(path, flags, 0600);
}

static int
sync_counted(int fd)
{
	struct stat status;

	ck_assert_int_eq(fstat(fd, &status), 0);
	synced_folders += S_ISDIR(status.st_mode);
	return fsync(fd);
}

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

/* The object that stands for text. */
static const char *
object_of(const char *text)
{
	static char object[64];

	snprintf(object, sizeof object, "{\"x\":\"%s\"}", text);
	return object;
}

static enum error
write_to(struct statefile *to, const char *text)
{
	const char *object = object_of(text);

	return statefile_write(to, object, strlen(object));
}

/* What is read is what was written. */
static void
assert_content(const char *text)
{
	const char *object = object_of(text);

	ck_assert_uint_eq(size, strlen(object));
	ck_assert_mem_eq(content, object, size);
}

/* The file has it, and a checksum. */
static void
assert_file(const char *text)
{
	static char found[4096];
	size_t length;

	snprintf(found, sizeof found, "%s", folder_read());
	length = strlen(found);
	ck_assert_int_eq(checksum_open(found, &length), CHECKSUM_GOOD);
	found[length] = '\0';
	ck_assert_str_eq(found, object_of(text));
}

/* Where it is written beside the file. */
static const char *
beside(void)
{
	static char path[FOLDER_PATH_SIZE + 32];

	snprintf(path, sizeof path, "%s/.file.rebore-new", folder);
	return path;
}

START_TEST(a_new_one_is_empty_and_nobody_elses)
{
	struct stat status;

	folder_make();
	umask(0);
	ck_assert_int_eq(open_file(), ERROR_NONE);
	ck_assert_uint_eq(size, 0);
	ck_assert_int_eq(stat(folder_file, &status), 0);
	ck_assert_int_eq(status.st_mode & 07777, 0600);
	ck_assert_int_eq(write_to(&file, "one"), ERROR_NONE);
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
	ck_assert_int_eq(write_to(&file, "one"), ERROR_NONE);
	assert_file("one");
	ck_assert_int_eq(write_to(&file, "the second"), ERROR_NONE);
	assert_file("the second");
	/* Shorter: nothing of the longer one is left. */
	ck_assert_int_eq(write_to(&file, "3"), ERROR_NONE);
	assert_file("3");
	statefile_close(&file);
	assert_file("3");
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

		/* A disk that takes nothing does not tell who. */
		_exit(
		    error == ERROR_IN_USE && refusal == 0 && holder != getppid()
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
	ck_assert_int_eq(write_to(&mine, "new"), ERROR_NONE);
	ck_assert_int_eq(open_elsewhere(), ERROR_IN_USE);
	ck_assert_int_eq(write_to(&mine, "newer"), ERROR_NONE);
	ck_assert_int_eq(open_elsewhere(), ERROR_IN_USE);
	statefile_close(&mine);
	ck_assert_int_eq(open_elsewhere(), ERROR_NONE);
	folder_remove();
}
END_TEST

START_TEST(what_cannot_be_written_leaves_the_old_content)
{
	folder_make();
	ck_assert_int_eq(open_file(), ERROR_NONE);
	ck_assert_int_eq(write_to(&file, "old"), ERROR_NONE);
	/* A folder in the place of what is written beside it. */
	ck_assert_int_eq(mkdir(beside(), 0700), 0);
	errno = 0;
	ck_assert_int_ne(write_to(&file, "new"), ERROR_NONE);
	ck_assert_int_ne(errno, 0);
	assert_file("old");
	/* It goes on when it can. */
	ck_assert_int_eq(rmdir(beside()), 0);
	ck_assert_int_eq(write_to(&file, "new"), ERROR_NONE);
	assert_file("new");
	statefile_close(&file);
	folder_remove();
}
END_TEST

START_TEST(what_a_killed_one_has_left_beside_it_does_no_harm)
{
	folder_make();
	ck_assert_int_eq(open_file(), ERROR_NONE);
	close(open(beside(), O_WRONLY | O_CREAT, 0600));
	ck_assert_int_eq(write_to(&file, "new"), ERROR_NONE);
	assert_file("new");
	ck_assert_int_eq(access(beside(), F_OK), -1);
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
	ck_assert_int_eq(write_to(&file, "here"), ERROR_NONE);
	assert_file("here");
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

START_TEST(files_of_others_beside_it_are_left_alone)
{
	char others[FOLDER_PATH_SIZE + 16];
	struct stat status;

	folder_make();
	snprintf(others, sizeof others, "%s.new", folder_file);
	close(open(others, O_WRONLY | O_CREAT, 0600));
	ck_assert_int_eq(open_file(), ERROR_NONE);
	ck_assert_int_eq(write_to(&file, "one"), ERROR_NONE);
	ck_assert_int_eq(stat(others, &status), 0);
	ck_assert_int_eq(unlink(others), 0);
	/* Even at the name of ours: what we did not make is not ours. */
	ck_assert_int_eq(symlink("file", beside()), 0);
	ck_assert_int_ne(write_to(&file, "two"), ERROR_NONE);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(unlink(beside()), 0);
	assert_file("one");
	statefile_close(&file);
	folder_remove();
}
END_TEST

START_TEST(the_folder_is_synchronised_once_the_name_has_changed)
{
	folder_make();
	ck_assert_int_eq(open_file(), ERROR_NONE);
	ck_assert_int_eq(write_to(&file, "one"), ERROR_NONE);
	ck_assert_uint_eq(synced_folders, 1);
	statefile_close(&file);
	folder_remove();
}
END_TEST

START_TEST(a_damaged_one_counts_as_new)
{
	static char whole[4096];
	size_t length;

	folder_make();
	ck_assert_int_eq(open_file(), ERROR_NONE);
	ck_assert_int_eq(write_to(&file, "4711"), ERROR_NONE);
	statefile_close(&file);
	snprintf(whole, sizeof whole, "%s", folder_read());
	length = strlen(whole);
	/* Another digit, in the content or in the checksum. */
	for (size_t i = 0; i < length; i++) {
		if (whole[i] < '0' || whole[i] > '9')
			continue;
		whole[i] ^= 1;
		folder_write(whole, length);
		ck_assert_int_eq(open_file(), ERROR_NONE);
		ck_assert_uint_eq(size, 0);
		statefile_close(&file);
		whole[i] ^= 1;
	}
	folder_write(whole, length);
	ck_assert_int_eq(open_file(), ERROR_NONE);
	assert_content("4711");
	statefile_close(&file);
	/* Without one, as a hand writes it, it is taken as it is. */
	folder_write("{\"x\":\"5\"}", 9);
	ck_assert_int_eq(open_file(), ERROR_NONE);
	assert_content("5");
	statefile_close(&file);
	folder_remove();
}
END_TEST

START_TEST(a_disk_that_takes_nothing_is_no_reason_to_fail)
{
	static const int refusals[] = {EROFS, ENOSPC};

	folder_make();
	for (size_t i = 0; i < SUITE_LENGTH(refusals); i++) {
		refusal = refusals[i];
		ck_assert_int_eq(open_file(), ERROR_NONE);
		ck_assert_uint_eq(size, 0);
		ck_assert_int_ne(write_to(&file, "one"), ERROR_NONE);
		ck_assert_int_eq(errno, refusals[i]);
		refusal = 0;
		ck_assert_int_eq(write_to(&file, "one"), ERROR_NONE);
		assert_file("one");
		statefile_close(&file);
		/* What is there is read. */
		refusal = refusals[i];
		ck_assert_int_eq(open_file(), ERROR_NONE);
		assert_content("one");
		ck_assert_int_eq(open_elsewhere(), ERROR_IN_USE);
		refusal = 0;
		ck_assert_int_eq(write_to(&file, "two"), ERROR_NONE);
		ck_assert_int_eq(open_elsewhere(), ERROR_IN_USE);
		assert_file("two");
		statefile_close(&file);
		ck_assert_int_eq(unlink(folder_file), 0);
	}
	folder_remove();
}
END_TEST

SUITE_MAIN("statefile", a_new_one_is_empty_and_nobody_elses,
    what_is_written_is_found_again, no_more_is_read_than_there_is_room,
    another_process_is_told_who_has_it,
    what_cannot_be_written_leaves_the_old_content,
    what_a_killed_one_has_left_beside_it_does_no_harm,
    another_folder_does_not_matter, what_is_no_file_is_refused,
    files_of_others_beside_it_are_left_alone,
    the_folder_is_synchronised_once_the_name_has_changed,
    a_damaged_one_counts_as_new, a_disk_that_takes_nothing_is_no_reason_to_fail)
