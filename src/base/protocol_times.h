/*
 * protocol_times - times of rebore-protocol(7) that more than one module keeps.
 *
 * Each has the words of the row in its table, section "Time-outs", by which
 * both sides and the tests know it. A time that one module alone keeps stands
 * there; how these grow on a slow path is patience.h.
 */
#ifndef REBORE_BASE_PROTOCOL_TIMES_H
#define REBORE_BASE_PROTOCOL_TIMES_H

/* "to connect" */
#define PROTOCOL_CONNECT_MS 3000
/* "to connect, a second connection" and "to connect, a data connection again":
 * SYNs go out at least once a second, and one gets through soon after the path
 * is back. */
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
/* For the last message, Bye, which may be lost; not in the table. */
#define PROTOCOL_BYE_MS 200

#endif
