# Unit tests and replayed seeds speak TAP, so that each case has a line; the others pass, skip (77) or fail by exit status
TEST_EXTENSIONS = .py .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
PY_LOG_COMPILER = $(PYTHON)
AM_TESTS_ENVIRONMENT = REBORE='$(abs_builddir)/rebore' top_srcdir='$(top_srcdir)' PYTHONDONTWRITEBYTECODE=1; \
	export REBORE top_srcdir PYTHONDONTWRITEBYTECODE;

# A program here is one file with its name, and the library
AM_DEFAULT_SOURCE_EXT = .c
AM_CPPFLAGS += $(CHECK_CFLAGS)
LDADD = librebore.a $(CHECK_LIBS) $(LIBS_ALL)

unit_tests = \
	%D%/unit/test_address \
	%D%/unit/test_served_visitors \
	%D%/unit/test_auth \
	%D%/unit/test_backoff \
	%D%/unit/test_budget \
	%D%/unit/test_buffers \
	%D%/unit/test_channel \
	%D%/unit/test_checksum \
	%D%/unit/test_port_claim_decide \
	%D%/unit/test_clock \
	%D%/unit/test_condense \
	%D%/unit/test_control_state \
	%D%/unit/test_thread_pool \
	%D%/unit/test_crowd \
	%D%/unit/test_data_connection \
	%D%/unit/test_daemon \
	%D%/unit/test_dial \
	%D%/unit/test_door \
	%D%/unit/test_drain \
	%D%/unit/test_escape \
	%D%/unit/test_farewell \
	%D%/unit/test_frame \
	%D%/unit/test_port_memory \
	%D%/unit/test_hash_table \
	%D%/unit/test_hex \
	%D%/unit/test_identity \
	%D%/unit/test_saver \
	%D%/unit/test_stuck_disk \
	%D%/unit/test_janitor \
	%D%/unit/test_inherited \
	%D%/unit/test_listen \
	%D%/unit/test_keyring \
	%D%/unit/test_lease \
	%D%/unit/test_lock \
	%D%/unit/test_log \
	%D%/unit/test_log_stream \
	%D%/unit/test_log_syslog \
	%D%/unit/test_memory \
	%D%/unit/test_message \
	%D%/unit/test_notify \
	%D%/unit/test_options \
	%D%/unit/test_patience \
	%D%/unit/test_options_suggest \
	%D%/unit/test_penalties \
	%D%/unit/test_pending \
	%D%/unit/test_path \
	%D%/unit/test_pidfile \
	%D%/unit/test_pipes \
	%D%/unit/test_ports \
	%D%/unit/test_reconnect \
	%D%/unit/test_principal \
	%D%/unit/test_pulse \
	%D%/unit/test_quarrel \
	%D%/unit/test_registry \
	%D%/unit/test_rekey \
	%D%/unit/test_relay \
	%D%/unit/test_relay_paths \
	%D%/unit/test_relay_stream \
	%D%/unit/test_repeat \
	%D%/unit/test_resolve \
	%D%/unit/test_roster \
	%D%/unit/test_json_arena \
	%D%/unit/test_secret \
	%D%/unit/test_secretfile \
	%D%/unit/test_service \
	%D%/unit/test_shares \
	%D%/unit/test_object_cache \
	%D%/unit/test_source \
	%D%/unit/test_spares \
	%D%/unit/test_stack_trim \
	%D%/unit/test_stack_use \
	%D%/unit/test_stream \
	%D%/unit/test_stream_directory \
	%D%/unit/test_stream_frame \
	%D%/unit/test_stream_outage \
	%D%/unit/test_stream_retain \
	%D%/unit/test_stream_tombstones \
	%D%/unit/test_stream_window \
	%D%/unit/test_thread_stack \
	%D%/unit/test_statefile \
	%D%/unit/test_tally \
	%D%/unit/test_tcp \
	%D%/unit/test_thread \
	%D%/unit/test_timer \
	%D%/unit/test_transport \
	%D%/unit/test_uuid \
	%D%/unit/test_wakeup \
	%D%/unit/test_worker \
	%D%/unit/test_wakeup_pipe

