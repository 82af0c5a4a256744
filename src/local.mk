# Everything but main() is a library: the program, the unit tests and the fuzzers link the same objects
noinst_LIBRARIES += librebore.a
librebore_a_SOURCES = \
	%D%/config.h \
	%D%/options.c		%D%/options.h \
	%D%/options_help.c	%D%/status.h \
	%D%/options_suggest.c	%D%/options_suggest.h \
	%D%/options_table.c	%D%/options_table.h \
	%D%/base/backoff.c	%D%/base/backoff.h \
	%D%/base/checksum.c	%D%/base/checksum.h \
	%D%/base/clock.c	%D%/base/clock.h \
	%D%/base/condense.c	%D%/base/condense.h \
	%D%/base/error.c	%D%/base/error.h \
	%D%/base/escape.c	%D%/base/escape.h \
	%D%/base/hash_table.c	%D%/base/hash_table.h \
	%D%/base/hex.c		%D%/base/hex.h \
	%D%/base/iovec.h \
	%D%/base/log.c		%D%/base/log.h \
	%D%/base/patience.c	%D%/base/patience.h \
	%D%/base/protocol_times.h \
	%D%/base/log_stream.c	%D%/base/log_stream.h \
	%D%/base/log_syslog.c	%D%/base/log_syslog.h \
	%D%/base/random.c	%D%/base/random.h \
	%D%/base/repeat.c	%D%/base/repeat.h \
	%D%/base/secret.c	%D%/base/secret.h \
	%D%/base/u32.h \
	%D%/base/uuid.c		%D%/base/uuid.h \
	%D%/os/object_cache.c	%D%/os/object_cache.h \
	%D%/os/thread_stack.c	%D%/os/thread_stack.h \
	%D%/os/budget.c	%D%/os/budget.h \
	%D%/os/thread_pool.c		%D%/os/thread_pool.h \
	%D%/os/daemon.c		%D%/os/daemon.h \
	%D%/os/fd.c		%D%/os/fd.h \
	%D%/os/filelock.c	%D%/os/filelock.h \
	%D%/os/idle_poll.c	%D%/os/idle_poll.h \
	%D%/os/lock.c		%D%/os/lock.h %D%/os/lock_rank.h \
	%D%/os/memory.c	%D%/os/memory.h \
	%D%/os/notify.c		%D%/os/notify.h \
	%D%/os/path.c		%D%/os/path.h \
	%D%/os/pidfile.c	%D%/os/pidfile.h \
	%D%/os/saver.c		%D%/os/saver.h \
	%D%/os/secretfile.c	%D%/os/secretfile.h \
	%D%/os/signals.c	%D%/os/signals.h \
	%D%/os/statefile.c	%D%/os/statefile.h \
	%D%/os/thread.c		%D%/os/thread.h \
	%D%/os/thread_label.h	%D%/os/inherited.h \
	%D%/os/stack_trim.h		%D%/os/timer.h		%D%/os/wakeup.h \
	%D%/net/address.c	%D%/net/address.h \
	%D%/net/crowd.c		%D%/net/crowd.h \
	%D%/net/dial.c		%D%/net/dial.h \
	%D%/net/listen.c	%D%/net/listen.h \
	%D%/net/resolve.c	%D%/net/resolve.h \
	%D%/net/roster.c	%D%/net/roster.h \
	%D%/net/source.c	%D%/net/source.h \
	%D%/net/transport.c	%D%/net/transport.h \
	%D%/net/netwatch.h	%D%/net/tcp.h \
	%D%/net/socket.h \
	%D%/net/sockopt.c	%D%/net/sockopt.h \
	%D%/wire/auth.c		%D%/wire/auth.h \
	%D%/wire/keyring.c	%D%/wire/keyring.h \
	%D%/wire/channel.c	%D%/wire/channel.h \
	%D%/wire/frame.c	%D%/wire/frame.h \
	%D%/wire/announcement.h \
	%D%/wire/message.c	%D%/wire/message.h \
	%D%/wire/message_extensions.h \
	%D%/wire/json_arena.c	%D%/wire/json_arena.h \
	%D%/wire/principal.c	%D%/wire/principal.h \
	%D%/wire/payload.c	%D%/wire/payload.h \
	%D%/stream/stream.c	%D%/stream/stream.h \
	%D%/stream/stream_directory.c	%D%/stream/stream_directory.h \
	%D%/stream/stream_outage.c	%D%/stream/stream_outage.h \
	%D%/stream/stream_flow.c	%D%/stream/stream_flow.h \
	%D%/stream/stream_frame.c	%D%/stream/stream_frame.h \
	%D%/stream/stream_retain.c	%D%/stream/stream_retain.h \
	%D%/stream/stream_tombstones.c	%D%/stream/stream_tombstones.h \
	%D%/stream/stream_window.c	%D%/stream/stream_window.h \
	%D%/relay/buffers.c	%D%/relay/buffers.h \
	%D%/relay/relay.c	%D%/relay/relay.h \
	%D%/relay/relay_copy.c	%D%/relay/pipes.h \
	%D%/relay/relay_peek.c \
	%D%/relay/relay_stream.c	%D%/relay/relay_stream.h \
	%D%/relay/relay_inward.c \
	%D%/relay/relay_outward.c \
	%D%/relay/relay_flow.c	%D%/relay/relay_flow.h \
	%D%/client/attempt.h \
	%D%/client/client.c	%D%/client/client.h \
	%D%/client/control.c	%D%/client/control.h \
	%D%/client/control_state.c	%D%/client/control_state.h \
	%D%/client/reconnect.c	%D%/client/reconnect.h \
	%D%/client/rival.c	%D%/client/rival.h \
	%D%/client/rekey.c	%D%/client/rekey.h \
	%D%/client/handshake.c	%D%/client/handshake.h \
	%D%/client/identity.c	%D%/client/identity.h \
	%D%/client/served_visitors.c	%D%/client/served_visitors.h \
	%D%/client/stream_worker.c	%D%/client/stream_worker.h \
	%D%/client/visit.c	%D%/client/visit.h \
	%D%/client/quarrel.c	%D%/client/quarrel.h \
	%D%/client/client_end.h	%D%/client/client_options.h \
	%D%/client/data_connection.c	%D%/client/data_connection.h \
	%D%/client/service.c	%D%/client/service.h \
	%D%/client/worker_shared.c	%D%/client/worker_shared.h \
	%D%/client/worker.c	%D%/client/worker.h \
	%D%/server/port_claim.c	%D%/server/port_claim.h \
	%D%/server/port_claim_decide.c	%D%/server/port_claim_decide.h \
	%D%/server/server_options.h \
	%D%/server/server_state.c	%D%/server/server_state.h \
	%D%/server/notices.c	%D%/server/notices.h \
	%D%/server/penalties.c	%D%/server/penalties.h \
	%D%/server/door.c	%D%/server/door.h \
	%D%/server/farewell.c	%D%/server/farewell.h \
	%D%/server/pending.c	%D%/server/pending.h \
	%D%/server/ports.c	%D%/server/ports.h \
	%D%/server/proxy.c	%D%/server/proxy.h \
	%D%/server/port_memory.c	%D%/server/port_memory.h \
	%D%/server/handout.c	%D%/server/handout.h \
	%D%/server/janitor.c	%D%/server/janitor.h \
	%D%/server/lease.c	%D%/server/lease.h \
	%D%/server/link.c	%D%/server/link.h \
	%D%/server/pulse.c	%D%/server/pulse.h \
	%D%/server/registry.c	%D%/server/registry.h \
	%D%/server/server.c	%D%/server/server.h \
	%D%/server/spares.c	%D%/server/spares.h \
	%D%/server/room.c	%D%/server/room.h \
	%D%/server/session.c	%D%/server/session.h \
	%D%/server/shares.c	%D%/server/shares.h \
	%D%/server/stream_proxy.c	%D%/server/stream_proxy.h \
	%D%/server/tally.c	%D%/server/tally.h \
	%D%/server/tunnel_calls.h \
	%D%/server/tunnel.c	%D%/server/tunnel.h

