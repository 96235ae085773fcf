#!/usr/bin/env bash
# Train in the background, at the lowest priority.
#
#   training/background.sh start NAME [training.train flags]...   start, or go on where it stopped
#   training/background.sh pause|resume [NAME]...                 at once; all runs without a name
#   training/background.sh stop [NAME]...                         save a checkpoint, then leave
#   training/background.sh status                                 what runs, and its latest scores
#
# Everything is in $TRACKER_RUNS (~/.cache/tracker/training), a folder a run: curve.csv, log.txt.
# PYTHON (python3) must have torch; a run uses THREADS (1).
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
readonly RUNS=${TRACKER_RUNS:-$HOME/.cache/tracker/training}
readonly PYTHON=${PYTHON:-python3}
# Threads that wait for each other stall as soon as anything else wants a core: on a busy machine
# two runs of one thread each learn more than one run of two.
readonly THREADS=${THREADS:-1}
readonly STOP_SECONDS=120

die() { printf 'background: error: %s\n' "$*" >&2; exit 1; }

# group NAME: the process group of a live run; fails where there is none.
group() {
	local id
	id=$(cat "$RUNS/$1/group" 2>/dev/null) || return 1
	# The number may have gone to another process since.
	grep -qs 'training\.train' "/proc/$id/cmdline" || return 1
	echo "$id"
}

names() {
	local file
	for file in "$RUNS"/*/group; do
		[[ -e $file ]] && basename "$(dirname "$file")"
	done
}

start() {
	[[ $# -ge 1 ]] || die "start which run? give its name, such as mobilenetv2"
	local name=$1
	group "$name" >/dev/null && die "$name runs already"
	mkdir -p "$RUNS/$name"
	printf '%s\n' "$*" >"$RUNS/$name/command"
	cd "$ROOT"
	# Linux divides the cores among sessions first, of which setsid makes one.
	OMP_NUM_THREADS=$THREADS setsid nohup bash -c '
		{ echo 19 >/proc/self/autogroup; } 2>/dev/null
		exec nice -n 19 "$@"' sh "$PYTHON" -m training.train "$@" --threads "$THREADS" \
		>>"$RUNS/$name/log.txt" 2>&1 </dev/null &
	echo $! >"$RUNS/$name/group"
	echo "$name: started, log in $RUNS/$name/log.txt"
}

# send SIGNAL NAME...: to the whole group of every named live run.
send() {
	local signal=$1 name id
	shift
	for name in "$@"; do
		id=$(group "$name") || continue
		kill "-$signal" -- "-$id"
		echo "$name: $signal"
	done
}

# paused NAME: the run has stopped; a signal waits until its process next gets a core.
paused() {
	local id
	id=$(group "$1") && [[ $(ps -o stat= -p "$id") == T* ]]
}

pause() {
	local name
	send STOP "$@"
	for name in "$@"; do
		while group "$name" >/dev/null && ! paused "$name"; do sleep 0.01; done
	done
}

stop() {
	local name end=$((SECONDS + STOP_SECONDS))
	send CONT "$@"
	send TERM "$@"
	for name in "$@"; do
		while group "$name" >/dev/null; do
			((SECONDS < end)) || die "$name still runs after $STOP_SECONDS s"
			sleep 1
		done
	done
}

status() {
	local name state
	for name in $(names); do
		state=stopped
		group "$name" >/dev/null && state=running
		paused "$name" && state=paused
		echo "$name: $state"
		[[ -e $RUNS/$name/curve.csv ]] && { head -n 1; tail -n 3; } <"$RUNS/$name/curve.csv" |
			sed 's/^/  /'
		[[ -e $RUNS/$name/log.txt ]] && tail -n 1 "$RUNS/$name/log.txt" | sed 's/^/  /'
	done
	return 0
}

[[ $# -ge 1 ]] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
action=$1
shift
case $action in
start) start "$@" ;;
status) status ;;
pause | resume | stop)
	[[ $# -gt 0 ]] || mapfile -t all < <(names)
	set -- "$@" ${all[@]+"${all[@]}"}
	case $action in
	pause) pause "$@" ;;
	resume) send CONT "$@" ;;
	stop) stop "$@" ;;
	esac
	;;
*) die "unknown action $action" ;;
esac