# Each has the name of what it tests
e2e_tests = \
	%D%/e2e/address_comes_later.py \
	%D%/e2e/addresses.py \
	%D%/e2e/backoff.py \
	%D%/e2e/bore_interop.py \
	%D%/e2e/both_families.py \
	%D%/e2e/clear_texts.py \
	%D%/e2e/bye_spread.py \
	%D%/e2e/closed_descriptors.py \
	%D%/e2e/control_lost_alone.py \
	%D%/e2e/control_number.py \
	%D%/e2e/configure.py \
	%D%/e2e/congestion.py \
	%D%/e2e/crowded_out.py \
	%D%/e2e/contested_port.py \
	%D%/e2e/copied_identity.py \
	%D%/e2e/daemon.py \
	%D%/e2e/dead_spares.py \
	%D%/e2e/spares_after_resets.py \
	%D%/e2e/descriptors_run_out.py \
	%D%/e2e/displaced_again.py \
	%D%/e2e/early_bytes.py \
	%D%/e2e/endless_refused.py \
	%D%/e2e/endless_hints.py \
	%D%/e2e/fatal_only_on_evidence.py \
	%D%/e2e/first_failure_is_retried.py \
	%D%/e2e/flapping_server.py \
	%D%/e2e/guessing.py \
	%D%/e2e/hangup.py \
	%D%/e2e/harmless_signals.py \
	%D%/e2e/heard_by_its_data.py \
	%D%/e2e/hasty_server.py \
	%D%/e2e/heartbeat_timeout.py \
	%D%/e2e/idle_memory.py \
	%D%/e2e/init.py \
	%D%/e2e/install.py \
	%D%/e2e/ipv6_local_name.py \
	%D%/e2e/late_displacement.py \
	%D%/e2e/leak.py \
	%D%/e2e/log_format.py \
	%D%/e2e/long_pause.py \
	%D%/e2e/max_retries.py \
	%D%/e2e/needless_secret.py \
	%D%/e2e/memory_runs_out.py \
	%D%/e2e/new_address.py \
	%D%/e2e/no_reconnect.py \
	%D%/e2e/notify.py \
	%D%/e2e/other_secret.py \
	%D%/e2e/path_lost.py \
	%D%/e2e/port_released.py \
	%D%/e2e/precedence.py \
	%D%/e2e/protocol_strict.py \
	%D%/e2e/range_moved.py \
	%D%/e2e/rc_scripts.py \
	%D%/e2e/real_http.py \
	%D%/e2e/real_iperf.py \
	%D%/e2e/real_ssh.py \
	%D%/e2e/reconnect.py \
	%D%/e2e/refused_service.py \
	%D%/e2e/rejected_flood.py \
	%D%/e2e/relay_backpressure.py \
	%D%/e2e/relay_both_write_first.py \
	%D%/e2e/relay_half_close.py \
	%D%/e2e/relay_mixed.py \
	%D%/e2e/relay_reset.py \
	%D%/e2e/relay_sizes.py \
	%D%/e2e/repeated_failures.py \
	%D%/e2e/scripts.py \
	%D%/e2e/second_signal.py \
	%D%/e2e/secret_rotation.py \
	%D%/e2e/secret_in_memory.py \
	%D%/e2e/shared_address.py \
	%D%/e2e/secrets.py \
	%D%/e2e/shares.py \
	%D%/e2e/silent_flood.py \
	%D%/e2e/silent_name_server.py \
	%D%/e2e/silent_peer.py \
	%D%/e2e/silent_spares.py \
	%D%/e2e/socket_options.py \
	%D%/e2e/stalled_log.py \
	%D%/e2e/stop.py \
	%D%/e2e/stop_while_refusing.py \
	%D%/e2e/stop_in_flood.py \
	%D%/e2e/stop_unanswered.py \
	%D%/e2e/stop_unheard.py \
	%D%/e2e/stopped_log_daemon.py \
	%D%/e2e/streams_by_hand.py \
	%D%/e2e/threads_run_out.py \
	%D%/e2e/unaccepted_visitor.py \
	%D%/e2e/units.py \
	%D%/e2e/unknown_frames.py \
	%D%/e2e/urgent_bytes.py \
	%D%/e2e/usage.py \
	%D%/e2e/vanished_client.py \
	%D%/e2e/waiting_room.py \
	%D%/e2e/wishes_are_kept_once.py

