/* What pidfile.h promises: one holder, its number, and nothing else harmed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/pidfile.h"
#include "suite.h"

#define PATH_SIZE 64

static char folder[PATH_SIZE];
static char path[PATH_SIZE + 16];
static struct pidfile pidfile;
static pid_t holder;

/* Each case runs in a process of its own, in a new folder. */
static void
start(void)
{
	snprintf(folder, sizeof folder, "/tmp/test_pidfile.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/pid", folder);
}

static void
end(void)
{
	unlink(path);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void
write_file(const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	ck_assert_int_eq(
	    write(fd, content, strlen(content)), (ssize_t)strlen(content));
	close(fd);
}

static void
assert_content(const char *expected)
{
	char content[PATH_SIZE] = "";
	int fd = open(path, O_RDONLY);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_ge(read(fd, content, sizeof content - 1), 0);
	ck_assert_str_eq(content, expected);
	close(fd);
}

/* Reading the file of one's own would give up the lock: a child does. */
static void
assert_content_is_number_of(pid_t number)
{
	char expected[PATH_SIZE];
	int status;
	pid_t child = fork();

	if (child == 0) {
		snprintf(expected, sizeof expected, "%ld\n", (long)number);
		assert_content(expected);
		_exit(EXIT_SUCCESS);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

/* What another process gets that wants the file, which holder is told. */
static enum error
take_in_child(pid_t expected_holder)
{
	struct pidfile other;
	enum error error;
	int status;
	pid_t child = fork();

	if (child == 0) {
		error = pidfile_take(path, &other, &holder);
		ck_assert_int_eq(holder, expected_holder);
		pidfile_release(&other);
		_exit((int)error);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return (enum error)WEXITSTATUS(status);
}

START_TEST(the_file_has_the_number_and_goes_at_the_end)
{
	struct stat status;

	start();
	umask(0);
	ck_assert_int_eq(pidfile_take(path, &pidfile, &holder), ERROR_NONE);
	assert_content_is_number_of(getpid());
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 07777, 0644);
	ck_assert_int_eq(fcntl(pidfile.fd, F_GETFD), FD_CLOEXEC);
	pidfile_release(&pidfile);
	ck_assert_int_eq(access(path, F_OK), -1);
	pidfile_release(&pidfile);
	end();
}
END_TEST

START_TEST(a_second_process_is_told_who_holds_the_file)
{
	start();
	ck_assert_int_eq(pidfile_take(path, &pidfile, &holder), ERROR_NONE);
	ck_assert_int_eq(take_in_child(getpid()), ERROR_IN_USE);
	/* And has done no harm */
	ck_assert_int_eq(take_in_child(getpid()), ERROR_IN_USE);
	assert_content_is_number_of(getpid());
	pidfile_release(&pidfile);
	ck_assert_int_eq(take_in_child(0), ERROR_NONE);
	end();
}
END_TEST

START_TEST(a_file_that_a_dead_process_left_is_taken_over)
{
	static const char *const left[] = {"", "7", "99999999999\n", "1\n"};

	start();
	for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
		write_file(left[i]);
		ck_assert_int_eq(
		    pidfile_take(path, &pidfile, &holder), ERROR_NONE);
		assert_content_is_number_of(getpid());
		pidfile_release(&pidfile);
	}
	end();
}
END_TEST

START_TEST(a_file_with_something_else_is_left_alone)
{
	static const char *const left[] = {"text", "12 34\n", "12\n\n", "\n\n",
	    "-1\n", "root:x:0:0:root:/root:/bin/bash\n"};

	start();
	for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
		write_file(left[i]);
		ck_assert_int_eq(
		    pidfile_take(path, &pidfile, &holder), ERROR_INVALID);
		pidfile_release(&pidfile);
		assert_content(left[i]);
	}
	ck_assert_int_eq(
	    pidfile_take("/dev/null", &pidfile, &holder), ERROR_INVALID);
	pidfile_release(&pidfile);
	ck_assert_int_eq(access("/dev/null", F_OK), 0);
	end();
}
END_TEST

START_TEST(only_the_process_that_took_it_removes_it)
{
	pid_t child;
	int status;

	start();
	ck_assert_int_eq(pidfile_take(path, &pidfile, &holder), ERROR_NONE);
	child = fork();
	if (child == 0) {
		pidfile_release(&pidfile);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(take_in_child(getpid()), ERROR_IN_USE);
	pidfile_release(&pidfile);
	end();
}
END_TEST

START_TEST(a_file_that_was_replaced_is_not_removed)
{
	start();
	ck_assert_int_eq(pidfile_take(path, &pidfile, &holder), ERROR_NONE);
	unlink(path);
	write_file("1\n");
	pidfile_release(&pidfile);
	assert_content("1\n");
	end();
}
END_TEST

START_TEST(a_relative_path_is_found_again_after_chdir)
{
	start();
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_eq(pidfile_take("pid", &pidfile, &holder), ERROR_NONE);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(access(path, F_OK), 0);
	pidfile_release(&pidfile);
	ck_assert_int_eq(access(path, F_OK), -1);
	end();
}
END_TEST

START_TEST(a_path_that_cannot_be_opened_is_an_error)
{
	static char long_path[2 * PATH_MAX];

	start();
	snprintf(path, sizeof path, "%s/no/pid", folder);
	ck_assert_int_eq(pidfile_take(path, &pidfile, &holder), ERROR_SYSTEM);
	ck_assert_int_eq(errno, ENOENT);
	pidfile_release(&pidfile);
	memset(long_path, 'a', sizeof long_path - 1);
	ck_assert_int_eq(
	    pidfile_take(long_path, &pidfile, &holder), ERROR_SYSTEM);
	ck_assert_int_eq(errno, ENAMETOOLONG);
	pidfile_release(&pidfile);
	/* A link could lead to any file. */
	snprintf(path, sizeof path, "%s/pid", folder);
	ck_assert_int_eq(symlink("target", path), 0);
	ck_assert_int_eq(pidfile_take(path, &pidfile, &holder), ERROR_SYSTEM);
	ck_assert_int_eq(errno, ELOOP);
	end();
}
END_TEST

SUITE_MAIN("pidfile", the_file_has_the_number_and_goes_at_the_end,
    a_second_process_is_told_who_holds_the_file,
    a_file_that_a_dead_process_left_is_taken_over,
    a_file_with_something_else_is_left_alone,
    only_the_process_that_took_it_removes_it,
    a_file_that_was_replaced_is_not_removed,
    a_relative_path_is_found_again_after_chdir,
    a_path_that_cannot_be_opened_is_an_error)
