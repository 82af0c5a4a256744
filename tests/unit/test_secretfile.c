/* What secretfile.h promises: who may read the file, and what is the secret. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/secretfile.h"
#include "suite.h"

#define PATH_SIZE 64

static char folder[PATH_SIZE];
static char path[PATH_SIZE + 16];
static struct secretfile file;
static char why[SECRETFILE_WHY_SIZE];

/* Each case runs in a process of its own, in a new folder. */
static void
start(const char *name)
{
	unsetenv("CREDENTIALS_DIRECTORY");
	snprintf(folder, sizeof folder, "/tmp/test_secretfile.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/%s", folder, name);
}

static void
end(void)
{
	unlink(path);
	rmdir(folder);
}

static void
write_file(const char *content, size_t length, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, content, length), (ssize_t)length);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

START_TEST(one_newline_at_the_end_is_not_part_of_the_secret)
{
	static const struct {
		const char *content;
		const char *secret;
	} cases[] = {
	    {"abc", "abc"},
	    {"abc\n", "abc"},
	    {"abc\r\n", "abc"},
	    {"abc\n\n", "abc\n"},
	    {"abc\r\n\r\n", "abc\r\n"},
	    {"abc\r", "abc\r"},
	    {" a b\n c \n", " a b\n c "},
	    {"\n", ""},
	    {"\r\n", ""},
	    {"", ""},
	};

	start("s");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		write_file(cases[i].content, strlen(cases[i].content), 0600);
		ck_assert_int_eq(
		    secretfile_read(path, false, &file, why), ERROR_NONE);
		ck_assert_uint_eq(file.size, strlen(cases[i].secret));
		ck_assert_int_eq(
		    memcmp(file.secret, cases[i].secret, file.size), 0);
	}
	end();
}
END_TEST

START_TEST(what_a_person_may_not_have_meant_is_odd)
{
	static const struct {
		const char *content;
		const char *oddity; /* a part of it; NULL: nothing is odd */
	} cases[] = {
	    {"abc", NULL},
	    {"abc\n", NULL},
	    {"a b c\n", NULL},
	    {"", NULL},
	    {"\n", NULL},
	    {"abc\r\n", "CR LF"},
	    {"\r\n", "CR LF"},
	    {"abc\n\n", "more than one newline"},
	    {"\n\n", "more than one newline"},
	    {"abc\r\n\r\n", "more than one newline"},
	    {"abc\r", "carriage return"},
	    {"abc\ndef\n", "more than one line"},
	    {"abc\r\ndef\r\n", "more than one line"},
	    {"\xef\xbb\xbf"
	     "abc\n",
		"byte order mark"},
	    {" abc\n", "blanks"},
	    {"abc\t\n", "blanks"},
	};

	start("s");
	for (size_t i = 0; i < SUITE_LENGTH(cases); i++) {
		const char *oddity = cases[i].oddity;

		write_file(cases[i].content, strlen(cases[i].content), 0600);
		ck_assert_int_eq(
		    secretfile_read(path, false, &file, why), ERROR_NONE);
		if (oddity == NULL)
			ck_assert_ptr_null(file.oddity);
		else
			ck_assert_ptr_nonnull(strstr(file.oddity, oddity));
	}
	write_file("a\0b", 3, 0600);
	ck_assert_int_eq(secretfile_read(path, false, &file, why), ERROR_NONE);
	ck_assert_ptr_nonnull(strstr(file.oddity, "NUL"));
	end();
}
END_TEST

START_TEST(a_file_of_others_is_refused_with_the_command_to_type)
{
	static const mode_t bad[] = {
	    0640, 0620, 0610, 0604, 0602, 0601, 0666, 0644};
	static const mode_t good[] = {0600, 0400, 0700};
	char expected[SECRETFILE_WHY_SIZE];

	start("s");
	snprintf(expected, sizeof expected,
	    "others can read it; type: chmod 600 %s", path);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_file("abc", 3, bad[i]);
		memset(file.secret, 'x', sizeof file.secret);
		ck_assert_int_eq(
		    secretfile_read(path, false, &file, why), ERROR_DENIED);
		ck_assert_str_eq(why, expected);
		ck_assert_int_eq(file.secret[0], '\0');
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		write_file("abc", 3, good[i]);
		ck_assert_int_eq(
		    secretfile_read(path, false, &file, why), ERROR_NONE);
	}
	end();
}
END_TEST

START_TEST(the_command_quotes_a_path_for_the_shell)
{
	start("a b");
	write_file("abc", 3, 0644);
	ck_assert_int_eq(
	    secretfile_read(path, false, &file, why), ERROR_DENIED);
	ck_assert_ptr_nonnull(strstr(why, "chmod 600 '/tmp/"));
	ck_assert_ptr_nonnull(strstr(why, "/a b'"));
	end();
}
END_TEST

