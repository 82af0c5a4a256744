/* A host and port that are accepted can be written, and are read again as the
 * same; a numeric address too. */
#include <string.h>

#include "fuzz.h"
#include "net/address.h"

#define DEFAULT_PORT 7835

static void
check_name(const char *text)
{
	char written[ADDRESS_NAME_TEXT_SIZE];
	struct address_name name, again;

	if (!address_name_parse(text, DEFAULT_PORT, &name))
		return;
	FUZZ_MUST(memchr(name.host, '\0', sizeof name.host) != NULL);
	FUZZ_MUST(name.host[0] != '\0' && name.port != 0);
	for (const char *c = name.host; *c != '\0'; c++)
		FUZZ_MUST((unsigned char)*c > ' ' && *c != 0x7f);
	FUZZ_MUST(strstr(text, name.host) != NULL);
	address_name_print(&name, written);
	FUZZ_MUST(address_name_parse(written, 1, &again));
	FUZZ_MUST(strcmp(again.host, name.host) == 0);
	FUZZ_MUST(again.port == name.port);
}

static void
check_numeric(const char *text)
{
	char written[ADDRESS_TEXT_SIZE], rewritten[ADDRESS_TEXT_SIZE];
	struct address address, again;
	struct address_name name;

	if (!address_parse(text, DEFAULT_PORT, &address))
		return;
	FUZZ_MUST(address_port(&address) == DEFAULT_PORT);
	address_print(&address, written);
	FUZZ_MUST(address_name_parse(written, 1, &name));
	FUZZ_MUST(name.port == DEFAULT_PORT);
	FUZZ_MUST(address_parse(name.host, name.port, &again));
	address_print(&again, rewritten);
	FUZZ_MUST(strcmp(written, rewritten) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	check_name(text);
	check_numeric(text);
	free(text);
	return 0;
}
