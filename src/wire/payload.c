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
    {"key", MESSAGE_CAN_KEY},
    {"stream", MESSAGE_CAN_STREAM},
};

#define ABILITIES (sizeof abilities / sizeof *abilities)

/* Read an integer from 0 to most. When it is missing, number stays as it is. */
static bool
read_count(
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

/* Read a UUID, which may be missing. */
static bool
read_uuid(
    const json_t *object, const char *key, bool *is_there, struct uuid *uuid)
{
	const json_t *value = json_object_get(object, key);

	*is_there = value != NULL;
	return value == NULL || (json_is_string(value) &&
				    uuid_parse(json_string_value(value), uuid));
}

/* Read a flag, which is false when it is missing. */
static bool
read_flag(const json_t *object, const char *key, bool *flag)
{
	const json_t *value = json_object_get(object, key);

	*flag = json_is_true(value);
	return value == NULL || json_is_boolean(value);
}

static bool
read_identity(const json_t *object, struct message_announce *announce)
{
	json_int_t attempt = 0;

	if (!read_count(object, "attempt", INT64_MAX, &attempt))
		return false;
	announce->attempt = (uint64_t)attempt;
	return read_uuid(object, "instance", &announce->has_instance,
		   &announce->instance) &&
	       read_uuid(object, "process", &announce->has_process,
		   &announce->process) &&
	       read_uuid(object, "key", &announce->has_key, &announce->key);
}

bool
payload_read_announce(const json_t *value, struct message_announce *announce)
{
	json_int_t version = 0;
	json_int_t lease_ms = 0;
	json_int_t spares = 0;
	json_int_t resume_ms = 0;

	memset(announce, 0, sizeof *announce);
	if (!json_is_object(value) ||
	    !read_count(value, "version", INT32_MAX, &version) ||
	    version == 0 ||
	    !read_count(value, "lease_ms", UINT32_MAX, &lease_ms) ||
	    !read_count(value, "spares", UINT32_MAX, &spares) ||
	    !read_count(value, "resume_ms", UINT32_MAX, &resume_ms))
		return false;
	announce->resume_ms = (uint32_t)resume_ms;
	announce->lease_ms = (uint32_t)lease_ms;
	announce->spares = (uint32_t)spares;
	return read_abilities(value, &announce->can) &&
	       read_identity(value, announce);
}

bool
payload_read_bye(const json_t *value, struct message_bye *bye)
{
	json_int_t retry_ms = 0;
	json_int_t silent_ms = 0;
	json_int_t attempt = 0;

	memset(bye, 0, sizeof *bye);
	if (!json_is_object(value) ||
	    !read_count(value, "retry_ms", UINT32_MAX, &retry_ms) ||
	    !read_count(value, "silent_ms", UINT32_MAX, &silent_ms) ||
	    !read_count(value, "attempt", INT64_MAX, &attempt))
		return false;
	bye->retry_ms = (uint32_t)retry_ms;
	bye->silent_ms = (uint32_t)silent_ms;
	bye->attempt = (uint64_t)attempt;
	return read_flag(value, "displaced", &bye->displaced) &&
	       read_flag(value, "taken", &bye->taken) &&
	       read_flag(value, "copy", &bye->copy);
}

bool
payload_read_lost(const json_t *value, struct message_lost *lost)
{
	json_int_t attempt = 0;
	bool has_id;

	memset(lost, 0, sizeof *lost);
	if (!json_is_object(value) ||
	    !read_count(value, "attempt", UINT32_MAX, &attempt) ||
	    !read_uuid(value, "id", &has_id, &lost->id))
		return false;
	lost->attempt = (uint32_t)attempt;
	return has_id;
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

/* Returns uuid as a string, or NULL where there is none. */
static const char *
print_uuid(
    bool is_there, const struct uuid *uuid, char text[static UUID_TEXT_SIZE])
{
	if (!is_there)
		return NULL;
	uuid_print(uuid, text);
	return text;
}

static json_t *
write_announce(const struct message_announce *announce)
{
	json_t *list = write_abilities(announce->can);
	char instance[UUID_TEXT_SIZE];
	char other[UUID_TEXT_SIZE];

	/* json_pack() leaves out a member whose "s*" is NULL. */
	if (announce->has_instance)
		return json_pack("{s:i, s:s, s:I, s:o, s:s*}", "version",
		    PAYLOAD_VERSION, "instance",
		    print_uuid(true, &announce->instance, instance), "attempt",
		    (json_int_t)announce->attempt, "can", list, "process",
		    print_uuid(
			announce->has_process, &announce->process, other));
	return json_pack("{s:i, s:o, s:I, s:I, s:s*}", "version",
	    PAYLOAD_VERSION, "can", list, "lease_ms",
	    (json_int_t)announce->lease_ms, "spares",
	    (json_int_t)announce->spares, "key",
	    print_uuid(announce->has_key, &announce->key, other));
}

json_t *
payload_write_announce(const struct message_announce *announce)
{
	json_t *object = write_announce(announce);

	if ((announce->can & MESSAGE_CAN_STREAM) != 0)
		json_object_set_new(object, "resume_ms",
		    json_integer((json_int_t)announce->resume_ms));
	if ((announce->can & MESSAGE_CAN_STREAM) != 0 && announce->has_instance)
		json_object_set_new(object, "spares",
		    json_integer((json_int_t)announce->spares));
	return object;
}

json_t *
payload_write_lost(const struct message_lost *lost)
{
	char text[UUID_TEXT_SIZE];

	return json_pack("{s:s, s:I}", "id", print_uuid(true, &lost->id, text),
	    "attempt", (json_int_t)lost->attempt);
}

json_t *
payload_write_bye(const struct message_bye *bye)
{
	if (bye->displaced)
		return json_pack("{s:b}", "displaced", 1);
	if (bye->taken)
		return json_pack("{s:b, s:I}", "taken", 1, "silent_ms",
		    (json_int_t)bye->silent_ms);
	if (bye->copy)
		return json_pack("{s:b}", "copy", 1);
	if (bye->attempt > 0)
		return json_pack("{s:I}", "attempt", (json_int_t)bye->attempt);
	return json_pack("{s:I}", "retry_ms", (json_int_t)bye->retry_ms);
}
