/*
 * replay - feeds a fuzz target its seeds, in any build and without libFuzzer.
 *
 * Called replay_NAME, it takes each file of tests/fuzz/seeds/NAME; or the files
 * that it is given. TAP on stdout.
 */
#include <dirent.h>
#include <string.h>

#include "fuzz.h"

#define SEED_BYTES_MOST 65536
#define PATH_SIZE       1024

static unsigned count;

static void
replay(const char *path)
{
	static uint8_t bytes[SEED_BYTES_MOST];
	FILE *file = fopen(path, "rb");
	uint8_t *copy;
	size_t size;

	FUZZ_MUST(file != NULL);
	size = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	/* Memory of its own size, so that a sanitizer sees a read behind it. */
	copy = malloc(size > 0 ? size : 1);
	FUZZ_MUST(copy != NULL);
	memcpy(copy, bytes, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	printf("ok %u - %s\n", ++count, path);
	fflush(stdout);
}

static void
replay_all(const char *name)
{
	const char *top = getenv("top_srcdir");
	char folder[PATH_SIZE], path[2 * PATH_SIZE];
	struct dirent *entry;
	DIR *directory;

	snprintf(folder, sizeof folder, "%s/tests/fuzz/seeds/%s",
	    top ? top : ".", name);
	directory = opendir(folder);
	FUZZ_MUST(directory != NULL);
	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		replay(path);
	}
	closedir(directory);
}

int
main(int argc, char **argv)
{
	const char *program = strrchr(argv[0], '/');
	const char *name =
	    strstr(program != NULL ? program : argv[0], "replay_");

	FUZZ_MUST(name != NULL);
	if (argc == 1)
		replay_all(name + strlen("replay_"));
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	FUZZ_MUST(count > 0);
	printf("1..%u\n", count);
	return 0;
}
