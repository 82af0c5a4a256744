/* payload - see payload.h */
#include "wire/payload.h"

#include <string.h>

static const struct {
	const char *name;
	enum message_ability ability;
} abilities[] = {
    {"heartbeat", MESSAGE_CAN_HEARTBEAT},
    {"lease", MESSAGE_CAN_LEASE},
    {"spare", MESSAGE_CAN_SPARE},
};

#define ABILITIES (sizeof abilities / sizeof *abilities)

/* Read an integer that may be missing: then number stays as it is. */
static bool
read_number(
    const json_t *object, const char *key, json_int_t most, json_int_t *number)
{
	const json_t *value = json_object_get(object, key);

	if (value == NULL)
		return true;
	*number = json_integer_value(value);
	return json_is_integer(value) && *number >= 0 && *number <= most;
}

static bool
read_abilities(const json_t *object, unsigned *can)
{
	const json_t *list = json_object_get(object, "can");
	const json_t *value;
	size_t index;

	*can = 0;
	if (list == NULL)
		return true;
	if (!json_is_array(list))
		return false;
	json_array_foreach(list, index, value)
	{
		if (!json_is_string(value))
			return false;
		for (size_t i = 0; i < ABILITIES; i++)
			if (strcmp(json_string_value(value),
				abilities[i].name) == 0)
				*can |= (unsigned)abilities[i].ability;
	}
	return true;
}

static bool
read_instance(const json_t *object, struct message_announce *announce)
{
	const json_t *value = json_object_get(object, "instance");
	json_int_t attempt = 0;

	announce->has_instance = value != NULL;
	if (!read_number(object, "attempt", INT64_MAX, &attempt))
		return false;
	announce->attempt = (uint64_t)attempt;
	return value == NULL ||
	       (json_is_string(value) &&
		   uuid_parse(json_string_value(value), &announce->instance));
}

bool
payload_read_announce(const json_t *value, struct message_announce *announce)
{
	json_int_t version = 0;
	json_int_t lease_ms = 0;
	json_int_t spares = 0;

	memset(announce, 0, sizeof *announce);
	if (!json_is_object(value) ||
	    !read_number(value, "version", INT32_MAX, &version) ||
	    version == 0 ||
	    !read_number(value, "lease_ms", UINT32_MAX, &lease_ms) ||
	    !read_number(value, "spares", UINT32_MAX, &spares))
		return false;
	announce->lease_ms = (uint32_t)lease_ms;
	announce->spares = (uint32_t)spares;
	return read_abilities(value, &announce->can) &&
	       read_instance(value, announce);
}

bool
payload_read_bye(const json_t *value, struct message_bye *bye)
{
	const json_t *displaced = json_object_get(value, "displaced");
	json_int_t retry_ms = 0;

	if (!json_is_object(value) ||
	    !read_number(value, "retry_ms", UINT32_MAX, &retry_ms) ||
	    (displaced != NULL && !json_is_boolean(displaced)))
		return false;
	bye->retry_ms = (uint32_t)retry_ms;
	bye->displaced = json_is_true(displaced);
	return true;
}

static json_t *
write_abilities(unsigned can)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ABILITIES; i++)
		if ((can & (unsigned)abilities[i].ability) != 0)
			json_array_append_new(
			    list, json_string(abilities[i].name));
	return list;
}

json_t *
payload_write_announce(const struct message_announce *announce)
{
	json_t *list = write_abilities(announce->can);
	char instance[UUID_TEXT_SIZE];

	if (announce->has_instance) {
		uuid_print(&announce->instance, instance);
		return json_pack("{s:i, s:s, s:I, s:o}", "version",
		    PAYLOAD_VERSION, "instance", instance, "attempt",
		    (json_int_t)announce->attempt, "can", list);
	}
	return json_pack("{s:i, s:o, s:I, s:I}", "version", PAYLOAD_VERSION,
	    "can", list, "lease_ms", (json_int_t)announce->lease_ms, "spares",
	    (json_int_t)announce->spares);
}

json_t *
payload_write_bye(const struct message_bye *bye)
{
	if (bye->displaced)
		return json_pack("{s:b}", "displaced", 1);
	return json_pack("{s:I}", "retry_ms", (json_int_t)bye->retry_ms);
}