# One interface, one file a system
if HAVE_EVENTFD
librebore_a_SOURCES += %D%/os/wakeup_eventfd.c
else
librebore_a_SOURCES += %D%/os/wakeup_pipe.c
endif
if HAVE_TIMERFD
librebore_a_SOURCES += %D%/os/timer_timerfd.c
else
librebore_a_SOURCES += %D%/os/timer_none.c
endif
if HAVE_CLOSEFROM
librebore_a_SOURCES += %D%/os/inherited_closefrom.c
else
librebore_a_SOURCES += %D%/os/inherited_proc.c
endif
if HAVE_SETNAME
librebore_a_SOURCES += %D%/os/thread_label_np.c
else
librebore_a_SOURCES += %D%/os/thread_label_none.c
endif
if LINUX
librebore_a_SOURCES += %D%/os/stack_trim_linux.c %D%/net/netwatch_linux.c %D%/net/tcp_linux.c
else
librebore_a_SOURCES += %D%/os/stack_trim_none.c %D%/net/netwatch_none.c %D%/net/tcp_none.c
endif
if HAVE_ACCEPT4
librebore_a_SOURCES += %D%/net/socket_flags.c
else
librebore_a_SOURCES += %D%/net/socket_plain.c
endif
if HAVE_SPLICE
librebore_a_SOURCES += %D%/relay/pipes_linux.c %D%/relay/relay_splice.c
else
librebore_a_SOURCES += %D%/relay/pipes_none.c %D%/relay/relay_nosplice.c
endif
EXTRA_librebore_a_SOURCES = %D%/os/inherited_closefrom.c %D%/os/inherited_proc.c %D%/os/thread_label_np.c %D%/os/thread_label_none.c \
	%D%/net/socket_flags.c %D%/net/socket_plain.c %D%/os/stack_trim_linux.c %D%/os/stack_trim_none.c %D%/os/wakeup_eventfd.c %D%/os/wakeup_pipe.c %D%/os/timer_timerfd.c %D%/os/timer_none.c \
	%D%/net/netwatch_linux.c %D%/net/netwatch_none.c %D%/net/tcp_linux.c %D%/net/tcp_none.c \
	%D%/relay/pipes_linux.c %D%/relay/pipes_none.c %D%/relay/relay_splice.c %D%/relay/relay_nosplice.c

bin_PROGRAMS += rebore
rebore_SOURCES = %D%/main.c
rebore_LDADD = librebore.a $(LIBS_ALL)

EXTRA_DIST += %D%/README.md