# The fault matrix, in namespaces of its own; each file plays several rows beside each other
fault_tests = \
	%D%/faults/claims.py \
	%D%/faults/client_faults.py \
	%D%/faults/descriptors.py \
	%D%/faults/many_clients.py \
	%D%/faults/network_faults.py \
	%D%/faults/path_faults.py \
	%D%/faults/proxy_faults.py \
	%D%/faults/server_faults.py \
	%D%/faults/state_files.py \
	%D%/faults/streams.py \
	%D%/faults/streams_at_random.py \
	%D%/faults/stops.py \
	%D%/faults/uplinks.py
# What takes longer: contrib/runtests --full runs them
full_tests = \
	%D%/faults/full_path.py \
	%D%/faults/full_real_streams.py \
	%D%/faults/full_server.py \
	%D%/faults/full_uplinks.py

house_rules = \
	%D%/check_layers.sh \
	%D%/check_layers_planted.sh \
	%D%/check_completions.sh \
	%D%/check_man.sh

# make fuzzers (configured with --enable-fuzzers) makes them; every build replays their seeds
fuzzers = \
	%D%/fuzz/fuzz_address \
	%D%/fuzz/fuzz_frame \
	%D%/fuzz/fuzz_message \
	%D%/fuzz/fuzz_options \
	%D%/fuzz/fuzz_stream_frame
%C%_fuzz_fuzz_address_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
%C%_fuzz_fuzz_frame_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
%C%_fuzz_fuzz_message_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
%C%_fuzz_fuzz_options_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
%C%_fuzz_fuzz_stream_frame_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_PROGRAMS += $(fuzzers)
.PHONY: fuzzers
fuzzers: $(fuzzers)

replays = \
	%D%/fuzz/replay_address \
	%D%/fuzz/replay_frame \
	%D%/fuzz/replay_message \
	%D%/fuzz/replay_options \
	%D%/fuzz/replay_stream_frame
%C%_fuzz_replay_address_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_address.c
%C%_fuzz_replay_frame_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_frame.c
%C%_fuzz_replay_message_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_message.c
%C%_fuzz_replay_options_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_options.c
%C%_fuzz_replay_stream_frame_SOURCES = %D%/fuzz/replay.c %D%/fuzz/fuzz_stream_frame.c

# Plays scenarios of clients, servers and a network that fails: what is decided in them, the library decides
simulation = %D%/sim/sim_decisions %D%/sim/sim_streams
%C%_sim_sim_decisions_SOURCES = \
	%D%/sim/sim_main.c	%D%/sim/sim_main.h \
	%D%/sim/sim.h \
	%D%/sim/sim_check.c \
	%D%/sim/sim_client.c \
	%D%/sim/sim_decisions.c \
	%D%/sim/sim_engine.c \
	%D%/sim/sim_faults.c \
	%D%/sim/sim_net.c \
	%D%/sim/sim_server.c
# The same for streams and the data connections below them
%C%_sim_sim_streams_SOURCES = \
	%D%/sim/sim_main.c	%D%/sim/sim_main.h \
	%D%/sim/sim.h \
	%D%/sim/sim_engine.c \
	%D%/sim/sim_streams.c \
	%D%/sim/streams.h \
	%D%/sim/streams_check.c \
	%D%/sim/streams_ends.c \
	%D%/sim/streams_net.c

check_PROGRAMS += $(replays) $(simulation)
TESTS += $(simulation)
# Prints what check_completions.sh compares
%C%_completions_SOURCES = %D%/completions.c
check_PROGRAMS += %D%/completions

check_PROGRAMS += $(replays)
TESTS += $(replays) $(house_rules) $(e2e_tests) $(fault_tests)
if HAVE_CHECK
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif

EXTRA_DIST += $(house_rules) $(e2e_tests) $(fault_tests) $(full_tests) \
	%D%/faults/faults.py %D%/faults/README.md %D%/e2e/harness.py %D%/e2e/own_mounts.py %D%/README.md \
	%D%/unit/disk.h %D%/unit/folder.h %D%/unit/heap.h %D%/unit/sockets.h %D%/unit/suite.h %D%/unit/syscalls.h %D%/unit/vectors.h \
	%D%/sim/seeds %D%/sim/seeds_streams %D%/vectors %D%/fuzz/fuzz.h %D%/fuzz/seeds %D%/mutants
