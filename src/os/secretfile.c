/* secretfile - see secretfile.h */
#include "os/secretfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/secret.h"
#include "os/fd.h"

/* A shell takes these as they are. */
#define PLAIN_CHARACTERS                                                       \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"       \
	"/._-+=:,@%"

/* For the longest path that is shown, in quotes and with a NUL. */
#define QUOTED_SIZE 264

/* Write path as a word of a shell. */
static void
quote(const char *path, char text[static QUOTED_SIZE])
{
	char escaped[QUOTED_SIZE - 2];
	const char *mark =
	    path[strspn(path, PLAIN_CHARACTERS)] == '\0' ? "" : "'";

	escape_text(path, strlen(path), escaped, sizeof escaped);
	snprintf(text, QUOTED_SIZE, "%s%s%s", mark, escaped, mark);
}

static bool
is_credential(const char *path)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t length = folder ? strlen(folder) : 0;

	return length > 0 && strncmp(path, folder, length) == 0 &&
	       path[length] == '/' && strstr(path + length, "/../") == NULL;
}

/* Whether fd is a file that may hold a secret; if it is not, why says so. */
static enum error
check(int fd, const char *path, bool again, bool *is_regular,
    char why[static SECRETFILE_WHY_SIZE])
{
	mode_t forbidden = S_IRWXO | (is_credential(path) ? 0 : S_IRWXG);
	struct stat status;
	char quoted[QUOTED_SIZE];

	if (fstat(fd, &status) == -1) {
		snprintf(why, SECRETFILE_WHY_SIZE, "%s", strerror(errno));
		return ERROR_SYSTEM;
	}
	*is_regular = S_ISREG(status.st_mode);
	if (S_ISFIFO(status.st_mode) && again) {
		snprintf(why, SECRETFILE_WHY_SIZE,
		    "is a pipe, which cannot be read again");
		return ERROR_INVALID;
	}
	if (S_ISFIFO(status.st_mode))
		return ERROR_NONE;
	if (!S_ISREG(status.st_mode)) {
		snprintf(why, SECRETFILE_WHY_SIZE,
		    "must be a regular file or a pipe");
		return ERROR_INVALID;
	}
	if ((status.st_mode & forbidden) == 0)
		return ERROR_NONE;
	quote(path, quoted);
	snprintf(why, SECRETFILE_WHY_SIZE,
	    "others can read it; type: chmod 600 %s", quoted);
	return ERROR_DENIED;
}

/* Read up to the end of the file, or as much as there is room for. */
static enum error
read_all(int fd, struct secretfile *file)
{
	ssize_t got;

	do {
		got = read(fd, file->secret + file->size,
		    SECRETFILE_SECRET_SIZE - file->size);
		if (got > 0)
			file->size += (size_t)got;
	} while (got > 0 || (got == -1 && errno == EINTR));
	return got == -1 ? ERROR_SYSTEM : ERROR_NONE;
}

static bool
is_blank(char character)
{
	return character == ' ' || character == '\t';
}

/* Returns what is odd about a secret, in the form that struct secretfile uses.
 * secret: without the newline at its end. */
static const char *
find_oddity(const char *secret, size_t size)
{
	char first = '\0';
	char last = '\0';

	if (size > 0) {
		first = secret[0];
		last = secret[size - 1];
	}

	if (last == '\r')
		return "ends in a carriage return, which is part of the "
		       "secret";
	if (last == '\n')
		return "ends in more than one newline; all but the last are "
		       "part of the secret";
	if (memchr(secret, '\0', size) != NULL)
		return "has a NUL byte, which is part of the secret";
	if (memchr(secret, '\n', size) != NULL)
		return "has more than one line; all of them are the secret";
	if (size >= 3 && memcmp(secret, "\xef\xbb\xbf", 3) == 0)
		return "begins with a byte order mark, which is part of the "
		       "secret";
	if (is_blank(first) || is_blank(last))
		return "has blanks around the secret, which are part of it";
	return NULL;
}

/* Remove one newline from the end, and note whether the rest looks as if it
 * were not what the user meant. */
static void
trim(struct secretfile *file)
{
	size_t size = file->size;
	bool has_cr = false;

	if (size > 0 && file->secret[size - 1] == '\n') {
		size--;
		has_cr = size > 0 && file->secret[size - 1] == '\r';
		size -= has_cr;
	}
	file->size = size;
	file->oddity = find_oddity(file->secret, size);
	if (file->oddity == NULL && has_cr)
		file->oddity = "ends in CR LF, as files of Windows do; neither "
			       "is part of the secret";
}

enum error
secretfile_read(const char *path, bool again, struct secretfile *file,
    char why[static SECRETFILE_WHY_SIZE])
{
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (again ? O_NONBLOCK : 0);
	enum error error;
	int fd = open(path, flags);

	memset(file, 0, sizeof *file);
	if (fd == -1) {
		error = error_of_errno();
		snprintf(why, SECRETFILE_WHY_SIZE, "%s", strerror(errno));
		goto out;
	}
	error = check(fd, path, again, &file->is_regular, why);
	if (error != ERROR_NONE)
		goto out;
	error = read_all(fd, file);
	if (error != ERROR_NONE) {
		snprintf(why, SECRETFILE_WHY_SIZE, "%s", strerror(errno));
		goto out;
	}
	trim(file);
	if (file->size > SECRETFILE_BYTES_MOST) {
		error = ERROR_INVALID;
		snprintf(why, SECRETFILE_WHY_SIZE,
		    "is longer than %d bytes, the most that a secret may have",
		    SECRETFILE_BYTES_MOST);
	}
out:
	if (error != ERROR_NONE)
		secretfile_wipe(file);
	fd_close(&fd);
	return error;
}

void
secretfile_wipe(struct secretfile *file)
{
	secret_wipe(file, sizeof *file);
}