START_TEST(a_secret_has_at_most_4096_bytes)
{
	static char content[8192];

	start("s");
	memset(content, 'a', sizeof content);
	write_file(content, 4096, 0600);
	ck_assert_int_eq(secretfile_read(path, false, &file, why), ERROR_NONE);
	ck_assert_uint_eq(file.size, 4096);
	write_file(content, 4097, 0600);
	ck_assert_int_eq(
	    secretfile_read(path, false, &file, why), ERROR_INVALID);
	ck_assert_ptr_nonnull(strstr(why, "4096"));
	ck_assert_int_eq(file.secret[0], '\0');
	write_file(content, sizeof content, 0600);
	ck_assert_int_eq(
	    secretfile_read(path, false, &file, why), ERROR_INVALID);
	content[4096] = '\r';
	content[4097] = '\n';
	write_file(content, 4098, 0600);
	ck_assert_int_eq(secretfile_read(path, false, &file, why), ERROR_NONE);
	ck_assert_uint_eq(file.size, 4096);
	content[4098] = '\n';
	write_file(content, 4099, 0600);
	ck_assert_int_eq(
	    secretfile_read(path, false, &file, why), ERROR_INVALID);
	end();
}
END_TEST

START_TEST(a_pipe_is_read_to_its_end)
{
	int ends[2];
	char name[PATH_SIZE];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "ab", 2), 2);
	ck_assert_int_eq(write(ends[1], "c\n", 2), 2);
	close(ends[1]);
	snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
	ck_assert_int_eq(secretfile_read(name, false, &file, why), ERROR_NONE);
	ck_assert_uint_eq(file.size, 3);
	ck_assert_int_eq(memcmp(file.secret, "abc", 3), 0);
	ck_assert(!file.is_regular);
	close(ends[0]);
}
END_TEST

START_TEST(a_pipe_is_not_read_again)
{
	start("s");
	/* Nobody writes: opening it would wait. */
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(
	    secretfile_read(path, true, &file, why), ERROR_INVALID);
	ck_assert_ptr_nonnull(strstr(why, "pipe"));
	unlink(path);
	write_file("abc", 3, 0600);
	ck_assert_int_eq(secretfile_read(path, true, &file, why), ERROR_NONE);
	ck_assert(file.is_regular);
	ck_assert_uint_eq(file.size, 3);
	end();
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
	start("s");
	ck_assert_int_eq(
	    secretfile_read(folder, false, &file, why), ERROR_INVALID);
	ck_assert_str_eq(why, "must be a regular file or a pipe");
	ck_assert_int_eq(
	    secretfile_read("/dev/null", false, &file, why), ERROR_INVALID);
	ck_assert_int_eq(
	    secretfile_read(path, false, &file, why), ERROR_SYSTEM);
	ck_assert_str_eq(why, "No such file or directory");
	end();
}
END_TEST

START_TEST(a_credential_of_systemd_may_be_read_by_its_group)
{
	char around[3 * PATH_SIZE];

	start("s");
	write_file("abc", 3, 0440);
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	ck_assert_int_eq(secretfile_read(path, false, &file, why), ERROR_NONE);
	write_file("abc", 3, 0444);
	ck_assert_int_eq(
	    secretfile_read(path, false, &file, why), ERROR_DENIED);
	write_file("abc", 3, 0440);
	/* Out of that folder again */
	snprintf(around, sizeof around, "%s/../%s/s", folder,
	    strrchr(folder, '/') + 1);
	ck_assert_int_eq(
	    secretfile_read(around, false, &file, why), ERROR_DENIED);
	/* Another folder, whose name only starts like this one */
	folder[strlen(folder) - 1] = '\0';
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	ck_assert_int_eq(
	    secretfile_read(path, false, &file, why), ERROR_DENIED);
	setenv("CREDENTIALS_DIRECTORY", "", 1);
	ck_assert_int_eq(
	    secretfile_read(path, false, &file, why), ERROR_DENIED);
	unlink(path);
	path[strlen(path) - 2] = '\0';
	rmdir(path);
}
END_TEST

SUITE_MAIN("secretfile", one_newline_at_the_end_is_not_part_of_the_secret,
    what_a_person_may_not_have_meant_is_odd, a_pipe_is_not_read_again,
    a_file_of_others_is_refused_with_the_command_to_type,
    the_command_quotes_a_path_for_the_shell, a_secret_has_at_most_4096_bytes,
    a_pipe_is_read_to_its_end, what_is_no_file_is_refused,
    a_credential_of_systemd_may_be_read_by_its_group)
