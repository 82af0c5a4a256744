# Completion of rebore(1) for bash
# shellcheck shell=bash

# From the table of options; tests/check_completions.sh writes it
# local
_rebore_local=" --local-host --to --port --secret --secret-file --auth-retry --no-reconnect --max-retries --max-reconnect-delay --heartbeat-timeout --local-retry --spares --max-visitors --keepalive --resume --window --stream-memory --drain --state-file --verbose --quiet --log-format --syslog --daemon --pid-file --help --version"
# end of local
# server
_rebore_server=" --min-port --max-port --secret --secret-file --bind-addr --bind-tunnels --control-port --client-timeout --lease --hold --max-waiting --max-visitors --keepalive --resume --window --stream-memory --drain --state-file --verbose --quiet --log-format --syslog --daemon --pid-file --help --version"
# end of server
_rebore_files=" --secret-file --state-file --pid-file "
_rebore_hosts=" --local-host -l --to -t "
_rebore_values=" --port -p --min-port --max-port --secret -s --auth-retry --bind-addr --bind-tunnels --control-port --client-timeout --lease --hold --max-waiting --max-retries --max-reconnect-delay --heartbeat-timeout --local-retry --spares --max-visitors --keepalive --resume --window --stream-memory --drain "
_rebore_of_FORMAT="text json"
_rebore_of_FACILITY="auth cron daemon user local0 local1 local2 local3 local4 local5 local6 local7"
# End of the table

# Offer the words of $1 that start with $2
_rebore_offer()
{
	local IFS=$' \t\n'

	# The words are names without a blank
	# shellcheck disable=SC2207
	COMPREPLY=($(compgen -W "$1" -- "$2"))
}

# Offer the names of files that start with $1
_rebore_offer_files()
{
	local IFS=$'\n'

	compopt -o filenames 2>/dev/null
	# shellcheck disable=SC2207
	COMPREPLY=($(compgen -f -- "$1"))
}

_rebore()
{
	local word=${COMP_WORDS[COMP_CWORD]}
	local before=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]}
	local equals=

	COMPREPLY=()
	if [[ $COMP_CWORD -eq 1 ]]; then
		_rebore_offer "local server --help --version" "$word"
		return
	fi
	# bash makes a word of its own of the "=" in --option=value
	if [[ $word == "=" ]]; then
		word=
		equals=1
	elif [[ $before == "=" ]]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
		equals=1
	fi
	case $before in
	--syslog)
		# Its argument can only stand behind "="
		if [[ -n $equals ]]; then
			_rebore_offer "$_rebore_of_FACILITY" "$word"
			return
		fi
		;;
	--log-format)
		_rebore_offer "$_rebore_of_FORMAT" "$word"
		return
		;;
	-*)
		if [[ $_rebore_files == *" $before "* ]]; then
			_rebore_offer_files "$word"
			return
		elif [[ $_rebore_hosts == *" $before "* ]]; then
			# Names of hosts that the shell knows
			# shellcheck disable=SC2207
			COMPREPLY=($(compgen -A hostname -- "$word"))
			return
		elif [[ $_rebore_values == *" $before "* ]]; then
			return
		fi
		;;
	esac
	case $command in
	local) _rebore_offer "$_rebore_local" "$word" ;;
	server) _rebore_offer "$_rebore_server" "$word" ;;
	esac
}

complete -F _rebore rebore
