/*
 * protocol_times - times of rebore-protocol(7) that more than one module uses.
 *
 * Each is labelled with its name in the table of the section "Time-outs", which
 * both sides and the tests use. A time that only one module uses is defined
 * there; patience.h says how these times grow on a slow path.
 */
#ifndef REBORE_BASE_PROTOCOL_TIMES_H
#define REBORE_BASE_PROTOCOL_TIMES_H

/* "to connect" */
#define PROTOCOL_CONNECT_MS 3000
/* "to connect, a second connection" and "to connect, a data connection again":
 * a SYN goes out at least once a second, so that one arrives soon after the
 * path is back. */
#define PROTOCOL_CONNECT_AGAIN_MS 1500
/* "each message of the handshake" */
#define PROTOCOL_HANDSHAKE_MS 3000
/* "Announce behind Hello" */
#define PROTOCOL_ANNOUNCE_MS 3000
/* "heartbeats of the server" */
#define PROTOCOL_SERVER_HEARTBEAT_MS 500
/* "heartbeats of the client" */
#define PROTOCOL_CLIENT_HEARTBEAT_MS 2000
/* "a server is silent: a second connection": three heartbeats are missing. */
#define PROTOCOL_SILENCE_MS 1500
/* "a visitor that waits to be accepted" */
#define PROTOCOL_ACCEPT_MS 10000
/* "a refused client may read why" */
#define PROTOCOL_REFUSED_READS_MS 1000
/* for the last message, Bye, which may be lost; not in the table */
#define PROTOCOL_BYE_MS 200

#endif
